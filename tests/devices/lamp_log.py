"""What lamps have done, written down by the hardware itself: which one was switched how, in order, and when."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.matrix.wall import now

__all__ = ["LampLog", "Turn"]


@dataclass(frozen=True)
class Turn:
    """A lamp that was switched.

    Attributes:
        at_s: when the hardware did it, on the clock of `tests.matrix.wall`, s.
        lamp: which one, as the hardware names it.
        on: whether it was lit.
    """

    at_s: float
    lamp: str
    on: bool


@dataclass
class LampLog:
    """The log of one stand-in. It is told what is lit after every command that the hardware has got."""

    turns: list[Turn] = field(default_factory=list)
    _lit: frozenset[str] = frozenset()

    def note(self, lit: Iterable[str]) -> None:
        """Write down what has changed since the last time."""
        before, self._lit = self._lit, frozenset(lit)
        at_s = now()
        self.turns += [Turn(at_s, lamp, on=lamp in self._lit) for lamp in sorted(before ^ self._lit)]
