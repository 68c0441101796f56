"""What a run is like at a moment, as its events tell it: what everybody who looks on wants to know. No output here."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from safelight.engine.by_hand import ByHand
from safelight.engine.schedule import Slot, schedule
from safelight.engine.wording import title
from safelight.states import LampOff, LampWarmup, State, StateGraph

__all__ = ["Active", "Picture"]

_KEPT = 3
"""So many troubles stay in sight."""


@dataclass(frozen=True, slots=True)
class Active:
    """A state that is at work.

    Attributes:
        words: what it does.
        seconds: how long it has been at work, s.
        expected_s: how long it should take, s.
        attempt: 1 for the first try.
    """

    state: str
    kind: str
    words: str
    seconds: float
    expected_s: float
    attempt: int


@dataclass(slots=True)
class Picture:
    """A run, as told so far.

    Attributes:
        began: when it began, the observatory's time; None: it has not.
        total_s: how long it should take, s.
        good: ids of the good frames on disk.
        kept: how many good frames were there before, where a run is resumed.
        bad: how many frames were kept aside.
        lit: lamp -> since when it may burn; those in doubt are in here.
        seen: lamp -> what safing has heard of it last.
        troubles: the last failures, in words.
        guards: the processes that go on watching lamps after the end.
        rate: observatory seconds in a second on the wall.
        by_hand: the commands that reach the run's lamps.
        finished: the last event, when it has come.
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
    by_hand: ByHand = ByHand()
    finished: Mapping[str, Any] | None = None
    _active: dict[str, tuple[datetime, Mapping[str, Any]]] = field(default_factory=dict)
    _slots: dict[str, Slot] = field(default_factory=dict)

    def know(self, graph: StateGraph, on_s: float, off_s: float) -> None:
        """Learn the graph that is walked; with it words are richer and the time left is known.

        Args:
            graph: the run's.
            on_s: how long a lamp's on command takes, s.
            off_s: how long its off command takes, s.
        """
        self.graph = graph
        self._slots = {slot.state.id: slot for slot in schedule(graph, on_s, off_s).slots}

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take one event in; unknown ones are passed over."""
        change = _CHANGES.get(event["event"])
        if change is not None:
            change(self, event, datetime.fromisoformat(event["time"]))

    # ---- what can be asked

    @property
    def frames(self) -> int:
        """How many good frames of the whole run are on disk."""
        return self.kept + len(self.good)

    def active(self, now: datetime) -> list[Active]:
        """The states at work, the longest first."""
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
        """Since the run began, s."""
        return max(0.0, (now - self.began).total_seconds()) if self.began else 0.0

    def left_s(self, now: datetime) -> float:
        """How long the run goes on if nothing more goes wrong, s: the plan, moved by what is late already."""
        if self.finished:
            return 0.0
        ends = [
            (slot.end_s, max(slot.duration_s - (now - since).total_seconds(), 0.0))
            for name, (since, _) in self._active.items()
            if (slot := self._slots.get(name)) is not None
        ]
        if not ends:
            return max(0.0, self.total_s - self.elapsed_s(now))
        # Of lanes beside each other, the one that is planned to end last decides.
        end_s, remaining_s = max(ends)
        return remaining_s + self.total_s - end_s

    def words(self, event: Mapping[str, Any]) -> str:
        """What a state does, in words; its id where the graph is not known."""
        state = self.state(event["state"])
        return event["state"] if state is None else title(state)

    def state(self, name: str) -> State | None:
        """A state of the graph, where both are known."""
        return self.graph.by_id.get(name) if self.graph else None

    # ---- what events change

    def _started(self, event: Mapping[str, Any], time: datetime) -> None:
        self.began = time
        self.sequence, self.observatory = event["sequence"], event["observatory"]
        self.run, self.folder = event["run"], event["folder"]
        self.total_s, self.asked = event["total_s"], event["frames_asked"]
        self.kept = event.get("frames_kept", 0)
        self.by_hand = ByHand.at(event.get("observatory_source", "simulated"), event.get("home"))

    def _state_started(self, event: Mapping[str, Any], time: datetime) -> None:
        self._active[event["state"]] = (time, event)
        state = self.state(event["state"])
        if state is not None and isinstance(state.work, LampWarmup):
            for lamp in state.work.lamps:
                self.lit.setdefault(lamp, time)

    def _state_ended(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self._active.pop(event["state"], None)
        state = self.state(event["state"])
        if state is not None and isinstance(state.work, LampOff):
            for lamp in state.work.lamps:
                self.lit.pop(lamp, None)

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

    def _guard_stays(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.guards = tuple(event.get("pids", ()))

    def _finished(self, event: Mapping[str, Any], time: datetime) -> None:  # noqa: ARG002
        self.finished = event
        self._active.clear()


_CHANGES = {
    "run.started": Picture._started,  # noqa: SLF001 - the class's own table
    "state.started": Picture._state_started,  # noqa: SLF001
    "state.ended": Picture._state_ended,  # noqa: SLF001
    "state.failed": Picture._state_failed,  # noqa: SLF001
    "state.retried": Picture._retried,  # noqa: SLF001
    "frame.taken": Picture._frame_taken,  # noqa: SLF001
    "frame.bad": Picture._frame_bad,  # noqa: SLF001
    "stop.requested": Picture._stop_requested,  # noqa: SLF001
    "safing.started": Picture._safing_started,  # noqa: SLF001
    "safing.lamp": Picture._safing_lamp,  # noqa: SLF001
    "guard.stays": Picture._guard_stays,  # noqa: SLF001
    "run.finished": Picture._finished,  # noqa: SLF001
}
