"""fibsel-step: move the mask to a fibre and, during a sweep, keep it lit for its time."""

from dataclasses import dataclass
from typing import ClassVar

from safelight.states.errors import BadFrame, StateError
from safelight.states.instrument import Instrument

__all__ = ["FibselStep"]


@dataclass(frozen=True, slots=True)
class FibselStep:
    """Move the mask to a fibre.

    Attributes:
        frame: the swept frame that this step belongs to; None for a move between frames.
        dwell_s: time on target, s; 0 for a move between frames.
        lead_s: time before the shutter opens that the first step of a sweep waits in addition, s.
        move_s: how long the move from the fibre before should take, s; None: not known.
    """

    kind: ClassVar[str] = "fibsel-step"
    fibre: str
    frame: str | None = None
    dwell_s: float = 0.0
    lead_s: float = 0.0
    move_s: float | None = None

    async def act(self, instrument: Instrument) -> None:
        """Move, and read the position back while the fibre is already lit. Then wait for the dwell.

        Raises:
            StateError: if the mask is read back elsewhere.
            BadFrame: if the shutter closed before a fibre of a sweep had its time: the mask came late.
        """
        fibsel = instrument.devices.fibsel
        if fibsel is None:
            raise StateError(f"fibre {self.fibre} is requested, but this observatory has no fibre selector")
        target = instrument.fibres[self.fibre]
        await fibsel.move(target)
        arrived = instrument.clock.now()
        seen = await fibsel.status()
        if seen.moving or seen.steps is None or abs(seen.steps - target) > instrument.tolerances.fibre_steps:
            raise StateError(f"the mask should be at {self.fibre} ({target} steps) and reads {seen.steps}")
        if self.frame is not None:
            await instrument.clock.sleep(self._leaves(self.frame, arrived, instrument) - instrument.clock.now())
            self._note_dwell(self.frame, arrived + self.lead_s, instrument)

    def _leaves(self, frame: str, arrived: float, instrument: Instrument) -> float:
        """Return when the mask moves on, as planned from the first fibre.

        A late move then takes no time from any other fibre.
        """
        before = instrument.sweep_left.get(frame)
        planned = arrived if before is None or self.move_s is None else before + self.move_s
        leaves = planned + self.lead_s + self.dwell_s
        instrument.sweep_left[frame] = leaves
        return leaves

    def _note_dwell(self, frame: str, lit_from: float, instrument: Instrument) -> None:
        """Note the time for which the fibre had light: until the mask moves on, or the shutter closes before."""
        now = instrument.clock.now()
        lit_s = max(0.0, min(now, instrument.closed_at.get(frame, now)) - lit_from)
        instrument.dwells.setdefault(frame, []).append((self.fibre, lit_s))
        if lit_s < self.dwell_s * (1 - instrument.tolerances.dwell) - instrument.tolerances.computing_s:
            why = f"fibre {self.fibre} was lit for {lit_s:.1f} s instead of {self.dwell_s:.1f} s: the mask came late"
            raise BadFrame(frame, why)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:  # noqa: ARG002
        """Stop the motor."""
        if instrument.devices.fibsel is not None:
            await instrument.devices.fibsel.stop()
