"""Measurements of one image: small numbers and maps that stand for millions of pixels (numpy)."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Measurement", "Section", "measure", "shrunk"]

Section = tuple[int, int, int, int]
"""First and last row, first and last column of a part of an image; each last one is not included."""

Floats = NDArray[np.float32]
Pixels = NDArray[Any]

BANDS = 16
"""Bands of rows, each with a checksum: half a stale image is recognised."""
_TILES = (128, 512)
"""Tiles along rows and columns, about: 32 x 8 pixels each at 4080 x 4120."""
_WINDOWS = 8
"""Parts of the columns for which the profile along rows is kept."""
_SAMPLE = 500_000
"""Pixels that the peak is estimated from."""
_SAMPLED_ROWS = 64
"""Rows that noise is estimated from."""
_FEWEST_ROWS = 8
"""Rows that show whether a column is constant."""
_LARGEST = 1e9
"""Values beyond this are cut: no detector gives them, and their squares would overflow."""
_PLANES, _IMAGE_AXES = 3, 2


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What one pass over an image finds.

    Attributes:
        shape: rows and columns.
        crcs: checksum of each band of rows.
        noisy: for each band, whether it has noise, so that two equal ones can't be by chance.
        frozen: share of rows that are constant or equal to the row before.
        constant_columns: share of columns that are constant.
        coarse: the noise is below one step of the digitisation, so that rows may be equal by chance.
        saturated: share of pixels at full well.
        peak_adu: value that one pixel of a thousand exceeds.
        map: mean of each tile, ADU.
        profile: mean of each row in each window of columns, ADU.
        level_adu: mean of the overscan; None where no overscan is known.
        noise_adu: noise of neighbouring pixels.
        unreadable: share of values that are no numbers.
        problem: why it can't be measured; None where it is.
    """

    shape: tuple[int, int] = (0, 0)
    crcs: tuple[int, ...] = ()
    noisy: tuple[bool, ...] = ()
    frozen: float = 0.0
    constant_columns: float = 0.0
    coarse: bool = False
    saturated: float = 0.0
    peak_adu: float = 0.0
    map: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    profile: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    level_adu: float | None = None
    noise_adu: float = 0.0
    unreadable: float = 0.0
    problem: str | None = None


def measure(pixels: object, *, overscan: Sequence[Section] = (), full_well_adu: float | None = None) -> Measurement:
    """Measure an image. Raises nothing: what can't be measured says why in `problem`.

    Args:
        pixels: rows and columns; the planes of a colour image are measured as one tall image.
        overscan: sections that see no light; those outside the image are left out.
        full_well_adu: value of a saturated pixel; by default the largest value of 8 and 16 bits.
    """
    try:
        with np.errstate(all="ignore"):
            return _measured(_image(pixels), overscan, full_well_adu)
    except _Unfit as unfit:
        return Measurement(problem=str(unfit))
    except Exception as error:  # noqa: BLE001 - a frame is never lost because it could not be judged
        return Measurement(problem=f"it can't be measured: {type(error).__name__}: {error}")


class _Unfit(Exception):
    """Something that is not an image of numbers."""


@dataclass(frozen=True, slots=True)
class _Image:
    pixels: Pixels
    top: float | None
    unreadable: float


def _image(given: object) -> _Image:
    """Return rows and columns of real numbers in the machine's byte order."""
    if isinstance(given, np.ma.MaskedArray):
        given = np.where(np.ma.getmaskarray(given), np.nan, np.ma.getdata(given))
    pixels = np.asarray(given)
    if pixels.dtype.kind not in "buif":
        raise _Unfit(f"expected an image of numbers, got values of type {pixels.dtype}")
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8)
    pixels = _two_axes(pixels)
    if not pixels.size:
        raise _Unfit(f"the image is empty: {pixels.shape[0]} rows of {pixels.shape[1]} columns")
    pixels = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("="))
    if pixels.dtype.kind != "f":
        top = float(np.iinfo(pixels.dtype).max) if pixels.dtype.itemsize <= _IMAGE_AXES else None
        return _Image(pixels if pixels.dtype.itemsize <= _IMAGE_AXES else _cut(pixels), top, 0.0)
    fine = np.isfinite(pixels)
    unreadable = 1.0 - float(np.count_nonzero(fine)) / pixels.size
    if unreadable == 1.0:
        raise _Unfit("no pixel is a finite number")
    if unreadable:
        pixels = np.where(fine, pixels, np.median(pixels[fine]))
    return _Image(_cut(pixels), None, unreadable)


def _cut(pixels: Pixels) -> Pixels:
    return np.clip(pixels.astype(np.float64), -_LARGEST, _LARGEST).astype(np.float32)


def _two_axes(pixels: Pixels) -> Pixels:
    """Return planes of colour one above the other, whether they come first or last."""
    if pixels.ndim == _PLANES:
        if pixels.shape[-1] in (3, 4) and pixels.shape[0] not in (3, 4):
            pixels = np.moveaxis(pixels, -1, 0)
        pixels = pixels.reshape(pixels.shape[0] * pixels.shape[1], pixels.shape[2])
    elif pixels.ndim == 1:
        pixels = pixels.reshape(1, -1)
    if pixels.ndim != _IMAGE_AXES:
        raise _Unfit(f"expected rows and columns, got {pixels.ndim} axes")
    return pixels


