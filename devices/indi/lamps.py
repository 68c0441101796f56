"""The lamps of an INDI server (`Lamps`): light boxes, spectrograph controllers, relays, power boxes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from safelight.devices.command_context import CommandContext
from safelight.devices.concurrently import each_of, side_by_side, those_that_answer
from safelight.devices.indi.dark_proofs import DarkProofs
from safelight.devices.indi.device import IndiDevice, the_element
from safelight.devices.indi.line import IndiLine
from safelight.devices.indi.options import IndiLampOptions, IndiLampsOptions
from safelight.devices.indi.properties import Vector, switch_values
from safelight.devices.lamp_drivers import demand_known, no_such_lamp, options_place
from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import wrong
from safelight.devices.outlets import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.protocols import LampState

__all__ = ["IndiLamps", "believed", "lamp_in"]


class IndiLamps:
    """The lamps of one INDI server.

    Reading and lighting use one connection. An off uses another one, and does not wait for an answer that is due.

    Args:
        site: the observatory and its clock.
        family: `lamps` or `second_lamps`.
        options: the driver's options in the document.
    """

    def __init__(self, site: DriverSite, family: str, options: Mapping[str, Any]) -> None:
        where = options_place(family)
        self._names = tuple(site.observatory.lamps.units)
        self._family = family
        chosen = read_options(IndiLampsOptions, options, ".".join(where))
        demand_known(chosen.lamps, (*where, "lamps"), self._names)
        missing = [lamp for lamp in self._names if lamp not in chosen.lamps]
        if missing:
            words = f"the lamp {missing[0]} is missing"
            raise wrong((*where, "lamps"), words, "`device`, `property` and `is_on` of each lamp")
        self._lamps = chosen.lamps
        lines = [IndiLine(chosen.host, chosen.port, site.clock, chosen.deadline_s) for _ in range(2)]
        self._line, self._urgent = lines
        names = {lamp.device for lamp in chosen.lamps.values()}
        self._devices = {
            line: {name: IndiDevice(line, name, chosen.settings.get(name, {})) for name in names} for line in lines
        }
        self._changing: dict[tuple[str, str], asyncio.Lock] = {}
        self._darkening: dict[tuple[str, str], asyncio.Lock] = {}
        self._offs: Counter[tuple[str, str]] = Counter()
        self._proofs = DarkProofs(self._line, chosen.lamps.values(), lamp_in)
        self.read_back = {lamp: one.read_back for lamp, one in chosen.lamps.items()}
        self.hardware = tuple(_outlet(self._line.where, chosen.lamps[lamp]) for lamp in self._names)

    @property
    def names(self) -> tuple[str, ...]:
        """The lamps, as the observatory document names them."""
        return self._names

    async def on(self, lamp: str) -> None:
        """Switch one lamp on."""
        one, context = self._of(lamp, "on")
        device = self._devices[self._line][one.device]
        # What is not meant is sent as read: no other client may change the vector in between.
        async with self._changing.setdefault((one.device, one.property), asyncio.Lock()):
            await device.connect(context)
            vector = await self._read_at_rest(device, one.property, context)
            element = the_element(vector, one.is_on, context)
            await self._write(vector, [element], [], context, self._line)

    async def off(self, lamp: str) -> None:
        """Switch one lamp off, by the way that the document names where the driver would swallow an equal command."""
        one, context = self._of(lamp, "off")
        await self._darken([one], context)

    async def all_off(self) -> None:
        """Switch all lamps off: one command for each vector, all at once. What fails in one does not hinder others."""
        groups: dict[tuple[str, str, str | None], list[IndiLampOptions]] = {}
        for one in self._lamps.values():
            groups.setdefault((one.device, one.property, one.is_off), []).append(one)
        await each_of([self._darken(group, CommandContext(self._family, "all_off")) for group in groups.values()])

    async def status(self) -> Mapping[str, LampState]:
        """Read every lamp. One whose device is not connected, or reports an error since, is `unknown`.

        Raises:
            DeviceError: none can be read.
        """
        devices = {one.device for one in self._lamps.values()}
        found: dict[str, LampState] = dict.fromkeys(self._names, "unknown")
        for answer in await those_that_answer(map(self._read_device, devices)):
            found |= answer or {}
        return found

    async def close(self) -> None:
        """Release the connections without switching anything."""
        await self._line.close()
        await self._urgent.close()

    # ---- inside

    async def _read_at_rest(self, device: IndiDevice, name: str, context: CommandContext) -> Vector:
        """Read a vector while no off of it is under way: a lamp that goes off would be sent as on, and lit again."""
        key = device.name, name
        while True:
            async with self._darkening.setdefault(key, asyncio.Lock()):
                offs = self._offs[key]
            vector = await device.read(name, context)
            if self._offs[key] == offs:
                return vector

    async def _darken(self, group: list[IndiLampOptions], context: CommandContext) -> None:
        """Switch lamps of one vector off. One off after the other: each sends the other lamps as it has read them."""
        key = group[0].device, group[0].property
        async with self._darkening.setdefault(key, asyncio.Lock()):
            self._offs[key] += 1
            await self._darken_alone(group, context)

    async def _darken_alone(self, group: list[IndiLampOptions], context: CommandContext) -> None:
        """Switch lamps of one vector off, while this process sends no other off of it."""
        first = group[0]
        device = self._devices[self._urgent][first.device]
        # Both questions at once: an off has no time to lose.
        async with side_by_side() as tasks:
            reading = tasks.create_task(device.read(first.property, context))
            tasks.create_task(device.connect(context))
        vector = reading.result()
        lit = [the_element(vector, one.is_on, context) for one in group]
        if first.force_off != "none" and all(lamp_in(vector, one) == "off" for one in group):
            doubtful = [the_element(vector, one.is_on, context) for one in group if not self._proofs.is_proved(one)]
            if first.force_off == "reconnect":
                await device.reconnect(context)
                vector = await device.read(first.property, context)
            elif doubtful:
                vector = await self._write(vector, doubtful, [], context, self._urgent)
        on = [] if first.is_off is None else [the_element(vector, first.is_off, context)]
        await self._write(vector, on, lit, context, self._urgent)

    async def _write(
        self, vector: Vector, on: list[str], off: list[str], context: CommandContext, line: IndiLine
    ) -> Vector:
        values = switch_values(vector, on, off)

        def done(heard: Vector) -> bool:
            return set(on) <= set(heard.on) and not set(off) & set(heard.on)

        return await line.write(vector, values, context, done)

    async def _read_device(self, name: str) -> dict[str, LampState]:
        device, context = self._devices[self._line][name], CommandContext(self._family, "status")
        lamps = {lamp: one for lamp, one in self._lamps.items() if one.device == name}
        if not await device.is_connected(context):
            return dict.fromkeys(lamps, "unknown")
        vectors = {each: await device.read(each, context) for each in {one.property for one in lamps.values()}}
        found: dict[str, LampState] = {}
        for lamp, one in lamps.items():
            vector = vectors[one.property]
            # What never asks its hardware reports a command that failed as done, right after the error.
            proven = vector.good_serial if one.read_back == "hardware" else vector.clean_serial
            trouble = self._line.error_of(name, proven) is not None
            found[lamp] = believed(vector, one, trouble=trouble)
        return found

    def _of(self, lamp: str, verb: str) -> tuple[IndiLampOptions, CommandContext]:
        context = CommandContext(f"{self._family}.{lamp}", verb)
        if lamp not in self._lamps:
            raise no_such_lamp(lamp, self._names, self._family, verb)
        return self._lamps[lamp], context


def lamp_in(vector: Vector, lamp: IndiLampOptions) -> LampState:
    """Return what a vector says of a lamp, or `unknown` where its elements contradict each other."""
    element, off = vector.element(lamp.is_on), None if lamp.is_off is None else vector.element(lamp.is_off)
    if vector.rule == "AnyOfMany" and lamp.is_off is None:
        value = None if element is None else vector.values[element]
        return "on" if value == "On" else "off" if value == "Off" else "unknown"
    if element is None or off is None or len(vector.on) != 1:
        return "unknown"
    lighting = {element, *(vector.element(each) for each in lamp.also_on)}
    return "on" if vector.on[0] in lighting else "off"


def believed(vector: Vector, lamp: IndiLampOptions, *, trouble: bool) -> LampState:
    """Return what may be believed of a lamp.

    Args:
        vector: as just read.
        lamp: what the document says of it.
        trouble: whether the device has reported an error since it last reported the vector without one.
    """
    state = lamp_in(vector, lamp)
    if trouble or vector.state in {"Alert", "Busy"}:
        return "unknown"
    # `Idle` and off is how every driver begins, whatever its hardware does.
    never_set = vector.state == "Idle" and state == "off" and lamp.read_back == "memory"
    return "unknown" if never_set else state


def _outlet(where: str, lamp: IndiLampOptions) -> str:
    return f"{where}/{folded(lamp.device)}/{folded(lamp.property)}/{folded(lamp.is_on)}"
