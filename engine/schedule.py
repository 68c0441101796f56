"""When each state of a graph begins and ends if nothing goes wrong; and how long each lamp burns. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.states import Event, LampOff, LampWarmup, Shape, State, StateGraph

__all__ = ["Schedule", "Slot", "schedule"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One state in time: seconds from the beginning of the run; `lane` names the region it runs in."""

    state: State
    start_s: float
    duration_s: float
    lane: str

    @property
    def end_s(self) -> float:
        """When it ends, s."""
        return self.start_s + self.duration_s


@dataclass(frozen=True)
class Schedule:
    """The whole run in time.

    Attributes:
        slots: every state with an action, by beginning.
        total_s: from the first command to the confirmed end, s.
        lamp_on_s: lamp -> seconds for which it burns.
    """

    slots: tuple[Slot, ...]
    total_s: float
    lamp_on_s: Mapping[str, float]


def schedule(graph: StateGraph, on_s: float = 0.0, off_s: float = 0.0) -> Schedule:
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
    return Schedule(tuple(slots), end_s + safing.expected_s, _lamp_on_s(slots, on_s, off_s))


def _lay_chain(graph: StateGraph, parent: str, start_s: float, lane: str, slots: list[Slot]) -> float:
    """Lay the children of a compound one after the other, in the order of the edges; returns the end."""
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


def _lamp_on_s(slots: list[Slot], on_s: float, off_s: float) -> dict[str, float]:
    """Add up from each on command to the off command that follows it."""
    burning: dict[str, float] = {}
    total: dict[str, float] = {}
    for slot in slots:
        work = slot.state.work
        if isinstance(work, LampWarmup):
            for lamp in work.lamps:
                burning.setdefault(lamp, slot.start_s + on_s)
        elif isinstance(work, LampOff):
            for lamp in work.lamps:
                if lamp in burning:
                    total[lamp] = total.get(lamp, 0.0) + slot.start_s + off_s - burning.pop(lamp)
    return total
