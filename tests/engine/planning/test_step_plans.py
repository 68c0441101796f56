"""Graphs of steps: what the compiler emits, and that proof and SPIN refuse what is broken on purpose."""

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Observatory, load_observatory
from safelight.engine import Options, Plan, ProofError, make_plan, prove, site_of
from safelight.engine.errors import LampOnTooLong
from safelight.engine.planning.promela import to_promela
from safelight.sequences import SequenceError, load
from safelight.states import Configure, Expose, LampOff, LampWarmup, StateGraph, TimedLamp, WaitDark
from tests.engine.planning.test_promela import Verdict, verdict_on
from tests.engine.planning.test_proof import bypassed, with_state
from tests.engine.step_bench import STEPS, with_arcs, written

LAMPS = ("ThAr", "Quartz")
EXCLUSIVE = (("ThAr", "Quartz"),)


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """Return the observatory with selectors."""
    return load_observatory(written(tmp_path_factory.mktemp("observatory")))


def planned(observatory: Observatory, document: Any = STEPS, **options: Any) -> Plan:
    """Return a plan on it."""
    return make_plan(load(document, site_of(observatory)), observatory, Options(**options))


@pytest.fixture(scope="module")
def graph(stepping: Observatory) -> StateGraph:
    """Return the graph of all steps."""
    return planned(stepping).graph


def works(graph: StateGraph, kind: type) -> list[Any]:
    """Return every action of a kind, in order."""
    return [state.work for state in graph.states if isinstance(state.work, kind)]


def refused(graph: StateGraph) -> str:
    """Return the broken promise."""
    with pytest.raises(ProofError) as caught:
        prove(graph, LAMPS, EXCLUSIVE)
    return caught.value.promise


def test_the_difference_is_moved_and_nothing_else(graph: StateGraph) -> None:
    """A selector is moved where the next frame needs it elsewhere, and the end brings the safe positions."""
    moves = [dict(work.setup) for work in works(graph, Configure)]
    assert moves == [
        {"mirror": "in", "slit": "narrow"},
        {"grating": "red"},
        {"slit": "wide"},
        {"slit": "narrow", "grating": "blue"},
        {"slit": "wide"},
        {"mirror": "out"},
        {"mirror": "in"},
        {"mirror": "out", "slit": "narrow"},
    ]


def test_one_warm_up_for_all_set_ups(graph: StateGraph) -> None:
    """A loop over set-ups lights its lamp once, and a wait comes with all lamps off."""
    assert [work.lamps for work in works(graph, LampWarmup)] == [("ThAr",), ("Quartz",), ("ThAr",)]
    assert [work.seconds for work in works(graph, WaitDark)] == [20.0]


@pytest.mark.parametrize("options", [{}, {"overlap": False}, {"park_after": True}])
def test_every_plan_is_proved_and_not_below_its_bound(options: Any, stepping: Observatory) -> None:
    """The plan is proved, and no shorter than what no schedule could undercut."""
    plan = planned(stepping, **options)
    assert plan.total_s >= plan.bound_s
    assert plan.proof.configurations > 40


def test_a_shutterless_plan_lights_no_lamp_beside_a_readout(tmp_path: Path) -> None:
    """Without a shutter each lamp goes off before its readout, and the next one is lit after it."""
    observatory = load_observatory(written(tmp_path, shutter="none"))
    plan = planned(observatory)
    spans = [(slot.start_s, slot.end_s) for slot in plan.schedule.slots if slot.state.kind == "readout"]
    for slot in plan.schedule.slots:
        if slot.state.kind == "lamp-warmup":
            assert not any(start < slot.end_s and slot.start_s < end for start, end in spans), slot.state.id


def cared_for(folder: Path, **care: Any) -> Observatory:
    """Return the observatory, with a lamp ThAr that needs care."""
    path = written(folder)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["lamps"]["units"]["ThAr"] |= care
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return load_observatory(path)


