"""Simulated telescopes: they slew at a finite speed, stop where they are, and outlive the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.document import nearest
from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import AltAz, TelescopeStatus
from safelight.devices.simulated.line import Command, Line, Units
from safelight.devices.simulated.statefile import CorruptStateError, StateFile
from safelight.devices.simulated.track import Motion, Span, rests, trimmed
from safelight.devices.timing import separation_deg, slew_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from safelight.devices.drivers import Site
    from safelight.devices.observatory import TelescopesModel

__all__ = ["Mounts", "SimulatedTelescopes"]


class Mounts:
    """The telescopes' file: where each one is and was. A telescope that was never moved is parked."""

    def __init__(self, site: Site, model: TelescopesModel) -> None:
        self.names = tuple(model.units)
        self.model = model
        self._clock = site.clock
        self._park = site.observatory.targets(site.observatory.park_position)
        self._file = StateFile(site.home / "simulated" / "telescopes.json", device="telescopes")

    def motions(self) -> dict[str, list[Motion]]:
        """The motions of each telescope.

        Raises:
            CorruptStateError: the file can't be understood.
        """
        plain = self._file.read() or {}
        try:
            return {name: [Motion.from_list(item) for item in plain.get(name, [])] for name in self.names}
        except (AttributeError, TypeError) as error:
            raise CorruptStateError(str(error)) from error

    def now(self) -> float:
        """Seconds of UTC."""
        return self._clock.utc().timestamp()

    def where(self, name: str, motions: list[Motion]) -> AltAz:
        """Where a telescope is."""
        if not motions:
            return self._park[name]
        alt, az = motions[-1].where(self.now())
        return AltAz(alt, az if 0 <= az <= 360 else az % 360.0)  # noqa: PLR2004  # a circle

    def edit(self, names: Units, change: Callable[[str, list[Motion]], list[Motion]]) -> None:
        """Change the motions of some telescopes; a file that can't be understood begins anew."""
        with self._file.locked():
            try:
                motions = self.motions()
            except CorruptStateError:
                motions = {name: [] for name in self.names}
            for name in names:
                motions[name] = change(name, motions[name])
            self._file.write({name: trimmed(each) for name, each in motions.items()})

    def rests(self, name: str, at: AltAz, until: float) -> list[Span]:
        """When a telescope stood still at a direction, up to the present."""
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
    """The simulated telescopes (`Telescopes`)."""

    def __init__(self, site: Site, model: TelescopesModel) -> None:
        self._mounts = Mounts(site, model)
        self._line = Line("telescopes", self._mounts.names, site.faults, site.clock)
        self._believed: dict[str, AltAz] = {}
        self._moved: set[str] = set()

    @property
    def names(self) -> Units:
        """The telescopes, as the observatory document names them."""
        return self._mounts.names

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew, all at once; takes as long as the farthest. A cancelled slew stops where it is."""
        for name in targets:
            if name not in self.names:
                known = nearest(name, self.names)
                raise DeviceFailed(f"no such telescope; {known}", device=f"telescopes.{name}", verb="goto")
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
        """Where each telescope is now, read from the file."""
        takes_s = self._mounts.model.status_s
        return await self._line.send(Command("status", self.names, takes_s, self._answer, reading=True))

    async def stop(self) -> None:
        """Stop all motion, at once."""
        await self._line.send(Command("stop", self.names, 0.0, _done, begin=self._halt))

    async def close(self) -> None:
        """Leave our own slews that are over as over, also for a process whose clock is behind this one's."""
        if self._moved:
            now = self._mounts.now()
            self._mounts.edit(tuple(self._moved), lambda _name, each: [m.settled(now) for m in each[-1:]])

    def _slews(self, targets: Mapping[str, AltAz]) -> dict[str, float]:
        model = self._mounts.model
        here = self._places()
        return {n: slew_s(here[n], to, model.slew_deg_per_s, model.settle_s) for n, to in targets.items()}

    def _places(self) -> dict[str, AltAz]:
        try:
            motions = self._mounts.motions()
        except CorruptStateError:
            motions = {name: [] for name in self.names}
        return {name: self._mounts.where(name, each) for name, each in motions.items()}

    def _depart(self, units: Units, targets: Mapping[str, AltAz], slews: Mapping[str, float]) -> None:
        moving = tuple(unit for unit in units if slews[unit] > 0)
        now = self._mounts.now()

        def change(name: str, motions: list[Motion]) -> list[Motion]:
            here, to = self._mounts.where(name, motions), targets[name]
            # The short way round: the origin's azimuth may be written beyond the circle.
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
    """The answer of a command that acted when it arrived."""
