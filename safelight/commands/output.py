"""Output of commands: results on standard output, messages for people on standard error."""

import contextlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from safelight.errors import SafelightError
from safelight.text import legible

__all__ = ["aside", "complain", "put", "put_json", "settle", "shout", "tell", "tell_as_is", "warn"]

INTERNAL, INVALID, FAULTED, ABORTED, UNSAFE = 1, 2, 3, 4, 10


def put(text: str) -> None:
    """Print a result."""
    print(legible(text))  # noqa: T201 - the one place that does


def put_json(value: Any) -> None:
    """Print a result as one line of JSON."""
    put(json.dumps(value, allow_nan=False))


def tell(words: str) -> None:
    """Print a message for people. A closed terminal is ignored."""
    tell_as_is(legible(words))


def tell_as_is(words: str) -> None:
    """Print a message that is clean already, including a bell."""
    with contextlib.suppress(OSError, ValueError):
        print(words, file=sys.stderr, flush=True)  # noqa: T201


def warn(words: str) -> None:
    """Print a message for people that they should not miss."""
    bold = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    before, after = ("\033[1;33m", "\033[0m") if bold else ("", "")
    tell_as_is(before + legible(words) + after)


def complain(error: Exception, *, debug: bool = False) -> int:
    """Print an error. Return its exit code.

    Any other exception is reported as an internal error.
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


def settle() -> None:
    """Flush the streams. A closed one is ignored."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def shout(lines: Sequence[str], patience_s: float = 3.0) -> None:
    """Print an alarm on standard error. A terminal that hangs is waited for only briefly.

    Args:
        lines: the problem, then what to do.
        patience_s: longest wait for a terminal, s of wall time.
    """
    from safelight.show.progress.plain import PlainDisplay  # noqa: PLC0415

    if lines:
        aside(lambda: PlainDisplay(tell_as_is).shout(lines)).join(patience_s)


def aside(say: Callable[[], None]) -> threading.Thread:
    """Print in a separate thread, because signal handlers and safing must not wait for a terminal."""
    thread = threading.Thread(target=say, name="speech", daemon=True)
    thread.start()
    return thread
