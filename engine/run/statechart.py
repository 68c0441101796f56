"""Running statechart of a graph. Only this file imports statemachine.

It is one unrolled compound state `run` without callbacks, on the synchronous engine: `send` never yields, so that no
cancellation can happen inside a transition. The work is done outside, by the runner.

States that are active at the same time need their own events, or one lane's step would move another lane on. Therefore
every lane has a number, and the events of a lane carry it: `next0`, `retry0`, `next1`, ...
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from statemachine.exceptions import TransitionNotAllowed
from statemachine.io import create_machine_class_from_definition

from safelight.engine.errors import EngineError
from safelight.engine.gc_tuning import no_garbage_collection
from safelight.states import Event, Shape, State, StateGraph

__all__ = ["Statechart"]

_FLAGS: Mapping[str, bool] = {
    "allow_event_without_transition": False,
    "catch_errors_as_events": False,
    "atomic_configuration_update": True,
    # engine.planning.proof has checked the whole graph, not only its top.
    "validate_trap_states": False,
    "validate_final_reachability": False,
}

# All classes have one name, because the library keeps every class by its name for ever.
_CLASS_NAME = "SafelightRun"

_LANED = frozenset({Event.NEXT, Event.RETRY, Event.RETAKE})


class Statechart:
    """Running statechart.

    Args:
        graph: a checked graph.
    """

    def __init__(self, graph: StateGraph) -> None:
        self._graph = graph
        self._names = {state.id: f"s{number}" for number, state in enumerate(graph.states)}
        self._ids = {name: state_id for state_id, name in self._names.items()}
        self._lanes = _number_lanes(graph)
        with no_garbage_collection():
            machine_class = create_machine_class_from_definition(_CLASS_NAME, self._definition(None), **_FLAGS)
            self._chart = machine_class()

    @property
    def active(self) -> frozenset[str]:
        """Ids of all active states, enclosing ones included."""
        return frozenset(self._ids[name] for name in self._chart.configuration_values)

    @property
    def at_work(self) -> tuple[State, ...]:
        """Active states that have an action."""
        by_id = self._graph.by_id
        states = (by_id[self._ids[name]] for name in self._chart.configuration_values)
        return tuple(state for state in states if state.work is not None)

    def send(self, event: str, source: str) -> None:
        """Send an event of an active state.

        Args:
            event: NEXT, RETRY or RETAKE of an active state, an interruption of `run`, or an ending of safing.
            source: the state whose event it is.

        Raises:
            EngineError: if the event has no transition from here.
        """
        # The states of a lane share its events, so that an inactive state must not move the active one.
        if self._names.get(source) in self._chart.configuration_values:
            with suppress(TransitionNotAllowed):
                self._chart.send(self._event(event, source))
                return
        raise EngineError(f"{event} of {source} is not possible now: {sorted(self.active)}")

    def _event(self, event: str, source: str) -> str:
        if event in _LANED:
            return f"{event}{self._lanes[source]}"
        if event == Event.JOINED:
            return f"done.state.{self._names[source]}"
        return event

    def _definition(self, parent: str | None) -> dict[str, Any]:
        """Return the library's definition of all children of a state, written depth first."""
        first = self._graph.initial if parent is None else self._graph.by_id[parent].initial
        within_parallel = parent is not None and self._graph.by_id[parent].shape is Shape.PARALLEL
        family: dict[str, Any] = {}
        for state in self._graph.children.get(parent, ()):
            entry: dict[str, Any] = {}
            if state.id == first and not within_parallel:
                entry["initial"] = True
            if state.shape is Shape.FINAL:
                entry["final"] = True
            if state.shape is Shape.PARALLEL:
                entry["parallel"] = True
            edges = self._outgoing.get(state.id)
            if edges:
                entry["transitions"] = edges
            if state.id in self._graph.children:
                entry["states"] = self._definition(state.id)
            family[self._names[state.id]] = entry
        return family

    @property
    def _outgoing(self) -> Mapping[str, list[dict[str, str]]]:
        if not hasattr(self, "_edges"):
            edges: dict[str, list[dict[str, str]]] = {}
            for edge in self._graph.transitions:
                entry = {"event": self._event(edge.event, edge.source), "target": self._names[edge.target]}
                edges.setdefault(edge.source, []).append(entry)
            self._edges = edges
        return self._edges


def _number_lanes(graph: StateGraph) -> Mapping[str, int]:
    """Return state id -> lane.

    States that can be active together have different lanes, unless one encloses the other.
    """
    lanes: dict[str, int] = {}

    def number(parent: str | None, lane: int) -> int:
        """Number the children. Return the first lane that is free in parallel with them."""
        free = lane + 1
        next_lane = lane
        beside = parent is not None and graph.by_id[parent].shape is Shape.PARALLEL
        for child in graph.children.get(parent, ()):
            lanes[child.id] = next_lane
            used = number(child.id, next_lane)
            free = max(free, used)
            if beside:
                next_lane = used
        return free

    number(None, 0)
    return lanes
