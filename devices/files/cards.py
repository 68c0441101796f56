"""FITS keywords of lamps, selectors and telescopes in every frame, and single cards read back from a file."""

from __future__ import annotations

import gzip
import re
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING
from unicodedata import combining, normalize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = [
    "GZIP",
    "LONGEST_KEYWORD",
    "lamp_keyword",
    "level_keyword",
    "number_card",
    "plain_letters",
    "pointing_keywords",
    "text_cards",
    "timed_keyword",
    "warm_keyword",
]

_BLOCK, _CARD = 2880, 80
"""Bytes of a block and of a card (FITS standard 4.0, sections 3.1 and 4.1)."""
GZIP = b"\x1f\x8b"
"""The first bytes of a gzipped file (RFC 1952)."""
LONGEST_KEYWORD = 8
"""Longest keyword, characters (FITS standard 4.0, section 4.1.2.1)."""


def lamp_keyword(lamp: str) -> str:
    """Return the default keyword of a lamp: its name in capitals, cut to eight characters."""
    return re.sub("[^A-Z0-9_-]", "_", plain_letters(lamp).upper())[:LONGEST_KEYWORD]


def plain_letters(text: str) -> str:
    """Return a text without accents and the like: `Néon` becomes `Neon`."""
    return "".join(letter for letter in normalize("NFKD", text) if not combining(letter))


def warm_keyword(keyword: str) -> str:
    """Return the keyword that says how long a lamp had been on: W and the lamp's keyword, cut to eight."""
    return f"W{keyword}"[:LONGEST_KEYWORD]


def level_keyword(keyword: str) -> str:
    """Return the keyword that says to which level a lamp was dimmed: L and the lamp's keyword, cut to eight."""
    return f"L{keyword}"[:LONGEST_KEYWORD]


def timed_keyword(keyword: str) -> str:
    """Return the keyword that says how long a lamp was on: T and the lamp's keyword, cut to eight."""
    return f"T{keyword}"[:LONGEST_KEYWORD]


def pointing_keywords(telescope: str) -> tuple[str, str]:
    """Return the keywords of a telescope's altitude and azimuth: its name in capitals, cut to five letters."""
    short = re.sub("[^A-Z0-9_-]", "_", telescope[:5].upper())
    return f"{short}ALT", f"{short}AZ"


def text_cards(path: Path, keywords: Collection[str]) -> dict[str, str]:
    """Return the text cards of a primary header that have one of these keywords, without reading its data.

    Args:
        path: a FITS file, plain or gzipped.
        keywords: the requested ones. A keyword that is missing, or whose value is not a text, is left out.

    Raises:
        OSError: it can't be read.
    """
    texts = ((keyword, value) for keyword, value in _cards(path) if keyword in keywords and value.startswith("'"))
    return {keyword: value[1:].partition("'")[0].rstrip() for keyword, value in texts}


def number_card(path: Path, keyword: str) -> float | None:
    """Return a finite number of a primary header, or None if the card is missing or is no such number.

    Args:
        path: a FITS file, plain or gzipped.
        keyword: of the card.

    Raises:
        OSError: it can't be read.
    """
    values = [value for name, value in _cards(path) if name == keyword]
    with suppress(ValueError, IndexError):
        number = float(values[0].partition("/")[0].strip().replace("D", "E"))
        return number if isfinite(number) else None
    return None


def _cards(path: Path) -> Iterator[tuple[str, str]]:
    """Yield keyword and value of each card of a primary header, with the comment behind the value."""
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(GZIP) else raw as file:
        while block := file.read(_BLOCK):
            for place in range(0, len(block), _CARD):
                card = block[place : place + _CARD].decode("ascii", errors="replace")
                keyword = card[:8].rstrip()
                if keyword == "END":
                    return
                yield keyword, card[10:].lstrip()
