"""Fill the cards that say what was seen in a frame's pixels into a header that was written before they were judged."""

import os
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path

__all__ = ["MEASURED_CARDS", "QUALITY_CARD", "fill_cards"]

_BLOCK, _CARD = 2880, 80
"""Bytes of a block and of a card (FITS standard 4.0, sections 3.1 and 4.1)."""
_ROOM = 66
"""Characters of a text value in one card, its quotes not counted."""
QUALITY_CARD = "LIGHTQC"
"""The card by which a header that this program has written is known."""
MEASURED_CARDS = {
    "QCREFS": "references",
    "QCAMOUNT": "amount",
    "QCSHAPE": "shape",
    "QCSAT": "saturated",
    "QCLEVEL": "level_adu",
    "QCNOISE": "noise_adu",
    "QCPEAK": "peak_adu",
}
"""Card -> what was measured of the camera's own image."""


def fill_cards(path: Path, values: Mapping[str, str | float]) -> None:
    """Replace the values of cards in a plain file's primary header, in place.

    Files that do not belong to safelight stay as they are: links, gzipped ones, and those without the card `LIGHTQC`.

    Args:
        path: a FITS file.
        values: keyword -> text or number. A keyword that the header lacks is passed over, and so is a number that is
            not finite.
    """
    if path.is_symlink():
        return
    with suppress(OSError), path.open("r+b") as file:
        places = _places(file.read(100 * _BLOCK))
        if QUALITY_CARD not in places:
            return
        for keyword, value in values.items():
            if keyword in places and (isinstance(value, str) or isfinite(value)):
                file.seek(places[keyword])
                file.write(_text(keyword, value) if isinstance(value, str) else _number(keyword, value))
        file.flush()
        os.fsync(file.fileno())


def _places(content: bytes) -> dict[str, int]:
    """Return where each card of the primary header begins."""
    found: dict[str, int] = {}
    if not content.startswith(b"SIMPLE  ="):
        return found
    for place in range(0, len(content), _CARD):
        keyword = content[place : place + 8].decode("ascii", errors="replace").rstrip()
        if keyword == "END":
            return found
        found.setdefault(keyword, place)
    return {}


def _number(keyword: str, value: float) -> bytes:
    return f"{keyword:<8}= {value:>20.8G}".ljust(_CARD).encode("ascii")


def _text(keyword: str, text: str) -> bytes:
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in text).replace("'", "''")[:_ROOM]
    # A quote that was cut in half would end the text.
    if (len(plain) - len(plain.rstrip("'"))) % 2:
        plain = plain[:-1]
    return f"{keyword:<8}= '{plain:<8}'".ljust(_CARD).encode("ascii")
