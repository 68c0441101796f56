"""What the command line says, and where: results on standard output, everything for people on standard error."""

import contextlib
import json
import os
import sys
import traceback
from typing import IO, Any

from safelight import SafelightError
from safelight.engine.legible import legible

__all__ = ["complain", "open_streams", "put", "put_json", "settle", "tell", "tell_as_is", "warn"]

INTERNAL, INVALID, FAULTED, ABORTED, UNSAFE = 1, 2, 3, 4, 10


def put(text: str) -> None:
    """Print a result."""
    print(legible(text))  # noqa: T201 - the one place that does


def put_json(value: Any) -> None:
    """Print a result as one line of JSON."""
    put(json.dumps(value, allow_nan=False))


def tell(words: str) -> None:
    """Say something to people; a terminal that has gone is not missed."""
    tell_as_is(legible(words))


def tell_as_is(words: str) -> None:
    """Say something that is clean already, a bell included."""
    with contextlib.suppress(OSError, ValueError):
        print(words, file=sys.stderr, flush=True)  # noqa: T201


def warn(words: str) -> None:
    """Say something to people that they should not miss."""
    bold = sys.stderr is not None and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    before, after = ("\033[1;33m", "\033[0m") if bold else ("", "")
    tell_as_is(before + legible(words) + after)


def complain(error: Exception, *, debug: bool = False) -> int:
    """Tell what went wrong; returns the exit code for it.

    Anything but safelight's own errors is a mistake of safelight, and said to be one.
    """
    if debug:
        traceback.print_exception(error)
    if isinstance(error, SafelightError):
        from safelight.devices import DeviceError, ObservatoryError  # noqa: PLC0415
        from safelight.engine.errors import GuardError  # noqa: PLC0415
        from safelight.states import StateError  # noqa: PLC0415

        tell(str(error.reason if isinstance(error, ObservatoryError) else error))
        touched = isinstance(error, DeviceError | StateError | GuardError) and not isinstance(error, ObservatoryError)
        return FAULTED if touched else INVALID
    words = " ".join(str(error).split())
    if isinstance(error, OSError):
        tell(words)
    else:
        hint = "" if debug else " `safelight --debug ...` shows where."
        tell(f"safelight itself has failed, please report it: {type(error).__name__}: {words}.{hint}")
    return INTERNAL


def open_streams() -> None:
    """Give the process standard streams where it was started without, so that no file of ours takes their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def _nowhere() -> IO[str]:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as the process lives


def settle() -> None:
    """Write out what waits; where nobody reads any more, let it go quietly."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
