"""Graphs that are broken on purpose: each one must be refused, and the culprit named."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from safelight.engine import EngineError, Options, Plan, ProofError, prove
from safelight.engine.planning.statechart_rules import Configurations
from safelight.states import (
    ENDINGS,
    Event,
    Expose,
    LampOff,
    LampWarmup,
    Need,
    Readout,
    Ready,
    Shape,
    State,
    StateGraph,
    Transition,
)

Planner = Callable[..., Plan]

LAMPS = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")
FIRST, SECOND = "Neon-5s-001", "Argon-5s-001"


@pytest.fixture
def graph(plan: Planner) -> StateGraph:
    """Two frames with a lamp each, set up beside the readout."""
    lamps = {lamp: {"warmup": 60, "exposure_time": 5} for lamp in ("Neon", "Argon")}
    return plan({"biases": {"count": 1}, "lamps": lamps}).graph


@pytest.fixture
def serial(plan: Planner) -> StateGraph:
    """Three frames one after the other, nothing beside anything."""
    lamps = {lamp: {"warmup": 60, "exposure_time": 5} for lamp in ("Neon", "Argon")}
    return plan({"biases": {"count": 1}, "lamps": lamps}, Options(overlap=False)).graph


def refused(graph: StateGraph) -> ProofError:
    """Return the proof's objection."""
    with pytest.raises(ProofError) as caught:
        prove(graph, LAMPS)
    return caught.value


def with_edge(graph: StateGraph, source: str, event: str, target: str) -> StateGraph:
    """Return the same with another target of one edge, or with one edge more."""
    others = tuple(edge for edge in graph.transitions if (edge.source, edge.event) != (source, event))
    return replace(graph, transitions=(*others, Transition(source, event, target)))


def without_edge(graph: StateGraph, source: str, event: str) -> StateGraph:
    """Return the same without one edge."""
    kept = tuple(edge for edge in graph.transitions if (edge.source, edge.event) != (source, event))
    assert len(kept) < len(graph.transitions)
    return replace(graph, transitions=kept)


def with_state(graph: StateGraph, state_id: str, **changes: Any) -> StateGraph:
    """Return the same with one state changed."""
    assert state_id in graph.by_id
    states = (replace(state, **changes) if state.id == state_id else state for state in graph.states)
    return replace(graph, states=tuple(states))


def bypassed(graph: StateGraph, state_id: str) -> StateGraph:
    """Return the same without a state: whatever led to it leads on to its successor."""
    follow = graph.edges[state_id, Event.NEXT]
    edges = (
        replace(edge, target=follow) if edge.target == state_id else edge
        for edge in graph.transitions
        if edge.source != state_id
    )
    states = (
        replace(state, initial=follow) if state.initial == state_id else state
        for state in graph.states
        if state.id != state_id
    )
    return replace(graph, states=tuple(states), transitions=tuple(edges))


def test_the_graphs_are_right_before(graph: StateGraph, serial: StateGraph) -> None:
    """The graphs that are broken below are proved as they are, and the proof says over how much."""
    for one in (graph, serial):
        proof = prove(one, LAMPS)
        assert proof.graph_hash == one.hash
        assert proof.configurations > 10
        assert proof.moves > 3 * proof.configurations
        assert any("safing" in promise for promise in proof.promises)


# ---- ways out


@pytest.mark.parametrize("event", [Event.ABORT, Event.FAULT, Event.PAUSE])
class TestInterruptions:
    """Abort, fault and pause."""

    def test_skips_safing(self, graph: StateGraph, event: str) -> None:
        """An interruption that leads straight to an ending is refused, and the edge shown."""
        error = refused(with_edge(graph, "run", event, "aborted"))
        assert error.path == (f"run --{event}--> aborted",)

    def test_leads_back_into_the_run(self, graph: StateGraph, event: str) -> None:
        """An interruption that goes on somewhere in the run is refused."""
        error = refused(with_edge(graph, "run", event, f"readout/{SECOND}"))
        assert f"{event} does not lead to safing" in error.promise

    def test_missing(self, graph: StateGraph, event: str) -> None:
        """A run that can't be interrupted is refused."""
        assert f"no {event} that leads to safing" in refused(without_edge(graph, "run", event)).promise

    def test_of_one_state_skips_safing(self, graph: StateGraph, event: str) -> None:
        """A single state with a way out of its own is refused."""
        error = refused(with_edge(graph, f"expose/{FIRST}", event, "done"))
        assert error.path == (f"expose/{FIRST} --{event}--> done",)

    def test_of_safing(self, graph: StateGraph, event: str) -> None:
        """Safing that can be interrupted is refused."""
        assert f"safing can be left by {event}" in refused(with_edge(graph, "safing", event, "safing")).promise


