"""Images in FITS files of any camera, as arrays: plain or gzipped, one or several, colour, scaled, 8 bits and more."""

import gzip
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.files import read_regular
from safelight.light.errors import NotReadable
from safelight.light.measurement import Section

__all__ = ["FitsImage", "images_in"]

Header = Mapping[str, str | int | float | bool]

_BLOCK, _CARD = 2880, 80
"""Bytes of a block and of a card (FITS standard 4.0, sections 3.1 and 4.1)."""
_GZIP = b"\x1f\x8b"
_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""BITPIX -> how a pixel is stored (FITS standard 4.0, section 4.4.1.1)."""
_UNSIGNED = {16: (32768, np.uint16), 32: (2147483648, np.uint32)}
"""BITPIX -> BZERO of unsigned integers, and their type (section 4.4.2.5)."""
_AXES = (1, 2, 3)
_SECTION = re.compile(r"\[(\d+):(\d+),(\d+):(\d+)\]")


@dataclass(frozen=True, slots=True, eq=False)
class FitsImage:
    """One image of a file.

    Attributes:
        name: empty for the only image of a file, else `[1]`, `[2]`, ...
        header: cards of its own and of the primary header.
        overscan: the section that the header calls BIASSEC, where it is within the image.
    """

    pixels: NDArray[Any]
    header: Header = field(default_factory=dict)
    name: str = ""
    overscan: tuple[Section, ...] = ()


def images_in(path: Path) -> tuple[FitsImage, ...]:
    """Read every image of a FITS file.

    Args:
        path: plain or gzipped.

    Raises:
        NotReadable: it is missing, no FITS file, truncated, or without an image.
    """
    try:
        content = read_regular(path, most_bytes=None)
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise NotReadable(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        found = list(_images(content))
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise NotReadable(f"{path} can't be understood: {error}") from None
    if not found:
        raise NotReadable(f"{path} has no image in it")
    if len(found) == 1:
        return (FitsImage(found[0].pixels, found[0].header, "", found[0].overscan),)
    return tuple(found)


def _images(content: bytes) -> Iterator[FitsImage]:
    if not content.startswith(b"SIMPLE  ="):
        raise ValueError("it does not begin as a FITS file does")
    place, number, primary = 0, 0, dict[str, Any]()
    while place < len(content):
        header, start = _header(content, place)
        if not header:
            return  # padding at the end
        size = _size(header)
        if start + size > len(content):
            raise ValueError(f"it ends {start + size - len(content)} bytes before its pixels do")
        if not place:
            primary = header
        merged = {**primary, **header}
        if header.get("ZIMAGE") is True:
            yield FitsImage(_unpacked(content, number), merged, f"[{number}]", _overscan(header))
        elif size and header.get("XTENSION", "IMAGE") == "IMAGE" and int(header.get("NAXIS", 0)) in _AXES:
            yield FitsImage(_pixels(content, start, header), merged, f"[{number}]", _overscan(header))
        place = start + math.ceil(size / _BLOCK) * _BLOCK
        number += 1


def _header(content: bytes, place: int) -> tuple[dict[str, Any], int]:
    """Return the cards of a header, and where its data begin, or no cards where only padding follows."""
    cards: dict[str, Any] = {}
    while place < len(content):
        card = content[place : place + _CARD].decode("ascii", errors="replace")
        place += _CARD
        keyword = card[:8].rstrip()
        if keyword == "END":
            return cards, math.ceil(place / _BLOCK) * _BLOCK
        if not cards and keyword not in ("SIMPLE", "XTENSION"):
            return {}, place
        if card[8:10] == "= ":
            cards.setdefault(keyword, _value(card[10:]))
    raise ValueError("its header has no end")


def _value(text: str) -> str | int | float | bool:
    text = text.strip()
    if text.startswith("'"):
        return text[1:].replace("''", "\0").partition("'")[0].replace("\0", "'").rstrip()
    text = text.partition("/")[0].strip()
    if text in ("T", "F"):
        return text == "T"
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text.upper().replace("D", "E"))
    except ValueError:
        return text


def _size(header: Mapping[str, Any]) -> int:
    """Return the bytes of the data (FITS standard 4.0, section 4.4.1.1 and 7.1.1)."""
    axes = [int(header[f"NAXIS{axis}"]) for axis in range(1, int(header["NAXIS"]) + 1)]
    if not axes or min(axes) < 0:
        return 0
    count = math.prod(axes) + int(header.get("PCOUNT", 0))
    return abs(int(header["BITPIX"])) // 8 * int(header.get("GCOUNT", 1)) * count


def _pixels(content: bytes, start: int, header: Mapping[str, Any]) -> NDArray[Any]:
    bits = int(header["BITPIX"])
    shape = [int(header[f"NAXIS{axis}"]) for axis in range(int(header["NAXIS"]), 0, -1)]
    raw = np.frombuffer(content, _TYPES[bits], math.prod(shape), start).reshape(shape)
    zero, scale = float(header.get("BZERO", 0)), float(header.get("BSCALE", 1))
    blank = header.get("BLANK") if bits > 0 else None
    hole = raw == blank if blank is not None else None
    if bits in _UNSIGNED and scale == 1 and zero == _UNSIGNED[bits][0] and (hole is None or not hole.any()):
        unsigned = _UNSIGNED[bits][1]
        # An offset of half the range flips the highest bit.
        flipped: NDArray[Any] = raw.astype(raw.dtype.newbyteorder("=")).view(unsigned) ^ unsigned(zero)
        return flipped
    if scale == 1 and zero == 0 and (hole is None or not hole.any()):
        return raw
    with np.errstate(all="ignore"):
        values = raw.astype(np.float64) * scale + zero
    if hole is not None:
        values[hole] = np.nan
    return values


def _unpacked(content: bytes, number: int) -> NDArray[Any]:
    """Return an image that is stored as compressed tiles, which astropy can unpack."""
    from astropy.io import fits  # noqa: PLC0415 - slow to load, and few files need it

    try:
        with fits.open(BytesIO(content)) as hdus:
            return np.array(hdus[number].data)
    except Exception as error:  # noqa: BLE001 - astropy may raise anything on a damaged file
        raise ValueError(f"its compressed image can't be unpacked: {error}") from None


def _overscan(header: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return the section BIASSEC, which counts from 1, columns first."""
    found = _SECTION.fullmatch(str(header.get("BIASSEC", "")).replace(" ", ""))
    if found is None:
        return ()
    left, right, top, bottom = (int(text) for text in found.groups())
    return ((top - 1, bottom, left - 1, right),)
