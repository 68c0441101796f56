"""On-times of each lamp without a break, compared with its maximum on-time (its lease)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from safelight.text import counted

__all__ = ["Broken", "Leases", "lease_words"]


@dataclass(frozen=True, slots=True)
class Broken:
    """Stretch for which a lamp would be on for too long.

    Attributes:
        lamp: its name.
        on_s: time for which it would be on without a break, s.
        longest_s: its maximum on-time, s.
        why: what the observatory document calls it.
        frames: the ids of the frames that are taken with it in this stretch.
        fitting: how many of them can be taken before its time is over.
    """

    lamp: str
    on_s: float
    longest_s: float
    frames: tuple[str, ...]
    fitting: int
    why: str = "longest_on_s"


@dataclass(slots=True)
class _Stretch:
    frames: list[str] = field(default_factory=list)
    fitting: int = 0


def lease_words(broken: Broken) -> str:
    """Return the words for the time that a lamp would be on, and for the remedy."""
    frames = counted(len(broken.frames), "frame")
    said = (
        f"{broken.lamp} would be on for {broken.on_s:.0f} s without a break ({frames}), "
        f"and its {broken.why} is {broken.longest_s:g} s"
    )
    if not broken.fitting:
        return f"{said}: not even one of these frames fits; shorten the exposure or its warm-up, or raise {broken.why}"
    return (
        f"{said}: {broken.fitting} of these frames fit; put frames of another lamp after the first {broken.fitting}, "
        "or give the lamp a duty cycle (`rest`) or a longer longest_on_s in the observatory document"
    )


class Leases:
    """Stretches of a run, each from a lamp's lighting until it is switched off.

    Args:
        longest_s: lamp -> its maximum on-time without a break, s.
        rests_s: the same for lamps with a duty cycle, whose time is shorter.
    """

    def __init__(self, longest_s: Mapping[str, float], rests_s: Mapping[str, float] = {}) -> None:
        self.broken: list[Broken] = []
        self._longest_s = {**longest_s, **{lamp: min(s, longest_s[lamp]) for lamp, s in rests_s.items()}}
        self._resting = {lamp for lamp, s in rests_s.items() if s < longest_s[lamp]}
        self._stretches: dict[str, _Stretch] = {}

    def take(self, frame: str, lamps: tuple[str, ...], on_s: Mapping[str, float]) -> None:
        """Count a frame with these lamps and the time for which they have been on when it ends, s."""
        for lamp in lamps:
            stretch = self._stretches.setdefault(lamp, _Stretch())
            stretch.frames.append(frame)
            stretch.fitting += on_s.get(lamp, 0.0) <= self._longest_s[lamp]

    def end(self, lamp: str, on_s: float) -> None:
        """Switch a lamp off, after the time for which it has been on, s."""
        stretch = self._stretches.pop(lamp, _Stretch())
        if on_s > self._longest_s[lamp]:
            why = "rest (`after`)" if lamp in self._resting else "longest_on_s"
            frames = tuple(stretch.frames)
            self.broken.append(Broken(lamp, on_s, self._longest_s[lamp], frames, stretch.fitting, why))
