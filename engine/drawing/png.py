"""A picture as PNG, with nothing but Python packages (`pip install safelight[pictures]`)."""

from importlib import import_module, resources
from pathlib import Path

from safelight.engine.errors import DrawingError

__all__ = ["png"]

_LARGEST_PX = 12_000
"""Wider or higher than that no viewer is glad of it."""
_SHARP = 2.0
"""Pixels for each px of the picture: sharp on today's screens."""


def png(picture: str, width: float, height: float) -> bytes:
    """Draw an SVG picture.

    Args:
        picture: SVG, of one theme; `auto` comes out light.
        width: px, as is height.
        height: px.

    Raises:
        DrawingError: what draws it is not installed.
    """
    try:
        resvg = import_module("resvg_py")
    except ImportError:
        raise DrawingError(
            "a PNG needs packages that are not installed: pip install 'safelight[pictures]'; or ask for svg"
        ) from None
    zoom = min(_SHARP, _LARGEST_PX / max(width, height))
    fonts = _fonts()
    named = {"font_dirs": [str(fonts)], "skip_system_fonts": True, "font_family": "Roboto"} if fonts else {}
    try:
        return bytes(resvg.svg_to_bytes(svg_string=picture, zoom=zoom, **named))
    except ValueError as error:
        raise DrawingError(f"the picture can't be drawn: {error}") from None


def _fonts() -> Path | None:
    """The font that comes with the extra: the same picture on every machine; None: the machine's own fonts."""
    try:
        return Path(str(resources.files("font_roboto"))) / "files"
    except ImportError:
        return None
