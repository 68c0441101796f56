"""Times of each state of a graph if nothing goes wrong, and the on-time of each lamp. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from safelight.engine.planning.graph_tree import Item, items, leaves
from safelight.states import Event, LampOff, LampWarmup, Shape, State, StateGraph, TimedLamp

__all__ = ["Schedule", "Slot", "critical_path", "schedule_of"]


@dataclass(frozen=True, slots=True)
class Slot:
    """State in time: seconds from the beginning of the run. `lane` names the region in which it runs."""

    state: State
    start_s: float
    duration_s: float
    lane: str

    @property
    def end_s(self) -> float:
        """Time at which it ends, s."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Schedule:
    """Schedule of the whole run.

    Attributes:
        slots: every state with an action, by beginning.
        total_s: from the first command to the confirmed end, s.
        lamp_on_s: lamp -> its on-time, s.
        ignitions: lamp -> how often it is lit.
    """

    slots: tuple[Slot, ...]
    total_s: float
    lamp_on_s: Mapping[str, float]
    ignitions: Mapping[str, int]


def schedule_of(graph: StateGraph, on_s: float = 0.0, off_s: float = 0.0) -> Schedule:
    """Lay a graph out in time.

    Args:
        graph: as compiled.
        on_s: how long a lamp's on command takes until it shines, s.
        off_s: how long its off command takes until it is dark, s.
    """
    slots: list[Slot] = []
    end_s = _lay_chain(graph, graph.initial, 0.0, graph.initial, slots)
    safing = graph.by_id["safing"]
    slots.append(Slot(safing, end_s, safing.expected_s, safing.id))
    slots.sort(key=lambda slot: slot.start_s)
    lit_s = _lit_s(slots, on_s, off_s)
    on_times = {lamp: sum(each) for lamp, each in lit_s.items()}
    ignitions = {lamp: len(each) for lamp, each in lit_s.items()}
    return Schedule(tuple(slots), end_s + safing.expected_s, on_times, ignitions)


def _lay_chain(graph: StateGraph, parent: str, start_s: float, lane: str, slots: list[Slot]) -> float:
    """Lay the children of a compound one after the other, in the order of the edges. Return the end, s."""
    now_s = start_s
    state_id = graph.by_id[parent].initial
    while state_id is not None and _encloses(graph, parent, state_id):
        state = graph.by_id[state_id]
        if state.shape is Shape.ATOMIC:
            slots.append(Slot(state, now_s, state.expected_s, lane))
            now_s += state.expected_s
            state_id = graph.edges.get((state_id, Event.NEXT))
        elif state.shape is Shape.COMPOUND:
            state_id = state.initial
        elif state.shape is Shape.PARALLEL:
            lanes = graph.children[state_id]
            now_s = max(_lay_chain(graph, child.id, now_s, child.id, slots) for child in lanes)
            state_id = graph.edges.get((state_id, Event.JOINED))
        else:
            break
    return now_s


def _encloses(graph: StateGraph, parent: str, state_id: str) -> bool:
    return any(state.id == parent for state in graph.ancestors(state_id))


def _lit_s(slots: list[Slot], on_s: float, off_s: float) -> dict[str, list[float]]:
    """Return the time from each on command to the off command that follows it, for each lamp."""
    burning: dict[str, float] = {}
    spans: dict[str, list[float]] = {}
    for slot in slots:
        work = slot.state.work
        if isinstance(work, LampWarmup):
            for lamp in work.lamps:
                burning.setdefault(lamp, slot.start_s + on_s)
        elif isinstance(work, LampOff):
            for lamp in work.lamps:
                if lamp in burning:
                    spans.setdefault(lamp, []).append(slot.start_s + off_s - burning.pop(lamp))
        elif isinstance(work, TimedLamp):
            spans.setdefault(work.lamp, []).append(work.lit_s + off_s)
    return spans


def critical_path(graph: StateGraph, slots: Sequence[Slot]) -> frozenset[str]:
    """Return the states that decide how long the run takes. Of parallel lanes, these are in the longest one."""
    ends = {slot.state.id: slot.end_s for slot in slots}
    return frozenset({"safing", *_deciding(items(graph, graph.initial), ends)})


def _deciding(series: Sequence[Item], ends: dict[str, float]) -> Iterator[str]:
    for item in series:
        if not item.lanes:
            yield item.state.id
            continue
        yield from _deciding(max(item.lanes, key=lambda lane: _ends_s(lane, ends)), ends)


def _ends_s(lane: Sequence[Item], ends: dict[str, float]) -> float:
    # Sums of decimal fractions are not exact. Of lanes that end together, the first one decides.
    return round(max((ends[state.id] for item in lane for state in leaves(item)), default=0.0), 6)
