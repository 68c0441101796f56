"""Simulated fibre mask: a motor with a finite speed, whose position outlives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.observatory.driver_options import read_options
from safelight.devices.observatory.parts import Steps
from safelight.devices.protocols import FibreStatus
from safelight.devices.simulated.device_line import Command, DeviceLine, Units
from safelight.devices.simulated.motion import Motion, MotionFile, Span, rests
from safelight.devices.simulated.state_file import CorruptStateError
from safelight.devices.timing import move_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from safelight.devices.drivers import DriverSite
    from safelight.devices.observatory.observatory import FibselModel

__all__ = ["FibselOptions", "Mask", "SimulatedFibsel"]

_UNITS = ("fibsel",)
_PART = "motions"
"""The only part in the file."""


class FibselOptions(BaseModel):
    """Model of the `options` of the mask: its position in motor steps in an instrument that was never moved."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home_steps: Steps = Field(0, description="position of the mask in an instrument that was never moved, motor steps")


class Mask:
    """File of the motor: present and past positions of the mask."""

    def __init__(self, site: DriverSite, model: FibselModel) -> None:
        self.model = model
        self._home = read_options(FibselOptions, model.options, "fibsel.options").home_steps
        self._file = MotionFile(site, "fibsel", (_PART,))

    def now(self) -> float:
        """Return seconds of UTC."""
        return self._file.now()

    def motions(self) -> list[Motion]:
        """Return the motions of the mask.

        Raises:
            CorruptStateError: the file can't be understood.
        """
        return self._file.motions()[_PART]

    def steps(self) -> int:
        """Return the position of the mask, or its home where the file can't be understood."""
        motions = self._file.known()[_PART]
        return round(motions[-1].where(self.now())[0]) if motions else self._home

    def moving(self) -> bool:
        """Return whether the motor turns."""
        motions = self.motions()
        return bool(motions) and motions[-1].moving(self.now())

    def edit(self, change: Callable[[list[Motion]], list[Motion]]) -> None:
        """Change the motions. An unreadable file is replaced by an empty one."""
        self._file.edit((_PART,), lambda _name, motions: change(motions))

    def settle(self) -> None:
        """Mark our ended moves as ended for every clock."""
        self._file.settle((_PART,))

    def rests(self, steps: int, until: float) -> list[Span]:
        """Return the times at which the mask rested on a fibre, up to the present."""
        try:
            motions = self.motions()
        except CorruptStateError:
            return []
        tolerance = self.model.tolerance_steps
        return rests((self._home,), motions, lambda place: abs(place[0] - steps) <= tolerance, until)


class SimulatedFibsel:
    """Simulated fibre mask (`FibreSelector`)."""

    def __init__(self, site: DriverSite, model: FibselModel) -> None:
        self._mask = Mask(site, model)
        self._line = DeviceLine("fibsel", (), site.faults, site.clock)
        self._believed: int | None = None
        self._moved = False

    async def move(self, steps: int) -> None:
        """Move to an absolute position. A cancelled move stops where it is."""
        self._believed = steps
        model = self._mask.model
        takes_s = move_s(self._mask.steps(), steps, model.steps_per_s, model.settle_s)
        await self._line.send(
            Command(
                "move",
                _UNITS,
                takes_s,
                lambda obey, _lie: self._arrive(obey),
                begin=lambda units: self._depart(units, steps, takes_s),
                cancelled=self._halt,
            )
        )

    async def status(self) -> FibreStatus:
        """Return the position of the mask now, read from the file."""
        return await self._line.send(Command("status", _UNITS, self._mask.model.status_s, self._answer))

    async def stop(self) -> None:
        """Stop the motor immediately."""
        await self._line.send(Command("stop", _UNITS, 0.0, lambda _obey, _lie: None, begin=self._halt))

    async def close(self) -> None:
        """Mark our ended moves as ended, also for a process whose clock is behind this one's."""
        if self._moved:
            self._mask.settle()

    def _depart(self, units: Units, steps: int, takes_s: float) -> None:
        if units and takes_s > 0:
            self._moved = True
            now, here = self._mask.now(), self._mask.steps()
            motion = Motion(now, (here,), now + takes_s, (steps,))
            self._mask.edit(lambda motions: [*motions[:-1], *(m.stopped(now) for m in motions[-1:]), motion])

    def _arrive(self, units: Units) -> None:
        if units and self._mask.moving():
            now = self._mask.now()
            self._mask.edit(lambda motions: [*motions[:-1], *(m.arrived(now) for m in motions[-1:])])

    def _halt(self, units: Units) -> None:
        if units:
            now = self._mask.now()
            self._mask.edit(lambda motions: [*motions[:-1], *(m.stopped(now) for m in motions[-1:])])

    def _answer(self, _obey: Units, lie: Units) -> FibreStatus:
        if lie and self._believed is not None:
            return FibreStatus(self._believed, moving=False)
        try:
            moving = self._mask.moving()
        except CorruptStateError:
            return FibreStatus(None, moving=False)
        return FibreStatus(self._mask.steps(), moving=moving)
