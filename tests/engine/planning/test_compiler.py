from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.devices import Observatory, ObservatoryError
from safelight.devices.observatory.observatory import Deadlines
from safelight.devices.observatory.observatory import Observatory as Site
from safelight.engine import EngineError, Options, Plan, compile_graph
from safelight.engine.planning.compiler import exposure_of
from safelight.states import Event, Expose, LampOff, LampWarmup, Park, Readout, Shape, State, StateGraph
from tests.engine.strategies import documents, long_document, patient

Planner = Callable[..., Plan]

GRAIN_S = 1e-6


def light_tight(observatory: Observatory) -> Observatory:
    """Return the same observatory, its shutters proven light-tight."""
    spectrographs = observatory.spectrographs.model_copy(update={"light_tight_shutter": True})
    return observatory.model_copy(update={"spectrographs": spectrographs})


def drawn_for(observatory: Observatory, *, tight: bool) -> Observatory:
    """Return an observatory for drawn documents, its shutters proven light-tight or not."""
    return light_tight(patient(observatory)) if tight else patient(observatory)


def of_kind(graph: StateGraph, kind: type) -> list[State]:
    """Return the states that do this kind of work, in order."""
    return [state for state in graph.states if isinstance(state.work, kind)]


def frames_of(graph: StateGraph, kind: type) -> list[str]:
    """Return the frames of all states of a kind, in order."""
    return [state.frame or "" for state in of_kind(graph, kind)]


# ---- for every document


@given(document=documents, overlap=st.booleans(), park=st.booleans(), tight=st.booleans())
@settings(max_examples=120)
def test_every_graph_is_proved(
    plan: Planner, observatory: Observatory, document: Any, *, overlap: bool, park: bool, tight: bool
) -> None:
    """Whatever is asked for, and however it may be run, the compiled graph keeps every promise."""
    site = drawn_for(observatory, tight=tight)
    made = plan(document, Options(overlap=overlap, park_after=park), site)
    assert made.proof.configurations > len(made.expansion.frames)
    assert made.proof.graph_hash == made.graph.hash


@given(document=documents, overlap=st.booleans(), tight=st.booleans())
@settings(max_examples=60)
def test_every_frame_once_and_in_order(
    plan: Planner, observatory: Observatory, document: Any, *, overlap: bool, tight: bool
) -> None:
    """Each frame is exposed in one state and read out in one, in the order of the document."""
    made = plan(document, Options(overlap=overlap), drawn_for(observatory, tight=tight))
    asked = [frame.id for frame in made.expansion.frames]
    assert [exposure.frame for exposure in made.graph.exposures] == asked
    for kind in (Expose, Readout):
        assert sorted(frames_of(made.graph, kind)) == sorted(asked)
        begun = [slot.state.frame for slot in made.schedule.slots if isinstance(slot.state.work, kind)]
        assert begun == asked


@given(document=documents, park=st.booleans(), tight=st.booleans())
@settings(max_examples=100)
def test_between_the_bound_and_the_serial_chain(
    plan: Planner, observatory: Observatory, document: Any, *, park: bool, tight: bool
) -> None:
    """A run never lasts longer than its serial chain, and never less than the bound."""
    site = drawn_for(observatory, tight=tight)
    beside = plan(document, Options(overlap=True, park_after=park), site)
    serial = plan(document, Options(overlap=False, park_after=park), site)
    assert beside.bound_s <= beside.total_s + GRAIN_S
    assert beside.total_s <= serial.total_s + GRAIN_S
    assert serial.bound_s == pytest.approx(beside.bound_s)


