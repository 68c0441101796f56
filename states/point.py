"""point and park: slew the telescopes to a named position, and read it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from safelight.devices.protocols import AltAz, TelescopeStatus
from safelight.devices.timing import separation_deg
from safelight.states.errors import StateError
from safelight.states.instrument import Instrument

__all__ = ["Park", "Point", "astray", "unsteady"]


def astray(targets: Mapping[str, AltAz], status: Mapping[str, TelescopeStatus], tolerance_deg: float) -> str | None:
    """Return, in words, the first telescope that is not where it should be, or None if all are."""
    for name, target in targets.items():
        seen = status.get(name)
        if seen is None or seen.where is None:
            return f"telescope {name} does not report where it points"
        if seen.slewing:
            return f"telescope {name} still slews"
        off_deg = separation_deg(target, seen.where)
        if off_deg > tolerance_deg:
            return f"telescope {name} points {off_deg:.2f} degrees away from its target"
    return None


def unsteady(status: Mapping[str, TelescopeStatus]) -> str | None:
    """Return, in words, why the telescopes can't be used where they are, or None if they can."""
    for name, seen in status.items():
        if seen.where is None:
            return f"telescope {name} does not report where it points"
        if seen.slewing:
            return f"telescope {name} still slews"
    return None


@dataclass(frozen=True, slots=True)
class Point:
    """Slew to a named position. Telescopes that are already there do not move."""

    kind: ClassVar[str] = "point"
    position: str

    async def act(self, instrument: Instrument) -> None:
        """Slew, then read back.

        Raises:
            StateError: if a telescope is read back elsewhere.
        """
        telescopes = instrument.devices.telescopes
        if telescopes is None:
            raise StateError(f"{self.position!r} is requested, but this observatory has no telescopes")
        targets = instrument.positions[self.position]
        await telescopes.goto(targets)
        problem = astray(targets, await telescopes.status(), instrument.tolerances.pointing_deg)
        if problem:
            raise StateError(f"after the slew to {self.position!r}, {problem}")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:  # noqa: ARG002
        """Stop all motion."""
        if instrument.devices.telescopes is not None:
            await instrument.devices.telescopes.stop()


@dataclass(frozen=True, slots=True)
class Park:
    """Slew to the park position, after the last lamp is off."""

    kind: ClassVar[str] = "park"
    position: str

    async def act(self, instrument: Instrument) -> None:
        """Slew, then read back (as point does)."""
        await Point(self.position).act(instrument)

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Stop all motion."""
        await Point(self.position).clean_up(instrument, again=again)
