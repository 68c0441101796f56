"""Moves of a graph: the statechart rules for events on a whole configuration. Pure functions.

A configuration is the tuple of active leaves (atomic or final states), one per lane, in the order of the graph. A
join is taken immediately, as part of the step that made it possible, so that only stable configurations appear.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from safelight.engine.errors import ProofError
from safelight.states import Event, Shape, StateGraph

__all__ = ["INTERRUPTIONS", "Configuration", "Configurations"]

Configuration = tuple[str, ...]

INTERRUPTIONS = (Event.ABORT, Event.FAULT, Event.PAUSE)


@dataclass(frozen=True)
class _Move:
    """Effect of one transition: leave everything below `leaves`, enter these leaves."""

    leaves: str
    enters: Configuration


class Configurations:
    """Moves of one graph, cached.

    Raises:
        ProofError: if a transition leads to or from a state that does not exist.
    """

    def __init__(self, graph: StateGraph) -> None:
        self.graph = graph
        for edge in graph.transitions:
            for end in (edge.source, edge.target):
                if end not in graph.by_id:
                    raise ProofError(f"{edge.source} --{edge.event}--> {edge.target}: there is no state {end!r}")
        self._place = {state.id: number for number, state in enumerate(graph.states)}
        self._above: dict[str, tuple[str, ...]] = {}
        for state in graph.states:  # parents come before their children
            if state.parent is not None and state.parent not in self._above:
                raise ProofError(f"{state.id} has no place: no state {state.parent!r} is before it")
            over = self._above[state.parent] if state.parent is not None else ()
            self._above[state.id] = (*over, state.id)
        self._tops = frozenset(state.id for state in graph.states if state.parent is None)
        self._moves: dict[tuple[str, str], _Move] = {}

    @cached_property
    def start(self) -> Configuration:
        """Return the initial configuration."""
        return self._sorted(self._default_leaves(self.graph.initial))

    def ends(self, configuration: Configuration) -> bool:
        """Return whether a final state at the top has been reached."""
        only = configuration[0]
        state = self.graph.by_id[only]
        return len(configuration) == 1 and state.shape is Shape.FINAL and state.parent is None

    def steps(self, configuration: Configuration) -> Iterator[tuple[str, str, Configuration]]:
        """Yield every (source, event, next configuration) that is possible from here."""
        for leaf in configuration:
            for state_id in self._above[leaf]:
                for event in self._events.get(state_id, ()):
                    yield state_id, event, self.after(configuration, state_id, event)

    def after(self, configuration: Configuration, source: str, event: str) -> Configuration:
        """Return the stable configuration after an event of an active state."""
        move = self._move(source, event)
        if move.leaves in self._tops:
            return self._sorted(move.enters)
        if move.leaves == source and len(move.enters) == 1 and source in configuration:
            moved = tuple(move.enters[0] if leaf == source else leaf for leaf in configuration)
        else:
            kept = [leaf for leaf in configuration if move.leaves not in self._above[leaf]]
            moved = self._sorted((*kept, *move.enters))
        return self._joined(moved, move.enters)

    def _joined(self, configuration: Configuration, entered: Configuration) -> Configuration:
        """Take the join of the parallel whose last lane has just ended."""
        for leaf in entered:
            parallel = self._parallel_of_end(leaf)
            if parallel is None:
                continue
            inside = [other for other in configuration if parallel in self._above[other]]
            if all(self._parallel_of_end(other) == parallel for other in inside):
                return self.after(configuration, parallel, Event.JOINED)
        return configuration

    def _parallel_of_end(self, leaf: str) -> str | None:
        """Return the parallel state to whose lane this final child belongs, or None for any other leaf."""
        if self.graph.by_id[leaf].shape is not Shape.FINAL or len(self._above[leaf]) < 3:  # noqa: PLR2004
            return None
        return self._above[leaf][-3]

    @cached_property
    def _events(self) -> dict[str, list[str]]:
        events: dict[str, list[str]] = {}
        for edge in self.graph.transitions:
            if edge.event != Event.JOINED:
                events.setdefault(edge.source, []).append(edge.event)
        return events

    def _move(self, source: str, event: str) -> _Move:
        move = self._moves.get((source, event))
        if move is None:
            move = self._moves[source, event] = self._plan(source, event)
        return move

    def _plan(self, source: str, event: str) -> _Move:
        """Leave up to the nearest enclosing compound of both ends, enter down to the target."""
        target = self.graph.edges.get((source, event))
        if target is None:
            raise ProofError(f"{source} has no transition for {event}")
        up, down = self._above[source], self._above[target]
        common = 0
        while common < min(len(up), len(down)) - 1 and up[common] == down[common]:
            common += 1
        while common and self.graph.by_id[up[common - 1]].shape is Shape.PARALLEL:
            common -= 1
        return _Move(leaves=up[common], enters=self._entered(down[common:]))

    def _entered(self, path: tuple[str, ...]) -> Configuration:
        """Return the leaves that are entered on the way down to a state, including other lanes of parallels."""
        leaves: list[str] = []
        for state_id, child in pairwise(path):
            if self.graph.by_id[state_id].shape is Shape.PARALLEL:
                others = (lane.id for lane in self.graph.children[state_id] if lane.id != child)
                leaves += [leaf for lane in others for leaf in self._default_leaves(lane)]
        return (*leaves, *self._default_leaves(path[-1]))

    def _default_leaves(self, state_id: str) -> Configuration:
        state = self.graph.by_id[state_id]
        if state.shape is Shape.PARALLEL:
            lanes = self.graph.children[state_id]
            return tuple(leaf for lane in lanes for leaf in self._default_leaves(lane.id))
        if state.shape is Shape.COMPOUND:
            if state.initial is None or state.initial not in self.graph.by_id:
                raise ProofError(f"{state_id} does not begin anywhere: its initial state is {state.initial!r}")
            return self._default_leaves(state.initial)
        return (state_id,)

    def _sorted(self, leaves: Configuration) -> Configuration:
        return tuple(sorted(leaves, key=self._place.__getitem__))