def test_an_ending_without_safing(graph: StateGraph) -> None:
    """A last step that leads to `done` directly is refused, and the edge shown."""
    last = f"readout/{SECOND}"
    error = refused(with_edge(graph, last, Event.NEXT, "done"))
    assert error.promise == "an ending is reached without safing"
    assert error.path == (f"{last} --next--> done",)


@pytest.mark.parametrize("ending", ENDINGS)
def test_safing_without_an_ending(graph: StateGraph, ending: str) -> None:
    """Safing that can't end in one of the five ways is refused."""
    assert ending in refused(without_edge(graph, "safing", ending)).promise


def test_safing_with_a_wrong_ending(graph: StateGraph) -> None:
    """Safing that calls an unsafe end done is refused."""
    assert "safing has no unsafe" in refused(with_edge(graph, "safing", "unsafe", "done")).promise


@pytest.mark.parametrize("forgotten", LAMPS)
def test_safing_that_forgets_a_lamp(graph: StateGraph, forgotten: str) -> None:
    """Safing that leaves one lamp out is refused, and the lamp and the shortest way to it are named."""
    work = LampOff(tuple(lamp for lamp in LAMPS if lamp != forgotten))
    error = refused(with_state(graph, "safing", work=work))
    assert forgotten in error.promise
    assert "not confirmed off" in error.promise
    assert error.path[0] == "start: lamp-off/all"
    assert error.path[-1].endswith("--> done")
    assert len(error.path) == 3


def test_safing_that_does_nothing(graph: StateGraph) -> None:
    """Safing without an action is refused."""
    assert "not confirmed off" in refused(with_state(graph, "safing", work=None)).promise


def test_no_safing(graph: StateGraph) -> None:
    """A graph without safing is refused."""
    states = tuple(state for state in graph.states if state.id != "safing")
    edges = tuple(edge for edge in graph.transitions if "safing" not in (edge.source, edge.target))
    assert refused(replace(graph, states=states, transitions=edges)).promise == "there is no safing"


def test_a_sixth_ending(graph: StateGraph) -> None:
    """A graph that ends in a way of its own is refused."""
    error = refused(replace(graph, states=(*graph.states, State("lost", "ending", Shape.FINAL))))
    assert "lost is not one of the endings" in error.promise


def test_a_state_outside_the_run(graph: StateGraph) -> None:
    """A state at the top, where no abort reaches it, is refused."""
    outside = State("nowhere", "lamp-off", work=LampOff(LAMPS))
    one_more = replace(graph, states=(*graph.states, outside))
    error = refused(with_edge(one_more, "nowhere", Event.NEXT, "safing"))
    assert "nowhere is outside the run" in error.promise


# ---- light


def test_missing_lamps_off_at_the_start(graph: StateGraph) -> None:
    """A run that does not begin with all lamps off is refused: nothing is believed of a lamp."""
    error = refused(bypassed(graph, "lamp-off/all"))
    assert "bias-001 integrates with Argon not confirmed off" in error.promise


def test_missing_lamp_off_between_frames(graph: StateGraph) -> None:
    """A lamp that is not switched off before the next frame is refused, and the way there shown."""
    error = refused(bypassed(graph, f"lamp-off/{FIRST}"))
    assert error.promise == f"{SECOND} integrates with Neon lit"
    assert error.path[0] == "start: lamp-off/all"
    assert error.path[-1].endswith(f"expose/{SECOND}")


