"""Graphs folded into blocks, and what came of them."""

from collections.abc import Callable
from typing import Any

import pytest

from safelight.engine import Plan, Request, plan_of
from safelight.sequences import library_names
from safelight.show.drawing import folded_as, marks, marks_of_folded, to_dot, to_mermaid
from safelight.show.drawing.state_marks import besides
from safelight.states import Event, Shape

Planner = Callable[[str], Plan]


def row(state: str, outcome: str | None = "done", segment: int = 1, **more: Any) -> dict[str, Any]:
    """Return a state as the journal has it."""
    ended = None if outcome is None else "2026-01-01T03:00:05+00:00"
    plain = {"attempt": 1, "intended": "2026-01-01T03:00:00+00:00", "duration_s": 5.0, "error": None}
    return {"state": state, "outcome": outcome, "segment": segment, "ended": ended, **plain, **more}


SEGMENT = {"segment": 1, "ended": None, "outcome": None, "lamps": None}


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("name", library_names())
def test_every_step_is_in_one_block(name: str, overlap: bool) -> None:  # noqa: FBT001
    """A folded graph stands for every step of the graph, each of them once."""
    graph = plan_of(Request(name, overlap=overlap)).graph
    folded = folded_as(graph, "blocks")
    steps = [step for parts in folded.parts.values() for step in parts]
    assert sorted(steps) == sorted(state.id for state in graph.states if state.shape is Shape.ATOMIC)


@pytest.mark.parametrize("name", library_names())
def test_a_folded_graph_leads_to_safing(plan: Planner, name: str) -> None:
    """Its names are unique, every box leads on, and the last one leads to safing."""
    graph = folded_as(plan(name).graph, "blocks").graph
    assert len(graph.by_id) == len(graph.states)
    for state in graph.states:
        if state.shape is Shape.ATOMIC and state.parent:
            assert (state.id, Event.NEXT) in graph.edges
    last = [edge for edge in graph.transitions if edge.target == "safing" and edge.event in (Event.NEXT, Event.JOINED)]
    assert len(last) == 1


def test_blocks_are_drawn_as_text_too(plan: Planner) -> None:
    """Mermaid and dot draw the blocks, with what came of each of them in colour and in words."""
    folded = folded_as(plan("many").graph, "blocks")
    steps = [step for step in folded.parts["320 biases"] if step.startswith("expose/")]
    told = marks_of_folded(folded, marks([SEGMENT], [row(step) for step in steps], going_on=False))
    for text in (to_mermaid(folded.graph, told), to_dot(folded.graph, told)):
        assert "320 biases | stopped" in text
        assert "320 of 960 steps done" in text
        assert "#cc79a7" in text
        assert len(text) < 6000


@pytest.mark.parametrize(
    ("rows", "going_on", "outcome"),
    [
        ([row("a")], False, "done"),
        ([row("a", "failed"), row("a")], False, "retried"),
        ([row("a"), row("a", segment=2)], False, "done"),
        ([row("a", "failed", error="it broke")], False, "failed"),
        ([row("a", "stopped")], False, "stopped"),
        ([row("a", None, duration_s=None)], True, "now"),
        ([row("a", None, duration_s=None)], False, "stopped"),
    ],
)
def test_marks(rows: list[dict[str, Any]], going_on: bool, outcome: str) -> None:  # noqa: FBT001
    """What came of a state is reported by its last try, and by whether one before it failed."""
    mark = marks([SEGMENT], rows, going_on=going_on)["a"]
    assert mark.outcome == outcome
    assert mark.words.startswith("03:00:00")
    assert ("it broke" in mark.words) == (outcome == "failed")


def test_the_ending_is_marked() -> None:
    """A segment that has ended marks its ending and safing. One with a lamp in doubt marks safing as failed."""
    ended = {**SEGMENT, "ended": "2026-01-01T04:00:00+00:00", "outcome": "unsafe", "lamps": {"Argon": "unknown"}}
    found = marks([ended], [], going_on=False)
    assert found["unsafe"].outcome == "done"
    assert found["safing"].outcome == "failed"
    assert besides([], found) == ()