@given(document=documents, overlap=st.booleans(), tight=st.booleans())
@settings(max_examples=60)
def test_lamps_burn_as_long_as_they_must(
    plan: Planner, observatory: Observatory, document: Any, *, overlap: bool, tight: bool
) -> None:
    """A lamp is on for its exposures and its longest warm-up at least, never longer than the run. No other burns."""
    made = plan(document, Options(overlap=overlap), drawn_for(observatory, tight=tight))
    needed: dict[str, float] = {}
    longest: dict[str, float] = {}
    for frame in made.expansion.frames:
        for lamp, warmup_s in zip(frame.lamps, frame.warmup_s, strict=True):
            needed[lamp] = needed.get(lamp, 0.0) + frame.exposure_s
            longest[lamp] = max(longest.get(lamp, 0.0), warmup_s)
    burns = made.schedule.lamp_on_s
    assert set(burns) == set(needed)
    for lamp, exposed_s in needed.items():
        assert max(exposed_s, longest[lamp]) <= burns[lamp] + GRAIN_S
        assert burns[lamp] <= made.total_s


@given(document=documents, overlap=st.booleans())
@settings(max_examples=40)
def test_the_hash_is_the_content(
    plan: Planner, observatory: Observatory, document: dict[str, Any], *, overlap: bool
) -> None:
    """The same frames give the same hash. One frame more or another schedule gives another."""
    options, site = Options(overlap=overlap), patient(observatory)
    first = plan(document, options, site).graph
    assert plan(document, options, site).graph.hash == first.hash
    assert replace(first, name="other").hash != first.hash
    longer = document | {"biases": {"count": document.get("biases", {"count": 0})["count"] + 1}}
    assert plan(longer, options, site).graph.hash != first.hash


@given(document=documents, overlap=st.booleans(), done=st.integers(0, 60))
@settings(max_examples=60)
def test_the_rest_of_a_run_is_proved_too(
    plan: Planner, observatory: Observatory, document: Any, *, overlap: bool, done: int
) -> None:
    """Whatever part of the frames is on disk already, the graph of the rest is proved and takes the rest in order."""
    from safelight.engine.planning.proof import prove  # noqa: PLC0415

    site = patient(observatory)
    frames = plan(document, site=site).expansion.frames
    rest = [frame for number, frame in enumerate(frames) if (done >> (number % 6)) & 1]
    graph = compile_graph("rest", rest, site, Options(overlap=overlap, park_after=True))
    prove(graph, tuple(site.lamps.units))
    assert [exposure.frame for exposure in graph.exposures] == [frame.id for frame in rest]


# ---- long documents


def test_a_thousand_frames(plan: Planner) -> None:
    """A thousand frames compile and are proved, and what there is to look at grows no faster than the frames."""
    few, many = plan(long_document(100)), plan(long_document(1000))
    assert len(many.graph.exposures) == 1000
    assert many.proof.configurations <= 10.5 * few.proof.configurations
    assert many.proof.moves <= 10.5 * few.proof.moves


# ---- particular documents


def test_a_run_begins_with_all_lamps_off(plan: Planner, observatory: Observatory) -> None:
    """The first state switches every lamp of the observatory off, and safing names every lamp too."""
    graph = plan("normal").graph
    for state_id in (graph.by_id["run"].initial, "safing"):
        work = graph.by_id[str(state_id)].work
        assert isinstance(work, LampOff)
        assert set(work.lamps) == set(observatory.lamps.units)


def test_a_lamp_goes_off_before_its_read_out(plan: Planner) -> None:
    """The last exposure of a lamp is followed by lamp-off, before the readout."""
    graph = plan("demo").graph
    sweep = "sweep/Quartz-120s-001"
    assert graph.edges[sweep, Event.JOINED] == "lamp-off/Quartz-120s-001"
    follows = graph.edges["lamp-off/Quartz-120s-001", Event.NEXT]
    assert isinstance(graph.by_id[follows].work, Readout)


def test_a_lamp_that_is_needed_again_stays_on(plan: Planner) -> None:
    """Between two frames of the same lamp there is neither lamp-off nor warm-up."""
    graph = plan({"lamps": {"Neon": {"exposure_time": [5, 10], "count": 2}}}).graph
    assert len(of_kind(graph, LampWarmup)) == 1
    assert [state.id for state in of_kind(graph, LampOff)] == ["lamp-off/all", "lamp-off/Neon-10s-002", "safing"]


