"""Listeners that do their work in a thread of their own: a slow reader or a frozen terminal never holds a run."""

import threading
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from safelight.engine.clock import wall_utc

__all__ = ["Aside", "Audience"]


class Audience(Protocol):
    """Who is told events, one after the other, in a thread aside."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take one event."""

    def rest(self) -> None:
        """No event waits: a good moment to draw or to flush; called several times a second."""

    def end(self) -> None:
        """The last event has been told."""


class Aside:
    """A listener that passes events on to an audience in another thread.

    An audience that fails is told nothing more: who can't be reached is no reason to stop.

    Args:
        audience: is told.
        pause_s: how often `rest` is called, s on the wall.
    """

    def __init__(self, audience: Audience, pause_s: float = 0.1) -> None:
        self._audience = audience
        self._pause_s = pause_s
        self._waiting: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._gone = False
        # A daemon: a thread that hangs in a frozen terminal does not keep the process.
        self._thread = threading.Thread(target=self._work, name=type(audience).__name__, daemon=True)
        self._thread.start()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Tell an event; returns at once, from any thread or signal handler."""
        if not self._gone:
            self._waiting.put(event)

    def close(self, patience_s: float | None = None) -> bool:
        """Tell what still waits, then end.

        Args:
            patience_s: how long to wait for that, s on the wall; None: for ever.

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
        """Tell events until a pause is over; False after the last one."""
        began = wall_utc()
        # Where the wall's clock was set back, the pause is over.
        while 0.0 < (left_s := self._pause_s - (wall_utc() - began).total_seconds()) <= self._pause_s:
            try:
                event = self._waiting.get(timeout=left_s)
            except Empty:
                return True
            if event is None:
                return False
            self._audience.hear(event)
        return True
