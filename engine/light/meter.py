"""Exposure times that are found from counts: the first from earlier frames, others in proportion to what was seen."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from safelight.engine.light.kinds import kind_of
from safelight.files import write_atomically
from safelight.states.exposure import CountsWanted, Exposure

__all__ = ["Brightness", "Meter", "Weighed", "in_band", "next_s"]

_STEP = 8.0
"""Largest factor from one try to the next."""
_SAME = 0.01
"""Seconds that differ by less than this fraction are no other try."""
_OUR_MS = 3
"""Digits after the point of a chosen time, s."""


@dataclass(frozen=True, slots=True)
class Brightness:
    """Light of one exposure.

    Attributes:
        adu: above the bias, what the brightest thousandth of the brightest camera's pixels exceeds.
        saturated: whether these pixels are near full well.
        dark: whether they are within the noise.
    """

    adu: float
    saturated: bool = False
    dark: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the counts of a frame mean.

    Attributes:
        words: a remark; empty where they are as asked for.
        again: it was a trial: another time gives the counts that were asked for.
        seconds: of this try, s; None where they were not found from counts.
    """

    words: str = ""
    again: bool = False
    seconds: float | None = None


def in_band(counts: CountsWanted, seen: Brightness) -> bool:
    """Whether an exposure has the counts that were asked for."""
    return not (seen.saturated or seen.dark) and abs(seen.adu / counts.adu - 1.0) <= counts.tolerance


def next_s(exposure: Exposure, counts: CountsWanted, seconds: float, seen: Brightness) -> float:
    """Return the seconds of the next try: in proportion, within a factor of 8 and the limits of the sequence.

    Args:
        exposure: as planned, with its longest time.
        counts: what it asks for.
        seconds: of this try.
        seen: its light. A saturated image and a dark one give no more than the direction.
    """
    if seen.saturated or seen.dark:
        factor = 1.0 / _STEP if seen.saturated else _STEP
    else:
        factor = min(max(counts.adu / seen.adu, 1.0 / _STEP), _STEP)
    return _within(exposure, counts, seconds * factor)


def _within(exposure: Exposure, counts: CountsWanted, seconds: float) -> float:
    return round(min(max(seconds, counts.least_s), exposure.exposure_s), _OUR_MS)


@dataclass(slots=True)
class Meter:
    """Counts per second of every kind of frame, as last seen, and the tries of this run's frames.

    Attributes:
        path: where the counts per second are kept, JSON.
    """

    path: Path
    _rates: dict[str, float] | None = None
    _next: dict[str, float] = field(default_factory=dict)
    _trials: dict[str, set[int]] = field(default_factory=dict)

    def choose_s(self, exposure: Exposure) -> float:
        """Return the seconds of a frame's next try. Where no frame of its kind is known, the document gives the first.

        Args:
            exposure: with counts.
        """
        counts = exposure.counts
        if counts is None:
            return exposure.exposure_s
        rate = self._known.get(_key(exposure), 0.0)
        wished_s = counts.adu / rate if rate > 0.0 else counts.first_s
        return self._next.get(exposure.frame, _within(exposure, counts, wished_s))

    def knows(self, exposure: Exposure) -> bool:
        """Whether a frame of this kind has had light before, so that its time was chosen for it."""
        return self._known.get(_key(exposure), 0.0) > 0.0

    def weigh(self, exposure: Exposure, exposure_no: int, seconds: float, seen: Brightness) -> Weighed:
        """Say whether a frame is kept or was a trial, and remember its light for the next one.

        Args:
            exposure: as planned, with its longest time.
            exposure_no: of this try.
            seconds: of this try.
            seen: its light.
        """
        counts = exposure.counts
        if counts is None:
            return Weighed()
        self._note(exposure, seconds, seen)
        if in_band(counts, seen):
            self._next.pop(exposure.frame, None)
            return Weighed(seconds=seconds)
        following_s = next_s(exposure, counts, seconds, seen)
        trials = self._trials.setdefault(exposure.frame, set())
        tries = len(trials - {exposure_no}) + 1
        limit = "shortest" if following_s <= counts.least_s else "longest"
        what = "saturated" if seen.saturated else f"{seen.adu:.0f} ADU"
        said = f"{what} in {seconds:g} s, expected {counts.adu:g} ADU"
        if abs(following_s - seconds) <= _SAME * seconds:
            return Weighed(f"{said}: this is the {limit} exposure that the sequence allows", seconds=seconds)
        if tries >= counts.tries:
            return Weighed(f"{said}: kept after {tries} tries", seconds=seconds)
        trials.add(exposure_no)
        self._next[exposure.frame] = following_s
        return Weighed(f"{said}: taken again with {following_s:g} s", again=True, seconds=seconds)

    def _note(self, exposure: Exposure, seconds: float, seen: Brightness) -> None:
        if seen.saturated or seen.dark or seconds <= 0.0:
            return
        self._rates = {**self._known, _key(exposure): seen.adu / seconds}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, f"{json.dumps(self._rates, indent=1)}\n".encode())

    @property
    def _known(self) -> Mapping[str, float]:
        """Counts per second of each kind, read once: another run may not be under way."""
        if self._rates is None:
            self._rates = {}
            with suppress(OSError, ValueError, TypeError, AttributeError):
                found = json.loads(self.path.read_text(encoding="utf-8"))
                self._rates = {str(kind): float(rate) for kind, rate in found.items()}
        return self._rates


def _key(exposure: Exposure) -> str:
    """Return the name of a kind of light, whatever its exposure time."""
    kind = replace(kind_of(exposure), exposure_s=0.0)
    return "/".join([kind.folder, *exposure.cameras])