def test_a_longer_warm_up_of_a_burning_lamp(plan: Planner) -> None:
    """A block that asks for more warm-up than the block before gets a warm-up state, even where time has warmed it."""
    block = {"lamps": ["Quartz"], "warmup": 20, "exposure_time": 200}
    made = plan({"lamps": [block, block | {"warmup": 100, "exposure_time": 10}]})
    waits = [slot.duration_s for slot in made.schedule.slots if isinstance(slot.state.work, LampWarmup)]
    assert waits[0] == pytest.approx(20.2)
    assert waits[1] < 1


def test_part_of_the_lamps_stays(plan: Planner) -> None:
    """Of several lamps only those that the next frame does not need go off. One that joins is warmed up alone."""
    made = plan(
        {
            "lamps": [
                {"lamps": ["Neon", "Argon"], "warmup": 50, "exposure_time": 5},
                {"lamps": ["Argon", "Xenon"], "warmup": 50, "exposure_time": 5},
            ]
        }
    )
    works = [state.work for state in of_kind(made.graph, LampOff)]
    assert works[1] == LampOff(("Neon",))
    assert set(made.schedule.lamp_on_s) == {"Neon", "Argon", "Xenon"}
    assert made.schedule.lamp_on_s["Argon"] > made.schedule.lamp_on_s["Xenon"] > 50


def test_no_warm_up_beside_an_integration(plan: Planner) -> None:
    """By default no lamp is lit while a frame of another lamp, a bias or a dark integrates."""
    slots = plan("normal").schedule.slots
    exposing = [slot for slot in slots if isinstance(slot.state.work, Expose)]
    for warming in (slot for slot in slots if isinstance(slot.state.work, LampWarmup)):
        assert all(
            warming.end_s <= slot.start_s + GRAIN_S or slot.end_s <= warming.start_s + GRAIN_S for slot in exposing
        )


def test_a_light_tight_shutter_saves_the_warm_up(plan: Planner, observatory: Observatory) -> None:
    """Behind a light-tight shutter darks run during the first warm-up, and only those name the lamp as tolerated."""
    usual, tight = plan("normal"), plan("normal", site=light_tight(observatory))
    assert tight.total_s < usual.total_s - 200
    tolerant = [exposure.frame for exposure in tight.graph.exposures if exposure.need.tolerated]
    assert tolerant == ["dark-900s-001"]
    assert not any(exposure.need.tolerated for exposure in usual.graph.exposures)


def test_no_time_at_all_for_a_lamp(plan: Planner, observatory: Observatory) -> None:
    """A lamp that lights at once and needs no warm-up compiles behind a light-tight shutter too."""
    lamps = observatory.lamps.model_copy(update={"on_s": 0.0, "status_s": 0.0})
    site = light_tight(observatory).model_copy(update={"lamps": lamps})
    document = {"biases": {"count": 1}, "lamps": {"Neon": {"warmup": 0, "exposure_time": 1}}}
    assert plan(document, site=site).proof.configurations


def test_park_comes_last_and_dark(plan: Planner) -> None:
    """The telescopes are parked when the last lamp is off, beside the last readout."""
    made = plan("quick-cals", Options(park_after=True))
    slots = {slot.state.id: slot for slot in made.schedule.slots}
    assert isinstance(slots["park"].state.work, Park)
    last_off = max(slot.end_s for slot in made.schedule.slots if slot.state.id.startswith("lamp-off/"))
    assert slots["park"].start_s >= last_off - GRAIN_S
    assert slots["park"].start_s == pytest.approx(slots["readout/LDLS-150s-001"].start_s)


def test_serial_means_serial(plan: Planner) -> None:
    """Without overlap nothing stands beside anything but a sweep beside its integration."""
    graph = plan("normal", Options(overlap=False)).graph
    assert {state.kind for state in graph.states if state.shape is Shape.PARALLEL} == {"sweep"}