@pytest.mark.parametrize("where", ["lamp", "step"])
def test_a_duty_cycle_splits_a_long_series(where: str, tmp_path: Path) -> None:
    """A lamp that may be lit for two minutes rests before it has been, and is warmed up again."""
    rest = {"rest": {"after": 120.0, "for": 40.0}}
    observatory = cared_for(tmp_path, **(rest if where == "lamp" else {}))
    step = {"lamps": ["ThAr"], "exposure_time": 20, "count": 10}
    document = {"name": "long", "steps": [step | (rest if where == "step" else {})]}
    plan = planned(observatory, document)
    lit: list[tuple[float, float]] = []
    for slot in plan.schedule.slots:
        if slot.state.kind == "lamp-warmup":
            lit.append((slot.start_s, 0.0))
        elif slot.state.kind == "lamp-off" and lit and not lit[-1][1]:
            lit[-1] = (lit[-1][0], slot.end_s)
    assert len(lit) > 2
    assert all(off - on <= 120.0 for on, off in lit)
    assert all(on - off > 39.9 for (_, off), (on, _) in pairwise(lit))
    assert len(plan.graph.exposures) == 10


def test_one_exposure_must_fit_between_two_rests(tmp_path: Path) -> None:
    """A single exposure that is longer than a lamp's duty cycle can't be split, and is refused with its line."""
    observatory = cared_for(tmp_path, rest={"after": 120.0, "for": 40.0})
    series = {"lamps": ["ThAr"], "exposure_time": [20, 300], "count": 2}
    said = r"steps.0: ThAr would be on for 31\d s .*\(1 frame\), and its rest \(`after`\) is 120 s: not even one"
    with pytest.raises(LampOnTooLong, match=said):
        planned(observatory, {"name": "long", "steps": [series]})


def test_a_lamp_is_not_lit_again_too_soon(tmp_path: Path) -> None:
    """A lamp that has to be off for a minute before it is lit again is waited for."""
    observatory = cared_for(tmp_path, restrike_s=60.0)
    lamp = {"lamps": ["ThAr"], "exposure_time": 5}
    plan = planned(observatory, {"name": "again", "steps": [lamp, {"biases": {}}, lamp]})
    off = next(slot.end_s for slot in plan.schedule.slots if slot.state.id.startswith("lamp-off/ThAr"))
    again = [slot for slot in plan.schedule.slots if slot.state.kind == "lamp-warmup"][1]
    assert again.start_s - off == pytest.approx(60.0, abs=0.5)


@pytest.mark.parametrize("between", [{"lamps": [], "flavour": "flat", "exposure_time": 5}, {"wait": 20}])
def test_the_bound_knows_rests(tmp_path: Path, between: dict[str, Any]) -> None:
    """No schedule can light a lamp before it has been off for long enough, and the plan comes close to that."""
    lamp = {"lamps": ["ThAr"], "exposure_time": 5}
    document = {"name": "again", "steps": [lamp, between, lamp]}
    plan = planned(cared_for(tmp_path, restrike_s=600.0), document)
    assert 600.0 < plan.bound_s <= plan.total_s <= 1.02 * plan.bound_s
    assert planned(cared_for(tmp_path), document).bound_s < 600.0


def test_a_lamp_is_on_for_its_minimum(tmp_path: Path) -> None:
    """A lamp with a minimum on-time is lit early where that is free, stays lit for it, and the plan meets its bound."""
    observatory = cared_for(tmp_path, min_on_s=90.0)
    biases = {"biases": {"count": 8}}
    document = {"name": "short", "steps": [biases, {"lamps": ["ThAr"], "exposure_time": 5}, {"biases": {}}]}
    plan = planned(observatory, document)
    off = next(slot for slot in plan.schedule.slots if slot.state.id.startswith("lamp-off/ThAr"))
    lit = next(slot for slot in plan.schedule.slots if slot.state.kind == "lamp-warmup")
    on_s = off.end_s - plan.observatory.lamps.off_s - lit.start_s
    assert on_s == pytest.approx(90.0, abs=1.0)
    assert off.state.work == LampOff(("ThAr",), (("ThAr", 90.0),))
    assert plan.bound_s <= plan.total_s <= 1.05 * plan.bound_s
    # Nothing else changes: a lamp without one goes off at once, and its graph has the hash that it had.
    plain = load_observatory(written(tmp_path))
    assert LampOff(("ThAr",)) in works(planned(plain, document).graph, LampOff)


