"""Device and verb on whose behalf something is sent, for errors, and the time that a verb may take."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safelight.devices.errors import DeviceDisconnected, DeviceFailed, DeviceUnknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from safelight.devices.protocols import Timekeeper

__all__ = ["CommandContext", "bounded"]


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Device and verb on whose behalf a request is sent, for its errors."""

    device: str
    verb: str

    def failed(self, reason: str) -> DeviceFailed:
        """Return the error for what was not done."""
        return DeviceFailed(reason, device=self.device, verb=self.verb)

    def unknown(self, reason: str) -> DeviceUnknown:
        """Return the error for what may have been done."""
        return DeviceUnknown(reason, device=self.device, verb=self.verb)

    def lost(self, reason: str) -> DeviceDisconnected:
        """Return the error for a connection that was lost."""
        return DeviceDisconnected(reason, device=self.device, verb=self.verb)


@asynccontextmanager
async def bounded(clock: Timekeeper, seconds: float, context: CommandContext) -> AsyncIterator[None]:
    """Bound a verb that takes several requests in time.

    Raises:
        DeviceUnknown: it has not ended in time. What was sent may have been done.
    """
    try:
        async with clock.timeout(seconds):
            yield
    except TimeoutError:
        raise context.unknown(f"not done in {seconds:g} s; read it back before you ask again") from None
