"""Rules that hold from the first night: stale, frozen, unwanted light, no light, saturation (numpy)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from safelight.light.limits import Limits
from safelight.light.measurement import Measurement
from safelight.light.references import Known, light_in
from safelight.light.verdict import Finding
from safelight.text import in_sentence

__all__ = ["contrast_adu", "handed_over", "unlit", "unwanted"]

Floats = NDArray[np.float32]

_SIDE = 4
"""Bins from a line or trace to its sides: lines are two or three bins wide."""


def handed_over(measured: Measurement, known: Known, limits: Limits) -> Iterator[Finding]:
    """Find what a camera or its link gets wrong, whatever the flavour: an old image, frozen rows, a dead amplifier."""
    same = [
        ours == theirs and noisy
        for ours, theirs, noisy in zip(measured.crcs, known.last, measured.noisy, strict=False)
        if len(measured.crcs) == len(known.last)
    ]
    if any(same):
        share = sum(same) / len(same)
        words = f"{share:.0%} of the image is the camera's last image again: the buffer was not read anew"
        yield Finding("stale", bad=True, certain=True, words=words, value=share)
    suspect, bad = limits.frozen
    if measured.frozen > suspect and not measured.coarse:
        words = f"{measured.frozen:.1%} of the rows are constant or repeat the row before: expected none"
        yield Finding("frozen", bad=measured.frozen > bad, certain=True, words=words, value=measured.frozen)
    suspect, bad = limits.columns
    if (share := measured.constant_columns) > suspect and not measured.coarse:
        words = f"{share:.0%} of the columns are constant: an amplifier is dead; expected less than {suspect:.0%}"
        yield Finding("columns", bad=share > bad, certain=True, words=words, value=share)


def unwanted(measured: Measurement, flavour: str, known: Known, limits: Limits) -> Iterator[Finding]:
    """Find light in a bias or a dark.

    Without an overscan a drift of the electronics looks like light, and without an earlier dark of the same length
    dark current does: neither is called bad then. Without biases a dark is compared with earlier darks, and only uneven
    light is found.
    """
    bias = known.bias if _has_bias(measured, known) else None
    reference = known.reference
    if reference is not None and reference.map.shape != measured.map.shape:
        reference = None
    if bias is None and (flavour == "bias" or reference is None):
        return
    usual = flavour == "bias" or known.reference is not None
    light = light_in(measured, bias).map
    if reference is not None:
        light = light - reference.map
    low, half, high = (float(value) for value in np.percentile(light, (5, 50, 95)))
    skew = high + low - 2 * half
    drifts = measured.level_adu is None or bias is None or bias.level_adu is None
    for name, value, pair, sure in (
        ("unwanted", half, limits.unwanted, usual and not drifts),
        ("skew", skew, limits.skew, usual),
    ):
        # The level says nothing about a dark until the dark current is known.
        if value > pair[0] and (usual or name == "skew"):
            words = f"light in a {flavour}: {value:.0f} ADU more than in earlier ones, expected less than {pair[0]:g}"
            yield Finding(name, bad=sure and value > pair[1], certain=True, words=words, value=value)


def unlit(measured: Measurement, known: Known, limits: Limits) -> Iterator[Finding]:
    """Find a frame that should have light and has none, and one that has too much.

    Without a bias the image itself must be flat to be called dark: gradients and amplifiers look like light then.
    Where no line and no trace rises above them, light is unproved, which is a remark.
    """
    contrast, least = contrast_adu(measured, known, limits)
    if contrast < least:
        lamp = known.lamps[0] if len(known.lamps) == 1 else None
        verb = "is on and does not shine" if len(known.lamps) == 1 else "are on and do not shine"
        who = f"{in_sentence(known.lamps)} {verb}" if known.lamps else "there is no light"
        words = f"{who}: the contrast is {contrast:.1f} ADU, expected more than {least:.1f}"
        yield Finding("no_light", bad=True, certain=True, words=words, value=contrast, lamp=lamp)
    elif not _has_bias(measured, known) and (narrow := _prominence_adu(measured)) < least:
        rise = f"no line or trace rises by more than {narrow:.1f} ADU, expected {least:.1f}"
        words = f"before there are 3 biases, light can't be distinguished from the detector's own gradients: {rise}"
        yield Finding("unproved", bad=False, certain=True, words=words, value=narrow)
    suspect, bad = limits.saturated
    if measured.saturated > suspect:
        words = f"{measured.saturated:.1%} of the pixels are saturated, expected less than {suspect:.0%}"
        yield Finding("saturated", bad=measured.saturated > bad, certain=True, words=words, value=measured.saturated)


def contrast_adu(measured: Measurement, known: Known, limits: Limits) -> tuple[float, float]:
    """Return how far traces and lines rise above the rest, and how far they should at least."""
    light = light_in(measured, known.bias).map
    base, times = limits.no_light
    pixels = measured.shape[0] * measured.shape[1] / max(1, measured.map.size)
    # Dark current is noise as well, so that a bias alone does not show how far a dark frame scatters.
    spread = measured.noise_adu / pixels**0.5
    if known.bias is not None and _has_bias(measured, known):
        spread = max(spread, known.bias.spread_adu)
    traces = float(np.percentile(light, 98, axis=1).max())
    lines = float(np.median(np.percentile(light, 99.5, axis=1)))
    return max(traces, lines) - float(np.percentile(light, 16)), base + times * spread


def _has_bias(measured: Measurement, known: Known) -> bool:
    return known.bias is not None and known.bias.map.shape == measured.map.shape


def _prominence_adu(measured: Measurement) -> float:
    """Return how far lines and traces rise above both of their sides. Gradients and steps between amplifiers do not."""
    lines = _above_both_sides(measured.map, 1)
    traces = _above_both_sides(measured.profile, 0)
    found = [0.0]
    if lines.size:
        found += [float(np.percentile(lines, 98, axis=1).max()), float(np.median(np.percentile(lines, 99.5, axis=1)))]
    if traces.size:
        found.append(float(np.median(np.percentile(traces, 98, axis=0))))
    return max(found)


def _above_both_sides(values: Floats, axis: int) -> Floats:
    """Return by how much each bin is above the higher one of those that are some bins before and after it."""
    values = np.moveaxis(values, axis, 0)
    inner = values[_SIDE:-_SIDE]
    found: Floats = inner - np.maximum(values[: -2 * _SIDE], values[2 * _SIDE :])
    return np.moveaxis(found, 0, axis)
