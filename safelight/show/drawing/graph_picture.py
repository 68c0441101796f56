"""Graph as a picture: boxes downwards, parallel lanes side by side, safing and endings below. Pure functions.

Steps are boxes with the colour of their kind on the left. A thin frame is repeated as a whole. A dashed frame with two
thick bars holds parallel lanes. In pictures of runs, signs and words give the outcome of each step.
"""

from collections.abc import Iterator, Mapping, Sequence

from safelight.engine.planning.graph_tree import Item, items
from safelight.show.drawing import svg
from safelight.show.drawing.box_layout import Connector, Laid, PlacedBox, Sizes, corners, lay_out
from safelight.show.drawing.colours import Theme, look_of
from safelight.show.drawing.endings_picture import HEIGHT as WAYS_OUT
from safelight.show.drawing.endings_picture import NARROWEST, draw_endings
from safelight.show.drawing.labels import label
from safelight.show.drawing.legend import draw_legend
from safelight.show.drawing.state_marks import Mark
from safelight.states import Shape, StateGraph

__all__ = ["draw_graph"]

_WIDEST, _SLIMMEST = 330.0, 150.0
_EDGE = 24.0
_LINE = 15.0
_WRITTEN = {"handover": "overlap", "overlap": "in parallel", "sweep": "sweep", "timed": "timed lamps"}


def draw_graph(
    graph: StateGraph,
    *,
    heading: str = "",
    below: Sequence[str] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
    marks: Mapping[str, Mark] | None = None,
    theme: Theme = "auto",
) -> str:
    """Return the graph as SVG.

    Args:
        graph: whole, or folded.
        heading: its heading; the graph's name by default.
        below: lines beneath the heading.
        notes: state id -> lines beneath its title.
        marks: state id -> its outcome; None for a plan.
        theme: `auto` follows the reader's choice of light or dark.
    """
    return _Flow(graph, notes or {}, marks).document(heading or graph.name, below, theme)