def test_lamp_off_for_another_lamp(graph: StateGraph) -> None:
    """A lamp-off that names a wrong lamp is refused."""
    error = refused(with_state(graph, f"lamp-off/{FIRST}", work=LampOff(("Xenon",))))
    assert "integrates with Neon lit" in error.promise


def test_missing_warm_up(serial: StateGraph) -> None:
    """A frame whose lamp was never lit is refused."""
    error = refused(bypassed(serial, f"lamp-warmup/{FIRST}"))
    assert f"{FIRST} integrates with Neon not confirmed lit, not 60 s" in error.promise


@pytest.mark.parametrize("warmup_s", [0.0, 59.9])
def test_colder_than_asked(graph: StateGraph, warmup_s: float) -> None:
    """A warm-up that is shorter than the frame asks for is refused."""
    error = refused(with_state(graph, f"lamp-warmup/{SECOND}", work=LampWarmup(("Argon",), (warmup_s,))))
    assert f"{SECOND} integrates with Argon lit for {warmup_s:g} s, not 60 s" in error.promise


def test_a_lamp_that_is_not_its_own(graph: StateGraph) -> None:
    """A warm-up that lights one lamp more than the frame wants is refused."""
    work = LampWarmup(("Argon", "Xenon"), (60.0, 60.0))
    assert (
        f"{SECOND} integrates with Xenon lit" in refused(with_state(graph, f"lamp-warmup/{SECOND}", work=work)).promise
    )


def test_a_warm_up_beside_an_integration(graph: StateGraph) -> None:
    """A warm-up moved into the lane beside the bias that integrates is refused: the lamp is in doubt by then."""
    warming = f"lamp-warmup/{FIRST}"
    beside = next(state for state in graph.states if state.id == "overlap/bias-001/point")
    edges = tuple(
        edge
        for edge in bypassed_handover(graph).transitions
        if edge.source != warming and (edge.source, edge.event) != (f"point/{FIRST}", Event.NEXT)
    )
    edges = (
        *edges,
        Transition(f"point/{FIRST}", Event.NEXT, warming),
        Transition(warming, Event.NEXT, f"{beside.id}/end"),
    )
    lane_end = f"{beside.id}/end"
    states = [state for state in bypassed_handover(graph).states if state.id != warming]
    place = next(number for number, state in enumerate(states) if state.id == lane_end)
    states.insert(place, replace(graph.by_id[warming], parent=beside.id))
    error = refused(replace(graph, states=tuple(states), transitions=edges))
    assert error.promise == "bias-001 integrates with Neon not confirmed off"
    assert any(warming in step for step in error.path)


def bypassed_handover(graph: StateGraph) -> StateGraph:
    """Return the same, the bias's handover made of its readout alone: its warm-up lane holds nothing that lights."""
    lane = "handover/bias-001/warm-up"
    return with_state(graph, lane, initial=f"{lane}/end")


def test_a_tolerated_lamp_must_be_declared(plan: Planner) -> None:
    """A dark beside a warm-up is refused unless it names the lamp as tolerated."""
    from safelight.devices import load_observatory  # noqa: PLC0415

    site = load_observatory("simulated")
    spectrographs = site.spectrographs.model_copy(update={"light_tight_shutter": True})
    tight = site.model_copy(update={"spectrographs": spectrographs})
    right = plan({"biases": {"count": 1}, "lamps": {"Neon": {"exposure_time": 5}}}, site=tight).graph
    prove(right, LAMPS)
    work = right.by_id["expose/bias-001"].work
    assert isinstance(work, Expose)
    assert work.exposure.need.tolerated == ("Neon",)
    strict = with_state(right, "expose/bias-001", work=Expose(replace(work.exposure, need=Need())))
    strict = with_state(strict, "ready/bias-001", work=Ready("bias-001", Need()))
    assert "bias-001 integrates with Neon" in refused(strict).promise


# ---- frames


def test_readout_dropped(serial: StateGraph) -> None:
    """A frame that is exposed and never read out is refused."""
    error = refused(bypassed(serial, f"readout/{FIRST}"))
    assert f"frame {FIRST} has 0 states of kind readout" in error.promise