def test_a_plan_says_why_it_is_longer(tmp_path: Path) -> None:
    """Read-backs of very short frames, and rests of lamps, are named with their seconds, which add up."""
    short = planned(load_observatory(written(tmp_path, readout_s=0.5)), {"name": "short", "biases": {"count": 20}})
    (why, seconds), *others = short.excess
    assert (why, others) == ("read-backs before and after each frame", [])
    # Before and after each frame 0.1 s.
    assert seconds == pytest.approx(20 * 0.2, abs=0.05)
    assert seconds == pytest.approx(short.total_s - short.bound_s)
    series = {"lamps": ["ThAr"], "exposure_time": 20, "count": 10}
    care = {"rest": {"after": 120.0, "for": 40.0}}
    resting = planned(cared_for(tmp_path, **care), {"name": "long", "steps": [series]})
    assert [why for why, _ in resting.excess][-1] == "lamps have to be off for a while before they are lit again"
    assert sum(seconds for _, seconds in resting.excess) == pytest.approx(resting.total_s - resting.bound_s)
    # Two breaks at the least, each of 40 s and a warm-up of 10 s instead of a readout of 8 s.
    assert resting.excess[-1][1] >= 2 * 42
    # Within half a percent nothing needs a reason.
    longer = series | {"exposure_time": 200, "count": 5}
    assert planned(cared_for(tmp_path), {"name": "long", "steps": [longer]}).excess == ()


class TestBroken:
    """Graphs that are broken on purpose."""

    def test_without_a_move(self, graph: StateGraph) -> None:
        """A frame whose selector was not moved."""
        assert "integrates with" in refused(bypassed(graph, "configure/Quartz-5s-002"))

    def test_moved_elsewhere(self, graph: StateGraph) -> None:
        """A selector that is moved to another position than the frame needs."""
        broken = with_state(graph, "configure/Quartz-5s-002", work=Configure((("slit", "narrow"),)))
        assert "integrates with slit narrow, not wide" in refused(broken)

    def test_moved_while_it_integrates(self, graph: StateGraph) -> None:
        """A selector that moves beside an integration."""
        work = graph.by_id["expose/Quartz-5s-002"].work
        lane = next(s for s in graph.children["handover/Quartz-5s-001"] if s.id.endswith("selectors"))
        assert lane.initial == "configure/Quartz-5s-002"
        assert isinstance(work, Expose)
        broken = with_state(graph, "readout/Quartz-5s-001", work=work)
        with pytest.raises(ProofError):
            prove(broken, LAMPS, EXCLUSIVE)

    def test_lit_together(self, graph: StateGraph) -> None:
        """Two exclusive lamps lit at once."""
        state = graph.by_id["lamp-warmup/Quartz-5s-001"]
        assert isinstance(state.work, LampWarmup)
        both = replace(state.work, lamps=("Quartz", "ThAr"), warmup_s=(10.0, 10.0))
        assert "lights" in refused(with_state(graph, state.id, work=both))

    def test_another_level(self, graph: StateGraph) -> None:
        """A lamp at another level than its frame needs."""
        state = graph.by_id["lamp-warmup/Quartz-5s-001"]
        assert isinstance(state.work, LampWarmup)
        dim = replace(state.work, levels=(("Quartz", 20.0),))
        assert "integrates with Quartz 20.0, not 50.0" in refused(with_state(graph, state.id, work=dim))

    def test_a_wait_under_a_lit_lamp(self, graph: StateGraph) -> None:
        """A wait before which the lamp was not switched off."""
        off = next(state.id for state in graph.states if state.id == "lamp-off/Quartz-5s-004")
        assert "waits while Quartz" in refused(bypassed(graph, off))


def spin(
    graph: StateGraph,
    folder: Path,
    lamps: tuple[str, ...] = LAMPS,
    exclusive: tuple[tuple[str, ...], ...] = EXCLUSIVE,
) -> Verdict:
    """Have SPIN look at the exported model."""
    return verdict_on(to_promela(graph, lamps, exclusive), folder)


@pytest.mark.skipif(shutil.which("spin") is None, reason="SPIN is not installed (tests/install-servers installs it)")
def test_spin_agrees(graph: StateGraph, tmp_path: Path) -> None:
    """SPIN finds no error in the graph of all steps, and one in each that is broken."""
    assert spin(graph, tmp_path).errors == 0
    moved = with_state(graph, "configure/Quartz-5s-002", work=Configure((("slit", "narrow"),)))
    unlit = bypassed(graph, "lamp-off/Quartz-5s-004")
    for broken in (moved, unlit):
        assert spin(broken, tmp_path).errors > 0


ARCS = {
    "name": "arcs",
    "steps": [{"lamps": ["Argon", "Neon"], "exposure_time": 30, "lit_for": {"Argon": 20, "Neon": 3}}],
}


