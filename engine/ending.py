"""Why a run is to end early, and how it has ended: values."""

from dataclasses import dataclass
from typing import Literal

from safelight import SafelightError
from safelight.devices import LampState
from safelight.engine.words import in_words
from safelight.states import TakenFrame

__all__ = ["OUTCOMES", "Ending", "Stop", "fault"]

OUTCOMES = {"abort": "aborted", "fault": "faulted", "pause": "paused"}
"""What becomes of a run that is stopped, if its lamps are confirmed off."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run is to end early: `abort` and `fault` now, `pause` when the frame in progress is on disk."""

    event: Literal["abort", "fault", "pause"]
    reason: str
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run has ended.

    Attributes:
        outcome: done, aborted, faulted, paused or unsafe.
        lamps: each lamp as read back last.
        frames: every frame that came onto the disk, bad ones included, in order.
        reason: why it did not end in done.
        internal: the reason is a mistake of safelight itself.
    """

    outcome: str
    lamps: dict[str, LampState]
    frames: tuple[TakenFrame, ...]
    reason: str | None = None
    internal: bool = False


def fault(what: str, error: BaseException) -> Stop:
    """Everything but failures that can be expected of hardware, disks and documents is a mistake of our own."""
    expected = isinstance(error, SafelightError | TimeoutError | OSError)
    return Stop("fault", f"{what}: {in_words(error)}", internal=not expected)
