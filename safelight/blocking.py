"""Waiting for a coroutine from code that knows nothing of asyncio, with or without a running event loop."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

__all__ = ["run_to_end"]

T = TypeVar("T")


def run_to_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end and return its result.

    Where an event loop is running already (a notebook), it runs on a loop of its own in another thread.

    Args:
        work: makes the coroutine.

    Raises:
        KeyboardInterrupt: after the coroutine was cancelled and has cleaned up.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    return _Elsewhere(work).result()


@contextmanager
def _plain_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise here: the caller's own loop would only note it, and is blocked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Elsewhere(Generic[T]):
    """A coroutine on an event loop of its own, in another thread."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._begun, self._ended = threading.Event(), threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._results: list[T] = []
        self._errors: list[BaseException] = []

    def result(self) -> T:
        """Wait for the end. An interrupt cancels, and is raised when everything is cleaned up."""
        with _plain_interrupts():
            return self._result()

    def _result(self) -> T:
        thread = threading.Thread(target=self._run, name="safelight-run")
        thread.start()
        interrupted = cancelled = False
        # An event, because Python 3.11 takes a thread for ended whose `join` was interrupted.
        while not self._ended.is_set():
            try:
                if interrupted and not cancelled:
                    self._cancel()
                    cancelled = True
                self._ended.wait()
            except KeyboardInterrupt:
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self) -> None:
        async def whole() -> T:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            self._begun.set()
            return await self._work()

        try:
            self._results.append(asyncio.run(whole()))
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            self._errors.append(error)
        finally:
            self._begun.set()
            self._ended.set()

    def _cancel(self) -> None:
        self._begun.wait()
        if self._loop is not None and self._task is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._task.cancel)
