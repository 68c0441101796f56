"""Where something that moves is, was, and stood still: pure functions on a list of motions.

A motion is a straight line in time. Stamps are seconds of UTC. A stamp that lies in the future of the present
clock was written by a process whose (virtual) clock ran ahead: that motion is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from safelight.devices.simulated.statefile import CorruptStateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Motion", "Span", "overlap", "rests", "trimmed"]

Place = tuple[float, ...]
Span = tuple[float, float]
"""From and to, in seconds of UTC."""

_ROUNDING_S = 1e-3  # clocks round to microseconds
_KEPT = 200  # motions; a sweep over all fibres has 24


@dataclass(frozen=True, slots=True)
class Motion:
    """One motion: where and when it began, where and when it ends."""

    start_utc: float
    origin: Place
    end_utc: float
    target: Place

    def moving(self, now: float) -> bool:
        """Whether it is under way."""
        return self.start_utc <= now < self.end_utc

    def where(self, now: float) -> Place:
        """The place at that time."""
        if not self.moving(now):
            return self.target
        part = (now - self.start_utc) / (self.end_utc - self.start_utc)
        return tuple(a + part * (b - a) for a, b in zip(self.origin, self.target, strict=True))

    def stopped(self, now: float) -> Motion:
        """The same motion, ended now; one that is over stays as it is."""
        return Motion(self.start_utc, self.origin, now, self.where(now)) if self.moving(now) else self

    def arrived(self, now: float) -> Motion:
        """The same motion, over now if only the rounding of clocks keeps it going."""
        over = now < self.end_utc < now + _ROUNDING_S
        return Motion(self.start_utc, self.origin, now, self.target) if over else self

    def settled(self, now: float) -> Motion:
        """The same motion, over for every clock: one that is behind ours would still see it under way."""
        return self if self.moving(now) else Motion(self.start_utc, self.origin, self.start_utc, self.target)

    def as_list(self) -> list[Any]:
        """For a JSON file."""
        return [self.start_utc, list(self.origin), self.end_utc, list(self.target)]

    @classmethod
    def from_list(cls, item: Any) -> Motion:
        """From a JSON file.

        Raises:
            CorruptStateError: it isn't a motion.
        """
        try:
            start, origin, end, target = item
            return cls(float(start), tuple(map(float, origin)), float(end), tuple(map(float, target)))
        except (TypeError, ValueError) as error:
            raise CorruptStateError(f"not a motion: {item!r}") from error


def trimmed(motions: Sequence[Motion]) -> list[Any]:
    """The motions worth keeping, for a JSON file."""
    return [motion.as_list() for motion in motions[-_KEPT:]]


def rests(home: Place, motions: Sequence[Motion], at: Callable[[Place], bool], until: float) -> list[Span]:
    """When it stood still at a place that fulfils `at`.

    Motions before a jump of the clock are forgotten: it stood where the last of them ended.

    Args:
        home: where it stood before the first motion.
        motions: in the order in which they were made.
        at: the question.
        until: the present; a motion that began later was made by a clock that ran ahead.
    """
    spans: list[Span] = []
    where, since = home, -inf
    for motion in _believable(motions, until):
        if at(where) and motion.start_utc > since:
            spans.append((since, motion.start_utc))
        where, since = motion.target, motion.end_utc
    if at(where) and until > since:
        spans.append((since, until))
    return spans


def _believable(motions: Sequence[Motion], until: float) -> list[Motion]:
    kept: list[Motion] = []
    later = until
    for motion in reversed(motions):
        if motion.start_utc > later:
            kept.append(Motion(-inf, motion.origin, -inf, motion.target))
            break
        kept.append(motion)
        later = motion.start_utc
    return kept[::-1]


def overlap(a: Sequence[Span], b: Sequence[Span]) -> list[Span]:
    """The times that are in both lists."""
    pairs = ((max(p[0], q[0]), min(p[1], q[1])) for p in a for q in b)
    return [(start, end) for start, end in pairs if end > start]
