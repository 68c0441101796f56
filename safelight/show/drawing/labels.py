"""Shared parts of drawings: safe identifiers, readable labels, and edges cut at the border of a box. Pure functions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safelight.show.drawing.state_marks import Mark
from safelight.states import Event, Shape, State, StateGraph
from safelight.states.titles import title

__all__ = ["Arrow", "arrows", "identifiers", "label", "told"]

LONGEST_LABEL = 80


@dataclass(frozen=True, slots=True)
class Arrow:
    """Transition on a drawing, between two boxes in the same box.

    Attributes:
        scope: the enclosing state; None: the top.
        source: the box that is left.
        target: the box that is entered; None: the end of `scope`.
        event: its label.
    """

    scope: str | None
    source: str
    target: str | None
    event: str


def identifiers(graph: StateGraph) -> Mapping[str, str]:
    """Return state id -> an identifier for every drawing language: letters, digits, underscores, unique."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for state in graph.states:
        # The prefix avoids reserved words of drawing languages (`end`, `state`, `graph`).
        name = plain_name = "s_" + re.sub(r"[^A-Za-z0-9]+", "_", state.id).strip("_")
        number = 2
        while name.casefold() in taken:
            name, number = f"{plain_name}_{number}", number + 1
        taken.add(name.casefold())
        given[state.id] = name
    return given


def label(state: State) -> str:
    """Return a state's words on one line, without control characters, shortened."""
    words = f"safing: {title(state)}" if state.id == "safing" else title(state) if state.work else _box(state)
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return clean if len(clean) <= LONGEST_LABEL else clean[: LONGEST_LABEL - 1] + "…"


def told(mark: Mark | None) -> str:
    """Return the outcome of a state to append to its words, such as ` | done 03:15:20, 32 s`, or nothing."""
    if mark is None:
        return ""
    words = f" | {mark.outcome} {mark.words}"
    return words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1] + "…"


def _box(state: State) -> str:
    """Return a box's name without the slash of its kind, such as `frame bias-001`."""
    return state.id.replace("/", " ", 1)


def arrows(graph: StateGraph) -> Iterator[Arrow]:
    """Yield every transition once.

    One that leaves its box ends at the box's border, and continues from the box itself.
    """
    drawn: set[Arrow] = set()
    for edge in graph.transitions:
        for arrow in _cut(graph, edge.source, str(edge.event), edge.target):
            if arrow not in drawn:
                drawn.add(arrow)
                yield arrow


def _cut(graph: StateGraph, source: str, event: str, target: str) -> Iterator[Arrow]:
    around_target = [None, *reversed([state.id for state in graph.ancestors(target)])]
    while (parent := graph.by_id[source].parent) not in around_target:
        # The last child of a box: the box ends with it.
        yield Arrow(parent, source, None, _written(event))
        source, event = str(parent), ""
    depth = around_target.index(parent)
    entered = (*around_target[1:], target)[depth]
    assert entered is not None  # noqa: S101 - only the first of them is None
    goal = graph.by_id[entered]
    inner_end = goal.shape is Shape.FINAL and goal.parent is not None
    yield Arrow(parent, source, None if inner_end else entered, _written(event))


def _written(event: str) -> str:
    """Return the label of an arrow, without the two events that only mean "done"."""
    return "" if event in (Event.NEXT, Event.JOINED) else event
