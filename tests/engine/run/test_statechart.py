import gc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statemachine import registry

from safelight.devices import Observatory
from safelight.engine import EngineError, Options, Plan
from safelight.engine.planning.statechart_rules import INTERRUPTIONS, Configurations
from safelight.engine.run.statechart import Statechart
from safelight.states import ENDINGS, Event, Shape, StateGraph
from tests.engine.strategies import documents, patient

Planner = Callable[..., Plan]


def leaves(machine: Statechart, graph: StateGraph) -> list[str]:
    """Return the active atomic and final states, sorted."""
    return sorted(name for name in machine.active if graph.by_id[name].shape in (Shape.ATOMIC, Shape.FINAL))


def walk_on(draw: Any, graph: StateGraph, machine: Statechart, walk: Configurations, steps: int) -> None:
    """Send as many possible events to both, drawn from those of the walk, and compare after each."""
    here = walk.start
    assert leaves(machine, graph) == sorted(here)
    for _ in range(steps):
        ways = list(walk.steps(here))
        if not ways:
            break
        # Mostly onwards: interruptions and retries end a walk or go round in circles.
        onwards = [way for way in ways if way[1] == Event.NEXT]
        rare = draw(st.integers(0, 9)) == 0
        source, event, here = draw(st.sampled_from(ways if rare or not onwards else onwards))
        machine.send(event, source)
        assert leaves(machine, graph) == sorted(here), f"after {event} of {source}"
    if walk.ends(here):
        assert machine.at_work == ()


@given(drawn=st.data(), name=st.sampled_from(["bias", "demo", "quick-cals", "normal"]), overlap=st.booleans())
@settings(max_examples=40)
def test_the_machine_moves_as_the_proof_thinks(plan: Planner, drawn: Any, name: str, *, overlap: bool) -> None:
    """On any walk through a library graph, statechart and proof are in the same states after each event."""
    graph = plan(name, Options(overlap=overlap, park_after=True)).graph
    walk_on(drawn.draw, graph, Statechart(graph), Configurations(graph), 200)


@given(drawn=st.data(), document=documents)
@settings(max_examples=30)
def test_the_same_for_drawn_documents(plan: Planner, observatory: Observatory, drawn: Any, document: Any) -> None:
    """The same holds for the graph of any document."""
    graph = plan(document, site=patient(observatory)).graph
    walk_on(drawn.draw, graph, Statechart(graph), Configurations(graph), 60)


@given(drawn=st.data(), document=documents)
@settings(max_examples=20)
def test_impossible_events(plan: Planner, observatory: Observatory, drawn: Any, document: Any) -> None:
    """An event that the walk does not allow is refused by the machine, and moves nothing."""
    graph = plan(document, site=patient(observatory)).graph
    machine, walk, here = Statechart(graph), Configurations(graph), Configurations(graph).start
    for _ in range(drawn.draw(st.integers(0, 10))):
        onwards = [way for way in walk.steps(here) if way[1] == Event.NEXT]
        if onwards:
            source, event, here = drawn.draw(st.sampled_from(onwards))
            machine.send(event, source)
    possible = {(source, event) for source, event, _ in walk.steps(here)}
    edges = [(edge.source, edge.event) for edge in graph.transitions if edge.event != Event.JOINED]
    before = machine.active
    for source, event in edges:
        if (source, event) not in possible:
            with pytest.raises(EngineError, match="is not possible now"):
                machine.send(event, source)
    assert machine.active == before


def advance(machine: Statechart, *states: str) -> None:
    """Say of one state after the other that it has been done."""
    for state in states:
        machine.send(Event.NEXT, state)


