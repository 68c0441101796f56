"""Rules that compare a frame with earlier good ones: amount, shape, missing and foreign light, fibres (numpy)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from safelight.light.limits import Limits, Pair
from safelight.light.measurement import Measurement
from safelight.light.references import Known, Reference, Sample, correlation, drift_adu, found_shift, shifted
from safelight.light.verdict import Finding

__all__ = ["Comparison", "electronics"]

Floats = NDArray[np.float32]
Bins = NDArray[np.bool_]

_LEAST_BINS = 3
"""Lit bins that a comparison needs: a lamp may have no line on a camera."""
_NEAR = 3
"""Bins around a line in which light is its own: shifts and wings."""
_DARK_RATIO = 0.3
"""Part of its usual light below which a bin is missing."""
_WINDOWS = 8
"""Parts of the columns whose light is compared."""
_BRIGHTER = 1.3
"""Times its usual light above which a bin has foreign light."""
_CHANCE = 8
"""Standard deviations that a sum of noise may reach by chance; its own and those of the median that is subtracted."""
_OWN = 0.8
"""Part of a block's light that a lamp has in the bins that are called its own."""


def electronics(measured: Measurement, flavour: str, known: Known, limits: Limits) -> Iterator[Finding]:
    """Compare overscan level and noise with the reference.

    Photons and dark current are noise as well. Only unlit frames are compared, and darks with darks alone.
    """
    reference = known.reference or (known.bias if flavour == "bias" else None)
    if known.bias is not None and measured.level_adu is not None and known.bias.level_adu is not None:
        change = drift_adu(measured, known.bias)
        if abs(change) > limits.level[0]:
            words = f"the overscan is {change:+.0f} ADU from its reference, expected within {limits.level[0]:g}"
            yield Finding("level", abs(change) > limits.level[1], certain=False, words=words, value=change)
    if reference is None or reference.noise_adu <= 0:
        return
    ratio = measured.noise_adu / reference.noise_adu
    if ratio > limits.noise[0] or ratio < limits.quiet[0]:
        bad = ratio > limits.noise[1] or ratio < limits.quiet[1]
        words = f"the noise is {ratio:.2f} times its reference, expected {limits.quiet[0]:.2f} to {limits.noise[0]:g}"
        yield Finding("noise", bad, certain=False, words=words, value=ratio)