class _Flow:
    def __init__(self, graph: StateGraph, notes: Mapping[str, Sequence[str]], marks: Mapping[str, Mark] | None) -> None:
        self.graph = graph
        self.marks = marks
        self.notes = {state.id: [*notes.get(state.id, ()), *self._told(state.id)] for state in graph.states}

    def _told(self, state_id: str) -> list[str]:
        mark = (self.marks or {}).get(state_id)
        return [mark.words] if mark else []

    def document(self, heading: str, below: Sequence[str], theme: Theme) -> str:
        laid = lay_out(items(self.graph, self.graph.initial), self._sizes())
        width = max(
            laid.width, NARROWEST, svg.width_px(heading, 18, bold=True), *(svg.width_px(one, 12) for one in below)
        )
        top = _EDGE + 26 + _LINE * len(below) + 12
        inside = laid.at(_EDGE + 16 + (width - laid.width) / 2, top + 46)
        bottom = top + 46 + laid.height + 32
        body = [*self._heading(heading, below), *self._run(inside, width, top, bottom)]
        body += draw_endings(self.graph, self.marks, _EDGE + 16 + width / 2, bottom)
        signs, deep = draw_legend(
            _EDGE, bottom + WAYS_OUT + 24, width + 32, self._kinds(), marked=self.marks is not None
        )
        whole = bottom + WAYS_OUT + 24 + deep + _EDGE
        return svg.document(width + 2 * _EDGE + 32, whole, [*body, *signs], heading, theme)

    def _sizes(self) -> Sizes:
        steps = [state for state in self.graph.states if state.shape is Shape.ATOMIC and state.parent is not None]
        widths = [svg.width_px(label(state), 12, bold=True) + 46 for state in steps]
        widths += [svg.width_px(words, 11) + 40 for state in steps for words in self.notes[state.id]]
        width = min(_WIDEST, max(_SLIMMEST, *widths)) if widths else _SLIMMEST
        heads = {
            state.id: svg.width_px(self._head(state.id, state.kind), 11) + 30
            for state in self.graph.states
            if state.shape in (Shape.COMPOUND, Shape.PARALLEL)
        }
        heights = {state.id: 27.0 + 14.0 * len(self.notes[state.id]) for state in steps}
        return Sizes(width, heights, heads)

    def _kinds(self) -> set[str]:
        return {state.kind for state in self.graph.states if state.shape is Shape.ATOMIC}

    # ---- parts of the picture

    def _heading(self, heading: str, below: Sequence[str]) -> Iterator[str]:
        yield svg.words(_EDGE, _EDGE + 16, heading, "big")
        for number, one in enumerate(below, start=1):
            yield svg.words(_EDGE, _EDGE + 20 + _LINE * number, one, "soft")

    def _run(self, inside: Laid, width: float, top: float, bottom: float) -> Iterator[str]:
        yield svg.rect(_EDGE, top, width + 32, bottom - top, "box none", 10)
        yield svg.words(_EDGE + 12, top + 20, "run", "bold")
        for box in inside.boxes:
            yield from self._box(box)
        for wire in inside.wires:
            yield from _drawn(wire)
        if inside.boxes:
            first = inside.boxes[0]
            x, y = first.x + first.width / 2, first.y
            yield svg.element("circle", cx=x, cy=y - 26, r=5, class_="way")
            yield from _drawn(Connector(((x, y - 22), (x, y))))

    def _box(self, box: PlacedBox) -> Iterator[str]:
        if box.item is None:
            yield svg.line(box.x, box.y, box.x + box.width, box.y, "bar")
        elif box.item.lanes:
            yield from self._group(box, box.item)
        else:
            yield from self._step(box, box.item)

    def _group(self, box: PlacedBox, item: Item) -> Iterator[str]:
        lanes = len(item.lanes) > 1
        yield svg.rect(box.x, box.y, box.width, box.height, "lanes" if lanes else "box none", 8, item.state.id)
        head = self._head(item.state.id, item.state.kind)
        yield svg.words(box.x + 10, box.y + 17, svg.fitting(head, 11, box.width - 34), "small soft")
        if item.retried and self.marks is None:
            yield svg.symbol("retried", box.x + box.width - 20, box.y + 7, "hint")

    def _head(self, state_id: str, kind: str) -> str:
        _, _, frame = state_id.partition("/")
        if kind in _WRITTEN:
            return f"{_WRITTEN[kind]}: at the same time" if kind != "sweep" else "sweep: at the same time"
        return f"{kind} {frame}"

    def _step(self, box: PlacedBox, item: Item) -> Iterator[str]:
        state, mark = item.state, (self.marks or {}).get(item.state.id)
        look = look_of(state.kind)
        outcome = mark.outcome if mark else "waiting"
        tint = f"k-{look}" if self.marks is None else f"m-{outcome} {outcome}"
        heavy = " heavy" if mark and mark.outcome in ("now", "failed") else ""
        told = "\n".join([state.id, *self.notes[state.id]])
        yield svg.rect(box.x, box.y, box.width, box.height, f"box {tint}{heavy}", 5, told)
        yield svg.rect(box.x, box.y, 6, box.height, f"f-{look}", 2)
        signs = 32 if item.retried or mark else 10
        bold = look == "expose"
        title = svg.fitting(label(state), 12, box.width - 14 - signs, bold=bold)
        top = box.y + (18 if self.notes[state.id] else box.height / 2 + 4)
        yield svg.words(box.x + 13, top, title, "bold" if bold else "")
        for number, words in enumerate(self.notes[state.id], start=1):
            note = svg.fitting(words, 11, box.width - 20)
            yield svg.words(box.x + 13, box.y + 18 + 14 * number, note, "small soft")
        if mark and mark.outcome != "waiting":
            yield svg.symbol(mark.outcome, box.x + box.width - 19, box.y + 7)
        elif item.retried and self.marks is None:
            yield svg.symbol("retried", box.x + box.width - 19, box.y + 7, "hint")


def _drawn(wire: Connector) -> Iterator[str]:
    look = "split" if wire.look == "split" else "wire"
    yield svg.path(" ".join(corners(wire)), look)
    if wire.look == "arrow":
        x, y = wire.points[-1]
        yield svg.path(f"M{x - 4:.1f} {y - 7:.1f} L{x:.1f} {y:.1f} L{x + 4:.1f} {y - 7:.1f} Z", "head")
