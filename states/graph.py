"""Graph of one sequence: all states and transitions, as an immutable value with a content hash.

Shapes are those of a statechart. A *compound* runs its children one after the other, beginning with its `initial`. A
*parallel* runs all its children at once, and is left by the transition `JOINED` when every one of them has reached
its final child. The action of an atomic state is in `work`. The event `NEXT` says that it has been done.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from safelight.representable import Representable
from safelight.states.exposure import LATER, Exposure
from safelight.states.work import Work

__all__ = ["ENDINGS", "SAFING", "Event", "Shape", "State", "StateGraph", "Transition", "plain"]

ENDINGS = ("done", "aborted", "faulted", "paused", "unsafe")
"""Five ways in which a run can end."""


SAFING = "safing"


class Shape(StrEnum):
    """Shape of a state, as in a statechart."""

    ATOMIC = "atomic"
    COMPOUND = "compound"
    PARALLEL = "parallel"
    FINAL = "final"


class Event(StrEnum):
    """Event that moves a machine from state to state."""

    NEXT = "next"
    JOINED = "joined"
    RETRY = "retry"
    RETAKE = "retake"
    ABORT = "abort"
    FAULT = "fault"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class State:
    """Box of the graph.

    Attributes:
        id: readable and unique: `expose/LDLS-90s-001`.
        kind: its name: the work's kind, or `run`, `frame`, `handover`, `overlap`, `region`, `end`, ...
        parent: id of the enclosing state; None at the top.
        initial: the child that a compound begins with.
        expected_s: duration when nothing goes wrong, s (0 for a state that is not atomic).
        deadline_s: time after which it counts as failed, s.
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
    """Edge of the graph: in `source`, `event` leads to `target`.

    A retry leads back to its own source. A retake leads from a readout back to the restore of its frame.
    """

    source: str
    event: str
    target: str


@dataclass(frozen=True, repr=False)
class StateGraph(Representable):
    """All states and transitions of one sequence.

    Attributes:
        name: name of the sequence.
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

    def __repr__(self) -> str:
        """Return a short form, because a notebook keeps it together with the picture."""
        return f"<graph of {self.name!r}: {len(self.exposures)} frames, {len(self.states)} states, {self.hash[:12]}>"

    @cached_property
    def by_id(self) -> Mapping[str, State]:
        """Map each state id to its state."""
        return {state.id: state for state in self.states}

    @cached_property
    def children(self) -> Mapping[str | None, tuple[State, ...]]:
        """Map each parent id to its children in order, and None to the top states."""
        families: dict[str | None, list[State]] = {}
        for state in self.states:
            families.setdefault(state.parent, []).append(state)
        return {parent: tuple(family) for parent, family in families.items()}

    @cached_property
    def edges(self) -> Mapping[tuple[str, str], str]:
        """Map (source, event) to the target."""
        return {(edge.source, edge.event): edge.target for edge in self.transitions}

    @cached_property
    def outgoing(self) -> Mapping[str, tuple[Transition, ...]]:
        """Map each state id to the transitions that leave it."""
        leaving: dict[str, list[Transition]] = {}
        for edge in self.transitions:
            leaving.setdefault(edge.source, []).append(edge)
        return {source: tuple(edges) for source, edges in leaving.items()}

    @cached_property
    def hash(self) -> str:
        """Return the sha256 of the content, hex. Equal graphs have equal hashes on every machine."""
        content = json.dumps(plain(self), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def ancestors(self, state_id: str) -> Iterator[State]:
        """Yield the enclosing states, from the nearest outwards."""
        parent = self.by_id[state_id].parent
        while parent is not None:
            yield self.by_id[parent]
            parent = self.by_id[parent].parent

    def retry_scope(self, state_id: str) -> str | None:
        """Return the state that is repeated when this one fails: itself or the nearest one with a retry edge."""
        for candidate in (self.by_id[state_id], *self.ancestors(state_id)):
            if (candidate.id, Event.RETRY) in self.edges:
                return candidate.id
        return None


_SIMPLE = frozenset({str, float, int, bool, type(None)})


def plain(value: Any) -> Any:
    """Return a value that JSON can hold. Dataclasses become mappings that name their kind of work."""
    made_of = type(value)
    if made_of in _SIMPLE:
        return value
    if made_of is tuple or made_of is list:
        return [plain(item) for item in value]
    if is_dataclass(made_of):
        kind, names, later = _parts(made_of)
        content = {name: plain(getattr(value, name)) for name in names}
        for name, default in later:
            if getattr(value, name) != default:
                content[name] = plain(getattr(value, name))
        return {"kind": kind, **content} if kind else content
    return value


@cache
def _parts(made_of: type) -> tuple[str | None, tuple[str, ...], tuple[tuple[str, Any], ...]]:
    """Return the kind of work of a dataclass, or None, the names of its fields, and later fields with defaults."""
    kind = getattr(made_of, "kind", None)
    every = fields(made_of)
    first = tuple(field.name for field in every if LATER not in field.metadata)
    later = tuple((field.name, field.default) for field in every if LATER in field.metadata)
    return kind if isinstance(kind, str) else None, first, later