def test_a_parallel_joins_when_all_lanes_have_ended(plan: Planner) -> None:
    """A handover is left when readout and set-up have both ended, in whatever order."""
    graph = plan(
        {"lamps": {"Neon": {"exposure_time": 1, "warmup": 90}, "Argon": {"exposure_time": 1, "warmup": 90}}}
    ).graph
    first = "Neon-1s-001"
    way = (
        "lamp-off/all",
        f"lamp-warmup/{first}",
        f"point/{first}",
        f"ready/{first}",
        f"expose/{first}",
        f"lamp-off/{first}",
    )
    for one, other in (
        (f"readout/{first}", "lamp-warmup/Argon-1s-001"),
        ("lamp-warmup/Argon-1s-001", f"readout/{first}"),
    ):
        machine = Statechart(graph)
        advance(machine, *way, one)
        assert f"handover/{first}" in machine.active
        assert [state.id for state in machine.at_work] == [other]
        advance(machine, other)
        assert [state.id for state in machine.at_work] == ["ready/Argon-1s-001"]
        assert f"handover/{first}" not in machine.active


def test_a_parallel_within_a_parallel(plan: Planner) -> None:
    """The dark block holds handovers: the inner one joins into its lane, the outer one waits for all lanes."""
    graph = plan({"biases": {"count": 1}, "lamps": {"Neon": {"exposure_time": 1, "warmup": 90, "fibre": "P1-3"}}}).graph
    machine = Statechart(graph)
    advance(machine, "lamp-off/all", "ready/bias-001", "expose/bias-001")
    assert {state.id for state in machine.at_work} == {
        "readout/bias-001",
        "lamp-warmup/Neon-1s-001",
        "point/Neon-1s-001",
        "fibsel-step/Neon-1s-001",
    }
    advance(machine, "readout/bias-001", "fibsel-step/Neon-1s-001", "lamp-warmup/Neon-1s-001")
    assert {state.id for state in machine.at_work} == {"point/Neon-1s-001"}
    assert "overlap/bias-001" in machine.active
    advance(machine, "point/Neon-1s-001")
    assert {state.id for state in machine.at_work} == {"ready/Neon-1s-001"}


def test_a_composite_begins_again_as_a_whole(plan: Planner) -> None:
    """A retry of a swept frame leaves both lanes and comes back to its read-back, wherever they were."""
    graph = plan("demo").graph
    frame = "Quartz-120s-001"
    machine = Statechart(graph)
    way = ["lamp-off/all", "ready/bias-001", "expose/bias-001", "readout/bias-001"]
    way += [f"wait/{frame}", f"lamp-warmup/{frame}", f"point/{frame}", f"fibsel-step/{frame}"]
    advance(machine, *(state for state in way if state in graph.by_id), f"ready/{frame}")
    steps = [state.id for state in machine.at_work if state.kind == "fibsel-step"]
    advance(machine, *steps, f"expose/{frame}")
    machine.send(Event.RETRY, f"frame/{frame}")
    assert [state.id for state in machine.at_work] == [f"ready/{frame}"]
    advance(machine, f"ready/{frame}")
    assert [state.id for state in machine.at_work] == [f"expose/{frame}", *steps]


@pytest.mark.parametrize("event", INTERRUPTIONS)
def test_one_event_leaves_from_everywhere(plan: Planner, event: str) -> None:
    """Abort, fault and pause lead from several lanes at once into safing, and cannot come twice."""
    machine = Statechart(plan("demo").graph)
    advance(machine, "lamp-off/all")
    assert len(machine.at_work) > 1
    machine.send(event, "run")
    assert [state.id for state in machine.at_work] == ["safing"]
    with pytest.raises(EngineError, match="is not possible now"):
        machine.send(event, "run")


@pytest.mark.parametrize("ending", ENDINGS)
def test_five_endings(plan: Planner, ending: str) -> None:
    """Safing can end in each of the five ways, and after that nothing moves."""
    machine = Statechart(plan("bias").graph)
    machine.send(Event.ABORT, "run")
    machine.send(ending, "safing")
    assert machine.active == {ending}
    for event, source in ((Event.ABORT, "run"), (ending, "safing"), (Event.NEXT, "lamp-off/all")):
        with pytest.raises(EngineError):
            machine.send(event, source)


def test_no_machine_is_kept_for_ever(plan: Planner, features: Mapping[str, Any]) -> None:
    """Building fifty machines leaves the library's registry as large as one did, and the collector as it was."""
    graph = plan(features).graph
    Statechart(graph)
    before = len(registry._REGISTRY)
    for _ in range(50):
        Statechart(graph)
    assert len(registry._REGISTRY) == before
    assert gc.isenabled()
