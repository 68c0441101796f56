"""One device of an INDI server: connected before it is used, and not believed while it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.indi.properties import Vector, get_properties, switch_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.command_context import CommandContext
from safelight.devices.indi.line import IndiLine

__all__ = ["IndiDevice", "the_element"]

_CONNECTION, _CONNECT, _DISCONNECT = "CONNECTION", "CONNECT", "DISCONNECT"


def the_element(vector: Vector, wanted: str, context: CommandContext) -> str:
    """Return the element of that name or `label:...`.

    Raises:
        DeviceFailed: there is not exactly one.
    """
    element = vector.element(wanted)
    if element is None:
        has = ", ".join(vector.values) or "none"
        raise context.failed(f"{vector.device} {vector.name} has not exactly one element {wanted}; its elements: {has}")
    return element


class IndiDevice:
    """One device.

    Args:
        line: the connection to its server.
        name: its name.
        settings: property -> element -> value, written before it is connected.
    """

    def __init__(self, line: IndiLine, name: str, settings: Mapping[str, Mapping[str, str | int | float]]) -> None:
        self.line, self.name = line, name
        self._settings = settings

    async def is_connected(self, context: CommandContext) -> bool:
        """Whether the driver says that it is connected to its hardware. A driver that is not repeats old memory."""
        return (await self.line.read(self.name, _CONNECTION, context)).on == (_CONNECT,)

    async def connect(self, context: CommandContext) -> None:
        """Connect it where it is not connected.

        Raises:
            DeviceError: it can't be connected.
        """
        connection = await self.line.read(self.name, _CONNECTION, context)
        if connection.on == (_CONNECT,):
            return
        for name, values in self._settings.items():
            vector = await self.line.read(self.name, name, context)
            await self.line.write(vector, values, context, lambda _heard: True)
        await self._turn(connection, _CONNECT, context)

    async def reconnect(self, context: CommandContext) -> None:
        """Disconnect and connect it: some drivers reset their hardware then, and all forget what they believe."""
        connection = await self.line.read(self.name, _CONNECTION, context)
        await self._turn(connection, _DISCONNECT, context)
        await self.connect(context)

    async def read(self, name: str, context: CommandContext) -> Vector:
        """Return a vector as the driver defines it now."""
        return await self.line.read(self.name, name, context)

    async def learn(self, name: str, context: CommandContext) -> Vector:
        """Ask for all vectors, and return one that it must have. The others are known to the line then.

        Raises:
            DeviceError: it has no such vector, or does not answer.
        """
        await self.line.tell(get_properties(self.name), context)
        vector = await self.read(name, context)
        # A driver answers in order: with this answer it has said everything.
        await self.read(_CONNECTION, context)
        return self.line.known(self.name, name) or vector

    async def set(self, name: str, values: Mapping[str, str | int | float], context: CommandContext) -> None:
        """Write elements of a vector unless they are so already, and read them back.

        Raises:
            DeviceError: it has no such vector or element, or does not take the values.
        """
        vector = await self.read(name, context)
        missing = [element for element in values if element not in vector.values]
        if missing:
            has = ", ".join(vector.values) or "none"
            raise context.failed(f"{self.name} {name} has no element {missing[0]}; its elements: {has}")
        if _holds(vector, values):
            return
        written: Mapping[str, object] = values
        if vector.kind == "switch":
            written = switch_values(
                vector,
                [element for element, value in values.items() if value == "On"],
                [element for element, value in values.items() if value == "Off"],
            )
        await self.line.write(vector, written, context, lambda heard: _holds(heard, values))

    async def _turn(self, connection: Vector, element: str, context: CommandContext) -> None:
        values = switch_values(connection, [element])
        await self.line.write(connection, values, context, lambda heard: heard.on == (element,))


def _holds(vector: Vector, values: Mapping[str, str | int | float]) -> bool:
    """Return whether elements have these values, numbers to the precision that drivers print."""
    for element, value in values.items():
        number = vector.number(element) if vector.kind == "number" else None
        if number is not None:
            if not abs(number - float(value)) <= max(1e-6, 1e-4 * abs(float(value))):
                return False
        elif vector.values.get(element) != str(value):
            return False
    return True
