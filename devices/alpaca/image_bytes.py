"""ImageBytes: the binary form of an Alpaca camera's image. Pure functions.

Source: ASCOM Alpaca API, "ImageBytes": 44 bytes of little-endian integers, then the pixels. The first index is X, and
the last one runs fastest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from safelight.devices.errors import BadImage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["image_in", "image_in_json"]

_HEAD_BYTES = 44
_VERSION = 1
_PLANES = 2
_TYPES = {1: "<i2", 2: "<i4", 3: "<f8", 4: "<f4", 5: "<u8", 6: "u1", 7: "<i8", 8: "<u2"}
"""Transmission type -> what numpy calls it."""


def image_in(body: bytes) -> NDArray[Any]:
    """Return the pixels of an answer in ImageBytes: rows (Y) and columns (X), as FITS has them.

    Raises:
        BadImage: an error of the camera, or an answer that is not whole.
    """
    if len(body) < _HEAD_BYTES:
        raise BadImage(f"{len(body)} bytes, where the head alone has {_HEAD_BYTES}")
    version, error, _, _, start, _, kind, rank, columns, rows, _ = (int(n) for n in np.frombuffer(body, "<i4", 11))
    if error:
        raise BadImage(f"error {error:#x}: {body[max(start, 0) :].decode('utf-8', 'replace')[:80]!r}")
    if version != _VERSION or kind not in _TYPES or rank != _PLANES or columns < 1 or rows < 1:
        words = f"version {version}, type {kind}, {rank} dimensions, {columns} x {rows} pixels"
        raise BadImage(f"{words}; expected version 1, two dimensions and a known type")
    pixel = np.dtype(_TYPES[kind])
    expected = start + columns * rows * pixel.itemsize
    if start < _HEAD_BYTES or len(body) != expected:
        raise BadImage(f"{len(body)} bytes, where {columns} x {rows} pixels of {pixel.itemsize} bytes need {expected}")
    return np.frombuffer(body, pixel, columns * rows, start).reshape(columns, rows).T


def image_in_json(answer: object) -> NDArray[Any]:
    """Return the pixels of an answer in JSON, whose `Value` is a list of columns.

    Raises:
        BadImage: an error of the camera, or no list of lists of numbers, all of one length.
    """
    if not isinstance(answer, dict):
        raise BadImage("an answer that is not a JSON object")
    if answer.get("ErrorNumber"):
        raise BadImage(f"error {answer['ErrorNumber']}: {answer.get('ErrorMessage')!r}")
    try:
        pixels = np.asarray(answer.get("Value"))
    except ValueError as error:
        raise BadImage(f"the columns differ in length: {error}") from error
    if pixels.ndim != _PLANES or pixels.dtype.kind not in "iuf" or not pixels.size:
        raise BadImage(f"{pixels.ndim} dimensions of {pixels.dtype}; expected two, of numbers")
    return pixels.T
