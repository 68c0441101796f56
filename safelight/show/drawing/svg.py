"""Subset of SVG for the pictures: elements, fitting words, and a whole document. Pure functions."""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from safelight.show.drawing.colours import Theme, style

__all__ = ["clean", "document", "element", "fitting", "line", "path", "rect", "symbol", "width_px", "words"]

FONT = "Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
_NARROW, _WIDE = frozenset("ijlftrI.,:;|'!()[]{} ·-"), frozenset("mwMW@%")
_ROOM, _BOLD = 1.12, 1.14
"""Factors on the width of words, because fonts differ, and on that of bold words."""


def clean(text: str) -> str:
    """Return one line that XML can hold."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def width_px(text: str, size: float, *, bold: bool = False) -> float:
    """Return the approximate width of words, px.

    Args:
        text: one line.
        size: size of the font, px.
        bold: whether the font is bold.
    """
    return _ROOM * (_BOLD if bold else 1.0) * size * sum(_em(letter) for letter in text)


def _em(letter: str) -> float:
    if letter in _NARROW:
        return 0.3
    if letter in _WIDE:
        return 0.88
    return 0.66 if letter.isupper() or not letter.isascii() else 0.55


def fitting(text: str, size: float, room_px: float, *, bold: bool = False) -> str:
    """Return the words, shortened to `room_px` pixels, or nothing if not even one letter fits."""
    text = clean(text)
    if width_px(text, size, bold=bold) <= room_px:
        return text
    left = room_px - width_px("…", size, bold=bold)
    kept = 0
    for kept, letter in enumerate(text):  # noqa: B007 - how many fit is what is asked
        left -= width_px(letter, size, bold=bold)
        if left < 0:
            break
    return text[:kept].rstrip() + "…" if kept else ""


def element(name: str, content: str = "", **attributes: object) -> str:
    """Return one element. `class_` becomes `class`, other underscores become dashes, and numbers get one decimal."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}={quoteattr(_value(value))}" for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else clean(str(value))


def words(x: float, y: float, text: str, look: str = "", anchor: str = "start") -> str:
    """Return words, escaped. `y` is their base line."""
    placed = {} if anchor == "start" else {"text_anchor": anchor}
    return element("text", escape(clean(text)), x=float(x), y=float(y), class_=f"t {look}".strip(), **placed)


def rect(x: float, y: float, width: float, height: float, look: str, radius: float = 0.0, told: str = "") -> str:
    """Return a rectangle. `told` is its tooltip."""
    round_ = {"rx": radius} if radius else {}
    content = element("title", escape(clean(told))) if told else ""
    size = {"width": float(max(width, 0.0)), "height": float(max(height, 0.0))}
    return element("rect", content, x=float(x), y=float(y), **size, class_=look, **round_)


def line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    """Return a straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=look)


def path(points: str, look: str) -> str:
    """Return a path of commands and coordinates."""
    return element("path", d=points, class_=look)


_SYMBOLS = {
    "done": "M1 6 L4.5 9.5 L11 2.5",
    "retried": "M10.2 7.5 A4.5 4.5 0 1 1 9.2 2.8 M9.6 0 L9.6 3.4 L6.2 3.4",
    "failed": "M2 2 L10 10 M10 2 L2 10",
    "stopped": "M2.5 2.5 H9.5 V9.5 H2.5 Z",
    "now": "M3 1.5 L10.5 6 L3 10.5 Z",
}


def symbol(name: str, x: float, y: float, look: str = "") -> str:
    """Return a sign of 12 px: `done`, `retried`, `failed`, `stopped`, `now`. It is drawn and needs no font."""
    drawn = element("path", d=_SYMBOLS[name], class_=f"sign {look or 'mark-' + name}")
    return element("g", drawn, transform=f"translate({x:.1f} {y:.1f})")


def document(width: float, height: float, body: Iterable[str], title: str, theme: Theme = "auto") -> str:
    """Return a whole picture.

    Args:
        width: px, as is height.
        height: px.
        body: elements, from the back to the front.
        title: title for screen readers.
        theme: `auto` follows the reader's choice of light or dark.
    """
    size = {"width": f"{width:.0f}", "height": f"{height:.0f}", "viewBox": f"0 0 {width:.0f} {height:.0f}"}
    content = [
        element("title", escape(clean(title)) or " "),
        f"<style>{style(theme, FONT)}</style>",
        rect(0, 0, width, height, "paper"),
        *body,
    ]
    space = "http://www.w3.org/2000/svg"
    return element("svg", "\n".join(content), xmlns=space, **size, class_="safelight", role="img") + "\n"
