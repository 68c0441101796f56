"""The simulated fibre mask: a motor that takes its time, stops where it is, and outlives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.devices.protocols import FibreStatus
from safelight.devices.simulated.line import Command, Line, Units
from safelight.devices.simulated.statefile import CorruptStateError, StateFile
from safelight.devices.simulated.track import Motion, Span, rests, trimmed
from safelight.devices.timing import move_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from safelight.devices.drivers import Site
    from safelight.devices.observatory import FibselModel

__all__ = ["Mask", "SimulatedFibsel"]

_UNITS = ("fibsel",)


class Mask:
    """The motor's file: where the mask is and was."""

    def __init__(self, site: Site, model: FibselModel) -> None:
        self.model = model
        self._clock = site.clock
        self._home = int(model.options.get("home_steps", 0))
        self._file = StateFile(site.home / "simulated" / "fibsel.json", device="fibsel")

    def now(self) -> float:
        """Seconds of UTC."""
        return self._clock.utc().timestamp()

    def motions(self) -> list[Motion]:
        """The motions of the mask.

        Raises:
            CorruptStateError: the file can't be understood.
        """
        plain = self._file.read() or {}
        try:
            return [Motion.from_list(item) for item in plain.get("motions", [])]
        except (AttributeError, TypeError) as error:
            raise CorruptStateError(str(error)) from error

    def steps(self) -> int:
        """Where the mask is; home where the file can't be understood."""
        try:
            motions = self.motions()
        except CorruptStateError:
            motions = []
        return round(motions[-1].where(self.now())[0]) if motions else self._home

    def moving(self) -> bool:
        """Whether the motor turns."""
        motions = self.motions()
        return bool(motions) and motions[-1].moving(self.now())

    def edit(self, change: Callable[[list[Motion]], list[Motion]]) -> None:
        """Change the motions; a file that can't be understood begins anew."""
        with self._file.locked():
            try:
                motions = self.motions()
            except CorruptStateError:
                motions = []
            self._file.write({"motions": trimmed(change(motions))})

    def rests(self, steps: int, until: float) -> list[Span]:
        """When the mask stood still on a fibre, up to the present."""
        try:
            motions = self.motions()
        except CorruptStateError:
            return []
        tolerance = self.model.tolerance_steps
        return rests((self._home,), motions, lambda place: abs(place[0] - steps) <= tolerance, until)


class SimulatedFibsel:
    """The simulated fibre mask (`FibreSelector`)."""

    def __init__(self, site: Site, model: FibselModel) -> None:
        self._mask = Mask(site, model)
        self._line = Line("fibsel", (), site.faults, site.clock)
        self._believed: int | None = None
        self._moved = False

    async def move(self, steps: int) -> None:
        """Move to an absolute position; a cancelled move stops where it is."""
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
        """Where the mask is now, read from the file."""
        return await self._line.send(Command("status", _UNITS, self._mask.model.status_s, self._answer))

    async def stop(self) -> None:
        """Stop the motor, at once."""
        await self._line.send(Command("stop", _UNITS, 0.0, lambda _obey, _lie: None, begin=self._halt))

    async def close(self) -> None:
        """Leave our own moves that are over as over, also for a process whose clock is behind this one's."""
        if self._moved:
            now = self._mask.now()
            self._mask.edit(lambda motions: [m.settled(now) for m in motions[-1:]])

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
