"""The way back of frames of steps: selectors, levels, exclusive lamps and dark times, in proof and SPIN."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Observatory, load_observatory
from safelight.engine import Plan, ProofError, prove
from safelight.states import Need, Restore, StateGraph
from tests.engine.planning.test_proof import with_state
from tests.engine.planning.test_step_plans import ARC_LAMPS, ARCS, DAY, EXCLUSIVE, LAMPS, planned, spin
from tests.engine.step_bench import TIMED, with_arcs, written

ACT: Mapping[str, Any] = {"mode": "act"}

needs_spin = pytest.mark.skipif(shutil.which("spin") is None, reason="SPIN is not installed (tests/install-servers)")


@pytest.fixture(scope="module")
def acting(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """Return the observatory with selectors, whose bad frames are taken again."""
    return load_observatory(written(tmp_path_factory.mktemp("acting"), quality=dict(ACT)))


@pytest.fixture(scope="module")
def graph(acting: Observatory) -> StateGraph:
    """Return the graph of all steps."""
    return planned(acting).graph


def restore(graph: StateGraph, frame: str) -> Restore:
    """Return what puts the instrument back for a frame."""
    work = graph.by_id[f"restore/{frame}"].work
    assert isinstance(work, Restore)
    return work


def test_a_restore_puts_everything_back(graph: StateGraph) -> None:
    """It has the frame's own selectors, levels and lamps, and switches every lamp off before."""
    for exposure in graph.exposures:
        work = restore(graph, exposure.frame)
        assert (work.need.setup, work.need.levels) == (exposure.need.setup, exposure.need.levels)
        assert (work.need.lamps, set(work.off)) == (exposure.need.lamps, set(LAMPS))
    assert dict(restore(graph, "Quartz-5s-002").need.setup) == {"mirror": "in", "grating": "red", "slit": "wide"}
    assert restore(graph, "Quartz-5s-002").need.levels == (("Quartz", 50.0),)


def lasting(acting: Observatory, **care: Any) -> Observatory:
    """Return the same with a lamp ThAr that needs care."""
    plain = yaml.safe_load(yaml.safe_dump(acting.model_dump(mode="json", exclude_unset=True, by_alias=True)))
    plain["lamps"]["units"]["ThAr"] |= care
    return Observatory.model_validate(plain)


def test_its_dark_time_is_the_longest_that_anything_asks(acting: Observatory) -> None:
    """A wait of the sequence, a lamp's rest and its time before another strike count. The longest of them is kept."""
    document = {
        "name": "dark",
        "steps": [
            {"lamps": ["ThAr"], "exposure_time": 5},
            {"wait": 200},
            {"lamps": ["ThAr"], "exposure_time": 5},
            {"lamps": ["Quartz"], "exposure_time": 5},
        ],
    }

    def dark_s(**care: Any) -> list[float]:
        made = planned(lasting(acting, **care), document)
        return [restore(made.graph, exposure.frame).dark_s for exposure in made.graph.exposures]

    assert dark_s() == [0.0, 200.0, 0.0]
    assert dark_s(restrike_s=60.0) == [60.0, 200.0, 0.0]
    assert dark_s(restrike_s=60.0, rest={"after": 300.0, "for": 90.0}) == [90.0, 200.0, 0.0]
    assert dark_s(restrike_s=300.0) == [300.0, 300.0, 0.0]


def test_its_deadline_has_room_for_dark_and_minimum_times(acting: Observatory) -> None:
    """Minimum on-times and dark times are within what the state may take."""
    document = {"name": "one", "steps": [{"lamps": ["ThAr"], "exposure_time": 5}]}
    plain = planned(acting, document)
    slow = planned(lasting(acting, restrike_s=60.0, min_on_s=90.0), document)
    work = restore(slow.graph, "ThAr-5s-001")
    assert (work.least_s, work.dark_s) == ((("ThAr", 90.0),), 60.0)
    state = "restore/ThAr-5s-001"
    longer_s = slow.graph.by_id[state].deadline_s - plain.graph.by_id[state].deadline_s
    assert longer_s >= 150.0


