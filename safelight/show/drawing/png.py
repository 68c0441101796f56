"""Picture as PNG, with Python packages only (those of the extra `pictures`)."""

import struct
import zlib
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.documents.errors import quoted
from safelight.engine.errors import DrawingError
from safelight.text import how_to_install

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["grey_png", "to_png"]

_LARGEST_PX = 12_000
"""Largest width and height, pixels. Viewers have trouble with larger pictures."""
_SHARP = 2.0
"""Pixels for each px of the picture, for high-resolution screens."""


def to_png(picture: str, width: float, height: float) -> bytes:
    """Draw an SVG picture.

    Args:
        picture: SVG, of one theme; `auto` comes out light.
        width: px, as is height.
        height: px.

    Raises:
        DrawingError: a package is not installed.
    """
    try:
        resvg = import_module("resvg_py")
    except ImportError:
        raise DrawingError(
            f"a PNG needs packages that are not installed. {how_to_install('pictures')} Or ask for svg."
        ) from None
    zoom = min(_SHARP, _LARGEST_PX / max(width, height))
    fonts = _fonts()
    named = {"font_dirs": [str(fonts)], "skip_system_fonts": True, "font_family": "Roboto"} if fonts else {}
    try:
        return bytes(resvg.svg_to_bytes(svg_string=picture, zoom=zoom, **named))
    except ValueError as error:
        raise DrawingError(f"the picture can't be drawn; {quoted('resvg', error)}") from None


def _fonts() -> Path | None:
    """Return the font of the extra, for the same picture on every machine. Without it, return None."""
    try:
        return Path(str(resources.files("font_roboto"))) / "files"
    except ImportError:
        return None


def grey_png(grey: "NDArray[Any]", level: int = 9) -> bytes:
    """Write rows of grey, 8 bits a pixel, as PNG (ISO/IEC 15948).

    Args:
        grey: the first row is at the top.
        level: how hard zlib tries, 0 to 9.
    """
    height, width = grey.shape
    lines = b"".join(b"\0" + row.tobytes() for row in grey)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, level)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
