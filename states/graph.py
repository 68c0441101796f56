"""The graph of one sequence: all states and transitions, as an immutable value with a content hash.

Shapes are those of a statechart. A *compound* runs its children one after the other, beginning with its `initial`; a
*parallel* runs all its children at once, and is left by the transition `JOINED` when every one of them has reached
its final child. The action of an atomic state lies in `work`; the event `NEXT` says that it has been done.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from safelight.states.exposure import Exposure
from safelight.states.work import Work

__all__ = ["ENDINGS", "Event", "Shape", "State", "StateGraph", "Transition", "plain"]

ENDINGS = ("done", "aborted", "faulted", "paused", "unsafe")
"""The five ways in which a run can end."""


class Shape(StrEnum):
    """What a state is made of."""

    ATOMIC = "atomic"
    COMPOUND = "compound"
    PARALLEL = "parallel"
    FINAL = "final"


class Event(StrEnum):
    """What moves a machine from state to state."""

    NEXT = "next"
    JOINED = "joined"
    RETRY = "retry"
    ABORT = "abort"
    FAULT = "fault"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class State:
    """One box of the graph.

    Attributes:
        id: readable and unique: `expose/LDLS-90s-001`.
        kind: the word for it: the work's kind, or `run`, `frame`, `handover`, `overlap`, `region`, `end`, ...
        parent: id of the enclosing state; None at the top.
        initial: the child that a compound begins with.
        expected_s: how long it takes when nothing goes wrong, s (0 for what is not atomic).
        deadline_s: after how long it counts as failed, s.
        frame: the frame that it belongs to.
    """

    id: str
    kind: str
    shape: Shape = Shape.ATOMIC
    parent: str | None = None
    initial: str | None = None
    work: Work | None = None
    expected_s: float = 0.0
    deadline_s: float = 0.0
    frame: str | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """An edge: in `source`, `event` leads to `target`. A retry leads back to its own source."""

    source: str
    event: str
    target: str


@dataclass(frozen=True)
class StateGraph:
    """All states and transitions of one sequence.

    Attributes:
        name: of the sequence.
        states: in the order of the run; parents before their children.
        transitions: every edge.
        exposures: what each frame needs, in order.
        initial: the top state that the machine begins with.
    """

    name: str
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
    exposures: tuple[Exposure, ...]
    initial: str = "run"

    @cached_property
    def by_id(self) -> Mapping[str, State]:
        """State id -> state."""
        return {state.id: state for state in self.states}

    @cached_property
    def children(self) -> Mapping[str | None, tuple[State, ...]]:
        """Parent id -> its children in order; None -> the top states."""
        families: dict[str | None, list[State]] = {}
        for state in self.states:
            families.setdefault(state.parent, []).append(state)
        return {parent: tuple(family) for parent, family in families.items()}

    @cached_property
    def edges(self) -> Mapping[tuple[str, str], str]:
        """(source, event) -> target."""
        return {(edge.source, edge.event): edge.target for edge in self.transitions}

    @cached_property
    def outgoing(self) -> Mapping[str, tuple[Transition, ...]]:
        """State id -> the transitions that leave it."""
        leaving: dict[str, list[Transition]] = {}
        for edge in self.transitions:
            leaving.setdefault(edge.source, []).append(edge)
        return {source: tuple(edges) for source, edges in leaving.items()}

    @cached_property
    def hash(self) -> str:
        """sha256 of the content, hex: equal graphs have equal hashes on every machine."""
        content = json.dumps(plain(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def ancestors(self, state_id: str) -> Iterator[State]:
        """The enclosing states, from the nearest outwards."""
        parent = self.by_id[state_id].parent
        while parent is not None:
            yield self.by_id[parent]
            parent = self.by_id[parent].parent

    def retry_scope(self, state_id: str) -> str | None:
        """What is begun again when this state fails: itself or the nearest enclosing state with a retry edge."""
        for candidate in (self.by_id[state_id], *self.ancestors(state_id)):
            if (candidate.id, Event.RETRY) in self.edges:
                return candidate.id
        return None


_SIMPLE = frozenset({str, float, int, bool, type(None)})


def plain(value: Any) -> Any:
    """A value as JSON can hold it; dataclasses become mappings that name their kind of work."""
    made_of = type(value)
    if made_of in _SIMPLE:
        return value
    if made_of is tuple or made_of is list:
        return [plain(item) for item in value]
    if is_dataclass(made_of):
        kind, names = _parts(made_of)
        content = {name: plain(getattr(value, name)) for name in names}
        return {"kind": kind, **content} if kind else content
    return value


@cache
def _parts(made_of: type) -> tuple[str | None, tuple[str, ...]]:
    """The kind of work that a dataclass is, if it is one, and the names of its fields."""
    kind = getattr(made_of, "kind", None)
    return kind if isinstance(kind, str) else None, tuple(field.name for field in fields(made_of))