ARC_LAMPS = ("Argon", "Neon", "Quartz")


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Arcs with two lamps, each on for its own time."""
    return planned(load_observatory(with_arcs(tmp_path_factory.mktemp("observatory"))), ARCS)


class TestTimedLamps:
    """Lamps that are on for a part of an exposure."""

    def test_each_lamp_has_a_lane(self, timed: Plan) -> None:
        """Each lamp is lit and switched off beside the integration, after the shutter has opened, and within it."""
        slots = {slot.state.id: slot for slot in timed.schedule.slots}
        integration = slots["expose/Argon+Neon-30s-001"]
        lanes = {slot.state.work.lamp: slot for slot in slots.values() if isinstance(slot.state.work, TimedLamp)}
        assert {lamp: slot.state.work.lit_s for lamp, slot in lanes.items()} == {"Argon": 20.0, "Neon": 3.0}
        for slot in lanes.values():
            assert integration.start_s <= slot.start_s < slot.end_s <= integration.end_s
        assert timed.schedule.lamp_on_s == pytest.approx({"Argon": 20.1, "Neon": 3.1})
        assert works(timed.graph, LampWarmup) == []
        assert timed.bound_s <= timed.total_s

    def test_the_whole_exposure_is_no_part_of_it(self, tmp_path: Path) -> None:
        """A lamp whose seconds are those of the exposure is lit before it, and off after it."""
        observatory = load_observatory(with_arcs(tmp_path))
        step = {"lamps": ["Argon", "Neon"], "exposure_time": 20, "lit_for": {"Argon": 20, "Neon": 3}}
        plan = planned(observatory, {"name": "arcs", "steps": [step]})
        assert [work.lamp for work in works(plan.graph, TimedLamp)] == ["Neon"]
        assert [work.lamps for work in works(plan.graph, LampWarmup)] == [("Argon",)]

    def test_its_rest_begins_within_the_exposure(self, tmp_path: Path) -> None:
        """A lamp that is off long before its exposure ends has rested by the next one: nothing waits."""
        path = with_arcs(tmp_path)
        path.write_text(path.read_text("utf-8").replace("Neon:", "Neon:\n      restrike_s: 25.0"), encoding="utf-8")
        observatory = load_observatory(path)
        step = {"lamps": ["Argon", "Neon"], "exposure_time": 30, "lit_for": {"Argon": 20, "Neon": 3}, "count": 2}
        rested = planned(observatory, {"name": "arcs", "steps": [step]})
        assert works(rested.graph, WaitDark) == []
        late = planned(observatory, {"name": "arcs", "steps": [step | {"lit_for": {"Neon": 25}}]})
        (wait,) = [slot for slot in late.schedule.slots if slot.state.kind == "wait-dark"]
        lit = [slot for slot in late.schedule.slots if slot.state.kind == "lamp-timed"]
        assert wait.end_s < lit[1].start_s
        assert lit[1].start_s - lit[0].end_s == pytest.approx(25.0, abs=1.5)

    def test_a_minimum_on_time_holds_for_a_part(self, tmp_path: Path) -> None:
        """What the observatory says of a lamp's minimum on-time counts where a sequence gives it less."""
        path = with_arcs(tmp_path)
        path.write_text(path.read_text("utf-8").replace("Neon:", "Neon:\n      min_on_s: 5.0"), encoding="utf-8")
        with pytest.raises(SequenceError, match=r"lit_for.Neon: Neon has a minimum on-time of 5 s: at least 5"):
            planned(load_observatory(path), ARCS)

    def test_a_lane_elsewhere_is_refused(self, timed: Plan) -> None:
        """A lamp that is lit by the lane of another frame, or without one, breaks the proof."""
        lane = timed.graph.by_id["lamp-timed/Argon+Neon-30s-001/Neon"]
        assert isinstance(lane.work, TimedLamp)
        other = with_state(timed.graph, lane.id, work=replace(lane.work, frame="other"))
        with pytest.raises(ProofError, match="integrates with Neon not confirmed off"):
            prove(other, ARC_LAMPS)
        with pytest.raises(ProofError, match="lights"):
            prove(timed.graph, ARC_LAMPS, (("Argon", "Neon"),))

    @pytest.mark.skipif(shutil.which("spin") is None, reason="SPIN is not installed (tests/install-servers)")
    def test_spin_agrees(self, timed: Plan, tmp_path: Path) -> None:
        """SPIN finds no error in it, and one where the lamps exclude each other."""
        assert spin(timed.graph, tmp_path, ARC_LAMPS, ()).errors == 0
        assert spin(timed.graph, tmp_path, ARC_LAMPS, (("Argon", "Neon"),)).errors > 0


