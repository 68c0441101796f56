"""The light of frames against their references, and of lamps from night to night, as points. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from html import escape
from math import log2
from typing import Any

__all__ = ["light_strip", "nights_picture"]

Row = Mapping[str, Any]

_STEP, _LEFT, _RIGHT, _TOP, _HIGH = 13.0, 46.0, 12.0, 14.0, 130.0
_FOOT = 34.0
_MOST = 3.0
"""The axis goes from 1/8 to 8 times the usual light: so many powers of two each way."""
_USUAL = (0.75, 1.33)
"""Between these the light is as usual."""
_WIDEST_FRAMES = 300
"""More frames than this are left out: the picture would be too wide to read."""
_LOOKS = {
    "good": ("#009e73", ""),
    "suspect": ("#e69f00", "?"),
    "bad": ("#d55e00", "x"),
    "none": ("#80858d", "-"),
    "trial": ("#0072b2", "t"),
}
"""Quality -> colour and sign; no colour stands alone."""
_NIGHTS_WIDE, _LEGEND = 480.0, 170.0
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07800", "#56708f")


def light_strip(rows: Sequence[Row]) -> str:
    """Draw every frame that was judged: a point for each image, and below it what was said of the frame.

    Args:
        rows: frames as the journal has them, in order; those without `light` are left out.

    Returns:
        Inline SVG; empty where nothing was judged.
    """
    judged = [row for row in rows if row.get("light")][:_WIDEST_FRAMES]
    if not judged:
        return ""
    wide = _LEFT + max(len(judged), 20) * _STEP + _RIGHT
    high = _TOP + _HIGH + _FOOT
    parts = [_head(wide, high, "light of each frame against its reference"), *_axis(wide)]
    for place, row in enumerate(judged):
        parts += _frame(_LEFT + (place + 0.5) * _STEP, row)
    return "".join([*parts, "</svg>"])


def nights_picture(points: Sequence[Mapping[str, Any]]) -> str:
    """Draw the light of each lamp over the nights: a row of points for each kind of frame, with its name.

    Args:
        points: `lamp`, `frames`, `night` (a date) and `light`, the nights of a kind in order.

    Returns:
        A whole SVG; one without points where there are none.
    """
    days = [date.fromisoformat(point["night"]).toordinal() for point in points]
    kinds = list(dict.fromkeys((point["lamp"], point["frames"]) for point in points))
    first, last = min(days, default=0), max(days, default=0)
    across = _NIGHTS_WIDE / max(1, last - first)
    wide, high = _LEFT + _NIGHTS_WIDE + _LEGEND, max(_TOP + _HIGH + _FOOT, _TOP + 16.0 * len(kinds) + _FOOT)
    head = _head(wide, high, "light of each lamp against its first frames")
    parts = [head, *_axis(_LEFT + _NIGHTS_WIDE + _RIGHT)]
    for place, kind in enumerate(kinds):
        colour = _COLOURS[place % len(_COLOURS)]
        mine = [
            (day, point) for day, point in zip(days, points, strict=True) if (point["lamp"], point["frames"]) == kind
        ]
        parts.append(f'<g fill="{colour}">')
        for day, point in mine:
            words = escape(f"{point['frames']}, night of {point['night']}: {point['light']:.2f}")
            at = f'cx="{_LEFT + (day - first) * across:.1f}" cy="{_y(point["light"]):.1f}"'
            parts.append(f'<circle {at} r="2.6"><title>{words}</title></circle>')
        text = escape(f"{kind[1]}: {mine[-1][1]['light']:.2f}")
        parts.append(f'<text x="{_LEFT + _NIGHTS_WIDE + 18:.1f}" y="{_TOP + 12 + 16 * place:.1f}">{text}</text></g>')
    if points:
        foot = _TOP + _HIGH + 16
        parts.append(f'<text x="{_LEFT:g}" y="{foot:g}">{date.fromordinal(first)}</text>')
        end = f'<text x="{_LEFT + _NIGHTS_WIDE:g}" y="{foot:g}" text-anchor="end">{date.fromordinal(last)}</text>'
        parts.append(end)
    return "".join([*parts, "</svg>"])


def _head(wide: float, high: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" '
        f'height="{high:.0f}" role="img" font-family="sans-serif" font-size="11" fill="currentColor">'
        f"<title>{title}</title>"
    )


def _axis(wide: float) -> Iterator[str]:
    low, high = (_y(value) for value in _USUAL)
    yield (
        f'<rect x="{_LEFT:g}" y="{high:.1f}" width="{wide - _LEFT - _RIGHT:.1f}" height="{low - high:.1f}" '
        'fill="#009e73" fill-opacity="0.15"/>'
    )
    for value, words in ((8, "8"), (2, "2"), (1, "1"), (0.5, "1/2"), (0.125, "1/8")):
        y = _y(value)
        yield (
            f'<path d="M{_LEFT:g} {y:.1f}H{wide - _RIGHT:.1f}" stroke="currentColor" stroke-opacity="0.3" fill="none"/>'
            f'<text x="{_LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'
        )


def _frame(x: float, row: Row) -> Iterator[str]:
    light = row["light"]
    colour, sign = _LOOKS.get(str(light.get("quality")), _LOOKS["none"])
    words = f"{row['frame']}, try {row['attempt']}: {light.get('quality')}"
    words += f": {light['words']}" if light.get("words") else ""
    yield f"<g><title>{escape(words)}</title>"
    for image in (light.get("images") or {}).values():
        if isinstance(image.get("amount"), int | float):
            yield f'<circle cx="{x:.1f}" cy="{_y(image["amount"]):.1f}" r="2.6" fill="{colour}" fill-opacity="0.7"/>'
    foot = _TOP + _HIGH + 8
    yield f'<rect x="{x - 4.5:.1f}" y="{foot:g}" width="9" height="9" rx="2" fill="{colour}"/>'
    if sign:
        yield f'<text x="{x:.1f}" y="{foot + 22:g}" text-anchor="middle" font-weight="bold">{sign}</text>'
    yield "</g>"


def _y(ratio: float) -> float:
    """Return the height of a ratio. What is beyond the axis stands at its end."""
    powers = max(-_MOST, min(_MOST, log2(ratio))) if ratio > 0 else -_MOST
    return _TOP + _HIGH / 2 * (1 - powers / _MOST)