PLANS: Mapping[str, Callable[[Path], Plan]] = {
    "steps": lambda folder: planned(load_observatory(written(folder, quality=dict(ACT)))),
    "one after the other": lambda folder: planned(
        load_observatory(written(folder, quality=dict(ACT))), overlap=False, park_after=True
    ),
    "no shutter": lambda folder: planned(load_observatory(written(folder, shutter="none", quality=dict(ACT)))),
    "timed lamps": lambda folder: planned(load_observatory(with_arcs(folder, quality=dict(ACT))), TIMED),
    "frames in warm-ups": lambda folder: planned(
        load_observatory(written(folder, light_tight_shutter=True, quality=dict(ACT))), DAY
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_every_frame_has_a_way_back(name: str, tmp_path: Path) -> None:
    """Whatever lamps and shutter are like, each frame has one restore, and the graph is proved."""
    made = PLANS[name](tmp_path)
    restores = [state for state in made.graph.states if isinstance(state.work, Restore)]
    assert [state.frame for state in restores] == [exposure.frame for exposure in made.graph.exposures]


@needs_spin
@pytest.mark.parametrize("name", ["no shutter", "timed lamps", "frames in warm-ups"])
def test_spin_agrees(name: str, tmp_path: Path) -> None:
    """SPIN finds no error in it."""
    made = PLANS[name](tmp_path)
    lamps = made.observatory.lamps
    assert spin(made.graph, tmp_path, tuple(lamps.units), lamps.exclusive).errors == 0


def leaving(graph: StateGraph, frame: str, **changes: Any) -> StateGraph:
    """Return the same with another restore of one frame."""
    return with_state(graph, f"restore/{frame}", work=replace(restore(graph, frame), **changes))


def needing(graph: StateGraph, frame: str, **changes: Any) -> StateGraph:
    """Return the same with another need of one restore."""
    return leaving(graph, frame, need=replace(restore(graph, frame).need, **changes))


BROKEN: Mapping[str, tuple[Callable[[StateGraph], StateGraph], str]] = {
    "lights a rival": (
        lambda graph: needing(graph, "Quartz-5s-004", lamps=("ThAr",), warmup_s=(10.0,), levels=()),
        "lights ThAr, without which Quartz-5s-004 begins",
    ),
    "leaves a selector": (
        lambda graph: needing(graph, "Quartz-5s-001", setup=(("mirror", "in"), ("grating", "red"))),
        "integrates with slit",
    ),
    "moves a selector elsewhere": (
        lambda graph: needing(graph, "Quartz-5s-001", setup=(("grating", "red"), ("slit", "wide"))),
        "integrates with slit wide, not narrow",
    ),
    "sets another level": (
        lambda graph: needing(graph, "Quartz-5s-001", levels=(("Quartz", 20.0),)),
        "integrates with Quartz 20.0, not 50.0",
    ),
    "lights a lamp for a dark": (
        lambda graph: needing(graph, "dark-4s-001", lamps=("ThAr",), warmup_s=(10.0,)),
        "lights ThAr, without which dark-4s-001 begins",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_proof_refuses_a_restore_that(name: str, graph: StateGraph) -> None:
    """Whatever a restore leaves undone, or does wrong, breaks a promise, and the proof names it."""
    broken, words = BROKEN[name]
    with pytest.raises(ProofError, match=words):
        prove(broken(graph), LAMPS, EXCLUSIVE)


@needs_spin
@pytest.mark.parametrize("name", ["leaves a selector", "sets another level"])
def test_spin_refuses_a_restore_that(name: str, graph: StateGraph, tmp_path: Path) -> None:
    """SPIN refuses what the proof refuses."""
    broken, _ = BROKEN[name]
    assert spin(broken(graph), tmp_path, LAMPS, EXCLUSIVE).errors > 0


RIVALS: Mapping[str, Any] = {
    "name": "rivals",
    "steps": [{"lamps": ["ThAr"], "exposure_time": 5}, {"lamps": ["Quartz"], "exposure_time": 5}],
}


@needs_spin
def test_a_restore_that_leaves_a_rival_on_is_refused(acting: Observatory, tmp_path: Path) -> None:
    """Quartz warms up beside the readout of ThAr: whoever lights ThAr again beside it is stopped by both proofs."""
    graph = planned(acting, RIVALS).graph
    beside = {state.id for state in graph.states if state.parent is not None and state.parent.endswith("/warm-up")}
    assert "lamp-warmup/Quartz-5s-001" in beside
    broken = leaving(graph, "ThAr-5s-001", off=("ThAr",))
    with pytest.raises(ProofError, match="lights ThAr and has not switched Quartz off"):
        prove(broken, LAMPS, EXCLUSIVE)
    assert spin(graph, tmp_path).errors == 0
    assert spin(broken, tmp_path).errors > 0


@needs_spin
def test_a_timed_lamp_is_dark_before_its_frame_begins_anew(tmp_path: Path) -> None:
    """A restore that keeps a timed lamp lit is refused: the lamp's own lane lights it."""
    made = planned(load_observatory(with_arcs(tmp_path, quality=dict(ACT))), ARCS)
    frame = made.graph.exposures[0].frame
    assert restore(made.graph, frame).need == Need(fibre=restore(made.graph, frame).need.fibre)
    assert set(restore(made.graph, frame).off) == set(ARC_LAMPS)
    lit = needing(made.graph, frame, lamps=("Neon",), warmup_s=(0.0,))
    with pytest.raises(ProofError, match=f"lights Neon, without which {re.escape(frame)} begins"):
        prove(lit, ARC_LAMPS)
    assert spin(lit, tmp_path, ARC_LAMPS, ()).errors > 0
