"""What is looked at before anything is touched: may time be hurried here, and can frames be written there?"""

import os
from pathlib import Path

from safelight.devices import Observatory
from safelight.engine.clock import Clock, clock_for
from safelight.engine.errors import RunRefused

__all__ = ["clock_at", "real_devices", "room_for_frames"]


def real_devices(observatory: Observatory) -> tuple[str, ...]:
    """The kinds of device that are not simulated, as the observatory document names them."""
    parts = {
        "telescopes": observatory.telescopes,
        "lamps": observatory.lamps,
        "lamps.second_path": observatory.lamps.second_path,
        "spectrographs": observatory.spectrographs,
        "fibsel": observatory.fibsel,
    }
    return tuple(name for name, part in parts.items() if part is not None and part.driver != "simulated")


def clock_at(speed: float | str, observatory: Observatory) -> Clock:
    """The clock for `--speed` at this observatory.

    Args:
        speed: 1 real, N times faster, or `max`.
        observatory: where.

    Raises:
        EngineError: if the speed is no such word.
        RunRefused: if there are real devices, and time should not be the wall's.
    """
    clock = clock_for(speed)
    real = real_devices(observatory)
    if real and type(clock) is not Clock:
        raise RunRefused(
            f"--speed {speed} is for simulated observatories only: {', '.join(real)} of {observatory.name} "
            "can't be hurried; leave --speed out"
        )
    return clock


def room_for_frames(folder: Path) -> None:
    """Make the folder that runs write their folders into, and see that it can be written to.

    Raises:
        RunRefused: if it can't, before an hour of exposures is lost to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunRefused(f"frames can't be written to {folder}: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunRefused(f"frames can't be written to {folder}: no permission")
