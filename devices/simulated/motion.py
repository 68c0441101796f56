"""Positions of moving parts over time, their rests, and the file that holds them.

A motion is a straight line in time. Stamps are seconds of UTC. A stamp in the future was written by a process
whose (virtual) clock was ahead: that motion is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from safelight.devices.simulated.state_file import CorruptStateError, StateFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from safelight.devices.drivers import DriverSite

__all__ = ["Motion", "MotionFile", "Span", "overlap", "rests"]

Place = tuple[float, ...]
Span = tuple[float, float]
"""Beginning and end, in seconds of UTC."""

_ROUNDING_S = 1e-3  # clocks round to microseconds
_LONG_AGO = 0.0  # seconds of UTC
_KEPT = 200  # number of motions; a sweep over all fibres has 24


@dataclass(frozen=True, slots=True)
class Motion:
    """One motion: time and place of its beginning and of its end."""

    start_utc: float
    origin: Place
    end_utc: float
    target: Place

    def moving(self, now: float) -> bool:
        """Return whether it is under way."""
        return self.start_utc <= now < self.end_utc

    def where(self, now: float) -> Place:
        """Return the place at that time."""
        if not self.moving(now):
            return self.target
        part = (now - self.start_utc) / (self.end_utc - self.start_utc)
        return tuple(a + part * (b - a) for a, b in zip(self.origin, self.target, strict=True))

    def stopped(self, now: float) -> Motion:
        """Return the same motion, ended now. One that is over stays as it is."""
        return Motion(self.start_utc, self.origin, now, self.where(now)) if self.moving(now) else self

    def arrived(self, now: float) -> Motion:
        """Return the same motion, ended now if only the rounding of clocks keeps it under way."""
        over = now < self.end_utc < now + _ROUNDING_S
        return Motion(self.start_utc, self.origin, now, self.target) if over else self

    def settled(self, now: float) -> Motion:
        """Return the same motion as ended for every clock, even one that is behind ours."""
        return self if self.moving(now) else Motion(self.start_utc, self.origin, self.start_utc, self.target)

    def as_list(self) -> list[Any]:
        """Return it as values for a JSON file."""
        return [self.start_utc, list(self.origin), self.end_utc, list(self.target)]

    @classmethod
    def from_list(cls, item: Any) -> Motion:
        """Return a motion from a JSON file.

        Raises:
            CorruptStateError: it isn't a motion.
        """
        try:
            start, origin, end, target = item
            return cls(float(start), tuple(map(float, origin)), float(end), tuple(map(float, target)))
        except (TypeError, ValueError) as error:
            raise CorruptStateError(f"not a motion: {item!r}") from error


class MotionFile:
    """File of the motions of some parts, shared by all processes.

    Args:
        site: the clock, and the home in which the file is.
        device: the kind of device, which names the file.
        names: the parts.
    """

    def __init__(self, site: DriverSite, device: str, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._clock = site.clock
        self._file = StateFile(site.home / "simulated" / f"{device}.json", device=device)
        self._ahead: frozenset[tuple[str, float]] = frozenset()
        now, known = self.now(), self.known()
        self._ahead = frozenset(
            (name, each.start_utc) for name in known for each in known[name] if each.start_utc > now
        )

    def now(self) -> float:
        """Return seconds of UTC."""
        return self._clock.utc().timestamp()

    def motions(self) -> dict[str, list[Motion]]:
        """Return the motions of each part.

        Raises:
            CorruptStateError: the file can't be understood.
        """
        plain = self._file.read() or {}
        try:
            found = {name: [Motion.from_list(item) for item in plain.get(name, [])] for name in self.names}
        except (AttributeError, TypeError) as error:
            raise CorruptStateError(str(error)) from error
        return {name: [self._believed(name, motion) for motion in each] for name, each in found.items()}

    def _believed(self, name: str, motion: Motion) -> Motion:
        """Return a motion, as over for long if it was in the future when this process began.

        A process whose clock was ahead has made it. It is over, also when this process comes to that time.
        """
        over = (name, motion.start_utc) in self._ahead
        return Motion(_LONG_AGO, motion.target, _LONG_AGO, motion.target) if over else motion

    def known(self) -> dict[str, list[Motion]]:
        """Return the motions of each part, none where the file can't be understood."""
        try:
            return self.motions()
        except CorruptStateError:
            return {name: [] for name in self.names}

    def edit(self, names: Iterable[str], change: Callable[[str, list[Motion]], list[Motion]]) -> None:
        """Change the motions of some parts. A file that can't be understood is replaced."""
        with self._file.locked():
            motions = self.known()
            for name in names:
                motions[name] = change(name, motions[name])
            self._file.write({name: [motion.as_list() for motion in each[-_KEPT:]] for name, each in motions.items()})

    def settle(self, names: Iterable[str]) -> None:
        """Mark finished motions of ours as ended, also for a process whose clock is behind this one's."""
        now = self.now()
        self.edit(names, lambda _name, each: [motion.settled(now) for motion in each[-1:]])


def rests(home: Place, motions: Sequence[Motion], at: Callable[[Place], bool], until: float) -> list[Span]:
    """Return the times at which it rested at a place that fulfils `at`.

    Motions before a jump of the clock are ignored: it rested where the last of them ended.

    Args:
        home: its place before the first motion.
        motions: in the order in which they were made.
        at: the condition on the place.
        until: the present. A motion that began later was written by a clock that was ahead.
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
    """Return the times that are in both lists."""
    pairs = ((max(p[0], q[0]), min(p[1], q[1])) for p in a for q in b)
    return [(start, end) for start, end in pairs if end > start]
