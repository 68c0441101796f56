"""Layout of a drawing: series downwards in columns, lanes side by side. Pure functions. All numbers are px."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from safelight.engine.planning.graph_tree import Item

__all__ = ["GAP", "HEAD", "Connector", "Laid", "PlacedBox", "Sizes", "corners", "lay_out"]

GAP = 20.0
"""Gap between two boxes."""
HEAD = 26.0
"""Height of the words on top of a group."""
_PAD = 12.0
_BETWEEN = 34.0
"""Gap between columns, with room for a wire."""
_FORK = 16.0
"""Gap above and below lanes that run at the same time."""
_COLUMNS = (2, 3, 4, 5, 6, 8, 11, 15, 20, 28)
_SLACK = (1.03, 1.15, 1.3)
"""Factors on the smallest height of columns that are tried, because blocks are not cut to fill a column."""
_MANY = 1000
"""Number of boxes above which fewer heights are tried."""
_SHAPE = 1.25
"""Preferred ratio of width to height of a drawing."""


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """Box at its place. With `item` None it is a thick bar, where lanes begin or end."""

    item: Item | None
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Connector:
    """Connector from box to box by its corners, with an arrow at its end, or only a line (`split` parts two lanes)."""

    points: tuple[tuple[float, float], ...]
    look: str = "arrow"


@dataclass(frozen=True, slots=True)
class Laid:
    """Laid-out part, with its upper left corner at 0, 0. Wires enter and leave at its middle."""

    width: float
    height: float
    boxes: tuple[PlacedBox, ...] = ()
    wires: tuple[Connector, ...] = ()

    def at(self, x: float, y: float) -> "Laid":
        """Return it moved."""
        boxes = tuple(replace(box, x=box.x + x, y=box.y + y) for box in self.boxes)
        wires = tuple(replace(wire, points=tuple((px + x, py + y) for px, py in wire.points)) for wire in self.wires)
        return replace(self, boxes=boxes, wires=wires)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Width and height of a step's box, and width of a group's words, by state id."""

    width: float
    heights: Mapping[str, float]
    heads: Mapping[str, float]


def lay_out(series: Sequence[Item], sizes: Sizes) -> Laid:
    """Lay a run out in the number of columns that gives it a good shape."""
    one = _series(series, sizes, float("inf"))
    slacks = _SLACK if len(one.boxes) < _MANY else _SLACK[:1]
    heights = (slack * one.height / number + GAP for number in _COLUMNS for slack in slacks)
    tries = (_series(series, sizes, height) for height in heights)
    return min((one, *tries), key=lambda laid: max(laid.width / _SHAPE, laid.height))


def _series(series: Sequence[Item], sizes: Sizes, highest: float) -> Laid:
    columns: list[list[Laid]] = [[]]
    height = 0.0
    for laid in (_item(item, sizes, highest) for item in series):
        if columns[-1] and height + GAP + laid.height > highest:
            columns.append([])
            height = 0.0
        height += laid.height + (GAP if columns[-1] else 0.0)
        columns[-1].append(laid)
    return _columns(columns)


def _columns(columns: Sequence[Sequence[Laid]]) -> Laid:
    x, highest = 0.0, max(_height(column) for column in columns)
    boxes: list[PlacedBox] = []
    wires: list[Connector] = []
    before: tuple[float, float] | None = None
    for column in columns:
        width = max((laid.width for laid in column), default=0.0)
        y, middle = 0.0, x + width / 2
        for place, laid in enumerate(column):
            put = laid.at(middle - laid.width / 2, y)
            boxes += put.boxes
            wires += put.wires
            if place:
                wires.append(Connector(((middle, y - GAP), (middle, y))))
            elif before is not None:
                wires.append(_turn(before, x - _BETWEEN / 2, highest, middle))
            y += laid.height + GAP
        before = (middle, y - GAP)
        x += width + _BETWEEN
    laid = Laid(x - _BETWEEN, highest, tuple(boxes), tuple(wires))
    return laid if len(columns) == 1 else _below(laid)


def _below(laid: Laid) -> Laid:
    """Return the room above and below for the wires from column to column."""
    return replace(laid.at(0.0, GAP), height=laid.height + 2 * GAP)


def _height(column: Sequence[Laid]) -> float:
    return sum(laid.height for laid in column) + GAP * max(len(column) - 1, 0)


def _turn(start: tuple[float, float], gutter: float, lowest: float, middle: float) -> Connector:
    """Return a wire from the bottom of a column to the top of the next."""
    x, y = start
    low, high = lowest + GAP * 0.6, -GAP * 0.6
    return Connector(((x, y), (x, low), (gutter, low), (gutter, high), (middle, high), (middle, 0.0)))


def _item(item: Item, sizes: Sizes, highest: float) -> Laid:
    if not item.lanes:
        width, height = sizes.width, sizes.heights[item.state.id]
        return Laid(width, height, (PlacedBox(item, 0.0, 0.0, width, height),))
    lanes = [_series(lane, sizes, highest) for lane in item.lanes]
    inner = lanes[0] if len(lanes) == 1 else _lanes(lanes)
    head = sizes.heads.get(item.state.id, 0.0)
    width = max(inner.width, head) + 2 * _PAD
    height = inner.height + HEAD + _PAD
    put = inner.at((width - inner.width) / 2, HEAD)
    frame = PlacedBox(item, 0.0, 0.0, width, height)
    return Laid(width, height, (frame, *put.boxes), put.wires)


def _lanes(lanes: Sequence[Laid]) -> Laid:
    """Lay lanes side by side between two bars, where all of them begin and end."""
    tallest = max(lane.height for lane in lanes)
    height = tallest + 2 * (_FORK + GAP)
    x = 0.0
    boxes: list[PlacedBox] = []
    wires: list[Connector] = []
    top, bottom = _FORK, height - _FORK
    for place, lane in enumerate(lanes):
        middle = x + lane.width / 2
        put = lane.at(x, top + GAP)
        boxes += put.boxes
        wires += put.wires
        wires += [
            Connector(((middle, top), (middle, top + GAP))),
            Connector(((middle, top + GAP + lane.height), (middle, bottom))),
        ]
        if place:
            wires.append(Connector(((x - GAP / 2, top + 8), (x - GAP / 2, bottom - 8)), "split"))
        x += lane.width + GAP
    width = x - GAP
    bars = tuple(PlacedBox(None, 0.0, y, width, 0.0) for y in (top, bottom))
    into, out = ((width / 2, -HEAD), (width / 2, top)), ((width / 2, bottom), (width / 2, height + _PAD))
    stubs = (Connector(into, "line"), Connector(out, "line"))
    return Laid(width, height, (*boxes, *bars), (*wires, *stubs))


def corners(wire: Connector) -> Iterator[str]:
    """Yield the points of a wire in the form of an SVG path."""
    for number, (x, y) in enumerate(wire.points):
        yield f"{'L' if number else 'M'}{x:.1f} {y:.1f}"
