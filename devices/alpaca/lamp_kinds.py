"""The two kinds of Alpaca device that a lamp can be: an element of a Switch, and a CoverCalibrator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from safelight.devices.alpaca.server import AlpacaDevice, AlpacaServer
from safelight.devices.outlets import folded

if TYPE_CHECKING:
    from safelight.devices.alpaca.options import LampOptions
    from safelight.devices.command_context import CommandContext
    from safelight.devices.protocols import LampState

__all__ = ["AlpacaLamp", "calibrator_state", "switch_state", "the_lamp"]

_CALIBRATOR_OFF, _NOT_READY, _READY = 1, 2, 3
"""`CalibratorState` of the CoverCalibrator interface; 0 not present, 4 unknown, 5 error."""


class AlpacaLamp(Protocol):
    """One lamp of an Alpaca server."""

    server: AlpacaServer

    @property
    def outlet(self) -> str:
        """Name of the hardware that the lamp is on."""

    async def turn(self, context: CommandContext, *, on: bool) -> None:
        """Switch the lamp. An off overtakes."""

    async def state(self, context: CommandContext) -> LampState:
        """Read the lamp."""


def the_lamp(name: str, options: LampOptions, server: AlpacaServer) -> AlpacaLamp:
    """Return the lamp that the options describe."""
    if options.cover_calibrator is not None:
        return CalibratorLamp(server, options)
    return SwitchLamp(server, options, name)


@dataclass(frozen=True, slots=True)
class _Element:
    """An element as it was found."""

    id: int
    least: float


class SwitchLamp:
    """An element of a Switch, found by its name.

    The place of an element may change: its name is read again before it is lit, and with each reading.
    """

    def __init__(self, server: AlpacaServer, options: LampOptions, lamp: str) -> None:
        self.server = server
        self._device = AlpacaDevice("switch", options.switch or 0)
        self._name = None if options.id is not None else options.element or lamp
        self._fixed, self._value = options.id, options.value
        self._found: _Element | None = None

    @property
    def outlet(self) -> str:
        """Name of the hardware that the lamp is on."""
        element = self._fixed if self._name is None else folded(self._name)
        return f"{self.server.where}/switch{self._device.number}/{element}"

    async def turn(self, context: CommandContext, *, on: bool) -> None:
        """Switch the element. An off overtakes, and trusts the place that was found before."""
        element = self._found if self._found is not None and not on else None
        element = element or await self._find(context, overtakes=not on)
        if self._value is None:
            order: dict[str, object] = {"Id": element.id, "State": on}
            await self.server.put(self._device, "setswitch", context, overtakes=not on, **order)
            return
        value = self._value if on else element.least
        await self.server.put(self._device, "setswitchvalue", context, overtakes=not on, Id=element.id, Value=value)

    async def state(self, context: CommandContext) -> LampState:
        """Read the element."""
        element = await self._find(context, overtakes=False)
        value = await self.server.get(self._device, "getswitchvalue", context, Id=element.id)
        return switch_state(value, element.least)

    async def _find(self, context: CommandContext, *, overtakes: bool) -> _Element:
        """Return the element. The place where it was last is looked at first.

        Raises:
            DeviceError: no answer, or not exactly one element of that name.
        """
        found = self._found
        if found is not None and (self._name is None or await self._called(found.id, context, overtakes) == self._name):
            return found
        if found is not None:
            # The elements have been put in another order.
            self.server.forget_names(self._device)
        self._found = None
        place = self._fixed
        if place is None:
            place = await self.server.element_place(self._device, self._name, context, overtakes=overtakes)
        least = await self.server.get(self._device, "minswitchvalue", context, overtakes=overtakes, Id=place)
        if isinstance(least, bool) or not isinstance(least, int | float):
            raise context.unknown(f"{self.server.where} says that the least value of element {place} is {least!r}")
        self._found = _Element(place, float(least))
        return self._found

    async def _called(self, place: int, context: CommandContext, overtakes: bool) -> object:  # noqa: FBT001 - our own
        return await self.server.get(self._device, "getswitchname", context, overtakes=overtakes, Id=place)


class CalibratorLamp:
    """A CoverCalibrator: a light panel."""

    def __init__(self, server: AlpacaServer, options: LampOptions) -> None:
        self.server = server
        self._device = AlpacaDevice("covercalibrator", options.cover_calibrator or 0)
        self._brightness, self._zero_is_off = options.brightness, options.zero_is_off

    @property
    def outlet(self) -> str:
        """Name of the hardware that the lamp is on."""
        return f"{self.server.where}/covercalibrator{self._device.number}"

    async def turn(self, context: CommandContext, *, on: bool) -> None:
        """Switch the panel on with its brightness, or off. An off overtakes."""
        if on:
            await self.server.put(self._device, "calibratoron", context, Brightness=self._brightness)
        else:
            await self.server.put(self._device, "calibratoroff", context, overtakes=True)

    async def state(self, context: CommandContext) -> LampState:
        """Read the panel: its state and its brightness must agree."""
        state = await self.server.get(self._device, "calibratorstate", context)
        brightness = await self.server.get(self._device, "brightness", context)
        return calibrator_state(state, brightness, zero_is_off=self._zero_is_off)


def switch_state(value: object, least: float) -> LampState:
    """Return what the value of an element says: its least value is off, all above is on."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        return "unknown"
    return "off" if value == least else "on"


def calibrator_state(state: object, brightness: object, *, zero_is_off: bool) -> LampState:
    """Return what state and brightness of a CoverCalibrator say together. A panel that warms up is on."""
    if isinstance(brightness, bool) or not isinstance(brightness, int | float):
        return "unknown"
    if state == _CALIBRATOR_OFF and brightness == 0:
        return "off"
    if state in {_NOT_READY, _READY} and brightness > 0:
        return "on"
    return "off" if zero_is_off and state == _READY and brightness == 0 else "unknown"
