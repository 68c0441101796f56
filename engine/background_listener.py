"""Listeners that work in their own thread, so that a slow reader or a frozen terminal never delays a run."""

import threading
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from safelight.engine.clock import wall_utc

__all__ = ["Audience", "BackgroundListener"]


class Audience(Protocol):
    """Receiver of events, one after the other, in a thread of its own."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""

    def rest(self) -> None:
        """Draw or flush, because no event waits. It is called several times a second."""

    def end(self) -> None:
        """Finish, after the last event."""


class BackgroundListener:
    """Listener that passes events on to an audience in another thread.

    An audience that raises gets no more events. Its failure never stops a run.

    Args:
        audience: the receiver.
        pause_s: interval at which `rest` is called, s of wall time.
    """

    def __init__(self, audience: Audience, pause_s: float = 0.1) -> None:
        self._audience = audience
        self._pause_s = pause_s
        self._waiting: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._gone = False
        # A daemon thread, so that one that hangs in a frozen terminal does not keep the process alive.
        self._thread = threading.Thread(target=self._work, name=type(audience).__name__, daemon=True)
        self._thread.start()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Pass an event on. It returns at once, and may be called from any thread or signal handler."""
        if not self._gone:
            self._waiting.put(event)

    def close(self, patience_s: float | None = None) -> bool:
        """Pass on the events that still wait, then end.

        Args:
            patience_s: the longest wait for that, s of wall time; None: for ever.

        Returns:
            Whether it has ended.
        """
        self._waiting.put(None)
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while self._pass_on():
                self._audience.rest()
            self._audience.end()
        except Exception:  # noqa: BLE001 - a closed terminal or a broken pipe
            self._gone = True

    def _pass_on(self) -> bool:
        """Pass events on until a pause is over. Return False after the last one."""
        began = wall_utc()
        # If the wall clock was set back, the pause is over.
        while 0.0 < (left_s := self._pause_s - (wall_utc() - began).total_seconds()) <= self._pause_s:
            try:
                event = self._waiting.get(timeout=left_s)
            except Empty:
                return True
            if event is None:
                return False
            self._audience.hear(event)
        return True
