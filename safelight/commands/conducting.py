"""Manual actions of a command, and what a signal does to them.

Only what they need is imported: the first off command must not wait for the engine of runs.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import typer

from safelight.commands.output import ABORTED, aside, tell
from safelight.signals import STOPS

__all__ = ["BUSY", "conduct", "conduct_off", "end_at_signal", "still_waits"]

T = TypeVar("T")

_OFF = "safelight-off"
"""Beginning of the names of threads that switch lamps off."""

BUSY = "Already stopping: the lamps are being switched off and read back. This takes a few seconds; please wait."


def conduct(work: Coroutine[Any, Any, T]) -> T:
    """Execute a manual action. A signal stops it, and the devices are left at rest.

    Raises:
        Exit: it was stopped.
        SafelightError: it has failed.
    """

    async def whole() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def obey(name: str, count: int) -> None:
            if count == 1 and task is not None:
                loop.call_soon_threadsafe(task.cancel)
                _answer(f"{name}: stopping")

        STOPS.obey(obey)
        return await work

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise typer.Exit(ABORTED) from None


def end_at_signal(end: Callable[[], None]) -> None:
    """Call `end` in the running event loop at each signal, also at one that has already arrived."""
    loop = asyncio.get_running_loop()

    def obey(name: str, count: int) -> None:  # noqa: ARG001 - any signal, any number of times
        loop.call_soon_threadsafe(end)

    STOPS.obey(obey)


def conduct_off(works: Iterable[Callable[[], Coroutine[Any, Any, T]]]) -> list[T | Exception]:
    """Switch lamps off on several observatories at once. Signals don't interrupt it.

    Each observatory has its own thread and event loop, so that a driver that blocks delays no other one. Nothing is
    printed before all have ended, except the answer to a signal.

    Returns:
        The result of each, in order, or its exception.
    """
    STOPS.obey(lambda name, count: _answer(f"{name}: {BUSY}"))  # noqa: ARG005
    works = list(works)
    results: list[T | Exception] = [RuntimeError("it was not tried")] * len(works)
    ended = [threading.Event() for _ in works]

    async def whole(number: int) -> None:
        try:
            results[number] = await works[number]()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported once all lamps were commanded
            results[number] = error
        ended[number].set()

    def one(number: int) -> None:
        try:
            asyncio.run(whole(number))
        finally:
            ended[number].set()

    for number in range(len(works)):
        # A loop may wait long for a thread of its own, as for the name of a host: it is left alone.
        threading.Thread(target=one, args=(number,), name=f"{_OFF}-{number}", daemon=True).start()
    for event in ended:
        event.wait()
    return results


def still_waits() -> bool:
    """Return whether something of `conduct_off` still waits: the interpreter would wait for it at its end."""
    return any(thread.name.startswith(_OFF) for thread in threading.enumerate())


def _answer(words: str) -> None:
    """Answer a signal without waiting for the terminal."""
    aside(lambda: tell(words))