def test_expose_dropped(serial: StateGraph) -> None:
    """A frame that is read out and never exposed is refused."""
    assert f"frame {FIRST} has 0 states of kind expose" in refused(bypassed(serial, f"expose/{FIRST}")).promise


def test_a_frame_twice(serial: StateGraph) -> None:
    """A frame that is exposed in two states is refused."""
    work = serial.by_id[f"expose/{FIRST}"].work
    error = refused(with_state(serial, f"expose/{SECOND}", work=work))
    assert FIRST in error.promise or SECOND in error.promise


def test_a_frame_that_nobody_asked_for(serial: StateGraph) -> None:
    """A state that exposes a frame outside the sequence is refused."""
    work = serial.by_id[f"expose/{FIRST}"].work
    assert isinstance(work, Expose)
    stranger = Expose(replace(work.exposure, frame="stranger"))
    error = refused(with_state(serial, f"expose/{FIRST}", work=stranger))
    assert "stranger" in error.promise or FIRST in error.promise


def test_a_second_exposure_before_the_read_out(serial: StateGraph) -> None:
    """A frame that integrates while the charge of the one before waits is refused."""
    works = {name: serial.by_id[f"readout/{name}"].work for name in ("bias-001", FIRST)}
    late = with_state(serial, "readout/bias-001", work=works[FIRST])
    late = with_state(late, f"readout/{FIRST}", work=works["bias-001"])
    error = refused(late)
    assert error.promise == "readout/bias-001 finds bias-001 in the spectrographs"
    skipped = bypassed(serial, "readout/bias-001")
    both = replace(
        skipped,
        states=tuple(
            replace(state, work=works["bias-001"]) if state.id == f"readout/{SECOND}" else state
            for state in skipped.states
        ),
        exposures=tuple(exposure for exposure in serial.exposures if exposure.frame != SECOND),
    )
    work = both.by_id[f"expose/{SECOND}"].work
    assert isinstance(work, Expose)
    assert isinstance(works["bias-001"], Readout)
    no_second = bypassed(both, f"expose/{SECOND}")
    no_second = with_state(no_second, f"frame/{SECOND}", initial=f"ready/{SECOND}")
    assert refused(no_second).promise == f"expose/{FIRST} begins before frame bias-001 has been read out"


def test_the_run_ends_before_the_read_out(serial: StateGraph) -> None:
    """A run that leaves with a charge in the spectrographs is refused."""
    last = f"readout/{SECOND}"
    error = refused(with_edge(serial, f"lamp-off/{SECOND}", Event.NEXT, "safing"))
    assert f"the run ends before frame {SECOND} has been read out" in error.promise or last in error.promise


# ---- steps


def test_unreachable(graph: StateGraph) -> None:
    """A state to which nothing leads is refused."""
    lost = State("park", "park", parent="run", work=LampOff(LAMPS))
    at = next(number for number, state in enumerate(graph.states) if state.id == "safing")
    states = (*graph.states[:at], lost, *graph.states[at:])
    one_more = with_edge(replace(graph, states=states), "park", Event.NEXT, "safing")
    assert refused(one_more).promise == "park can never be reached"


def test_a_step_that_leads_back(graph: StateGraph) -> None:
    """A step that leads back could go round for ever, and is refused with the edge."""
    error = refused(with_edge(graph, f"lamp-off/{FIRST}", Event.NEXT, "lamp-off/all"))
    assert error.promise == "a step leads back"
    assert error.path == (f"lamp-off/{FIRST} --next--> lamp-off/all",)


def test_a_join_that_leads_back(graph: StateGraph) -> None:
    """So is a join that leads back."""
    error = refused(with_edge(graph, f"handover/{FIRST}", Event.JOINED, "lamp-off/all"))
    assert error.promise == "a step leads back"


@pytest.mark.parametrize("state_id", [f"expose/{FIRST}", f"lamp-off/{FIRST}", f"readout/{FIRST}"])
def test_a_trap(graph: StateGraph, state_id: str) -> None:
    """A state from which nothing leads on is refused."""
    assert refused(without_edge(graph, state_id, Event.NEXT)).promise.startswith(f"{state_id} is a trap")


