"""The edge back from a readout: proved, checked by SPIN, and executed by the statechart as the proof expects."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from safelight.devices import Observatory
from safelight.devices.observatory.quality import QualityModel
from safelight.engine import Options, Plan, ProofError, prove
from safelight.engine.planning.statechart_rules import Configurations
from safelight.engine.run.statechart import Statechart
from safelight.states import Event, Restore, StateGraph
from tests.engine.planning.test_promela import GENERATED, LAMPS, TWO_LAMPS, needs_spin, spin, with_edge, with_state

Planner = Callable[..., Plan]


@pytest.fixture(scope="module")
def acting(observatory: Observatory) -> Observatory:
    """Return the simulated observatory, whose bad frames are taken again."""
    return with_quality(observatory, QualityModel())


def with_quality(observatory: Observatory, quality: QualityModel | None) -> Observatory:
    """Return an observatory with another policy."""
    spectrographs = observatory.spectrographs.model_copy(update={"quality": quality})
    return observatory.model_copy(update={"spectrographs": spectrographs})


@pytest.mark.parametrize("name", ["normal", "quick-cals", "long-term", "demo", "bias"])
def test_every_frame_has_one_way_back(plan: Planner, acting: Observatory, name: str) -> None:
    """Each frame of the library has one restore, reached from its readout alone, and takes no longer for it."""
    made = plan(name, site=acting)
    plain = plan(name)
    restores = [state for state in made.graph.states if isinstance(state.work, Restore)]
    assert [state.frame for state in restores] == [exposure.frame for exposure in made.graph.exposures]
    ways = [edge for edge in made.graph.transitions if edge.event == Event.RETAKE]
    assert {(edge.source, edge.target) for edge in ways} == {
        (f"readout/{state.frame}", f"restore/{state.frame}") for state in restores
    }
    assert (made.total_s, made.bound_s) == (plain.total_s, plain.bound_s)


@pytest.mark.parametrize(
    "quality", [None, QualityModel(mode="off"), QualityModel(mode="watch"), QualityModel(retakes=0)]
)
def test_a_graph_without_retakes_is_the_old_one(
    plan: Planner, observatory: Observatory, quality: QualityModel | None
) -> None:
    """Where nothing is taken again, graphs and their hashes stay as they were."""
    assert plan("normal", site=with_quality(observatory, quality)).graph.hash == plan("normal").graph.hash
    assert with_quality(observatory, None).hash == observatory.hash


def two(plan: Planner, acting: Observatory) -> StateGraph:
    """Return a graph of two lamps."""
    return plan(TWO_LAMPS, site=acting).graph


def test_a_restore_that_leaves_the_next_lamp_alone_is_refused(plan: Planner, acting: Observatory) -> None:
    """Argon warms up beside the readout of Neon: a restore of Neon's frame that does not switch it off is refused."""
    graph = two(plan, acting)
    state = graph.by_id["restore/Neon-5s-001"]
    assert isinstance(state.work, Restore)
    lax = replace(state.work, off=tuple(lamp for lamp in state.work.off if lamp != "Argon"))
    with pytest.raises(ProofError, match="Argon not confirmed off"):
        prove(with_state(graph, state.id, work=lax), LAMPS)


def test_a_restore_that_warms_too_little_is_refused(plan: Planner, acting: Observatory) -> None:
    """A frame that is taken again is taken with lamps as warm as asked."""
    graph = two(plan, acting)
    state = graph.by_id["restore/Neon-5s-001"]
    assert isinstance(state.work, Restore)
    cold = replace(state.work, need=replace(state.work.need, warmup_s=(10.0,)))
    with pytest.raises(ProofError, match="Neon lit for 10 s, not 60 s"):
        prove(with_state(graph, state.id, work=cold), LAMPS)


@pytest.mark.parametrize(
    ("event", "source", "target"),
    [
        (Event.RETAKE, "readout/Neon-5s-001", "restore/Argon-5s-001"),
        (Event.RETAKE, "readout/Neon-5s-001", "frame/Neon-5s-001"),
        (Event.NEXT, "restore/Neon-5s-001", "frame/Argon-5s-001"),
    ],
)
def test_a_way_back_that_leads_elsewhere_is_refused(
    plan: Planner, acting: Observatory, event: Event, source: str, target: str
) -> None:
    """A retake leads to the restore of its own frame, and from there into that frame."""
    with pytest.raises(ProofError):
        prove(with_edge(two(plan, acting), source, event, target), LAMPS)


@pytest.mark.parametrize("overlap", [True, False])
def test_the_statechart_moves_as_the_proof_does(plan: Planner, acting: Observatory, *, overlap: bool) -> None:
    """Whatever goes on beside a readout is left together with it."""
    graph = plan(TWO_LAMPS, Options(overlap=overlap), site=acting).graph
    chart, walk = Statechart(graph), Configurations(graph)
    configuration = walk.start
    retaken = set[str]()
    while not walk.ends(configuration):
        # What shall be seen beside others is done last.
        leaves = sorted(configuration, key=lambda leaf: leaf.startswith("readout/"))
        source = next(leaf for leaf in leaves if graph.by_id[leaf].work is not None)
        event: str = Event.NEXT
        if source.startswith("readout/") and source not in retaken:
            retaken.add(source)
            event = Event.RETAKE
        elif source == "safing":
            event = "done"
        configuration = walk.after(configuration, source, event)
        chart.send(event, source)
        leaves_now = {state.id for state in chart.at_work}
        assert leaves_now == {leaf for leaf in configuration if graph.by_id[leaf].work is not None}
    assert retaken == {f"readout/{exposure.frame}" for exposure in graph.exposures}


@needs_spin
@pytest.mark.parametrize("overlap", [True, False])
def test_spin_agrees(plan: Planner, acting: Observatory, tmp_path: Path, *, overlap: bool) -> None:
    """SPIN finds no error in a model with retakes, and no line that nothing leads to."""
    verdict = spin(plan(GENERATED["sweep and park"], Options(overlap=overlap), site=acting).graph, tmp_path)
    assert (verdict.errors, verdict.unreached) == (0, 0), verdict.report


@needs_spin
def test_spin_refuses_what_the_proof_refuses(plan: Planner, acting: Observatory, tmp_path: Path) -> None:
    """A restore that leaves the next lamp alone is an error for SPIN, too."""
    graph = two(plan, acting)
    state = graph.by_id["restore/Neon-5s-001"]
    assert isinstance(state.work, Restore)
    lax = replace(state.work, off=tuple(lamp for lamp in state.work.off if lamp != "Argon"))
    assert spin(with_state(graph, state.id, work=lax), tmp_path).errors == 1
