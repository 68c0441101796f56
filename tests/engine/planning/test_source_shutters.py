"""Lamps that warm up behind source shutters: what the compiler emits, and what proof and SPIN refuse."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Observatory, load_observatory
from safelight.engine import Plan, ProofError, prove
from safelight.engine.planning.promela import to_promela
from safelight.states import Configure, Expose, LampOff, LampWarmup, Ready, Restore, StateGraph, WaitDark
from safelight.states.work import BLOCKED
from tests.engine.planning.test_promela import Verdict, verdict_on
from tests.engine.planning.test_proof import bypassed, with_state
from tests.engine.planning.test_restored_steps import needs_spin
from tests.engine.planning.test_step_plans import planned, works
from tests.engine.shutter_bench import DAY, LAMPS, SHIELDS, behind_shutters

ABOVE = 1.005
"""The total of a plan, divided by its bound, at the most."""


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """Three lamps behind a source select."""
    return load_observatory(behind_shutters(tmp_path_factory.mktemp("observatory")))


@pytest.fixture(scope="module")
def day(observatory: Observatory) -> Plan:
    """Return the plan of the day."""
    return planned(observatory, DAY)


@pytest.fixture(scope="module")
def graph(day: Plan) -> StateGraph:
    """Its graph."""
    return day.graph


def changed(folder: Path, lamps: Mapping[str, Any] = {}, **care: Any) -> Observatory:
    """Return the observatory with other settings of all lamps, or of each lamp."""
    path = behind_shutters(folder)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    for unit in plain["lamps"]["units"].values():
        unit.update(care)
    plain["lamps"] |= lamps
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return load_observatory(path)


def in_steps(*steps: Mapping[str, Any], **document: Any) -> Mapping[str, Any]:
    """Return a document with these steps."""
    return {"name": "some", "steps": list(steps), **document}


def on_lamp(lamp: str, exposure_s: float = 6, **step: Any) -> Mapping[str, Any]:
    """Return a step with a lamp."""
    return {"lamps": [lamp], "exposure_time": exposure_s, **step}


def starts(plan: Plan) -> dict[str, float]:
    """When each state begins, s."""
    return {slot.state.id: slot.start_s for slot in plan.schedule.slots}


class TestCompiler:
    """What is emitted."""

    def test_the_facts_come_from_the_document(self, observatory: Observatory) -> None:
        """Each position but the required one blocks a lamp."""
        assert observatory.shields == SHIELDS

    def test_one_warm_up_for_all(self, day: Plan) -> None:
        """Four series of lamps cost one warm-up, and the plan is hardly longer than the shortest possible."""
        taken_s = sum(e.exposure_s + 9.0 for e in day.graph.exposures)
        assert day.total_s < taken_s + 120.0 + 20.0 + 10.0
        assert day.bound_s <= day.total_s <= ABOVE * day.bound_s

    def test_each_lamp_is_lit_so_that_it_is_just_warm(self, day: Plan) -> None:
        """A lamp is lit its warm-up before its first frame begins, not earlier by more than a readout."""
        at = starts(day)
        for lamp, frame in (("U", "U-200s-001"), ("Lamp", "Lamp-5s-001")):
            ahead_s = at[f"ready/{frame}"] - at[f"lamp-warmup/{frame}/ahead-{lamp}"]
            assert 120.19 <= ahead_s <= 121.0

    def test_frames_name_what_blocks_the_light(self, graph: StateGraph) -> None:
        """Each frame meanwhile needs the selector where it blocks the lamp. Ready and exposure need the same."""
        needs = {e.frame: e.need.shields for e in graph.exposures}
        assert needs["bias-001"] == (("Th", "octagon", "Home"),)
        assert needs["Th-6s-001"] == (("U", "octagon", "Th"),)
        assert needs["U-200s-001"] == ()
        assert needs["U-200s-002"] == (("Lamp", "octagon", "U"),)
        assert needs["Lamp-5s-001"] == (("U", "octagon", "Lamp"),)
        assert needs["U-7s-001"] == needs["dark-9s-001"] == ()
        for ready in works(graph, Ready):
            assert ready.need.shields == needs[ready.frame]

    def test_beside_an_open_shutter_the_source_shutter_is_read_back(self, graph: StateGraph) -> None:
        """A lamp that is lit while another frame integrates is lit by a state that reads its selector back."""
        work = graph.by_id["lamp-warmup/Lamp-5s-001/ahead-Lamp"].work
        assert isinstance(work, LampWarmup)
        assert (work.shields, work.order[0]) == ((("Lamp", "octagon", "U"),), BLOCKED)
        others = [w for w in works(graph, LampWarmup) if w is not work]
        assert all(BLOCKED not in other.order for other in others)

    def test_a_lamp_that_is_needed_again_soon_stays_on(self, day: Plan, graph: StateGraph) -> None:
        """Between two series that are closer than its warm-up a lamp is not switched off, nor lit again."""
        assert [w.lamps for w in works(graph, LampOff)[1:]] == [("Th",), ("Lamp",), ("U",), LAMPS]
        assert sum("U" in w.lamps and not any(w.warmup_s) for w in works(graph, LampWarmup)) == 1
        assert day.schedule.ignitions == dict.fromkeys(LAMPS, 1)

    def test_not_across_a_wait(self, observatory: Observatory) -> None:
        """While a sequence waits all lamps are off, so that the lamp after it is lit after it."""
        plan = planned(observatory, in_steps(on_lamp("Th"), {"wait": 30}, on_lamp("U")))
        at = starts(plan)
        assert not [state for state in at if "ahead" in state]
        assert works(plan.graph, WaitDark)
        assert plan.bound_s <= plan.total_s <= ABOVE * plan.bound_s

    def test_together_after_a_wait(self, observatory: Observatory) -> None:
        """After a wait several lamps warm up together again, each lit after the wait is over."""
        plan = planned(observatory, in_steps(on_lamp("Lamp"), {"wait": 30}, on_lamp("Th"), on_lamp("U")))
        at = starts(plan)
        over_s = at["wait-dark/Th-6s-001"] + 30.0
        assert at["lamp-warmup/Th-6s-001"] == pytest.approx(over_s)
        assert over_s < at["lamp-warmup/U-6s-001/ahead-U"] < over_s + 120.0
        assert plan.bound_s <= plan.total_s <= ABOVE * plan.bound_s

    def test_many_short_series_stay_warm(self, observatory: Observatory) -> None:
        """Three lamps in turn, over and over, are lit once each between two waits."""
        turn = [on_lamp(lamp) for lamp in LAMPS]
        plan = planned(observatory, in_steps(*turn, *turn, *turn, {"wait": 5}, *turn, *turn))
        assert plan.schedule.ignitions == dict.fromkeys(LAMPS, 2)
        assert plan.bound_s <= plan.total_s <= 1.02 * plan.bound_s

    def test_not_beside_a_rival(self, tmp_path: Path) -> None:
        """Lamps that exclude each other are never on together, wherever the selector is."""
        observatory = changed(tmp_path, {"exclusive": [["Th", "U"]]})
        plan = planned(observatory, in_steps(on_lamp("Th"), on_lamp("U"), on_lamp("Lamp")))
        at = starts(plan)
        assert at["lamp-off/Th-6s-001"] < at["lamp-warmup/U-6s-001"]
        assert "lamp-warmup/Lamp-6s-001/ahead-Lamp" in at
        assert plan.bound_s <= plan.total_s <= ABOVE * plan.bound_s

    def test_not_where_the_selector_is_unknown(self, tmp_path: Path) -> None:
        """Only the positions that the document names block the light. Others are waited for."""
        observatory = changed(tmp_path, warm_behind_shutter={"octagon": "Home"})
        between = planned(observatory, in_steps(on_lamp("Th", 200), on_lamp("U")))
        assert "lamp-warmup/U-6s-001/ahead-U" not in starts(between)
        biases = planned(observatory, in_steps(on_lamp("Th", 200), {"biases": {"count": 20}}, on_lamp("U")))
        assert "lamp-warmup/U-6s-001/ahead-U" in starts(biases)
        assert next(e.frame for e in biases.graph.exposures if e.need.shields).startswith("bias")

    def test_not_without_overlap(self, observatory: Observatory) -> None:
        """The cautious chain lights each lamp when nothing integrates."""
        plan = planned(observatory, DAY, overlap=False)
        assert not any(e.need.shields for e in plan.graph.exposures)

    def test_free_frames_fill_the_first_warm_up(self, observatory: Observatory) -> None:
        """With a free order biases and darks come first, and all lamps warm up meanwhile."""
        steps = (on_lamp("Th"), on_lamp("U"), {"darks": {"exposure_time": 40}}, {"biases": {"count": 4}})
        free = planned(observatory, in_steps(*steps, order="free"))
        frames = [e.frame for e in free.graph.exposures]
        assert frames[0] == "dark-40s-001"
        assert frames.index("Th-6s-001") >= 4
        assert free.total_s < planned(observatory, in_steps(*steps)).total_s - 60.0
        assert free.bound_s <= free.total_s
        assert free.warnings == ()

    def test_a_maximum_on_time_is_kept(self, tmp_path: Path) -> None:
        """A lamp does not stay on for a later series if it would be on for too long."""
        steps = in_steps(on_lamp("U", 60, count=2), on_lamp("Th"), on_lamp("U", 60, count=2))
        assert len(works(planned(changed(tmp_path), steps).graph, LampOff)) == 4
        (tmp_path / "short").mkdir()
        short = planned(changed(tmp_path / "short", longest_on_s=350.0), steps)
        assert ("U",) in [work.lamps for work in works(short.graph, LampOff)][:2]

    @pytest.mark.parametrize("mode", ["off", "act"])
    def test_frames_that_are_taken_again_keep_the_others_warm(self, mode: str, tmp_path: Path) -> None:
        """Where bad light is taken again, a restore leaves lamps alone that warm up behind their source shutters."""
        observatory = load_observatory(behind_shutters(tmp_path, quality={"mode": mode}))
        plan = planned(observatory, DAY)
        assert plan.total_s <= ABOVE * plan.bound_s
        for restore in works(plan.graph, Restore):
            assert not set(restore.off) & {lamp for lamp, _, _ in restore.need.shields}
        assert bool(works(plan.graph, Restore)) == (mode == "act")

    def test_many_lamps_at_once(self, tmp_path: Path) -> None:
        """Eight lamps that warm up together are proved quickly: their lane is one."""
        path = behind_shutters(tmp_path)
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = [f"L{number}" for number in range(8)]
        lamp = plain["lamps"]["units"]["Th"]
        plain["lamps"]["units"] = {name: lamp | {"requires": {"octagon": name}} for name in names}
        plain["selectors"]["units"]["octagon"]["positions"] = ["Home", *names]
        path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
        plan = planned(load_observatory(path), in_steps(*(on_lamp(name) for name in names)))
        assert plan.total_s <= 1.02 * plan.bound_s
        assert plan.proof.configurations < 500


# ---- the proof


def refused(graph: StateGraph, shields: Any = SHIELDS) -> str:
    """Return the broken promise."""
    with pytest.raises(ProofError) as caught:
        prove(graph, LAMPS, (), shields)
    return caught.value.promise


def needing(graph: StateGraph, frame: str, **changes: Any) -> StateGraph:
    """Return the same, in which one frame has other needs."""
    for kind in ("ready", "expose"):
        state = graph.by_id[f"{kind}/{frame}"]
        work: Any = state.work
        if isinstance(work, Ready):
            work = replace(work, need=replace(work.need, **changes))
        elif isinstance(work, Expose):
            work = replace(work, exposure=replace(work.exposure, need=replace(work.exposure.need, **changes)))
        graph = with_state(graph, state.id, work=work)
    return graph


def lighting(graph: StateGraph, **changes: Any) -> StateGraph:
    """Return the same, in which the lamp beside the open shutter is lit in another way."""
    state = graph.by_id["lamp-warmup/Lamp-5s-001/ahead-Lamp"]
    assert isinstance(state.work, LampWarmup)
    return with_state(graph, state.id, work=replace(state.work, **changes))


BROKEN: Mapping[str, tuple[Callable[[StateGraph], StateGraph], str]] = {
    "a frame that does not know of the lamp": (
        lambda graph: needing(graph, "U-200s-002", shields=()),
        "U-200s-002 integrates with Lamp",
    ),
    "a frame that trusts a shutter which is not declared tight": (
        lambda graph: needing(graph, "Th-6s-001", shields=(("U", "octagon", "Home"),)),
        "Th-6s-001 integrates with octagon Th, not Home",
    ),
    "a position that lets the light through": (
        lambda graph: needing(graph, "Lamp-5s-001", setup=(("octagon", "U"),), shields=(("U", "octagon", "U"),)),
        "Lamp-5s-001 integrates with",
    ),
    "a selector that was not moved": (
        lambda graph: bypassed(graph, "configure/U-200s-001"),
        "integrates with",
    ),
    "a selector that is moved elsewhere": (
        lambda graph: with_state(graph, "configure/U-200s-001", work=Configure((("octagon", "Lamp"),))),
        "integrates with octagon Lamp, not U",
    ),
    "a lamp that is lit beside an open shutter as if nothing integrated": (
        lambda graph: lighting(graph, shields=()),
        "may light a lamp before every shutter is read back as closed",
    ),
    "a lamp that is lit with the word of another selector": (
        lambda graph: lighting(graph, shields=(("Th", "octagon", "U"),)),
        "lights Lamp while nothing is read back as blocking its light",
    ),
    "the lamp that the light comes from": (
        lambda graph: lighting(graph, lamps=("Th",)),
        "lights Th while nothing is read back as blocking its light",
    ),
}


class TestProof:
    """What is proved, and what is refused."""

    @pytest.mark.parametrize("name", BROKEN)
    def test_broken_on_purpose(self, name: str, graph: StateGraph) -> None:
        """Each way to let the light of a warming lamp into a frame is found."""
        breaks, promise = BROKEN[name]
        assert promise in refused(breaks(graph))

    def test_the_document_says_what_blocks(self, graph: StateGraph) -> None:
        """The compiler's word is not enough: the position has to be one that blocks, by the observatory's document."""
        assert "and nothing is read back as blocking its light" in refused(graph, {})
        narrow = {lamp: {"octagon": ("Home",)} for lamp in LAMPS}
        assert "nothing is read back as blocking its light" in refused(graph, narrow)

    def test_the_promise_is_named(self, day: Plan) -> None:
        """People read of it."""
        assert any("read back as blocked" in promise for promise in day.proof.promises)


def spin(graph: StateGraph, folder: Path, shields: Any = SHIELDS) -> Verdict:
    """Have SPIN look at the exported model."""
    return verdict_on(to_promela(graph, LAMPS, (), shields), folder)


@needs_spin
def test_spin_agrees(graph: StateGraph, tmp_path: Path) -> None:
    """SPIN finds no error in the graph of the day, and one without the facts that the document declares."""
    assert spin(graph, tmp_path).errors == 0
    assert spin(graph, tmp_path, {}).errors > 0


@needs_spin
@pytest.mark.parametrize("name", BROKEN)
def test_spin_refuses_what_is_broken(name: str, graph: StateGraph, tmp_path: Path) -> None:
    """SPIN finds an error in each graph that is broken on purpose."""
    assert spin(BROKEN[name][0](graph), tmp_path).errors > 0
