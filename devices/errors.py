"""Errors of hardware, as seen from outside the drivers.

    DeviceError                 root; `.outcome` says what the caller may believe
    +-- DeviceFailed            the device refused: nothing was done
    |   +-- DeviceBusy          it is busy with an earlier request: nothing was begun
    +-- DeviceUnknown           no answer, or an answer that proves nothing: it may have been done, now or
    later
    |   +-- DeviceDisconnected  the connection was lost
    +-- ObservatoryError        the observatory document or its drivers can't be used

Every command to hardware has three outcomes: done (no error), failed, unknown. An unknown command is never
sent again blindly: the device is read back first. No foreign library's exception leaves a driver.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from safelight.documents.errors import Problem
from safelight.errors import SafelightError

__all__ = [
    "BadImage",
    "DeviceBusy",
    "DeviceDisconnected",
    "DeviceError",
    "DeviceFailed",
    "DeviceUnknown",
    "ObservatoryError",
]


class BadImage(ValueError):
    """Answer of a camera that is no image, or not a whole one. Drivers report it as a DeviceError."""


class DeviceError(SafelightError):
    """Command that a device did not do, or may not have done.

    Args:
        reason: one sentence: what happened, and what to do if that is known.
        device: which device, as the observatory document names it (`lamps`, `lamps.Argon`,
            `spectrographs.sp1`).
        verb: the requested command (`on`, `expose`, `goto`).
    """

    outcome: ClassVar[Literal["failed", "unknown"]] = "failed"

    def __init__(self, reason: str, *, device: str, verb: str) -> None:
        super().__init__(f"{device} {verb}: {reason}")
        self.reason = reason
        self.device = device
        self.verb = verb


class DeviceFailed(DeviceError):  # named after the outcome
    """Refusal or failure that the device reports. Nothing was done."""


class DeviceBusy(DeviceFailed):
    """Device that is busy with an earlier request, perhaps of another program. Nothing was begun."""


class DeviceUnknown(DeviceError):  # named after the outcome
    """Command whose outcome is unknown: the device may have done it, or may do it later."""

    outcome = "unknown"


class DeviceDisconnected(DeviceUnknown):
    """Loss of the connection to the device, perhaps during a command."""


class ObservatoryError(DeviceError):
    """Observatory document that can't be used.

    Args:
        reason: the fault in one sentence; not needed where there are problems.
        problems: all faults, each with file, line, path and expected value.
    """

    def __init__(self, reason: str = "", *, problems: Sequence[Problem] = ()) -> None:
        words = reason or "\n".join(str(problem) for problem in problems)
        super().__init__(words, device="observatory", verb="open")
        self.problems = tuple(problems)
