"""Rate limits: so many requests at once, and so many a second after that."""

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["CHANGES", "READINGS", "WRONG_TOKENS", "Rate", "Rates"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Limit of one kind of request.

    Attributes:
        burst: number of requests that are accepted at once.
        per_s: number of requests that are added to that, 1/s.
    """

    burst: int
    per_s: float


CHANGES = Rate(60, 2.0)
"""Buttons, for each person. ALL LAMPS OFF is never limited."""
READINGS = Rate(600, 20.0)
"""Pictures, graphs and new connections, for each person."""
WRONG_TOKENS = Rate(100, 2.0)
"""Requests with a wrong token, of all senders together. A right one is never held up by them."""
_KEPT = 1000
"""Number of senders that are remembered. They have names, so that there are few."""


@dataclass(slots=True)
class Rates:
    """Requests of the last minutes.

    Attributes:
        clock_s: time, s.
    """

    clock_s: Callable[[], float]
    _left: dict[tuple[Rate, str], tuple[float, float]] = field(default_factory=dict)

    def take(self, rate: Rate, sender: str = "") -> bool:
        """Count a request of a sender. Return whether it is within the limit."""
        now_s = self.clock_s()
        left, since_s = self._left.get((rate, sender), (float(rate.burst), now_s))
        left = min(float(rate.burst), left + (now_s - since_s) * rate.per_s)
        if len(self._left) > _KEPT:
            self._left.clear()
        self._left[rate, sender] = (left - 1.0 if left >= 1.0 else left, now_s)
        return left >= 1.0
