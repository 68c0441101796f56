"""Simulated telescopes: they slew at a finite speed, and their positions outlive the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.protocols import AltAz, TelescopeStatus
from safelight.devices.simulated.device_line import Command, DeviceLine, Units
from safelight.devices.simulated.motion import Motion, MotionFile, Span, rests
from safelight.devices.simulated.state_file import CorruptStateError
from safelight.devices.targets import demand_telescopes
from safelight.devices.timing import separation_deg, slew_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.observatory import TelescopesModel

__all__ = ["Mounts", "SimulatedTelescopes"]


class Mounts(MotionFile):
    """File of the telescopes: present and past positions. A telescope that was never moved is parked."""

    def __init__(self, site: DriverSite, model: TelescopesModel) -> None:
        super().__init__(site, "telescopes", model.units)
        self.model = model
        self._park = site.observatory.targets(site.observatory.park_position)

    def where(self, name: str, motions: list[Motion]) -> AltAz:
        """Return the direction of a telescope."""
        if not motions:
            return self._park[name]
        alt, az = motions[-1].where(self.now())
        return AltAz(alt, az if 0 <= az <= 360 else az % 360.0)  # noqa: PLR2004  # a circle

    def rests(self, name: str, at: AltAz, until: float) -> list[Span]:
        """Return the times at which a telescope rested at a direction, up to the present."""
        try:
            motions = self.motions()[name]
        except CorruptStateError:
            return []
        park = self._park[name]
        tolerance = self.model.tolerance_deg
        return rests(
            (park.alt_deg, park.az_deg),
            motions,
            lambda place: separation_deg(AltAz(place[0], place[1]), at) <= tolerance,
            until,
        )


class SimulatedTelescopes:
    """Simulated telescopes (`Telescopes`)."""

    def __init__(self, site: DriverSite, model: TelescopesModel) -> None:
        self._mounts = Mounts(site, model)
        self._line = DeviceLine("telescopes", self._mounts.names, site.faults, site.clock)
        self._believed: dict[str, AltAz] = {}
        self._moved: set[str] = set()

    @property
    def names(self) -> Units:
        """Names of the telescopes in the observatory document."""
        return self._mounts.names

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew all at once, for as long as the farthest takes. A cancelled slew stops where it is."""
        demand_telescopes(targets, self.names)
        self._believed |= targets
        slews = self._slews(targets)
        await self._line.send(
            Command(
                "goto",
                tuple(targets),
                max(slews.values(), default=0.0),
                lambda obey, _lie: self._arrive(obey),
                begin=lambda units: self._depart(units, targets, slews),
                cancelled=self._halt,
            )
        )

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Return where each telescope is now, read from the file."""
        takes_s = self._mounts.model.status_s
        return await self._line.send(Command("status", self.names, takes_s, self._answer, reading=True))

    async def stop(self) -> None:
        """Stop all motion immediately."""
        await self._line.send(Command("stop", self.names, 0.0, _done, begin=self._halt))

    async def close(self) -> None:
        """Mark our ended slews as ended, also for a process whose clock is behind this one's."""
        if self._moved:
            self._mounts.settle(self._moved)

    def _slews(self, targets: Mapping[str, AltAz]) -> dict[str, float]:
        model = self._mounts.model
        here = self._places()
        return {n: slew_s(here[n], to, model.slew_deg_per_s, model.settle_s) for n, to in targets.items()}

    def _places(self) -> dict[str, AltAz]:
        return {name: self._mounts.where(name, each) for name, each in self._mounts.known().items()}

    def _depart(self, units: Units, targets: Mapping[str, AltAz], slews: Mapping[str, float]) -> None:
        moving = tuple(unit for unit in units if slews[unit] > 0)
        now = self._mounts.now()

        def change(name: str, motions: list[Motion]) -> list[Motion]:
            here, to = self._mounts.where(name, motions), targets[name]
            # The shorter way round: the azimuth of the origin may be outside 0 to 360 degrees.
            az = to.az_deg - (to.az_deg - here.az_deg + 180.0) % 360.0 + 180.0
            motion = Motion(now, (here.alt_deg, az), now + slews[name], (to.alt_deg, to.az_deg))
            return [*motions[:-1], *(m.stopped(now) for m in motions[-1:]), motion]

        if moving:
            self._moved.update(moving)
            self._mounts.edit(moving, change)

    def _arrive(self, units: Units) -> None:
        now = self._mounts.now()
        motions = self._mounts.motions() if units else {}
        if any(each[-1].moving(now) for name in units if (each := motions[name])):
            self._mounts.edit(units, lambda _name, each: [*each[:-1], *(m.arrived(now) for m in each[-1:])])

    def _halt(self, units: Units) -> None:
        now = self._mounts.now()
        self._mounts.edit(units, lambda _name, each: [*each[:-1], *(m.stopped(now) for m in each[-1:])])

    def _answer(self, obey: Units, lie: Units) -> dict[str, TelescopeStatus]:
        try:
            motions: dict[str, Any] = dict(self._mounts.motions())
        except CorruptStateError:
            motions = {}
        now = self._mounts.now()
        answer = dict.fromkeys(self.names, TelescopeStatus(None, slewing=False))
        for name in (*obey, *lie):
            if name in motions:
                slewing = bool(motions[name]) and motions[name][-1].moving(now)
                answer[name] = TelescopeStatus(self._mounts.where(name, motions[name]), slewing)
        for name in lie:
            answer[name] = TelescopeStatus(self._believed.get(name, answer[name].where), slewing=False)
        return answer


def _done(_obey: Units, _lie: Units) -> None:
    """Return the empty answer of a command that acted when it arrived."""