def test_a_join_missing(graph: StateGraph) -> None:
    """A parallel that nothing leads on from is refused."""
    broken = without_edge(graph, f"handover/{FIRST}", Event.JOINED)
    assert refused(broken).promise.startswith(f"handover/{FIRST} is a trap")


def test_a_lane_that_never_joins(graph: StateGraph) -> None:
    """A lane that runs round its end is refused: its parallel would wait for ever, or be left too early."""
    error = refused(with_edge(graph, f"readout/{FIRST}", Event.NEXT, f"ready/{SECOND}"))
    assert error.promise == "a step leaves its lane"
    assert error.path == (f"readout/{FIRST} --next--> ready/{SECOND}",)
    lane = f"handover/{FIRST}/readout"
    endless = replace(graph, states=tuple(state for state in graph.states if state.id != f"{lane}/end"))
    assert f"{lane}/end" in str(refused(endless))


def test_a_retry_into_elsewhere(graph: StateGraph) -> None:
    """A retry that begins something else again is refused."""
    error = refused(with_edge(graph, f"readout/{FIRST}", Event.RETRY, f"lamp-off/{FIRST}"))
    assert error.promise == "a retry leads elsewhere"


def test_a_retry_of_an_exposure_alone(graph: StateGraph) -> None:
    """An exposure that is tried again without its read-back would be one of an instrument that nobody looked at."""
    error = refused(with_edge(graph, f"expose/{FIRST}", Event.RETRY, f"expose/{FIRST}"))
    assert error.promise == f"expose/{FIRST} can begin without a read-back of what {FIRST} needs"


def test_no_read_back(graph: StateGraph) -> None:
    """A frame without a read-back before it is refused, and so is one whose read-back asks for something else."""
    for broken in (
        bypassed(graph, f"ready/{FIRST}"),
        with_state(graph, f"ready/{FIRST}", work=Ready(FIRST, Need(("Neon",), (10.0,)))),
        with_state(graph, f"ready/{FIRST}", work=graph.by_id[f"ready/{SECOND}"].work),
    ):
        assert f"expose/{FIRST} can begin without a read-back" in refused(broken).promise


@pytest.mark.parametrize(("source", "target"), [("lamp-off/all", "nowhere"), ("nowhere", "safing")])
def test_an_unknown_state(graph: StateGraph, source: str, target: str) -> None:
    """An edge from or to a state that does not exist is refused, and the state named."""
    assert "there is no state 'nowhere'" in refused(with_edge(graph, source, Event.NEXT, target)).promise


def test_duplicate_ids(graph: StateGraph) -> None:
    """Two states of one name are refused."""
    twice = replace(graph, states=(*graph.states, graph.by_id[f"readout/{FIRST}"]))
    assert refused(twice).promise == f"two states are called readout/{FIRST}"


def test_two_ways_for_one_event(graph: StateGraph) -> None:
    """A step with two ways on is refused."""
    twice = replace(graph, transitions=(*graph.transitions, Transition("lamp-off/all", Event.NEXT, "safing")))
    assert "lamp-off/all has 2 transitions for next" in refused(twice).promise


@pytest.mark.parametrize("initial", [None, "nowhere"])
def test_a_compound_that_begins_nowhere(graph: StateGraph, initial: str | None) -> None:
    """A compound without a first state is refused."""
    assert (
        f"frame/{FIRST} does not begin anywhere"
        in refused(with_state(graph, f"frame/{FIRST}", initial=initial)).promise
    )


def test_a_compound_that_begins_in_another(graph: StateGraph) -> None:
    """A compound whose first state lies outside of it is refused."""
    error = refused(with_state(graph, f"frame/{FIRST}", initial="lamp-off/all"))
    assert f"frame/{FIRST}" in str(error)


def test_a_graph_that_begins_nowhere(graph: StateGraph) -> None:
    """A graph whose initial state is missing is refused."""
    assert "nowhere" in str(refused(replace(graph, initial="nowhere")))


