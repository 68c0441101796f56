"""Events of a run: one flat mapping per event, the same for logs, progress and `--json`.

Every event has `event`, `time` (the observatory's, UTC, ISO 8601) and `run`. Listeners are called in the run's own
thread and must be quick. One that raises is removed, and never stops the run.
"""

from collections.abc import Callable, Mapping
from typing import Any

from safelight.devices import Timekeeper

__all__ = ["Announcer", "Listener"]

Listener = Callable[[Mapping[str, Any]], None]


class Announcer:
    """Sender of events to every listener.

    Args:
        run: the run's id.
        clock: the observatory's time.
        listeners: called with each event, in order.
    """

    def __init__(self, run: str, clock: Timekeeper, listeners: tuple[Listener, ...] = ()) -> None:
        self._run = run
        self._clock = clock
        self._listeners = list(listeners)

    def __call__(self, event: str, **facts: Any) -> None:
        """Send one event. Its facts must be plain (JSON)."""
        if not self._listeners:
            return
        said = {"event": event, "time": self._clock.utc().isoformat(), "run": self._run, **facts}
        for listener in list(self._listeners):
            try:
                listener(said)
            except Exception:  # noqa: BLE001 - a closed terminal or a full disk is no reason to stop
                self._listeners.remove(listener)
