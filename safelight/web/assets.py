"""Files of the page, read once and found by exact name. The server serves no other files from disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Asset", "load_assets"]

_FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str


def load_assets() -> Mapping[str, Asset]:
    """Return name -> file. A URL is looked up here and never becomes a path."""
    return {
        file.name: Asset(file.read_bytes(), _TYPES[file.suffix])
        for file in sorted(_FOLDER.iterdir())
        if file.suffix in _TYPES
    }