DAY = {
    "name": "day",
    "order": "free",
    "steps": [
        {"biases": {"count": 6}},
        {"lamps": ["ThAr"], "warmup": 300, "exposure_time": 5, "setup": {"mirror": "in"}},
        {"lamps": ["Quartz"], "warmup": 300, "exposure_time": 5},
        {"darks": {"count": 3, "exposure_time": 80}},
        {"wait": 30},
        {"darks": {"exposure_time": 40}},
    ],
}


class TestFreeOrder:
    """Frames in the dark that fill warm-ups."""

    @pytest.fixture
    def tight(self, tmp_path: Path) -> Observatory:
        """Return the observatory with light-tight shutters, whose darks need no position of the mirror."""
        path = written(tmp_path, light_tight_shutter=True)
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        del plain["flavours"]
        path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
        return load_observatory(path)

    def test_warm_ups_are_filled(self, tight: Observatory) -> None:
        """Every frame is taken once, none crosses the wait, and the plan is within half a percent of its bound."""
        free, written_so = planned(tight, DAY), planned(tight, DAY | {"order": "written"})
        assert sorted(e.frame for e in free.graph.exposures) == sorted(e.frame for e in written_so.graph.exposures)
        assert free.graph.exposures[-1].frame == "dark-40s-001"
        assert free.total_s < written_so.total_s - 250
        assert free.bound_s <= free.total_s <= 1.01 * free.bound_s
        filled = [e.frame for e in free.graph.exposures if e.need.tolerated == ("Quartz",)]
        assert len(filled) >= 3
        assert free.expansion.warnings == ()

    def test_light_keeps_its_order(self, tight: Observatory) -> None:
        """Frames with light are taken as written, whatever is moved."""
        lit = [e.frame for e in planned(tight, DAY).graph.exposures if e.order.opens_shutter]
        assert lit == ["ThAr-5s-001", "Quartz-5s-001"]

    def test_a_dark_that_needs_another_setup_stays(self, tmp_path: Path) -> None:
        """A dark for which the mirror has to be out is not taken during a warm-up with the mirror in."""
        observatory = load_observatory(written(tmp_path, light_tight_shutter=True))
        plan = planned(observatory, DAY)
        tolerating = [e.frame for e in plan.graph.exposures if e.need.tolerated]
        assert not any(frame.startswith("dark-80s") for frame in tolerating)
        assert any(frame.startswith("bias") for frame in tolerating)

    def test_without_a_light_tight_shutter_it_is_as_written(self, stepping: Observatory) -> None:
        """Elsewhere the order is as written, and the plan says so."""
        plan = planned(stepping, DAY)
        assert [e.frame for e in plan.graph.exposures] == [frame.id for frame in plan.expansion.frames]
        assert any("light_tight_shutter" in warning for warning in plan.warnings)

    def test_selectors_move_in_the_last_readout(self, tight: Observatory) -> None:
        """Selectors of the first frame with light move during the readout of the last dark, and the warm-up."""
        slots = {slot.state.id: slot for slot in planned(tight, DAY | {"order": "written"}).schedule.slots}
        move, readout = slots["configure/ThAr-5s-001"], slots["readout/bias-006"]
        assert readout.start_s <= move.start_s < move.end_s <= readout.end_s

    def test_the_bound_knows_moves_longer_than_a_readout(self, tmp_path: Path) -> None:
        """Nothing integrates while a selector moves, so that a long move lengthens every schedule."""
        path = written(tmp_path, light_tight_shutter=True)
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        plain["selectors"]["units"]["grating"]["move_s"] = 90.0
        path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
        arcs = {"lamps": ["ThAr"], "exposure_time": 5, "for": {"grating": ["red", "blue", "red"]}}
        document = {"name": "gratings", "order": "free", "steps": [{"biases": {"count": 20}}, arcs]}
        plan = planned(load_observatory(path), document)
        assert plan.bound_s <= plan.total_s <= 1.05 * plan.bound_s
        # 23 frames, and two moves that each take 82 s longer than the readout. The first one finds the grating at home.
        assert plan.bound_s > 23 * 9.0 + 3 * 5 + 2 * 82

    @pytest.mark.skipif(shutil.which("spin") is None, reason="SPIN is not installed (tests/install-servers)")
    def test_spin_agrees(self, tight: Observatory, tmp_path: Path) -> None:
        """SPIN finds no error in it."""
        assert spin(planned(tight, DAY).graph, tmp_path).errors == 0
