"""The selectors of Alpaca servers (`Selectors`): filter wheels, covers, elements of a Switch with several values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from safelight.devices.alpaca.options import AlpacaSelectorOptions, SelectorsOptions
from safelight.devices.alpaca.server import NOT_IMPLEMENTED, AlpacaDevice, AlpacaServer, Refused
from safelight.devices.command_context import CommandContext, bounded
from safelight.devices.concurrently import each_of, those_that_answer, together
from safelight.devices.errors import DeviceFailed
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong
from safelight.devices.protocols import SelectorStatus
from safelight.devices.targets import demand_positions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.selectors import SelectorsModel

__all__ = ["AlpacaSelectors"]

_BEGINS_S = 1.0
"""After so long a selector that was ordered elsewhere must be on its way, s."""
_MOVING = -1
"""`Position` of a wheel between two."""
_COVERS = {1: "closed", 3: "open"}
_COVER_MOVES = 2
"""`CoverState`; 0 not present, 4 unknown, 5 error."""


class AlpacaSelectors:
    """Selectors on one Alpaca server, or several.

    Args:
        site: the observatory and its clock.
        model: the selectors in the document; the value of a position is a number, or `open` and `closed` of a cover.
    """

    def __init__(self, site: DriverSite, model: SelectorsModel) -> None:
        where = ("selectors", "options")
        chosen = read_options(SelectorsOptions, model.options, ".".join(where))
        for name in chosen.selectors:
            if name not in model.units:
                raise unknown((*where, "selectors", name), "selector", name, model.units)
        self._clock, self._units = site.clock, model.units
        self._deadline_s, self._look_every_s = chosen.deadline_s, chosen.look_every_s
        self._servers: dict[str, AlpacaServer] = {}
        self._movers: dict[str, _Mover] = {}
        for name in model.units:
            if name not in chosen.selectors:
                raise wrong(
                    (*where, "selectors"), f"the selector {name} is missing", "`filter_wheel`, `cover` or `switch`"
                )
            own = chosen.selectors[name]
            address = own.server or chosen.server
            if address is None:
                raise wrong(
                    (*where, "server"), f"the selector {name} has no server", "`HOST:PORT`, here or at the selector"
                )
            server = self._servers.setdefault(address, AlpacaServer(address, site.clock, chosen.deadline_s))
            self._movers[name] = _the_mover(name, own, server)

    @property
    def names(self) -> tuple[str, ...]:
        """The selectors, as the observatory document names them."""
        return tuple(self._units)

    async def move(self, targets: Mapping[str, str]) -> None:
        """Move each named selector. Return when all are read at their positions. A cancelled move continues."""
        demand_positions(targets, self._units)
        await together(*(self._move(name, position) for name, position in targets.items()))

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Read where each selector is. One that does not answer is nowhere.

        Raises:
            DeviceError: none answers.
        """
        answers = await those_that_answer([self._read(name) for name in self.names])
        lost = SelectorStatus(None, moving=False)
        return {name: answer or lost for name, answer in zip(self.names, answers, strict=True)}

    async def stop(self) -> None:
        """Stop what can be stopped, and return when nothing moves.

        Raises:
            DeviceError: one can't be read, or still moves at the deadline.
        """
        await each_of([self._rest(name) for name in self.names])

    async def close(self) -> None:
        """Release the connections without moving anything."""
        for server in self._servers.values():
            await server.close()

    # ---- inside

    async def _move(self, name: str, position: str) -> None:
        mover, model, context = self._movers[name], self._units[name], _asker(name, "move")
        await mover.order(model.value_of(position), context)
        began = self._clock.now()
        while True:
            seen = await self._seen(name, context)
            if seen.position == position and not seen.moving:
                return
            if not seen.moving and self._clock.now() - began > _BEGINS_S:
                raise context.unknown(
                    f"is at {seen.position or 'no position that has a name'}, and ordered was {position}"
                )
            await self._clock.sleep(min(self._look_every_s, _BEGINS_S / 2))

    async def _read(self, name: str) -> SelectorStatus:
        context = _asker(name, "status")
        async with bounded(self._clock, self._deadline_s, context):
            return await self._seen(name, context)

    async def _seen(self, name: str, context: CommandContext, *, overtakes: bool = False) -> SelectorStatus:
        value, moving = await self._movers[name].where(context, overtakes=overtakes)
        model = self._units[name]
        found = [position for position in model.names if value is not None and model.value_of(position) == value]
        return SelectorStatus(found[0] if len(found) == 1 and not moving else None, moving=moving)

    async def _rest(self, name: str) -> None:
        context = _asker(name, "stop")
        async with bounded(self._clock, self._deadline_s, context):
            await self._movers[name].halt(context)
            while (await self._seen(name, context, overtakes=True)).moving:
                await self._clock.sleep(min(self._look_every_s, _BEGINS_S / 2))


