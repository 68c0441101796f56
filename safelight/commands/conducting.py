"""How commands that touch the instrument are carried out: signals, progress, JSON lines, exit codes."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import IO, Any, TypeVar

import typer

from safelight.commands.journals import found_with
from safelight.engine import Request, Runner, RunResult, perform
from safelight.engine.aside import Aside
from safelight.engine.errors import RunRefused
from safelight.engine.events import Listener
from safelight.engine.progress import Level, Progress
from safelight.engine.resume import ResumeRequest, resume
from safelight.signals import STOPS
from safelight.speech import ABORTED, FAULTED, INTERNAL, UNSAFE, tell

__all__ = ["CODES", "conduct", "conduct_off", "conduct_resume", "conduct_run", "least_told"]

T = TypeVar("T")
Go = Callable[..., Coroutine[Any, Any, RunResult]]
"""Carries out a run or what is left of one; takes `listeners` and `on_start`."""

CODES = {"done": 0, "faulted": FAULTED, "aborted": ABORTED, "paused": 5, "unsafe": UNSAFE}
_PATIENCE_S = 3.0
"""How long a reader of JSON lines is waited for without listening to signals, s on the wall."""
_BUSY = "Already stopping: the lamps are being switched off and read back. This takes a few seconds; please wait."


class JsonLines:
    """Writes every event as one line of JSON (an `Audience`)."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def hear(self, event: Mapping[str, Any]) -> None:
        """Write one line, whole, so that a reader sees it at once."""
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()

    def rest(self) -> None:
        """Nothing waits."""

    def end(self) -> None:
        """Nothing is open."""


def least_told(*, quiet: bool, verbose: bool) -> Level | None:
    """What people are told of at least; None: as the terminal is.

    Raises:
        RunRefused: both at once make no sense.
    """
    if quiet and verbose:
        raise RunRefused("say --quiet or --verbose, not both")
    return "warning" if quiet else "debug" if verbose else None


def conduct_run(request: Request, *, as_json: bool, least: Level | None = None) -> int:
    """Carry out a run; returns the exit code.

    Raises:
        SequenceError, ObservatoryError, EngineError: before anything was touched.
    """
    return _conduct(partial(perform, request), found_with(request.home, request.journal), as_json=as_json, least=least)


def conduct_resume(request: ResumeRequest, *, as_json: bool, least: Level | None = None) -> int:
    """Carry out what is left of a run; returns the exit code.

    Raises:
        SequenceError, ObservatoryError, EngineError: before anything was touched.
    """
    return _conduct(partial(resume, request), found_with(request.home, request.journal), as_json=as_json, least=least)


def _conduct(go: Go, options: str, *, as_json: bool, least: Level | None) -> int:
    if STOPS.received:
        return _stopped_before(STOPS.received[0])
    progress = Progress(sys.stderr, options, least)
    lines = Aside(JsonLines(sys.stdout)) if as_json else None
    code = INTERNAL
    try:
        listeners: tuple[Listener, ...] = progress.listeners if lines is None else (*progress.listeners, lines)
        code = _code_of(asyncio.run(_obeying(go, progress, listeners)))
    except asyncio.CancelledError:
        code = _stopped_before(STOPS.received[0] if STOPS.received else "cancelled")
    finally:
        tidy = progress.close()
        if lines is not None and not lines.close(_PATIENCE_S):
            # The lamps are safe by now. Whoever still reads may take their time, until the next signal.
            STOPS.obey(lambda name, count: os._exit(code), past=False)  # noqa: ARG005
            lines.close()
    if not tidy:
        os._exit(code)  # a thread hangs in a frozen terminal, and would hold the interpreter's end
    return code


async def _obeying(go: Go, progress: Progress, listeners: tuple[Listener, ...]) -> RunResult:
    def on_start(runner: Runner) -> None:
        progress.follow(runner)

        def obey(name: str, count: int) -> None:
            if count == 1:
                runner.stop("abort", name)
            else:
                progress.say(_BUSY)

        STOPS.obey(obey)

    return await go(listeners=listeners, on_start=on_start)


def _code_of(result: RunResult) -> int:
    if result.outcome != "unsafe" and result.internal:
        return INTERNAL
    return CODES[result.outcome]


def _stopped_before(name: str) -> int:
    tell(f"aborted ({name}) before anything was touched")
    return ABORTED


def conduct(work: Coroutine[Any, Any, T]) -> T:
    """Carry out something that is done by hand; a signal stops it, and the devices are left at rest.

    Raises:
        Exit: it was stopped.
        SafelightError: it has failed.
    """

    async def whole() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def obey(name: str, count: int) -> None:
            if count == 1 and task is not None:
                tell(f"{name}: stopping")
                loop.call_soon_threadsafe(task.cancel)

        STOPS.obey(obey)
        return await work

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise typer.Exit(ABORTED) from None


def conduct_off(work: Coroutine[Any, Any, T]) -> T:
    """Carry out a switching off of lamps, which no signal breaks off."""
    STOPS.obey(lambda name, count: tell(f"{name}: {_BUSY}"))  # noqa: ARG005
    return asyncio.run(work)