@dataclass(frozen=True)
class Comparison:
    """One lit frame laid over its reference."""

    light: Sample
    reference: Reference
    spread_adu: float
    limits: Limits

    @cached_property
    def enough(self) -> bool:
        """Whether the reference has light on this camera, and the same shape."""
        same = self.light.map.shape == self.reference.map.shape
        return same and int(np.count_nonzero(self.lit)) >= _LEAST_BINS

    @property
    def floor_adu(self) -> float:
        """What noise alone may give."""
        return self.limits.no_light[0] + 5 * self.spread_adu

    @cached_property
    def lit(self) -> Bins:
        """The bins in which the reference has light."""
        found: Bins = self.reference.map > max(self.floor_adu, 0.02 * float(np.percentile(self.reference.map, 99.9)))
        return found

    @cached_property
    def aligned(self) -> Floats:
        """The light, moved onto the reference."""
        return shifted(self.light.map, *found_shift(self.light.map, self.reference.map, self.floor_adu))

    @cached_property
    def amount(self) -> float:
        """The light in and next to lit bins, over that of the reference: sums, which no shift changes."""
        around = grown(self.lit, 1)
        usual = float(self.reference.map[around].sum(dtype=np.float64))
        return float(self.light.map[around].sum(dtype=np.float64)) / usual if usual > 0 else 0.0

    @cached_property
    def total_adu(self) -> float:
        """The sum of the light in and next to lit bins."""
        return float(self.light.map[grown(self.lit, 1)].sum(dtype=np.float64))

    @cached_property
    def shape(self) -> float:
        """Correlation of the square roots, so that bright lines do not decide alone."""
        ours = np.sqrt(np.clip(self.aligned - self.floor_adu, 0, None))
        return correlation(ours, np.sqrt(np.clip(self.reference.map - self.floor_adu, 0, None)))

    @cached_property
    def usual_ratio(self) -> float:
        """The weighted median of the ratios of all lit bins."""
        return weighted_median(self.aligned[self.lit] / self.reference.map[self.lit], self.reference.map[self.lit])

    @cached_property
    def missing(self) -> float:
        """Share of the reference's light in bins that are dark now."""
        usual = self.reference.map[self.lit]
        dark = self.aligned[self.lit] < _DARK_RATIO * self.usual_ratio * usual
        return float(usual[dark].sum(dtype=np.float64) / usual.sum(dtype=np.float64))

    def foreign(self, flavour: str) -> float:
        """Share of the light that comes from elsewhere: for arcs far from any line, for flats above the usual."""
        scale = max(self.usual_ratio, 0.0)
        excess = _without_spikes(self.aligned) - _BRIGHTER * scale * _over_rows(self.reference.map) - self.floor_adu
        excess = np.clip(excess, 0, None)
        faint = 0.0
        if flavour == "arc":
            near = grown(self.lit, _NEAR)
            excess = np.where(near, 0, excess)
            faint = self._faint(self.aligned[~near] - scale * self.reference.map[~near])
        bright = float(np.clip(self.aligned[self.lit], 0, None).sum(dtype=np.float64))
        found = max(0.0, faint, float(excess.sum(dtype=np.float64)))
        return found / (bright + found) if bright + found > 0 else 0.0

    def _faint(self, differences: Floats) -> float:
        """Return light that is weaker than the noise of a bin, as far as its sum over all bins is beyond chance."""
        if not differences.size:
            return 0.0
        most = 10 * self.floor_adu
        low, half = np.percentile(differences, (16, 50))
        found = float(np.clip(differences - half, -most, most).sum(dtype=np.float64))
        return found - _CHANCE * float(half - low) * float(differences.size**0.5)

    @cached_property
    def colour(self) -> float:
        """Largest change of the light in an eighth of the columns, against the middle one: another lamp shines."""
        ours = self._along_columns(self.light.map)
        usual = self._along_columns(self.reference.map)
        ratios = ours[usual > 0.1 * usual.max()] / usual[usual > 0.1 * usual.max()]
        middle = float(np.median(ratios))
        return float(np.abs(ratios / middle - 1).max()) if middle > 0 else 0.0

    def _along_columns(self, values: Floats) -> NDArray[np.float64]:
        around = np.where(grown(self.lit, 1), values, 0)
        return np.array([part.sum(dtype=np.float64) for part in np.array_split(around, _WINDOWS, axis=1)])

    def own_lines(self, alone: Mapping[str, Reference]) -> dict[str, float]:
        """Return for each lamp how bright its own lines are, against frames of that lamp alone."""
        maps = {
            lamp: shifted(each.map, *found_shift(each.map, self.reference.map, self.floor_adu))
            for lamp, each in alone.items()
            if each.map.shape == self.light.map.shape
        }
        if not maps:
            return {}
        block = np.maximum(np.sum(list(maps.values()), axis=0), self.reference.map)
        found = {}
        for lamp, own in maps.items():
            bins = (own > self.floor_adu) & (own >= _OWN * block)
            if np.count_nonzero(bins) >= _LEAST_BINS:
                found[lamp] = weighted_median(self.aligned[bins] / own[bins], own[bins])
        return found

    def findings(self, flavour: str, known: Known, numbers: dict[str, float]) -> Iterator[Finding]:
        """Compare everything. What was measured goes into `numbers`."""
        limits = self.limits
        numbers |= {"amount": self.amount, "shape": self.shape, "missing": self.missing}
        numbers |= {"foreign": self.foreign(flavour), "light_adu": self.total_adu}
        yield from _below("amount", self.amount, limits.amount, "the light is {0:.2f} times the usual")
        yield from _above("excess", self.amount, limits.excess, "the light is {0:.2f} times the usual")
        yield from _below("shape", self.shape, limits.shape, "the likeness to earlier frames is {0:.2f}")
        yield from _above("missing", self.missing, limits.missing, "{0:.0%} of the usual light is missing")
        yield from _above("foreign", numbers["foreign"], limits.foreign, "{0:.0%} of the light is foreign")
        if flavour != "arc":
            numbers["colour"] = self.colour
            yield from _above("colour", self.colour, limits.colour, "the spectrum has changed by {0:.0%}")
        for lamp, ratio in self.own_lines(known.alone).items():
            numbers[f"lines.{lamp}"] = ratio
            words = f"the lines of {lamp} have {{0:.2f}} times their usual light"
            yield from _below("own_lines", ratio, limits.own_lines, words, lamp)
        if flavour != "arc":
            yield from self._fibres(known, numbers)
        if self.reference.anchor is not None and self.reference.anchor > 0:
            numbers["anchor"] = self.total_adu / self.reference.anchor
            words = "the light has faded to {0:.2f} of what it was at first"
            yield from _below("anchor", numbers["anchor"], (limits.anchor[0], -np.inf), words)

    def _fibres(self, known: Known, numbers: dict[str, float]) -> Iterator[Finding]:
        dark, lit = dark_fibres(self.light.profile, self.reference.profile, self.limits.fibres[0], self.floor_adu)
        if lit:
            numbers |= {"fibres": lit, "dark_fibres": dark}
        if dark:
            bad = known.swept or dark > self.limits.fibres[1] * lit
            words = f"{dark} of {lit} fibres have less than half of their usual light"
            yield Finding("fibres", bad, certain=False, words=words, value=float(dark))


