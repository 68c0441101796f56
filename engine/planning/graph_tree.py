"""Graph as a tree: steps, groups of them, and lanes in parallel. Pure functions."""

from collections.abc import Iterator
from dataclasses import dataclass

from safelight.states import Event, Shape, State, StateGraph

__all__ = ["Item", "items", "leaves"]


@dataclass(frozen=True, slots=True)
class Item:
    """Item of a drawing.

    Attributes:
        state: the state that it shows.
        lanes: its content: one series for a group, several that run at the same time, none for a step.
        retried: whether it is repeated as a whole when it fails.
    """

    state: State
    lanes: "tuple[tuple[Item, ...], ...]" = ()
    retried: bool = False


def items(graph: StateGraph, parent: str) -> tuple[Item, ...]:
    """Return the items that a compound runs one after the other."""
    return tuple(_series(graph, parent))


def _series(graph: StateGraph, parent: str) -> Iterator[Item]:
    state_id = graph.by_id[parent].initial
    while state_id is not None and (state := graph.by_id[state_id]).parent == parent and state.shape is not Shape.FINAL:
        item = _item(graph, state)
        yield item
        state_id = _after(graph, item)


def _item(graph: StateGraph, state: State) -> Item:
    retried = (state.id, Event.RETRY) in graph.edges
    if state.shape is Shape.COMPOUND:
        return Item(state, (items(graph, state.id),), retried)
    if state.shape is Shape.PARALLEL:
        return Item(state, tuple(items(graph, lane.id) for lane in graph.children[state.id]), retried)
    return Item(state, (), retried)


def _after(graph: StateGraph, item: Item) -> str | None:
    """Return the state to which the last step of an item leads."""
    if item.state.shape is Shape.PARALLEL:
        return graph.edges.get((item.state.id, Event.JOINED))
    if item.lanes and item.lanes[0]:
        return _after(graph, item.lanes[0][-1])
    return graph.edges.get((item.state.id, Event.NEXT))


def leaves(item: Item) -> Iterator[State]:
    """Yield the steps in an item."""
    if not item.lanes:
        yield item.state
    for lane in item.lanes:
        for inner in lane:
            yield from leaves(inner)
