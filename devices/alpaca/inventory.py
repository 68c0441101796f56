"""What an Alpaca server has: its devices by kind, number and name, and the elements of its switches. Nothing moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from safelight.devices.alpaca.server import AlpacaDevice, AlpacaServer, Kind, Refused
from safelight.devices.command_context import CommandContext
from safelight.devices.errors import DeviceDisconnected, DeviceError

if TYPE_CHECKING:
    from safelight.devices.protocols import Timekeeper

__all__ = ["Element", "FoundDevice", "inventory"]

_MOST_OF_A_KIND = 4
"""Devices of each kind that are tried at a server that has no list of them."""
_MOST_ELEMENTS = 64
_PROPERTIES: dict[str, tuple[str, ...]] = {
    "camera": ("hasshutter", "exposuremin", "cameraxsize", "cameraysize", "cansetccdtemperature", "maxbinx"),
    "covercalibrator": ("maxbrightness", "calibratorstate", "coverstate"),
    "telescope": ("canslewaltazasync",),
    "filterwheel": ("names",),
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a switch.

    Attributes:
        id: its place.
        name: as the server names it.
        writable: False for a sensor.
        least: its least value.
        most: its largest value.
        value: now.
    """

    id: int
    name: str
    writable: bool
    least: float
    most: float
    value: float


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """One device of a server.

    Attributes:
        device: kind and number.
        name: as the server names it.
        elements: of a switch.
        properties: what else is known of it.
    """

    device: AlpacaDevice
    name: str
    elements: tuple[Element, ...] = ()
    properties: tuple[tuple[str, Any], ...] = ()


async def inventory(where: str, clock: Timekeeper, deadline_s: float = 20.0) -> tuple[FoundDevice, ...]:
    """Ask a server for everything that it has.

    Each device is connected, because many say nothing before. Nothing is switched and nothing moves.

    Args:
        where: `HOST:PORT`.
        clock: all waiting goes through it.
        deadline_s: how long one request may take, s.

    Raises:
        DeviceError: no Alpaca server answers there.
    """
    server = AlpacaServer(where, clock, deadline_s)
    context = CommandContext(f"alpaca {where}", "init")
    try:
        found = [await _described(server, device, context) for device in await _devices(server, context)]
    finally:
        await server.close()
    if not found:
        raise context.failed("the server has no device that is known here: switch, camera, telescope, filter wheel")
    return tuple(each for each in found if each is not None)


async def _devices(server: AlpacaServer, context: CommandContext) -> list[AlpacaDevice]:
    """Return the devices by the server's own list, or by trial where it has none."""
    listed = await server.configured(context)
    if listed is not None:
        return [AlpacaDevice(kind, number) for kind, number in listed]
    found = []
    for kind in get_args(Kind):
        for number in range(_MOST_OF_A_KIND):
            try:
                await server.ask(AlpacaDevice(kind, number), "name", context)
            except DeviceDisconnected:
                raise
            except (Refused, DeviceError):
                break
            found.append(AlpacaDevice(kind, number))
    return found


async def _described(server: AlpacaServer, device: AlpacaDevice, context: CommandContext) -> FoundDevice | None:
    try:
        name = str(await server.ask(device, "name", context))
        elements = await _elements(server, device, context) if device.kind == "switch" else ()
    except (Refused, DeviceError):
        return None
    properties = []
    for method in _PROPERTIES.get(device.kind, ()):
        try:
            properties.append((method, await server.ask(device, method, context)))
        except (Refused, DeviceError):
            continue
    return FoundDevice(device, name, elements, tuple(properties))


async def _elements(server: AlpacaServer, device: AlpacaDevice, context: CommandContext) -> tuple[Element, ...]:
    number = int(await server.ask(device, "maxswitch", context))
    found = []
    for place in range(min(number, _MOST_ELEMENTS)):
        methods = ("getswitchname", "canwrite", "minswitchvalue", "maxswitchvalue", "getswitchvalue")
        name, writable, least, most, value = [await server.ask(device, each, context, Id=place) for each in methods]
        found.append(Element(place, str(name), bool(writable), float(least), float(most), float(value)))
    return tuple(found)
