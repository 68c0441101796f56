"""fibsel-step: turn the mask to a fibre and, during a sweep, let it be lit for its time."""

from dataclasses import dataclass
from typing import ClassVar

from safelight.states.errors import BadFrame, StateError
from safelight.states.instrument import Instrument

__all__ = ["FibselStep"]


@dataclass(frozen=True, slots=True)
class FibselStep:
    """Turn the mask to a fibre.

    Attributes:
        frame: the swept frame that this step belongs to; None for a move between frames.
        dwell_s: time on target, s; 0 for a move between frames.
        lead_s: time before the shutter opens that the first step of a sweep waits in addition, s.
        move_s: how long the move from the fibre before should take, s; None: whatever it takes.
    """

    kind: ClassVar[str] = "fibsel-step"
    fibre: str
    frame: str | None = None
    dwell_s: float = 0.0
    lead_s: float = 0.0
    move_s: float | None = None

    async def act(self, instrument: Instrument) -> None:
        """Move, read back while the fibre is already being lit, stay for the dwell.

        Raises:
            StateError: if the mask is read back elsewhere.
            BadFrame: if the shutter closed before a fibre of a sweep had its time: the mask came late.
        """
        fibsel = instrument.devices.fibsel
        if fibsel is None:
            raise StateError(f"fibre {self.fibre} is asked for, but this observatory has no fibre selector")
        target = instrument.fibres[self.fibre]
        await fibsel.move(target)
        arrived = instrument.clock.now()
        seen = await fibsel.status()
        if seen.moving or seen.steps is None or abs(seen.steps - target) > instrument.tolerances.fibre_steps:
            raise StateError(f"the mask should stand at {self.fibre} ({target} steps) and reads {seen.steps}")
        if self.frame is not None:
            await instrument.clock.sleep(self._leaves(self.frame, arrived, instrument) - instrument.clock.now())
            self._note_dwell(self.frame, arrived + self.lead_s, instrument)

    def _leaves(self, frame: str, arrived: float, instrument: Instrument) -> float:
        """When the mask goes on: as planned since the first fibre; a late move costs no other fibre its light."""
        before = instrument.sweep_left.get(frame)
        planned = arrived if before is None or self.move_s is None else before + self.move_s
        leaves = planned + self.lead_s + self.dwell_s
        instrument.sweep_left[frame] = leaves
        return leaves

    def _note_dwell(self, frame: str, lit_from: float, instrument: Instrument) -> None:
        """How long the fibre really had light: until the mask goes on, or until the shutter closed before."""
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
