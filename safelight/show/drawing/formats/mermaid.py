"""Graph as a Mermaid state diagram: nested boxes, and parallel regions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safelight.show.drawing.colours import MARKS
from safelight.show.drawing.labels import identifiers, label, told
from safelight.show.drawing.state_marks import Mark
from safelight.states import Event, Shape, State, StateGraph

__all__ = ["arrows", "to_mermaid"]

# Mermaid's own escapes for characters of its grammar. `#` comes first, because it is part of the other escapes.
_ENTITIES = {ord(letter): f"#{ord(letter)};" for letter in '#"%;<>&{}\\`:'}


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


def to_mermaid(graph: StateGraph, marks: Mapping[str, Mark] | None = None) -> str:
    """Return the graph as the text of a `stateDiagram-v2`.

    Args:
        graph: whole, or folded.
        marks: state id -> its outcome; None for a plan.
    """
    return "\n".join(_MermaidWriter(graph, marks or {}).lines()) + "\n"


class _MermaidWriter:
    def __init__(self, graph: StateGraph, marks: Mapping[str, Mark]) -> None:
        self.graph = graph
        self.marks = marks
        self.names = identifiers(graph)
        self.arrows: dict[str | None, list[Arrow]] = {}
        for arrow in arrows(graph):
            self.arrows.setdefault(arrow.scope, []).append(arrow)

    def lines(self) -> Iterator[str]:
        yield "stateDiagram-v2"
        yield f"  %% {_clean(self.graph.name)}, {self.graph.hash}"
        yield from self._inside(None, self.graph.initial, "  ")
        for state in self.graph.children[None]:
            if state.shape is Shape.FINAL:
                yield f"  {self.names[state.id]} --> [*]"
        yield from self._colours()

    def _colours(self) -> Iterator[str]:
        """Yield a border colour for the outcome of each state, in addition to its words."""
        drawn = [(self.names[state.id], self.marks[state.id]) for state in self.graph.states if state.id in self.marks]
        for outcome in dict.fromkeys(mark.outcome for _, mark in drawn):
            dashed = ",stroke-dasharray:5 4" if outcome == "waiting" else ""
            yield f"  classDef {outcome}State stroke:{MARKS[outcome]},stroke-width:3px{dashed}"
        for name, mark in drawn:
            yield f"  class {name} {mark.outcome}State"

    def _inside(self, parent: str | None, initial: str | None, indent: str) -> Iterator[str]:
        """Yield the contents of a box: its states, its initial state, and its arrows."""
        for state in self.graph.children.get(parent, ()):
            yield from self._state(state, indent)
        if initial is not None:
            yield f"{indent}[*] --> {self.names[initial]}"
        for arrow in self.arrows.get(parent, ()):
            target = "[*]" if arrow.target is None else self.names[arrow.target]
            event = f" : {_clean(arrow.event)}" if arrow.event else ""
            yield f"{indent}{self.names[arrow.source]} --> {target}{event}"

    def _state(self, state: State, indent: str) -> Iterator[str]:
        if state.shape is Shape.FINAL and state.parent is not None:
            return  # drawn as [*]
        words = _clean(label(state) + told(self.marks.get(state.id)))
        head = f'{indent}state "{words}" as {self.names[state.id]}'
        if state.shape in (Shape.ATOMIC, Shape.FINAL):
            yield head
            return
        yield head + " {"
        if state.shape is Shape.PARALLEL:
            yield from self._regions(state, indent + "  ")
        else:
            yield from self._inside(state.id, state.initial, indent + "  ")
        yield indent + "}"

    def _regions(self, state: State, indent: str) -> Iterator[str]:
        for number, lane in enumerate(self.graph.children.get(state.id, ())):
            if number:
                yield indent + "--"
            yield from self._inside(lane.id, lane.initial, indent)


def _clean(words: str) -> str:
    one_line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return one_line.translate(_ENTITIES)


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
