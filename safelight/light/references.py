"""References: what earlier good frames of the same lamps, exposure and fibre looked like (numpy)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from safelight.light.measurement import Measurement

__all__ = ["Bias", "Known", "Reference", "Sample", "bias_of", "found_shift", "light_in", "reference_of", "shifted"]

Floats = NDArray[np.float32]

ENOUGH_BIASES = 3
"""Biases that make a reference."""
ENOUGH = 3
"""Frames that make a reference of light."""
_FURTHEST, _FRACTION = 3.0, 0.25
"""Bins by which two maps may be shifted, and the steps in which that is searched."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What is kept of one frame: map, profile, level and noise, of a lit one after the bias was subtracted."""

    map: Floats
    profile: Floats
    level_adu: float | None
    noise_adu: float


@dataclass(frozen=True, slots=True, eq=False)
class Bias:
    """The unexposed detector: gradients and steps between amplifiers are in its map.

    Attributes:
        spread_adu: from the median to the 16th percentile of a bias minus this one.
        count: biases that it is made of.
    """

    map: Floats
    profile: Floats
    level_adu: float | None
    noise_adu: float
    spread_adu: float
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The light of earlier good frames, and their noise.

    Attributes:
        anchor: sum of light of the first frames after the last `forget`; None: not known.
        count: frames that it is made of.
    """

    map: Floats
    profile: Floats
    level_adu: float | None
    noise_adu: float
    count: int
    anchor: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What is known before an image is judged. Each part may be missing.

    Attributes:
        bias: of the same camera.
        reference: of the same lamps, exposure and fibre.
        last: checksums of the camera's last frame.
        lamps: that are on.
        alone: lamp -> reference of frames of that lamp alone, its light scaled to this exposure.
        swept: fibres that were lit in turn: each of them counts.
    """

    bias: Bias | None = None
    reference: Reference | None = None
    last: tuple[int, ...] = ()
    lamps: tuple[str, ...] = ()
    alone: Mapping[str, Reference] = field(default_factory=dict)
    swept: bool = False


def bias_of(samples: Sequence[Sample]) -> Bias | None:
    """Return the median of the last biases, or None where there are fewer than three of one shape."""
    samples = _alike(samples)
    if len(samples) < ENOUGH_BIASES:
        return None
    middle = _median([sample.map for sample in samples])
    spreads = []
    for sample in samples:
        low, half = np.percentile(sample.map - middle, (16, 50))
        spreads.append(half - low)
    # The median of a few is quieter than one of them, and contains it.
    wider = (1 + 1 / len(samples)) ** 0.5 / (1 - 1 / len(samples)) ** 0.5
    return Bias(
        map=middle,
        profile=_median([sample.profile for sample in samples]),
        level_adu=_middle([sample.level_adu for sample in samples]),
        noise_adu=float(np.median([sample.noise_adu for sample in samples])),
        spread_adu=float(np.median(spreads)) * wider,
        count=len(samples),
    )


def reference_of(samples: Sequence[Sample], anchor: float | None = None, least: int = ENOUGH) -> Reference | None:
    """Return the median of earlier frames, laid over each other, or None where there are fewer than `least`."""
    samples = _alike(samples)
    if len(samples) < max(1, least):
        return None
    first = samples[-1]
    maps = [first.map]
    for sample in samples[:-1]:
        rows, columns = found_shift(sample.map, first.map)
        # By whole bins: a map between two bins has flatter peaks.
        maps.append(shifted(sample.map, round(rows), round(columns)))
    return Reference(
        map=_median(maps),
        profile=_median([sample.profile for sample in samples]),
        level_adu=_middle([sample.level_adu for sample in samples]),
        noise_adu=float(np.median([sample.noise_adu for sample in samples])),
        count=len(samples),
        anchor=anchor,
    )


def light_in(measured: Measurement, bias: Bias | None) -> Sample:
    """Return what a frame has above the bias, or above its own background where no bias is known."""
    if bias is None or bias.map.shape != measured.map.shape or bias.profile.shape != measured.profile.shape:
        ground = np.float32(np.percentile(measured.map, 16))
        return Sample(measured.map - ground, measured.profile - ground, measured.level_adu, measured.noise_adu)
    drift = np.float32(drift_adu(measured, bias))
    return Sample(
        measured.map - bias.map - drift,
        measured.profile - bias.profile - drift,
        measured.level_adu,
        measured.noise_adu,
    )


def drift_adu(measured: Measurement, bias: Bias) -> float:
    """Return by how much the overscan has risen, or 0 where there is none."""
    if measured.level_adu is None or bias.level_adu is None:
        return 0.0
    return measured.level_adu - bias.level_adu


def found_shift(light: Floats, reference: Floats, floor_adu: float = 0.0) -> tuple[float, float]:
    """Return by how many bins along rows and columns a map has to be moved to lie on the reference.

    Args:
        light: the map.
        reference: to compare with.
        floor_adu: what noise alone may give.
    """
    light, reference = np.clip(light - floor_adu, 0, None), np.clip(reference - floor_adu, 0, None)
    return _shift_along(light, reference, 1), _shift_along(light, reference, 0)


def _shift_along(light: Floats, reference: Floats, other_axis: int) -> float:
    ours = np.sqrt(light).sum(axis=other_axis, dtype=np.float64)
    theirs = np.sqrt(reference).sum(axis=other_axis, dtype=np.float64)
    places = np.arange(len(ours), dtype=np.float64)

    def likeness(shift: float) -> float:
        return correlation(np.interp(places - shift, places, ours), theirs)

    best, found = -2.0, 0.0
    # The smallest shift first, so that it wins where all are equally good.
    for shift in sorted(np.arange(-_FURTHEST, _FURTHEST + _FRACTION, _FRACTION), key=abs):
        if (here := likeness(shift)) > best + 1e-9:
            best, found = here, float(shift)
    # Between two bins noise is smaller, so that faint maps look more alike whichever way they are moved.
    return found if likeness(-found) <= likeness(0.0) else 0.0


def shifted(values: Floats, rows: float, columns: float) -> Floats:
    """Return a map that is moved by bins. What comes in from outside repeats the edge."""
    for axis, shift in ((0, rows), (1, columns)):
        if shift:
            count = values.shape[axis]
            where = np.clip(np.arange(count) - shift, 0, count - 1)
            low = np.floor(where).astype(np.intp)
            part = (where - low).astype(np.float32)
            part = part[:, None] if axis == 0 else part[None, :]
            high = np.minimum(low + 1, count - 1)
            values = values.take(low, axis) * (1 - part) + values.take(high, axis) * part
    return values


def correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return the correlation of two arrays, or 0 where one of them is constant."""
    ours = one.ravel() - one.mean(dtype=np.float64)
    theirs = other.ravel() - other.mean(dtype=np.float64)
    norm = float(np.sqrt(np.dot(ours, ours) * np.dot(theirs, theirs)))
    return float(np.dot(ours, theirs)) / norm if norm > 0 else 0.0


def _alike(samples: Sequence[Sample]) -> list[Sample]:
    """Return those that have the shape of the newest: a camera may be binned otherwise from one night on."""
    shapes = [(sample.map.shape, sample.profile.shape) for sample in samples]
    return [sample for sample, shape in zip(samples, shapes, strict=True) if shape == shapes[-1]]


def _median(maps: Sequence[Floats]) -> Floats:
    found: Floats = np.median(np.stack(maps), axis=0).astype(np.float32)
    return found


def _middle(levels: Sequence[float | None]) -> float | None:
    known = [level for level in levels if level is not None]
    return float(np.median(known)) if known else None
