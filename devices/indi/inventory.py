"""What an INDI server has: devices, and the vectors of each. Devices are connected. Nothing is switched."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safelight.devices.command_context import CommandContext
from safelight.devices.errors import DeviceError
from safelight.devices.indi.device import IndiDevice
from safelight.devices.indi.line import IndiLine
from safelight.devices.indi.properties import get_properties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.indi.properties import Vector
    from safelight.devices.protocols import Timekeeper

__all__ = ["FoundIndiDevice", "inventory"]

_SILENT_S = 0.5
"""INDI has no end of a list: after so long without a word the list is taken for complete."""
_LONGEST_S = 4.0
"""Some devices never fall silent."""


@dataclass(frozen=True, slots=True)
class FoundIndiDevice:
    """One device of a server.

    Attributes:
        name: as the server names it.
        vectors: name -> the vector.
        trouble: why it could not be connected; empty if it is.
    """

    name: str
    vectors: Mapping[str, Vector]
    trouble: str = ""


async def inventory(host: str, port: int, clock: Timekeeper, deadline_s: float = 8.0) -> tuple[FoundIndiDevice, ...]:
    """Ask a server for everything that it has.

    Each device is connected, because most define their properties only then.

    Args:
        host: of the server.
        port: the same.
        clock: all waiting goes through it.
        deadline_s: how long one question may take, s.

    Raises:
        DeviceError: no INDI server answers there, or it has no device.
    """
    line, context = IndiLine(host, port, clock, deadline_s), CommandContext(f"indi {host}:{port}", "init")
    try:
        names = sorted({vector.device for vector in await _everything(line, "", clock, context)})
        if not names:
            raise context.failed("the server says of no device; is it an INDI server, and are drivers started?")
        return tuple([await _described(line, name, clock, context) for name in names])
    finally:
        await line.close()


async def _described(line: IndiLine, name: str, clock: Timekeeper, context: CommandContext) -> FoundIndiDevice:
    trouble = ""
    if line.known(name, "CONNECTION") is not None:
        try:
            await IndiDevice(line, name, {}).connect(context)
        except DeviceError as error:
            trouble = error.reason
    vectors = await _everything(line, name, clock, context)
    return FoundIndiDevice(name, {vector.name: vector for vector in vectors if vector.device == name}, trouble)


async def _everything(line: IndiLine, device: str, clock: Timekeeper, context: CommandContext) -> tuple[Vector, ...]:
    """Return all vectors once the server has fallen silent."""
    await line.tell(get_properties(device), context)
    if line.known(device, "CONNECTION") is not None:
        with suppress(DeviceError):
            # A driver answers in order: with this answer it has said everything that it has now.
            await line.read(device, "CONNECTION", context)
    end = clock.now() + _LONGEST_S
    while clock.now() < end:
        before = line.serial
        await clock.sleep(_SILENT_S)
        if line.serial == before:
            break
    return line.vectors()
