"""Present state of a run, from its events, for all displays. There is no output here."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from safelight.engine.command_hints import CommandHints
from safelight.engine.planning.schedule import Slot, schedule_of
from safelight.states import Adopt, LampOff, LampWarmup, State, StateGraph, TimedLamp
from safelight.states.titles import title
from safelight.text import title_of

__all__ = ["Active", "LiveState"]

_KEPT = 3
"""Number of troubles that stay visible."""


@dataclass(frozen=True, slots=True)
class Active:
    """Running state.

    Attributes:
        words: its description.
        seconds: time since its beginning, s.
        expected_s: expected duration, s.
        attempt: 1 for the first try.
    """

    state: str
    kind: str
    words: str
    seconds: float
    expected_s: float
    attempt: int


@dataclass(slots=True)
class LiveState:
    """Present state of a run.

    Attributes:
        began: when it began, the observatory's time; None: not yet.
        total_s: expected duration, s.
        good: ids of the good frames on disk.
        kept: number of earlier good frames of a resumed run.
        bad: number of frames that were kept aside.
        lit: lamp -> time since which it may be on; includes lamps in doubt.
        seen: lamp -> its last report from safing.
        troubles: the last failures, in words.
        guards: ids of the guards that continue to watch lamps after the end.
        rate: observatory seconds in a second of wall time.
        by_hand: the commands that reach the run's lamps.
        finished: the last event, once it has arrived.
    """

    graph: StateGraph | None = None
    began: datetime | None = None
    sequence: str = ""
    observatory: str = ""
    run: str = ""
    folder: str = ""
    total_s: float = 0.0
    asked: int = 0
    kept: int = 0
    good: list[str] = field(default_factory=list)
    bad: int = 0
    lit: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    troubles: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    stopping: str | None = None
    safing: bool = False
    guards: tuple[int, ...] = ()
    rate: float = 1.0
    by_hand: CommandHints = CommandHints()
    finished: Mapping[str, Any] | None = None
    _active: dict[str, tuple[datetime, Mapping[str, Any]]] = field(default_factory=dict)
    _slots: dict[str, Slot] = field(default_factory=dict)

    def know(self, graph: StateGraph, on_s: float, off_s: float) -> None:
        """Set the executed graph, which gives better words and the time left.

        Args:
            graph: the run's graph.
            on_s: duration of a lamp's on command, s.
            off_s: duration of its off command, s.
        """
        self.graph = graph
        self._slots = {slot.state.id: slot for slot in schedule_of(graph, on_s, off_s).slots}

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event. Unknown ones are ignored."""
        change = _CHANGES.get(event["event"])
        if change is not None:
            change(self, event, datetime.fromisoformat(event["time"]))

    # ---- queries

    @property
    def frames(self) -> int:
        """Number of good frames of the whole run on disk."""
        return self.kept + len(self.good)

    def active(self, now: datetime) -> list[Active]:
        """Return the running states, the longest first."""
        found = [
            Active(
                state=name,
                kind=event["kind"],
                words=self.words(event),
                seconds=max(0.0, (now - since).total_seconds()),
                expected_s=event["expected_s"],
                attempt=event["attempt"],
            )
            for name, (since, event) in self._active.items()
        ]
        return sorted(found, key=lambda one: -one.expected_s)

    def elapsed_s(self, now: datetime) -> float:
        """Return the time since the run began, s."""
        return max(0.0, (now - self.began).total_seconds()) if self.began else 0.0

    def left_s(self, now: datetime) -> float:
        """Return the remaining time if nothing more goes wrong, s: the plan, moved by the present delay."""
        if self.finished:
            return 0.0
        ends = [
            (slot.end_s, max(slot.duration_s - (now - since).total_seconds(), 0.0))
            for name, (since, _) in self._active.items()
            if (slot := self._slots.get(name)) is not None
        ]
        if not ends:
            return max(0.0, self.total_s - self.elapsed_s(now))
        # Of parallel lanes, the one that is planned to end last decides.
        end_s, remaining_s = max(ends)
        return remaining_s + self.total_s - end_s

    def words(self, event: Mapping[str, Any]) -> str:
        """Return the words for a state, or its id if the graph is not known."""
        state = self.state(event["state"])
        return title_of(event["state"], event.get("frame")) if state is None else title(state)

    def state(self, name: str) -> State | None:
        """Return a state of the graph, if both are known."""
        return self.graph.by_id.get(name) if self.graph else None

    # ---- effects of events

    def _started(self, event: Mapping[str, Any], time: datetime) -> None:
        self.began = time
        self.sequence, self.observatory = event["sequence"], event["observatory"]
        self.run, self.folder = event["run"], event["folder"]
        self.total_s, self.asked = event["total_s"], event["frames_asked"]
        self.kept = event.get("frames_kept", 0)
        self.by_hand = CommandHints.at(event.get("observatory_source", "simulated"), event.get("home"))

    def _state_started(self, event: Mapping[str, Any], time: datetime) -> None:
        state = self.state(event["state"])
        since = time
        if state is not None and isinstance(state.work, Adopt):
            # It has been integrating since its own runner started it, so only the rest is waited for.
            since = min(time, datetime.fromisoformat(state.work.started))
        self._active[event["state"]] = (since, event)
        if state is not None and isinstance(state.work, LampWarmup):
            for lamp in state.work.lamps:
                self.lit.setdefault(lamp, time)
        elif state is not None and isinstance(state.work, TimedLamp):
            self.lit.setdefault(state.work.lamp, time)

    def _state_ended(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self._active.pop(event["state"], None)
        state = self.state(event["state"])
        if state is not None and isinstance(state.work, LampOff):
            for lamp in state.work.lamps:
                self.lit.pop(lamp, None)
        elif state is not None and isinstance(state.work, TimedLamp):
            self.lit.pop(state.work.lamp, None)

    def _state_failed(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self._active.pop(event["state"], None)
        self.troubles.append(f"{self.words(event)}: {event['error']}")

    def _retried(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        if self.graph is None:
            return
        scope = event["state"]
        for name in list(self._active):
            if self.graph.retry_scope(name) == scope:
                del self._active[name]

    def _frame_taken(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.good.append(event["frame"])

    def _frame_bad(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.bad += 1
        self.troubles.append(f"frame {event['frame']} is bad: {event['reason']}")

    def _stop_requested(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.stopping = f"{event['stop']}: {event['reason']}"

    def _safing_started(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.safing = True
        self._active.clear()

    def _safing_lamp(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.seen[event["lamp"]] = event["seen"]
        if event["seen"] == "off":
            self.lit.pop(event["lamp"], None)

    def _darkened(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        for lamp, seen in event["lamps"].items():
            if seen == "off":
                self.lit.pop(lamp, None)

    def _guard_stays(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.guards = tuple(event.get("pids", ()))

    def _finished(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.finished = event
        self._active.clear()


_CHANGES = {
    "run.started": LiveState._started,  # noqa: SLF001 - the class's own table
    "state.started": LiveState._state_started,  # noqa: SLF001
    "state.ended": LiveState._state_ended,  # noqa: SLF001
    "state.failed": LiveState._state_failed,  # noqa: SLF001
    "state.retried": LiveState._retried,  # noqa: SLF001
    "frame.taken": LiveState._frame_taken,  # noqa: SLF001
    "frame.bad": LiveState._frame_bad,  # noqa: SLF001
    "stop.requested": LiveState._stop_requested,  # noqa: SLF001
    "safing.started": LiveState._safing_started,  # noqa: SLF001
    "safing.lamp": LiveState._safing_lamp,  # noqa: SLF001
    "lamps.darkened": LiveState._darkened,  # noqa: SLF001
    "guard.stays": LiveState._guard_stays,  # noqa: SLF001
    "run.finished": LiveState._finished,  # noqa: SLF001
}
