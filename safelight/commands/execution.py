"""Execution of runs by a command: signals, progress, JSON lines, exit codes."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import IO, Any

from safelight.commands.conducting import BUSY
from safelight.commands.open_journal import found_with
from safelight.commands.output import ABORTED, FAULTED, INTERNAL, UNSAFE, tell
from safelight.engine import Request, Runner, RunResult, perform
from safelight.engine.background_listener import BackgroundListener
from safelight.engine.errors import RunRefused
from safelight.engine.events import Listener
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.show.progress.progress import Level, Progress
from safelight.signals import STOPS

__all__ = ["CODES", "execute", "least_told"]

Go = Callable[..., Coroutine[Any, Any, RunResult]]
"""Function that executes a run or the rest of one, with `listeners` and `on_start`."""

CODES = {"done": 0, "faulted": FAULTED, "aborted": ABORTED, "paused": 5, "unsafe": UNSAFE}
_PATIENCE_S = 3.0
"""Longest wait for a reader of JSON lines without handling signals, s of wall time."""


class JsonLines:
    """Writer of every event as one line of JSON (an `Audience`)."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def hear(self, event: Mapping[str, Any]) -> None:
        """Write one line, whole, so that a reader sees it at once."""
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()

    def rest(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


def least_told(*, quiet: bool, verbose: bool) -> Level | None:
    """Return the lowest level of messages for people, or None for the terminal's own.

    Raises:
        RunRefused: both options were given.
    """
    if quiet and verbose:
        raise RunRefused("expected --quiet or --verbose, got both")
    return "warning" if quiet else "debug" if verbose else None


def execute(request: Request | ResumeRequest, *, as_json: bool, least: Level | None = None) -> int:
    """Run a request, or the rest of a run. Return the exit code.

    Raises:
        SequenceError, ObservatoryError, EngineError: before anything was touched.
    """
    go: Go = partial(perform, request) if isinstance(request, Request) else partial(resume, request)
    options = found_with(request.home, request.journal)
    if STOPS.received:
        return _stopped_before(STOPS.received[0])
    progress = Progress(sys.stderr, options, least)
    lines = BackgroundListener(JsonLines(sys.stdout)) if as_json else None
    code = INTERNAL
    try:
        listeners: tuple[Listener, ...] = progress.listeners if lines is None else (*progress.listeners, lines)
        code = _code_of(asyncio.run(go(listeners=listeners, on_start=partial(_join, progress))))
    except asyncio.CancelledError:
        code = _stopped_before(STOPS.received[0] if STOPS.received else "cancelled")
    finally:
        tidy = progress.close()
        if lines is not None and not lines.close(_PATIENCE_S):
            # The lamps are safe by now. A slow reader is waited for until the next signal.
            STOPS.obey(lambda name, count: os._exit(code), past=False)  # noqa: ARG005
            lines.close()
    if not tidy:
        os._exit(code)  # a thread hangs in a frozen terminal, and would block the interpreter's exit
    return code


def _join(progress: Progress, runner: Runner) -> None:
    """Show a run, and let signals stop it, before anything moves."""
    progress.follow(runner.graph, runner.instrument.clock, runner.observatory.lamps)

    def obey(name: str, count: int) -> None:
        if count == 1:
            runner.stop("abort", name)
        else:
            progress.say(BUSY)

    STOPS.obey(obey)


def _code_of(result: RunResult) -> int:
    if result.outcome != "unsafe" and result.internal:
        return INTERNAL
    return CODES[result.outcome]


def _stopped_before(name: str) -> int:
    tell(f"aborted ({name}) before anything was touched")
    return ABORTED