class _Mover(Protocol):
    """One kind of hardware."""

    async def order(self, value: object, context: CommandContext) -> None:
        """Order a position."""

    async def where(self, context: CommandContext, *, overtakes: bool) -> tuple[object, bool]:
        """Return the value of the position, None where there is none, and whether it moves."""

    async def halt(self, context: CommandContext) -> None:
        """Stop it where it can be stopped. Overtakes."""


def _the_mover(name: str, own: AlpacaSelectorOptions, server: AlpacaServer) -> _Mover:
    if own.filter_wheel is not None:
        return _Wheel(server, own.filter_wheel)
    if own.cover is not None:
        return _Cover(server, own.cover)
    return _Values(server, own.switch or 0, own.element or name)


class _Wheel:
    """A FilterWheel. It can't be stopped."""

    def __init__(self, server: AlpacaServer, number: int) -> None:
        self._server, self._device = server, AlpacaDevice("filterwheel", number)

    async def order(self, value: object, context: CommandContext) -> None:
        """Order a slot, counted from 0."""
        await self._server.put(self._device, "position", context, Position=value)

    async def where(self, context: CommandContext, *, overtakes: bool) -> tuple[object, bool]:
        """Return the slot."""
        slot = await self._server.get(self._device, "position", context, overtakes=overtakes)
        if isinstance(slot, bool) or not isinstance(slot, int):
            raise context.unknown(f"says that it is at {slot!r}")
        return (None, True) if slot == _MOVING else (slot, False)

    async def halt(self, context: CommandContext) -> None:
        """Do nothing."""


class _Cover:
    """The cover of a CoverCalibrator: `open` and `closed`."""

    def __init__(self, server: AlpacaServer, number: int) -> None:
        self._server, self._device = server, AlpacaDevice("covercalibrator", number)

    async def order(self, value: object, context: CommandContext) -> None:
        """Open or close it."""
        await self._server.put(self._device, "opencover" if value == "open" else "closecover", context)

    async def where(self, context: CommandContext, *, overtakes: bool) -> tuple[object, bool]:
        """Return `open` or `closed`."""
        state = await self._server.get(self._device, "coverstate", context, overtakes=overtakes)
        return _COVERS.get(state), state == _COVER_MOVES

    async def halt(self, context: CommandContext) -> None:
        """Stop it. Some covers can't."""
        try:
            await self._server.order(self._device, "haltcover", context, overtakes=True)
        except Refused as refused:
            if refused.number != NOT_IMPLEMENTED:
                raise context.unknown(f"haltcover was answered with {refused.number:#x}: {refused.message}") from None


class _Values:
    """An element of a Switch with several values."""

    def __init__(self, server: AlpacaServer, number: int, element: str) -> None:
        self._server, self._device, self._element = server, AlpacaDevice("switch", number), element
        self._slow: bool | None = None

    async def order(self, value: object, context: CommandContext) -> None:
        """Set the value, without waiting for an element that takes time."""
        place = await self._place(context, overtakes=False)
        slow = await self._is_slow(place, context, overtakes=False)
        method = "setasyncvalue" if slow else "setswitchvalue"
        await self._server.put(self._device, method, context, Id=place, Value=value)

    async def where(self, context: CommandContext, *, overtakes: bool) -> tuple[object, bool]:
        """Return the value."""
        place = await self._place(context, overtakes=overtakes)
        value = await self._server.get(self._device, "getswitchvalue", context, overtakes=overtakes, Id=place)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise context.unknown(f"says that it is at {value!r}")
        if not await self._is_slow(place, context, overtakes=overtakes):
            return value, False
        try:
            done = await self._server.ask(self._device, "statechangecomplete", context, overtakes=overtakes, Id=place)
        except Refused:
            # Cancelled: said once, and then forgotten.
            return value, False
        return value, done is not True

    async def halt(self, context: CommandContext) -> None:
        """Cancel a change that takes time."""
        place = await self._place(context, overtakes=True)
        if await self._is_slow(place, context, overtakes=True):
            try:
                await self._server.order(self._device, "cancelasync", context, overtakes=True, Id=place)
            except Refused as refused:
                if refused.number != NOT_IMPLEMENTED:
                    words = f"cancelasync was answered with {refused.number:#x}: {refused.message}"
                    raise context.unknown(words) from None

    async def _is_slow(self, place: int, context: CommandContext, *, overtakes: bool) -> bool:
        """Return whether a change takes time. Servers of older versions know nothing of that."""
        if self._slow is None:
            try:
                answer = await self._server.ask(self._device, "canasync", context, overtakes=overtakes, Id=place)
            except (Refused, DeviceFailed):
                answer = False
            self._slow = answer is True
        return self._slow

    async def _place(self, context: CommandContext, *, overtakes: bool) -> int:
        return await self._server.element_place(self._device, self._element, context, overtakes=overtakes)


def _asker(selector: str, verb: str) -> CommandContext:
    return CommandContext(f"selectors.{selector}", verb)
