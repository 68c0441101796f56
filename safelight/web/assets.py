"""The page's own files: all that the server serves from the disk, read once, found by exact name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Asset", "assets"]

_FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    content: bytes
    media_type: str


def assets() -> Mapping[str, Asset]:
    """Name -> file. A URL is looked up in here and never becomes a path."""
    return {
        file.name: Asset(file.read_bytes(), _TYPES[file.suffix])
        for file in sorted(_FOLDER.iterdir())
        if file.suffix in _TYPES
    }
