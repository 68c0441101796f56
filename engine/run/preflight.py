"""Preflight checks: is this clock speed allowed, is the frames folder writable?"""

import asyncio
import os
from pathlib import Path

from safelight.devices import Observatory
from safelight.documents.errors import is_unicode
from safelight.engine.clock import Clock, clock_for
from safelight.engine.errors import RunRefused

__all__ = ["clock_at", "on_asyncio", "only_unicode", "require_writable"]


def on_asyncio() -> None:
    """Check that the caller runs on an asyncio event loop.

    Raises:
        RunRefused: it runs on another library's loop (trio, curio), or on none.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RunRefused(
            "no asyncio event loop is running here: safelight expects `asyncio.run(...)` or `await` in an asyncio "
            "program; under trio or another library call it in a thread of its own, with `asyncio.run`"
        ) from None


def clock_at(speed: float | str, observatory: Observatory) -> Clock:
    """Return the clock for `--speed` at this observatory.

    Args:
        speed: 1 real, N times faster, or `max`.
        observatory: the observatory.

    Raises:
        EngineError: if the speed is none of these.
        RunRefused: if there are real devices, and the speed is not 1.
    """
    clock = clock_for(speed)
    real = observatory.real_devices
    if real and type(clock) is not Clock:
        raise RunRefused(
            f"--speed {speed} is for simulated observatories only: {', '.join(real)} of {observatory.name} "
            "can't be accelerated; leave --speed out"
        )
    return clock


def only_unicode(what: str, path: Path | str) -> None:
    """Check that a path can be written into a journal.

    Args:
        what: it is, for the error.
        path: as it was given.

    Raises:
        RunRefused: it has bytes that are not UTF-8, before anything was touched.
    """
    if not is_unicode(str(path)):
        raise RunRefused(f"{what} {str(path)!r} is not UTF-8, and a journal can't hold it; give it another name")


def require_writable(folder: Path) -> None:
    """Make the folder for the runs' folders, and check that it is writable.

    Raises:
        RunRefused: if it can't, before an hour of exposures is lost to it.
    """
    only_unicode("the frames' folder", folder.absolute())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunRefused(f"frames can't be written to {folder}: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RunRefused(f"frames can't be written to {folder}: no permission")