def _measured(image: _Image, overscan: Sequence[Section], full_well_adu: float | None) -> Measurement:
    pixels = image.pixels
    full = image.top if full_well_adu is None else full_well_adu
    bands = [band for band in np.array_split(pixels, BANDS) if len(band)]
    frozen = _frozen_rows(pixels)
    live = pixels[~frozen] if frozen.any() and not frozen.all() else pixels
    noise = noise_adu(live)
    return Measurement(
        shape=(pixels.shape[0], pixels.shape[1]),
        crcs=tuple(zlib.crc32(band.data) for band in bands),
        noisy=tuple(noise_adu(band, _SAMPLED_ROWS // BANDS) >= _STEP for band in bands),
        frozen=float(np.count_nonzero(frozen)) / len(frozen),
        constant_columns=0.0 if frozen.all() else _constant_columns(live),
        coarse=noise < _STEP and not (frozen.all() and pixels.dtype.itemsize > 1),
        saturated=0.0 if full is None else float(np.count_nonzero(pixels >= full)) / pixels.size,
        peak_adu=_peak_adu(pixels),
        map=_map(pixels),
        profile=_profile(pixels),
        level_adu=_level_adu(pixels, overscan),
        noise_adu=noise,
        unreadable=image.unreadable,
    )


_STEP = 0.5
"""Noise, in steps of the digitisation, below which equal rows prove nothing."""


def _frozen_rows(pixels: Pixels) -> NDArray[np.bool_]:
    """Return which rows are constant or equal to the one before."""
    if pixels.shape[1] == 1:
        return np.zeros(len(pixels), np.bool_)
    constant = pixels.max(axis=1) == pixels.min(axis=1)
    thin = pixels[:, :: max(1, pixels.shape[1] // 64)]
    same = np.zeros(len(pixels), np.bool_)
    same[1:] = (thin[1:] == thin[:-1]).all(axis=1)
    for row in np.flatnonzero(same & ~constant):
        same[row] = bool((pixels[row] == pixels[row - 1]).all())
    frozen: NDArray[np.bool_] = constant | same
    return frozen


def _constant_columns(pixels: Pixels) -> float:
    """Return the share of columns that have one value in all rows that are not frozen themselves."""
    if len(pixels) < _FEWEST_ROWS:
        return 0.0
    thin = pixels[:: max(1, len(pixels) // _SAMPLED_ROWS)]
    columns = np.flatnonzero((thin == thin[0]).all(axis=0))
    # Most images have none, so that nothing but a sample is read.
    constant = (pixels[:, columns] == pixels[0, columns]).all(axis=0)
    return float(np.count_nonzero(constant)) / len(thin[0])


def noise_adu(pixels: Pixels, rows: int = _SAMPLED_ROWS) -> float:
    """Return the noise of neighbours in a row: their differences, clipped three times at 4 sigma, over sqrt 2.

    Args:
        pixels: an image.
        rows: about how many of its rows are used.
    """
    some = pixels[:: max(1, len(pixels) // rows)].astype(np.float32)
    differences = np.diff(some, axis=1).ravel()
    for _ in range(3):
        if differences.size < _IMAGE_AXES:
            return 0.0
        spread = float(differences.std())
        kept = differences[np.abs(differences - differences.mean()) <= 4 * spread]
        if kept.size == differences.size:
            break
        differences = kept
    return float(differences.std()) / 2**0.5 if differences.size else 0.0


def _peak_adu(pixels: Pixels) -> float:
    step = max(1, int((pixels.size / _SAMPLE) ** 0.5))
    some = pixels[::step, ::step].ravel()
    return float(np.partition(some, last := int(0.999 * (some.size - 1)))[last])


def _sum_type(pixels: Pixels) -> type[np.generic]:
    return np.uint32 if pixels.dtype.kind == "u" else np.float64


def _map(pixels: Pixels) -> Floats:
    return shrunk(pixels, max(1, pixels.shape[0] // _TILES[0]), max(1, pixels.shape[1] // _TILES[1]))


def shrunk(pixels: Pixels, tall: int, wide: int) -> Floats:
    """Return the mean of each tile of `tall` rows and `wide` columns. What is left at the edges is left out."""
    rows, columns = pixels.shape[0] // tall, pixels.shape[1] // wide
    kept = pixels[: rows * tall].reshape(rows, tall, pixels.shape[1])
    # Along rows first: additions of whole rows are many times faster than those of a few neighbours.
    tiles = kept.sum(axis=1, dtype=_sum_type(pixels))[:, : columns * wide].reshape(rows, columns, wide)
    found: Floats = (tiles.sum(axis=2, dtype=np.float64) / (tall * wide)).astype(np.float32)
    return found


def _profile(pixels: Pixels) -> Floats:
    windows = min(_WINDOWS, pixels.shape[1])
    wide = pixels.shape[1] // windows
    kept = pixels[:, : windows * wide].reshape(len(pixels), windows, wide)
    found: Floats = (kept.sum(axis=2, dtype=_sum_type(pixels)) / wide).astype(np.float32)
    return found


def _level_adu(pixels: Pixels, overscan: Sequence[Section]) -> float | None:
    rows, columns = pixels.shape
    inside = [
        pixels[top:bottom, left:right]
        for top, bottom, left, right in overscan
        if 0 <= top < bottom <= rows and 0 <= left < right <= columns
    ]
    return float(np.mean([part.mean(dtype=np.float64) for part in inside])) if inside else None
