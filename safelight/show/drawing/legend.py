"""Legend of the colours and signs of a picture. Pure functions."""

from collections.abc import Collection, Iterator

from safelight.show.drawing import svg
from safelight.show.drawing.colours import look_of

__all__ = ["draw_legend"]

_KINDS = {
    "warm": "lamp warms up",
    "lit": "light for a part of an exposure",
    "expose": "exposure",
    "readout": "readout",
    "move": "",
    "check": "read-back",
    "off": "lamps off",
}
_MOVING = {"point": "telescopes", "park": "telescopes", "fibsel-step": "mask", "configure": "selectors"}
"""Kind of state -> what moves."""
_MARKS = {
    "done": "done",
    "retried": "done, not at the first try",
    "failed": "failed",
    "stopped": "interrupted, or partly done",
    "now": "at work now",
    "waiting": "not begun",
}
_ROW = 22.0


def draw_legend(x: float, y: float, width: float, states: Collection[str], *, marked: bool) -> tuple[list[str], float]:
    """Draw the entries in rows.

    Args:
        x: left, px.
        y: top, px.
        width: available width, px.
        states: the kinds of states on the picture.
        marked: whether the picture shows outcomes.

    Returns:
        The elements, and their height, px.
    """
    drawn: list[str] = []
    left, row = x, 0
    for sign, look, words in _entries(states, marked=marked):
        wide = 28 + svg.width_px(words, 11) + 18
        if left + wide > x + width and left > x:
            left, row = x, row + 1
        top = y + row * _ROW
        drawn += _entry(sign, look, words, left, top)
        left += wide
    return drawn, (row + 1) * _ROW


def _entries(states: Collection[str], *, marked: bool) -> Iterator[tuple[str, str, str]]:
    looks = {look_of(kind) for kind in states}
    moving = ", ".join(dict.fromkeys(words for kind, words in _MOVING.items() if kind in states))
    for look, words in _KINDS.items():
        if look in looks:
            yield "stripe", f"f-{look}", words or moving
    if marked:
        for mark, words in _MARKS.items():
            yield mark, f"m-{mark} {mark}", words
    else:
        yield "hint", "hint", "tried again from here when it fails"
    yield "lanes", "lanes", "at the same time"


def _entry(sign: str, look: str, words: str, x: float, y: float) -> Iterator[str]:
    if sign == "stripe":
        yield svg.rect(x + 8, y, 6, 14, look, 2)
    elif sign == "hint":
        yield svg.symbol("retried", x + 5, y + 1, look)
    else:
        yield svg.rect(x, y, 22, 14, look if sign == "lanes" else f"box {look}", 3)
        if sign not in ("lanes", "waiting"):
            yield svg.symbol(sign, x + 5, y + 1)
    yield svg.words(x + 28, y + 11, words, "small soft")
