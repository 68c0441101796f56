"""Present position of a simulated instrument, so that a plan gives the real duration of a run.

Real devices are not read for a plan. It assumes parked telescopes and the mask at zero for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safelight.devices import DeviceError, Observatory, open_devices
from safelight.devices.protocols import AltAz
from safelight.engine.clock import VirtualClock
from safelight.states.exposure import AS_FOUND

__all__ = ["StartPosition", "read_start_position"]


@dataclass(frozen=True, slots=True)
class StartPosition:
    """Position of the instrument before the run, and the meaning of AS_FOUND in it.

    Attributes:
        pointing: each telescope's direction, for estimates; None: parked.
        fibre_steps: position of the mask, for estimates; None: at zero.
        found_pointing: fixed by an earlier segment of the run; None: to be read back at the first frame.
        found_steps: the same for the mask.
        setup: selector -> position, for estimates; one that is missing may be anywhere.
        found_setup: selector -> position, pinned by an earlier segment of the run.
    """

    pointing: Mapping[str, AltAz] | None = None
    fibre_steps: int | None = None
    found_pointing: Mapping[str, AltAz] | None = None
    found_steps: int | None = None
    setup: Mapping[str, str] = field(default_factory=dict)
    found_setup: Mapping[str, str] = field(default_factory=dict)

    @property
    def position(self) -> str | None:
        """Position at which the telescopes are known to be: AS_FOUND, or None if that is already fixed."""
        return AS_FOUND if self.found_pointing is None else None

    @property
    def fibre(self) -> str | None:
        """Fibre at which the mask is known to be: AS_FOUND, or None if that is already fixed."""
        return AS_FOUND if self.found_steps is None else None

    def targets(self, position: str, observatory: Observatory) -> dict[str, AltAz]:
        """Return each telescope's direction at a position of the observatory, or at AS_FOUND."""
        if position != AS_FOUND:
            return observatory.targets(position)
        return self.where(observatory) if self.found_pointing is None else dict(self.found_pointing)

    def steps_of(self, fibre: str, observatory: Observatory) -> int:
        """Return the mask's motor steps at a fibre of the observatory, or at AS_FOUND."""
        if fibre != AS_FOUND:
            return observatory.fibsel.fibres[fibre] if observatory.fibsel else 0
        return (self.fibre_steps or 0) if self.found_steps is None else self.found_steps

    def where(self, observatory: Observatory) -> dict[str, AltAz]:
        """Return each telescope's direction, parked if nothing else is known."""
        if observatory.telescopes is None:
            return {}
        return observatory.targets(observatory.park_position) | dict(self.pointing or {})


async def read_start_position(observatory: Observatory, home: Path) -> StartPosition:
    """Read telescopes and mask of the simulated instrument in the state folder, in no time.

    It may never have been used.
    """
    if observatory.real_devices or not (home / "simulated").is_dir():
        return StartPosition()
    devices = open_devices(observatory, clock=VirtualClock(), home=home)
    try:
        telescopes = await devices.telescopes.status() if devices.telescopes else {}
        mask = await devices.fibsel.status() if devices.fibsel else None
        selectors = await devices.selectors.status() if devices.selectors else {}
    except DeviceError:
        return StartPosition()
    finally:
        await devices.close()
    return StartPosition(
        pointing={name: seen.where for name, seen in telescopes.items() if seen.where is not None},
        fibre_steps=mask.steps if mask else None,
        setup={name: seen.position for name, seen in selectors.items() if seen.position is not None},
    )
