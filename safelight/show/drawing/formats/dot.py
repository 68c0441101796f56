"""Graph in the language of Graphviz: a cluster for each box, dashed if its lanes run in parallel."""

from collections.abc import Iterator, Mapping

from safelight.show.drawing.colours import MARKS
from safelight.show.drawing.labels import identifiers, label, told
from safelight.show.drawing.state_marks import Mark
from safelight.states import Event, Shape, State, StateGraph, Transition

__all__ = ["to_dot"]


def to_dot(graph: StateGraph, marks: Mapping[str, Mark] | None = None) -> str:
    """Return the graph as the text of a `digraph`.

    Args:
        graph: whole, or folded.
        marks: state id -> its outcome; None for a plan.
    """
    return "\n".join(_DotWriter(graph, marks or {}).lines()) + "\n"


class _DotWriter:
    def __init__(self, graph: StateGraph, marks: Mapping[str, Mark]) -> None:
        self.graph = graph
        self.marks = marks
        self.names = identifiers(graph)

    def lines(self) -> Iterator[str]:
        yield f"digraph {_quoted(self.graph.name)} {{"
        yield f"  // {self.graph.hash}"
        yield '  compound=true; rankdir=TB; node [shape=box, style=rounded, fontname="sans-serif"];'
        yield '  edge [fontname="sans-serif"]; start [shape=point, label=""];'
        for state in self.graph.children[None]:
            yield from self._state(state, "  ")
        yield f"  start -> {self._first(self.graph.initial)} [{self._border('lhead', self.graph.initial)}];"
        for edge in self.graph.transitions:
            yield self._edge(edge)
        yield "}"

    def _state(self, state: State, indent: str) -> Iterator[str]:
        mark = self.marks.get(state.id)
        name, words = self.names[state.id], _quoted(label(state) + told(mark))
        colour = f', color="{MARKS[mark.outcome]}", penwidth=2' if mark else ""
        if state.shape is Shape.FINAL:
            shape = 'shape=point, label=""' if state.parent else f"shape=doublecircle, label={words}{colour}"
            yield f"{indent}{name} [{shape}];"
        elif state.shape is Shape.ATOMIC:
            yield f"{indent}{name} [label={words}{colour}];"
        else:
            style = "dashed" if state.shape is Shape.PARALLEL else "rounded"
            yield f"{indent}subgraph cluster_{name} {{"
            yield f"{indent}  label={words}; style={style};"
            for child in self.graph.children.get(state.id, ()):
                yield from self._state(child, indent + "  ")
            yield f"{indent}}}"

    def _edge(self, edge: Transition) -> str:
        marks = [self._border("ltail", edge.source), self._border("lhead", edge.target)]
        if edge.event not in (Event.NEXT, Event.JOINED):
            marks.append(f"label={_quoted(str(edge.event))}")
        if edge.source == edge.target:
            marks = marks[2:]  # a loop on a box is drawn on its first state
        marked = ", ".join(mark for mark in marks if mark)
        return f"  {self._last(edge.source)} -> {self._first(edge.target)} [{marked}];"

    def _border(self, which: str, state_id: str) -> str:
        """Let an arrow begin or end at a box's border."""
        inner = self.graph.by_id[state_id].shape in (Shape.COMPOUND, Shape.PARALLEL)
        return f"{which}=cluster_{self.names[state_id]}" if inner else ""

    def _first(self, state_id: str) -> str:
        """Return a node inside of a box, for arrows that lead to the box."""
        state = self.graph.by_id[state_id]
        if state.shape is Shape.COMPOUND and state.initial is not None:
            return self._first(state.initial)
        if state.shape is Shape.PARALLEL:
            return self._first(self.graph.children[state_id][0].id)
        return self.names[state_id]

    def _last(self, state_id: str) -> str:
        """Return the lowest node inside of a box, for arrows from it, so that the drawing flows downwards."""
        children = self.graph.children.get(state_id, ())
        return self._last(children[-1].id) if children else self.names[state_id]


def _quoted(words: str) -> str:
    one_line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    escaped = one_line.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
