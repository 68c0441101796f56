"""Check of the spectrographs before a run begins, for an exposure of another program."""

from contextlib import suppress
from pathlib import Path

from safelight.devices import DeviceError, Observatory, open_devices
from safelight.engine.clock import Clock, VirtualClock
from safelight.engine.records.begun_exposures import ours
from safelight.engine.records.database import Journal
from safelight.engine.run.instrument import instrument_of
from safelight.states.shutters import someone_elses

__all__ = ["occupied"]

_FIRST_LOOK_S = 3.0
"""Time limit of the first check of a run, s. It is short, because lamps have to be switched off soon."""


async def occupied(observatory: Observatory, home: Path, journal: Journal) -> bool:
    """Return whether another program exposes, as far as can be known soon. It takes no time of the run's clock.

    Args:
        observatory: the observatory with the spectrographs.
        home: state folder with a simulated instrument.
        journal: knows which exposures are ours.
    """
    clock = Clock() if observatory.real_devices else VirtualClock()
    try:
        devices = open_devices(observatory, clock=clock, home=home)
    except DeviceError:
        return False  # the run reports the error
    instrument = instrument_of(observatory, devices, clock, home)
    instrument.ours |= ours(journal, observatory.name)
    try:
        async with clock.timeout(_FIRST_LOOK_S):
            return someone_elses(await devices.spectrographs.status(), instrument) is not None
    except (DeviceError, TimeoutError):
        return False
    finally:
        with suppress(DeviceError):
            await devices.close()