def test_nothing_to_take(observatory: Observatory) -> None:
    """No frames left: lamps off, park where asked for, and the end."""
    graph = compile_graph("rest", (), observatory, Options(park_after=True))
    assert [state.id for state in graph.states if state.work] == ["lamp-off/all", "park", "safing"]


def test_a_lamp_that_would_burn_too_long(plan: Planner) -> None:
    """A block that outlasts what a lamp may be on at a stretch is refused, and the lamp and its limit are named."""
    said = r"Neon would be on for 9\d\d\d s without a break \(3 frames\), and its longest_on_s is 7200 s"
    with pytest.raises(EngineError, match=said):
        plan({"lamps": {"Neon": {"exposure_time": 3000, "count": 3}}})


@pytest.mark.parametrize("kind", ["point", "fibsel-step", "park"])
def test_deadlines_hold_from_anywhere(
    plan: Planner, observatory: Observatory, features: Mapping[str, Any], kind: str
) -> None:
    """A slew or a move of the mask has time for its longest way: nobody knows where the last run left them."""
    assert observatory.telescopes
    assert observatory.fibsel
    steps = observatory.fibsel.fibres.values()
    longest_s = {
        "fibsel-step": (max(steps) - min(steps)) / observatory.fibsel.steps_per_s,
        "point": 180 / observatory.telescopes.slew_deg_per_s,
        "park": 180 / observatory.telescopes.slew_deg_per_s,
    }[kind]
    states = plan(features, Options(park_after=True)).graph.states
    first = next(
        state for state in states if state.kind == kind and not state.id.startswith("fibsel-step/Quartz-30s-001/")
    )
    assert first.deadline_s > longest_s


def test_a_deadline_within_what_a_state_takes_is_refused(plan: Planner, observatory: Observatory) -> None:
    """A state that would always fail is named with the longest of its kind, and with the place of its deadline."""
    short = Deadlines.model_validate({"kinds": {"expose": 5.0, "safing": observatory.deadlines.kinds["safing"]}})
    site = observatory.model_copy(update={"deadlines": short})
    said = r"deadlines.kinds.expose: expected more than 1\d\.\d+ s, which `expose dark-10s-001` takes, got 5 s"
    with pytest.raises(ObservatoryError, match=said):
        plan({"biases": {"count": 1}, "darks": {"exposure_time": [3, 10]}}, site=site)
    assert plan({"biases": {"count": 1}}, site=site).graph.exposures


def test_a_retried_warm_up_has_time_for_cold_lamps(plan: Planner) -> None:
    """The warm-up of a lamp that is on already may take as long as from cold: its retry begins with lamps off."""
    block = {"lamps": ["Quartz"], "warmup": 20, "exposure_time": 60}
    graph = plan({"lamps": [block, block | {"warmup": 100}]}).graph
    second = of_kind(graph, LampWarmup)[1]
    assert second.expected_s < 30
    assert second.deadline_s > 100


def test_an_exposure_carries_its_frame(plan: Planner, features: Mapping[str, Any], observatory: Site) -> None:
    """What the states know of a frame is what the sequence said."""
    frames = plan(features).expansion.frames
    exposures = [exposure_of(frame) for frame in frames]
    assert [(e.frame, e.flavour, e.exposure_s, e.object) for e in exposures] == [
        ("bias-001", "bias", 0.0, "bias"),
        ("Quartz-30s-001", "flat", 30.0, "Quartz"),
        ("Argon+Neon-5s-001", "arc", 5.0, "Argon+Neon"),
    ]
    assert exposures[1].need.fibre == exposures[1].sweep[0] == "P1-2"
    assert exposures[2].need.fibre == "P1-12"
    assert exposures[2].need.warmup_s == (30.0, 30.0)
    assert exposures[0].need.position is None
    assert exposures[1].need.position == "calibration"
