"""The selectors of an INDI server (`Selectors`): filter wheels, mirrors, caps, slits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.command_context import CommandContext
from safelight.devices.concurrently import each_of, those_that_answer, together
from safelight.devices.indi.device import IndiDevice
from safelight.devices.indi.line import IndiLine
from safelight.devices.indi.options import IndiSelectorsOptions
from safelight.devices.indi.properties import get_properties, new_vector, switch_values
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown, wrong
from safelight.devices.protocols import SelectorStatus
from safelight.devices.targets import demand_positions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.indi.options import IndiSelectorOptions
    from safelight.devices.indi.properties import Vector
    from safelight.devices.observatory.selectors import SelectorModel, SelectorsModel

__all__ = ["IndiSelectors", "position_in"]

_FOREVER_S = 86_400.0
"""The state that moves a selector has a deadline. The driver has none."""


class IndiSelectors:
    """The selectors of one INDI server.

    Args:
        site: the observatory and its clock.
        model: the selectors in the document; the value of a position is an element of a switch, or a number.
    """

    def __init__(self, site: DriverSite, model: SelectorsModel) -> None:
        where = ("selectors", "options")
        chosen = read_options(IndiSelectorsOptions, model.options, ".".join(where))
        for name in chosen.selectors:
            if name not in model.units:
                raise unknown((*where, "selectors", name), "selector", name, model.units)
        missing = [name for name in model.units if name not in chosen.selectors]
        if missing:
            words = f"the selector {missing[0]} is missing"
            raise wrong((*where, "selectors"), words, "`device` and `property` of each selector")
        self._units, self._chosen = model.units, chosen.selectors
        # A move waits on a line of its own. No question that is not answered ends it.
        self._moving = IndiLine(chosen.host, chosen.port, site.clock, chosen.deadline_s)
        self._asking = IndiLine(chosen.host, chosen.port, site.clock, chosen.deadline_s)
        self._settings = chosen.settings
        self._deadline_s = chosen.deadline_s

    @property
    def names(self) -> tuple[str, ...]:
        """The selectors, as the observatory document names them."""
        return tuple(self._units)

    async def move(self, targets: Mapping[str, str]) -> None:
        """Move each named selector. Return when all report that they have arrived."""
        demand_positions(targets, self._units)
        await together(
            *(
                self._move(name, position, CommandContext(f"selectors.{name}", "move"))
                for name, position in targets.items()
            )
        )

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Read where each selector is. One whose device is not connected, or was never set, is nowhere.

        Raises:
            DeviceError: none can be read.
        """
        answers = await those_that_answer([self._read(name) for name in self.names])
        lost = SelectorStatus(None, moving=False)
        return {name: answer or lost for name, answer in zip(self.names, answers, strict=True)}

    async def stop(self) -> None:
        """Return when nothing moves: INDI has no command that stops a wheel.

        Raises:
            DeviceError: one can't be read, or still moves at the deadline.
        """
        await each_of([self._rest(name, CommandContext(f"selectors.{name}", "stop")) for name in self.names])

    async def close(self) -> None:
        """Release the connections without moving anything."""
        await self._moving.close()
        await self._asking.close()

    # ---- inside

    async def _move(self, name: str, position: str, context: CommandContext) -> None:
        one, model = self._chosen[name], self._units[name]
        device = self._device(self._moving, one)
        await device.connect(context)
        vector = await device.read(one.property, context)
        here = _place(vector, model)
        # A driver that has just begun believes that it is somewhere, and swallows an equal command.
        if one.force == "other-first" and vector.state != "Ok" and here == position:
            other = next(each for each in model.names if each != position)
            vector = await self._order(vector, other, name, context)
        await self._order(vector, position, name, context)

    async def _order(self, vector: Vector, position: str, name: str, context: CommandContext) -> Vector:
        """Order a position, and return when it is reached.

        Raises:
            DeviceError: it is refused, or the selector stays elsewhere.
        """
        model, line = self._units[name], self._moving
        value = model.value_of(position)
        if vector.kind == "number":
            values: dict[str, object] = {next(iter(vector.values)): value}
        else:
            element = vector.element(str(value))
            if element is None:
                has = ", ".join(vector.values) or "none"
                raise context.failed(f"{vector.device} {vector.name} has no element {value}; its elements: {has}")
            values = dict(switch_values(vector, [element]))
        before = line.serial
        order = new_vector(vector.kind, vector.device, vector.name, values)
        await line.tell(order + get_properties(vector.device, vector.name), context)

        def ended() -> Vector | None:
            heard = line.known(vector.device, vector.name)
            if heard is None:
                raise context.unknown(f"the driver of {vector.device} has ended during the move")
            error = line.error_of(vector.device, before)
            if heard.serial > before and heard.state == "Alert":
                raise context.unknown(f"{vector.device} {vector.name} is in state Alert: {error or 'it says no more'}")
            arrived = heard.serial > before and heard.state == "Ok" and _place(heard, model) == position
            return heard if arrived else None

        # A driver that only repeats its last state has not received the order.
        begun = await line.until(
            lambda: ended() or _busy(line.known(vector.device, vector.name)), self._deadline_s, context
        )
        if begun is None:
            raise context.unknown(f"{vector.device} {vector.name} does not move to {position}")
        arrived = await line.until(ended, _FOREVER_S, context)
        if arrived is None:
            raise context.unknown(f"{vector.device} {vector.name} has not arrived at {position}")
        return arrived

    async def _read(self, name: str) -> SelectorStatus:
        one, context = self._chosen[name], CommandContext(f"selectors.{name}", "status")
        device = self._device(self._asking, one)
        if not await device.is_connected(context):
            return SelectorStatus(None, moving=False)
        return position_in(await device.read(one.property, context), self._units[name], one)

    async def _rest(self, name: str, context: CommandContext) -> None:
        one = self._chosen[name]
        device = self._device(self._moving, one)
        if not await device.is_connected(context):
            raise context.unknown(f"{one.device} is not connected: whether it moves can't be read")
        await device.read(one.property, context)

        def rests() -> bool | None:
            heard = self._moving.known(one.device, one.property)
            return True if heard is not None and heard.state != "Busy" else None

        if await self._moving.until(rests, self._deadline_s, context) is None:
            raise context.unknown(f"{one.device} {one.property} still moves after {self._deadline_s:g} s")

    def _device(self, line: IndiLine, one: IndiSelectorOptions) -> IndiDevice:
        return IndiDevice(line, one.device, self._settings.get(one.device, {}))


def position_in(vector: Vector, model: SelectorModel, one: IndiSelectorOptions) -> SelectorStatus:
    """Return what may be believed of a selector.

    Args:
        vector: as just read.
        model: its positions.
        one: what the document says of its driver.
    """
    if vector.state == "Busy":
        # Some drivers show the goal already.
        return SelectorStatus(None, moving=True)
    never_set = vector.state == "Idle" and one.read_back == "memory"
    return SelectorStatus(None if never_set or vector.state == "Alert" else _place(vector, model), moving=False)


def _place(vector: Vector, model: SelectorModel) -> str | None:
    """Return the position that a vector shows, or None where it shows none, or two."""
    if vector.kind == "number":
        number = vector.number(next(iter(vector.values), ""))
        found = [name for name in model.names if number is not None and _is_number(model.value_of(name), number)]
    else:
        found = [name for name in model.names if vector.on == (vector.element(str(model.value_of(name))),)]
    return found[0] if len(found) == 1 else None


def _is_number(value: object, number: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and float(value) == number


def _busy(vector: Vector | None) -> Vector | None:
    return vector if vector is not None and vector.state == "Busy" else None
