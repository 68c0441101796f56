"""point: slew the telescopes to a named position, and read back that they are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from safelight.devices.protocols import AltAz, TelescopeStatus
from safelight.devices.timing import separation_deg
from safelight.states.errors import StateError
from safelight.states.instrument import Instrument

__all__ = ["Point", "astray"]


def astray(targets: Mapping[str, AltAz], status: Mapping[str, TelescopeStatus], tolerance_deg: float) -> str | None:
    """The first telescope that is not where it should be, in words; None if all are."""
    for name, target in targets.items():
        seen = status.get(name)
        if seen is None or seen.where is None:
            return f"telescope {name} can't tell where it points"
        if seen.slewing:
            return f"telescope {name} still slews"
        off_deg = separation_deg(target, seen.where)
        if off_deg > tolerance_deg:
            return f"telescope {name} points {off_deg:.2f} degrees away from its target"
    return None


@dataclass(frozen=True, slots=True)
class Point:
    """Slew to a named position; the telescopes that are there already do not move."""

    kind: ClassVar[str] = "point"
    position: str

    async def act(self, instrument: Instrument) -> None:
        """Slew, then read back.

        Raises:
            StateError: if a telescope is read back elsewhere.
        """
        telescopes = instrument.devices.telescopes
        if telescopes is None:
            raise StateError(f"{self.position!r} is asked for, but this observatory has no telescopes")
        targets = instrument.positions[self.position]
        await telescopes.goto(targets)
        problem = astray(targets, await telescopes.status(), instrument.tolerances.pointing_deg)
        if problem:
            raise StateError(f"after the slew to {self.position!r}, {problem}")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:  # noqa: ARG002
        """Stop all motion."""
        if instrument.devices.telescopes is not None:
            await instrument.devices.telescopes.stop()
