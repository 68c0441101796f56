"""Read single cards back out of a FITS file's header, without its data."""

import gzip
from collections.abc import Collection
from pathlib import Path

__all__ = ["texts_in"]

_BLOCK, _CARD = 2880, 80
"""Bytes of a block and of a card (FITS standard 4.0, sections 3.1 and 4.1)."""
_GZIP = b"\x1f\x8b"


def texts_in(path: Path, keywords: Collection[str]) -> dict[str, str]:
    """The text cards of a primary header that have one of these keywords.

    Args:
        path: a FITS file, plain or gzipped.
        keywords: those that are wanted; one that is not there, or is no text, is left out.

    Raises:
        OSError: it can't be read.
    """
    found: dict[str, str] = {}
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(_GZIP) else raw as file:
        while block := file.read(_BLOCK):
            for place in range(0, len(block), _CARD):
                card = block[place : place + _CARD].decode("ascii", errors="replace")
                keyword, value = card[:8].rstrip(), card[10:].lstrip()
                if keyword == "END":
                    return found
                if keyword in keywords and value.startswith("'"):
                    found[keyword] = value[1:].partition("'")[0].rstrip()
    return found