def test_an_unknown_parent(graph: StateGraph) -> None:
    """A state whose enclosing state does not exist is refused."""
    assert "nowhere" in str(refused(with_state(graph, f"readout/{FIRST}", parent="nowhere")))


def test_an_unknown_lamp(graph: StateGraph) -> None:
    """A state that switches a lamp which the observatory does not have is refused."""
    error = refused(with_state(graph, f"lamp-off/{FIRST}", work=LampOff(("Neon", "Sodium"))))
    assert error.promise == f"lamp-off/{FIRST} names Sodium, which is not a lamp of this observatory"
    work = graph.by_id[f"expose/{FIRST}"].work
    assert isinstance(work, Expose)
    need = replace(work.exposure.need, lamps=("Neon", "Sodium"), warmup_s=(60.0, 1.0))
    exposing = with_state(graph, f"expose/{FIRST}", work=Expose(replace(work.exposure, need=need)))
    assert "Sodium" in refused(with_state(exposing, f"ready/{FIRST}", work=Ready(FIRST, need))).promise


def test_the_path_is_the_shortest(plan: Planner) -> None:
    """The path of a refusal is as short as can be: from lamps off to a wrong ending it takes two events."""
    long = plan("normal").graph
    error = refused(with_state(long, "safing", work=LampOff(LAMPS[1:])))
    assert [step.split(" --")[0] for step in error.path] == ["start: lamp-off/all", "run", "safing"]
    assert str(error).count("\n") == len(error.path)


@pytest.mark.parametrize("name", ["bias", "demo", "normal", "quick-cals", "long-term"])
@pytest.mark.parametrize("overlap", [True, False])
def test_the_library(plan: Planner, name: str, *, overlap: bool) -> None:
    """Every library sequence is proved, with and without overlap, and every configuration of it can be moved on."""
    made = plan(name, Options(overlap=overlap, park_after=True))
    assert made.proof.configurations > len(made.graph.exposures)
    assert set(made.proof.promises) == set(prove(made.graph, LAMPS).promises)


def test_a_walk_refuses_what_is_not_there(graph: StateGraph) -> None:
    """Asked for an event that a state does not have, the walk says so."""
    with pytest.raises(EngineError, match="has no transition for next"):
        Configurations(graph).after(("lamp-off/all",), "run", Event.NEXT)


def test_nothing_is_changed(graph: StateGraph) -> None:
    """Proving a graph twice gives the same, and leaves it as it was."""
    before: Mapping[str, State] = dict(graph.by_id)
    assert prove(graph, LAMPS) == prove(graph, LAMPS)
    assert dict(graph.by_id) == before


# ---- shutters before lamps


@pytest.mark.parametrize("order", [(), ("lamps", "shutters"), ("lamps",)], ids=str)
@pytest.mark.parametrize("kind", [LampWarmup, Ready])
def test_lights_before_the_shutters_are_closed(
    plan: Planner, monkeypatch: pytest.MonkeyPatch, kind: type[Any], order: tuple[str, ...]
) -> None:
    """A state that may light before every shutter is read back as closed is refused. At the start each may be open."""
    graph = plan({"lamps": {"Neon": {"warmup": 60, "exposure_time": 5}}}, Options(overlap=False)).graph
    if kind is Ready:
        graph = bypassed(graph, f"lamp-warmup/{FIRST}")
    monkeypatch.setattr(kind, "order", order)
    assert "before every shutter is read back as closed" in refused(graph).promise


def test_lights_beside_an_open_shutter(plan: Planner) -> None:
    """A warm-up of the frame's own lamp beside its exposure is refused: the shutter is open."""
    swept = {"lamps": ["Quartz"], "warmup": 20, "exposure_time": 30, "fibsel": {"positions": ["P1-2", "P1-1"]}}
    graph = plan({"lamps": [swept]}).graph
    step = next(state.id for state in graph.states if state.id.startswith("fibsel-step/Quartz-30s-001/02"))
    error = refused(with_state(graph, step, work=LampWarmup(("Quartz",), (20.0,))))
    assert error.promise == f"{step} may light a lamp before every shutter is read back as closed"
