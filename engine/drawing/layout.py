"""What all drawings share: safe identifiers, readable labels, and edges cut where they leave a box; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safelight.engine.drawing.happened import Mark
from safelight.engine.wording import title
from safelight.states import Event, Shape, State, StateGraph

__all__ = ["Arrow", "arrows", "identifiers", "label", "told"]

LONGEST_LABEL = 80


@dataclass(frozen=True, slots=True)
class Arrow:
    """A transition as a drawing shows it, between two boxes that lie in the same box.

    Attributes:
        scope: the enclosing state; None: the top.
        source: the box that is left.
        target: the box that is entered; None: the end of `scope`.
        event: what is written on it.
    """

    scope: str | None
    source: str
    target: str | None
    event: str


def identifiers(graph: StateGraph) -> Mapping[str, str]:
    """State id -> an identifier that every drawing language takes: letters, digits, underscores, unique."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for state in graph.states:
        # The prefix keeps clear of words that a drawing language reserves (`end`, `state`, `graph`).
        name = plain_name = "s_" + re.sub(r"[^A-Za-z0-9]+", "_", state.id).strip("_")
        number = 2
        while name.casefold() in taken:
            name, number = f"{plain_name}_{number}", number + 1
        taken.add(name.casefold())
        given[state.id] = name
    return given


def label(state: State) -> str:
    """A state's words on one line, without control characters, shortened."""
    words = f"safing: {title(state)}" if state.id == "safing" else title(state) if state.work else _box(state)
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return clean if len(clean) <= LONGEST_LABEL else clean[: LONGEST_LABEL - 1] + "…"


def told(mark: Mark | None) -> str:
    """What has come of a state, after its words: ` | done 03:15:20, 32 s`; nothing where nothing is known."""
    if mark is None:
        return ""
    words = f" | {mark.outcome} {mark.words}"
    return words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1] + "…"


def _box(state: State) -> str:
    """A box's name without its kind's slash: `frame bias-001`."""
    return state.id.replace("/", " ", 1)


def arrows(graph: StateGraph) -> Iterator[Arrow]:
    """Every transition, once; one that leaves its box ends at the box's border, and goes on from the box itself."""
    drawn: set[Arrow] = set()
    for edge in graph.transitions:
        for arrow in _cut(graph, edge.source, str(edge.event), edge.target):
            if arrow not in drawn:
                drawn.add(arrow)
                yield arrow


def _cut(graph: StateGraph, source: str, event: str, target: str) -> Iterator[Arrow]:
    around_target = [None, *reversed([state.id for state in graph.ancestors(target)])]
    while (parent := graph.by_id[source].parent) not in around_target:
        # The last child of a box: the box has been done with it.
        yield Arrow(parent, source, None, _written(event))
        source, event = str(parent), ""
    depth = around_target.index(parent)
    entered = (*around_target[1:], target)[depth]
    assert entered is not None  # noqa: S101 - only the first of them is None
    goal = graph.by_id[entered]
    inner_end = goal.shape is Shape.FINAL and goal.parent is not None
    yield Arrow(parent, source, None if inner_end else entered, _written(event))


def _written(event: str) -> str:
    """What stands on an arrow: the two events that say no more than "done" are left out."""
    return "" if event in (Event.NEXT, Event.JOINED) else event
