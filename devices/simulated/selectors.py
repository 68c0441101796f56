"""Simulated selectors: slits, gratings, mirrors and caps with real durations, which outlive the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.yaml_document import unknown
from safelight.devices.protocols import SelectorStatus
from safelight.devices.simulated.device_line import Command, DeviceLine, Units
from safelight.devices.simulated.motion import Motion, MotionFile, Span, rests
from safelight.devices.simulated.state_file import CorruptStateError
from safelight.devices.targets import demand_positions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.selectors import SelectorsModel

__all__ = ["SelectorOptions", "SimulatedSelectors", "Wheels", "homes_of"]


class SelectorOptions(BaseModel):
    """Model of the `options` of simulated selectors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: dict[str, str] = Field({}, description="selector -> its position before it was ever moved")


class Wheels(MotionFile):
    """File of the selectors: where each one is and was. A place is the number of a position."""

    def __init__(self, site: DriverSite, model: SelectorsModel) -> None:
        super().__init__(site, "selectors", model.units)
        self.model = model
        self._home = homes_of(model)

    def place(self, name: str, motions: list[Motion]) -> float:
        """Return where a selector is now."""
        return motions[-1].where(self.now())[0] if motions else float(self._home[name])

    def position(self, name: str, motions: list[Motion]) -> str | None:
        """Return the position at which a selector is, or None between two."""
        place = self.place(name, motions)
        if not place.is_integer() or not 0 <= place < len(self.model.units[name].names):
            return None
        return self.model.units[name].names[int(place)]

    def rests(self, name: str, position: str, until: float) -> list[Span]:
        """Return when a selector was at a position, up to the present."""
        try:
            motions = self.motions()[name]
        except CorruptStateError:
            return []
        number = self.model.units[name].names.index(position)
        return rests((float(self._home[name]),), motions, lambda place: place[0] == number, until)


def homes_of(model: SelectorsModel) -> dict[str, int]:
    """Return the number of the position at which each selector is before it was ever moved.

    Raises:
        ObservatoryError: an unknown selector or position in the options.
    """
    said = read_options(SelectorOptions, model.options, "selectors.options").home
    for name, position in said.items():
        where = ("selectors", "options", "home", name)
        if name not in model.units:
            raise unknown(where, "selector", name, model.units)
        if position not in model.units[name].names:
            raise unknown(where, "position", position, model.units[name].names)
    homes: dict[str, Any] = {}
    for name, unit in model.units.items():
        homes[name] = unit.names.index(said.get(name) or unit.safe or unit.default or unit.names[0])
    return homes


class SimulatedSelectors:
    """Simulated selectors (`Selectors`)."""

    def __init__(self, site: DriverSite, model: SelectorsModel) -> None:
        self._wheels = Wheels(site, model)
        self._line = DeviceLine("selectors", self._wheels.names, site.faults, site.clock)
        self._believed: dict[str, str] = {}
        self._moved: set[str] = set()

    @property
    def names(self) -> Units:
        """Names of the selectors in the observatory document."""
        return self._wheels.names

    async def move(self, targets: Mapping[str, str]) -> None:
        """Move all in parallel, for as long as the slowest takes. A cancelled move stops where it is."""
        units = self._wheels.model.units
        demand_positions(targets, units)
        numbers = {name: units[name].names.index(position) for name, position in targets.items()}
        self._believed |= targets
        takes_s = {name: self._takes_s(name, number) for name, number in numbers.items()}
        await self._line.send(
            Command(
                "move",
                tuple(targets),
                max(takes_s.values(), default=0.0),
                lambda obey, _lie: self._arrive(obey),
                begin=lambda units: self._depart(units, numbers, takes_s),
                cancelled=self._halt,
            )
        )

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Read where each selector is from the file."""
        takes_s = self._wheels.model.status_s
        return await self._line.send(Command("status", self.names, takes_s, self._answer, reading=True))

    async def stop(self) -> None:
        """Stop all motion at once."""
        await self._line.send(Command("stop", self.names, 0.0, lambda _obey, _lie: None, begin=self._halt))

    async def close(self) -> None:
        """Record our own finished moves as finished, also for a process with a slower clock."""
        if self._moved:
            self._wheels.settle(self._moved)

    def _takes_s(self, name: str, number: int) -> float:
        unit = self._wheels.model.units[name]
        here = self._wheels.place(name, self._wheels.known()[name])
        return 0.0 if here == number else unit.move_s + unit.settle_s

    def _depart(self, units: Units, numbers: Mapping[str, int], takes_s: Mapping[str, float]) -> None:
        now = self._wheels.now()
        motions = self._wheels.known()
        leaving = tuple(name for name in units if self._wheels.place(name, motions[name]) != numbers[name])

        def change(name: str, motions: list[Motion]) -> list[Motion]:
            here = self._wheels.place(name, motions)
            motion = Motion(now, (here,), now + takes_s[name], (float(numbers[name]),))
            return [*motions[:-1], *(m.stopped(now) for m in motions[-1:]), motion]

        if leaving:
            self._moved.update(leaving)
            self._wheels.edit(leaving, change)

    def _arrive(self, units: Units) -> None:
        now = self._wheels.now()
        motions = self._wheels.known()
        if any(each[-1].moving(now) for name in units if (each := motions[name])):
            self._wheels.edit(units, lambda _name, each: [*each[:-1], *(m.arrived(now) for m in each[-1:])])

    def _halt(self, units: Units) -> None:
        now = self._wheels.now()
        motions = self._wheels.known()
        if any(each[-1].moving(now) for name in units if (each := motions[name])):
            self._wheels.edit(units, lambda _name, each: [*each[:-1], *(m.stopped(now) for m in each[-1:])])

    def _answer(self, obey: Units, lie: Units) -> dict[str, SelectorStatus]:
        answer = dict.fromkeys(self.names, SelectorStatus(None, moving=False))
        try:
            motions = self._wheels.motions()
        except CorruptStateError:
            return answer
        now = self._wheels.now()
        for name in (*obey, *lie):
            moving = bool(motions[name]) and motions[name][-1].moving(now)
            position = None if moving else self._wheels.position(name, motions[name])
            answer[name] = SelectorStatus(position, moving=moving)
        for name in lie:
            answer[name] = SelectorStatus(self._believed.get(name, answer[name].position), moving=False)
        return answer
