"""What can go wrong with hardware, as seen from outside the drivers.

    DeviceError                 root; `.outcome` tells what the caller may believe
    +-- DeviceFailed            the device said no: nothing was done
    +-- DeviceUnknown           no answer, or an answer that proves nothing: it may have been done, now or
    later |   +-- DeviceDisconnected  the connection was lost
    +-- ObservatoryError        the observatory document or its drivers can't be used

Every command to hardware has three outcomes: done (no error), failed, unknown. An unknown command is never
sent again blindly: the device is read back first. No foreign library's exception leaves a driver.
"""

from typing import ClassVar, Literal

from safelight import SafelightError

__all__ = ["DeviceDisconnected", "DeviceError", "DeviceFailed", "DeviceUnknown", "ObservatoryError"]


class DeviceError(SafelightError):
    """A device did not do, or may not have done, what it was asked.

    Args:
        reason: one sentence: what was seen, and what to do where that is known.
        device: which device, as the observatory document names it (`lamps`, `lamps.Argon`,
            `spectrographs.sp1`).
        verb: what it was asked to do (`on`, `expose`, `goto`).
    """

    outcome: ClassVar[Literal["failed", "unknown"]] = "failed"

    def __init__(self, reason: str, *, device: str, verb: str) -> None:
        super().__init__(f"{device} {verb}: {reason}")
        self.reason = reason
        self.device = device
        self.verb = verb


class DeviceFailed(DeviceError):  # named after the outcome
    """The device refused or failed, and says so: nothing was done."""


class DeviceUnknown(DeviceError):  # named after the outcome
    """Nobody knows whether the device did it, or will do it later."""

    outcome = "unknown"


class DeviceDisconnected(DeviceUnknown):
    """The connection to the device was lost, perhaps in mid-command."""


class ObservatoryError(DeviceError):
    """An observatory document that can't be used: names the file, the line and what is allowed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, device="observatory", verb="open")
