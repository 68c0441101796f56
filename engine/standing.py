"""Where a simulated instrument stands, so that a plan tells the time that a run will really take.

Real devices are not asked for a plan's sake: for them it assumes parked telescopes and the mask at zero.
"""

from pathlib import Path

from safelight.devices import DeviceError, Observatory, open_devices
from safelight.engine.admission import real_devices
from safelight.engine.clock import VirtualClock
from safelight.engine.durations import Start

__all__ = ["standing"]


async def standing(observatory: Observatory, home: Path) -> Start:
    """Read telescopes and mask of the simulated instrument in the home, in no time; it may never have been used."""
    if real_devices(observatory) or not (home / "simulated").is_dir():
        return Start()
    devices = open_devices(observatory, clock=VirtualClock(), home=home)
    try:
        telescopes = await devices.telescopes.status() if devices.telescopes else {}
        mask = await devices.fibsel.status() if devices.fibsel else None
    except DeviceError:
        return Start()
    finally:
        await devices.close()
    return Start(
        pointing={name: seen.where for name, seen in telescopes.items() if seen.where is not None},
        fibre_steps=mask.steps if mask else None,
    )