def dark_fibres(ours: Floats, usual: Floats, ratio: float, floor_adu: float) -> tuple[int, int]:
    """Count the dark traces, and all. Each window of columns is looked at alone, and most of them decide."""
    if ours.shape != usual.shape or len(ours) < 2 * _NEAR:
        return 0, 0
    ours, usual = _three_rows(ours), _three_rows(usual)
    whole, theirs = ours.sum(axis=1), usual.sum(axis=1)
    steps = range(-2 * _NEAR, 2 * _NEAR + 1)
    best = max(sorted(steps, key=abs), key=lambda step: correlation(np.roll(whole, step), theirs))
    ours = np.roll(ours, best, axis=0)
    dark, lit = [], []
    for window in range(usual.shape[1]):
        trace = usual[:, window]
        high = max(3 * floor_adu, 0.2 * float(trace.max()))
        rows = 1 + np.flatnonzero((trace[1:-1] >= trace[:-2]) & (trace[1:-1] > trace[2:]) & (trace[1:-1] > high))
        if len(rows):
            ratios = ours[rows, window] / trace[rows]
            lit.append(len(rows))
            dark.append(int(np.count_nonzero(ratios < ratio * np.median(ratios))))
    if 2 * len(lit) <= usual.shape[1]:
        return 0, 0
    return int(np.median(dark)), ceil(float(np.median(lit)))


def _over_rows(values: Floats) -> Floats:
    """Return the brightest of each bin and its neighbours above and below: traces move by parts of a bin."""
    around = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    found: Floats = np.maximum(values, np.maximum(around[:-2], around[2:]))
    return found


def _three_rows(profile: Floats) -> Floats:
    summed = profile.copy()
    summed[1:] += profile[:-1]
    summed[:-1] += profile[1:]
    return summed


def grown(bins: Bins, by: int) -> Bins:
    """Return bins and all that are at most `by` bins away along rows and columns."""
    found = bins.copy()
    for _ in range(by):
        for axis in (0, 1):
            before = found.copy()
            first = [slice(None), slice(None)]
            second = [slice(None), slice(None)]
            first[axis], second[axis] = slice(1, None), slice(None, -1)
            found[tuple(first)] |= before[tuple(second)]
            found[tuple(second)] |= before[tuple(first)]
    return found


def _without_spikes(values: Floats) -> Floats:
    """Return no bin brighter than its brightest neighbour: a cosmic ray stands alone, light does not."""
    around = np.pad(values, 1, mode="edge")
    up, down, left, right = around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]
    return np.minimum(values, np.maximum(np.maximum(up, down), np.maximum(left, right)))


def weighted_median(values: Floats, weights: Floats) -> float:
    """Return the value below which half of the weight lies."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order], dtype=np.float64)
    return float(values[order][np.searchsorted(sums, sums[-1] / 2)])


def _below(rule: str, value: float, pair: Pair, words: str, lamp: str | None = None) -> Iterator[Finding]:
    if value < pair[0]:
        text = f"{words.format(value)}, expected {pair[0]:.2f} or more"
        yield Finding(rule, value < pair[1], certain=False, words=text, value=value, lamp=lamp)


def _above(rule: str, value: float, pair: Pair, words: str) -> Iterator[Finding]:
    if value > pair[0]:
        shown = f"{pair[0]:.0%}" if pair[0] < 1 else f"{pair[0]:.2f}"
        yield Finding(
            rule, value > pair[1], certain=False, words=f"{words.format(value)}, expected {shown} or less", value=value
        )
