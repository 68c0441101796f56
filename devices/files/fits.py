"""FITS files as bytes, with headers that no value can break (astropy)."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

__all__ = ["fits_bytes", "safe_cards"]


Card = tuple[str, object, str]

_BLOCK = 2880  # FITS standard 4.0, 3.1

_UNSIGNED_16 = 65535  # the largest pixel of 16 bits with an offset, 5.2.5

_SHORT = 2  # bytes of a short integer

_SINGLE = 4  # bytes of a single-precision number

_PAIR = 2  # a value and its comment

_CARD = 80  # characters, 3.3.1

_KEYWORD = 8  # characters of a standard keyword, 4.1.2.1

_LONGEST = 2000  # characters of one value: more is no header any more

_WHOLE = 2**63  # what readers take for an integer

_STRUCTURAL = re.compile(
    r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|BZERO|BSCALE|BLANK|END|COMMENT|HISTORY|CONTINUE|HIERARCH|XTENSION|GROUPS"
    r"|[PG]COUNT|CHECKSUM|DATASUM|INHERIT|LONGSTRN|"
)


def fits_bytes(pixels: NDArray[Any], cards: Sequence[Card]) -> bytes:
    """Return a FITS file with the pixels of a camera, in the smallest form that holds them exactly.

    Args:
        pixels: rows and columns, of any integer or floating type.
        cards: the header, already safe.
    """
    if pixels.dtype.kind == "f":
        kind, bits, zero = ">f8" if pixels.dtype.itemsize > _SINGLE else ">f4", -8 * pixels.dtype.itemsize, 0
    elif pixels.dtype != np.uint16 and pixels.size and (pixels.min() < 0 or pixels.max() > _UNSIGNED_16):
        kind, bits, zero = ">i4", 32, 0
    else:
        kind, bits, zero = ">i2", 16, 32768
    if bits == 32 and (pixels.min() < -(2**31) or pixels.max() >= 2**31):  # noqa: PLR2004 - bits of a pixel
        kind, bits = ">f8", -64
    whole = np.int32 if pixels.dtype.itemsize <= _SHORT else np.int64
    values = pixels.astype(whole) - zero if bits > 0 else pixels
    return _written(values.astype(kind).tobytes(), pixels.shape, bits, zero, cards)


def _written(body: bytes, shape: tuple[int, ...], bits: int, zero: int, cards: Sequence[Card]) -> bytes:
    """Put header and pixels together."""
    header = fits.Header()
    rows, columns = shape
    start: list[Card] = [
        ("SIMPLE", True, "conforms to FITS"),
        ("BITPIX", bits, "bits of a pixel"),
        ("NAXIS", 2, "rows and columns"),
        ("NAXIS1", columns, "columns"),
        ("NAXIS2", rows, "rows"),
        ("EXTEND", True, ""),
        ("BSCALE", 1, ""),
        ("BZERO", zero, "unsigned integers" if zero else ""),
    ]
    facts = {card[0] for card in start}
    for keyword, value, comment in [*start, *cards]:
        if keyword in facts and len(header) >= len(start):
            continue
        facts.add(keyword)
        header.append(fits.Card(keyword, value, comment), end=True)
    text: str = header.tostring()
    return text.encode("ascii") + body + bytes(-len(body) % _BLOCK)


def safe_cards(header: Mapping[str, object]) -> list[Card]:
    """Return the caller's header as cards that FITS can hold, without structural keywords."""
    cards: list[Card] = []
    for key, given in header.items():
        keyword = re.sub(r"[^A-Z0-9_-]", "_", str(key).strip().upper())[:60]
        if _STRUCTURAL.fullmatch(keyword):
            continue
        value, comment = given if isinstance(given, tuple) and len(given) == _PAIR else (given, "")
        name = keyword if len(keyword) <= _KEYWORD else f"HIERARCH {keyword}"
        cards.append(_fitting(name, _safe_value(value), _ascii(str(comment))))
    return cards


def _fitting(keyword: str, value: object, comment: str) -> Card:
    """Return a card with its comment cut to fit, and long text only where CONTINUE can carry it."""
    used = max(len(keyword), _KEYWORD) + len("= ") + len(" / ")
    if isinstance(value, str):
        quoted = len(value) + value.count("'") + 2
        long = used - len(" / ") + quoted > _CARD
        if long and keyword.startswith("HIERARCH"):
            room = _CARD - used
            while len(value) + value.count("'") + 2 > room:
                value = value[:-1]
            return keyword, value, ""
        if long:
            return keyword, value, ""
        return keyword, value, comment[: max(0, _CARD - used - max(quoted, 20))]
    return keyword, value, comment[: max(0, _CARD - used - max(len(str(value)) + 2, 20))]


def _safe_value(value: object) -> object:
    if value is None or isinstance(value, bool | np.bool_):
        return value
    if isinstance(value, int | np.integer) and abs(int(value)) < _WHOLE:
        return int(value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        return float(value)
    return _ascii(str(value))


def _ascii(text: str) -> str:
    """Printable ASCII: accents dropped, everything else that isn't printable replaced."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST])
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"[\x00-\x1f\x7f]+", " ", plain)
    return "".join(c if " " <= c <= "~" else "?" for c in plain).strip()
