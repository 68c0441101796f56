"""Values for a request to end a run early, and for its end."""

from dataclasses import dataclass
from typing import Literal

from safelight.devices import LampState
from safelight.engine.errors import in_words
from safelight.errors import SafelightError
from safelight.states import TakenFrame

__all__ = ["OUTCOMES", "Ending", "Stop", "fault"]

OUTCOMES = {"abort": "aborted", "fault": "faulted", "pause": "paused"}
"""Outcome of a stopped run, if its lamps are confirmed off."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Request to end a run early: `abort` and `fault` now, `pause` when the frame in progress is on disk."""

    event: Literal["abort", "fault", "pause"]
    reason: str
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """End of a run.

    Attributes:
        outcome: done, aborted, faulted, paused or unsafe.
        lamps: each lamp as read back last.
        frames: every frame that was written to disk, bad ones included, in order.
        reason: why it did not end as done.
        internal: whether the reason is an internal error of safelight.
    """

    outcome: str
    lamps: dict[str, LampState]
    frames: tuple[TakenFrame, ...]
    reason: str | None = None
    internal: bool = False


def fault(what: str, error: BaseException) -> Stop:
    """Return the stop for an error. Any other exception than an expected one is reported as an internal error."""
    expected = isinstance(error, SafelightError | TimeoutError | OSError)
    return Stop("fault", f"{what}: {in_words(error)}", internal=not expected)
