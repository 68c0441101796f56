"""Lamps that their source shutter lets through for a part of an exposure: what is emitted, and what is refused."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Observatory, load_observatory
from safelight.engine import Plan, ProofError, prove
from safelight.sequences import SequenceError
from safelight.states import Configure, Expose, Need, Opening, Ready, StateGraph, TimedLamp, TimedShutter
from safelight.states.graph import plain
from tests.engine.planning.test_proof import bypassed, with_state
from tests.engine.planning.test_restored_steps import needs_spin
from tests.engine.planning.test_source_shutters import spin
from tests.engine.planning.test_step_plans import planned, works
from tests.engine.shutter_bench import LAMPS, SHIELDS, SHOWN, behind_shutters

FIRST = "Th-60s-001"
LANE = f"shutter-timed/{FIRST}/Th"


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """Three lamps behind a source select."""
    return load_observatory(behind_shutters(tmp_path_factory.mktemp("observatory")))


@pytest.fixture(scope="module")
def shown(observatory: Observatory) -> Plan:
    """Return the plan of all frames."""
    return planned(observatory, SHOWN)


@pytest.fixture(scope="module")
def graph(shown: Plan) -> StateGraph:
    """Its graph."""
    return shown.graph


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Observatory:
    """Return the observatory with changes."""
    path = behind_shutters(folder)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return load_observatory(path)


def on_lamps(*lamps: str, **step: Any) -> Mapping[str, Any]:
    """Return a document of one step."""
    return {"name": "some", "steps": [{"lamps": list(lamps), "exposure_time": 60, **step}]}


class TestCompiler:
    """What is emitted."""

    def test_the_selector_opens_within_the_exposure(self, shown: Plan) -> None:
        """The lamp is warm behind its closed shutter, which opens after the exposure has begun and closes before."""
        slots = {slot.state.id: slot for slot in shown.schedule.slots}
        lane, integration = slots[LANE], slots[f"expose/{FIRST}"]
        assert lane.state.work == TimedShutter(FIRST, Opening("Th", 20.0, "octagon", "Th", "Home"), 0.5, 3.0)
        assert integration.start_s == lane.start_s < lane.end_s < integration.end_s
        (exposure,) = (each for each in shown.graph.exposures if each.frame == FIRST)
        assert exposure.need == Need(("Th",), (120.0,), setup=(("octagon", "Home"),))
        assert (exposure.timed, exposure.partly) == ((), (("Th", 20.0),))

    def test_the_lamp_stays_warm(self, shown: Plan) -> None:
        """One warm-up is enough for frames that see it for a part, and for those that see the whole of it."""
        assert shown.schedule.ignitions == {"Th": 1, "U": 1}
        assert works(shown.graph, TimedLamp) == []

    def test_the_whole_exposure_is_no_part_of_it(self, graph: StateGraph) -> None:
        """Seconds that are those of the exposure open the selector before it."""
        setups = {each.frame: dict(each.need.setup) for each in graph.exposures}
        assert (setups["Th-10s-001"], setups["Th-30s-001"]) == ({"octagon": "Th"}, {"octagon": "Home"})
        assert f"shutter-timed/{FIRST}/Th" in graph.by_id
        assert "shutter-timed/Th-10s-001/Th" not in graph.by_id

    def test_no_other_lamp_warms_up_behind_a_selector_that_moves(self, shown: Plan, graph: StateGraph) -> None:
        """What blocks another lamp stays where it is, so that this one is lit when the frame is over."""
        assert not any(each.need.shields for each in graph.exposures if each.openings)
        assert shown.bound_s <= shown.total_s <= 1.005 * shown.bound_s

    def test_the_fastest_free_selector_is_the_shutter(self, tmp_path: Path) -> None:
        """Of several selectors that block a lamp, the fastest opens that nothing else in the frame needs."""

        def change(plain: dict[str, Any]) -> None:
            units = plain["selectors"]["units"]
            units["mirror"] = {"positions": ["in", "out"], "move_s": 9.0}
            units["cover"] = {"positions": ["open", "shut"], "move_s": 1.0, "default": "shut"}
            for lamp in plain["lamps"]["units"].values():
                lamp["requires"] = {"mirror": "in", **lamp["requires"], "cover": "open"}

        site = changed(tmp_path, change)
        alone = planned(site, on_lamps("Th", lit_for={"Th": 9})).graph
        (work,) = works(alone, TimedShutter)
        assert work.opening == Opening("Th", 9.0, "cover", "open", "shut")
        assert dict(alone.exposures[0].need.setup) == {"octagon": "Th", "mirror": "in", "cover": "shut"}

    def test_old_graphs_keep_their_hash(self, graph: StateGraph) -> None:
        """An exposure without it is hashed as before: it says nothing of source shutters."""
        said = {exposure.frame: "openings" in plain(exposure) for exposure in graph.exposures}
        assert {frame for frame, says in said.items() if says} == {
            each.frame for each in graph.exposures if each.openings
        }
        assert said["bias-001"] is False


BROKEN: Mapping[str, tuple[Callable[[StateGraph], StateGraph], str]] = {}


def breaks(name: str, promise: str) -> Callable[[Callable[[StateGraph], StateGraph]], Callable[..., StateGraph]]:
    """Add a way to break the graph, with the promise that it breaks."""

    def add(change: Callable[[StateGraph], StateGraph]) -> Callable[[StateGraph], StateGraph]:
        BROKEN[name] = change, promise  # type: ignore[index]
        return change

    return add


def opening_of(graph: StateGraph, frame: str = FIRST, **changes: Any) -> StateGraph:
    """Return the same, in which a lane and its exposure have another opening."""
    lane = next(state for state in graph.states if isinstance(state.work, TimedShutter) and state.frame == frame)
    assert isinstance(lane.work, TimedShutter)
    opening = replace(lane.work.opening, **changes)
    graph = with_state(graph, lane.id, work=replace(lane.work, opening=opening))
    for kind in ("expose", "readout"):
        work: Any = graph.by_id[f"{kind}/{frame}"].work
        graph = with_state(
            graph, f"{kind}/{frame}", work=replace(work, exposure=replace(work.exposure, openings=(opening,)))
        )
    exposures = (replace(each, openings=(opening,)) if each.frame == frame else each for each in graph.exposures)
    return replace(graph, exposures=tuple(exposures))


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


@breaks("a lane of another frame", "opens octagon for a frame that does not ask for it")
def _other_frame(graph: StateGraph) -> StateGraph:
    work: Any = graph.by_id[LANE].work
    return with_state(graph, LANE, work=replace(work, frame="Th-60s-002"))


@breaks("a lane that opens something else", "opens octagon for a frame that does not ask for it")
def _other_opening(graph: StateGraph) -> StateGraph:
    work: Any = graph.by_id[LANE].work
    return with_state(graph, LANE, work=replace(work, opening=replace(work.opening, seconds=30.0)))


@breaks("a shutter that was open before", "which is not read back as blocking Th")
def _open_before(graph: StateGraph) -> StateGraph:
    return opening_of(needing(graph, FIRST, setup=(("octagon", "Th"),)), closed="Th")


@breaks("a shutter that was never closed", "which is not read back as blocking Th")
def _never_closed(graph: StateGraph) -> StateGraph:
    return bypassed(graph, "configure/Th-30s-001")


@breaks("a position that blocks the lamp as well", "where it blocks Th")
def _still_closed(graph: StateGraph) -> StateGraph:
    return opening_of(graph, opened="Lamp")


@breaks("another lamp behind the selector that moves", "integrates with U")
def _behind_the_same(graph: StateGraph) -> StateGraph:
    lit = next(state for state in graph.states if state.id == f"lamp-warmup/{FIRST}")
    both = with_state(graph, lit.id, work=replace(lit.work, lamps=("Th", "U"), warmup_s=(120.0, 120.0)))
    for frame in ("Th-60s-001", "Th-60s-002"):
        both = needing(both, frame, shields=(("U", "octagon", "Home"),))
    return both


@breaks("a lamp that is not warm", "integrates with Th")
def _cold(graph: StateGraph) -> StateGraph:
    return bypassed(graph, f"lamp-warmup/{FIRST}")


class TestProof:
    """What is proved, and what is refused."""

    @pytest.mark.parametrize("name", BROKEN)
    def test_broken_on_purpose(self, name: str, graph: StateGraph) -> None:
        """Each way to open a source shutter at the wrong time, or for the wrong lamp, is found."""
        change, promise = BROKEN[name]
        with pytest.raises(ProofError) as caught:
            prove(change(graph), LAMPS, (), SHIELDS)
        assert promise in caught.value.promise or "is not parallel to the exposure" in caught.value.promise

    def test_a_lane_elsewhere_is_refused(self, graph: StateGraph) -> None:
        """A frame whose lane is left out, and one that opens outside of its exposure, are refused."""
        without = with_state(graph, LANE, work=Configure((("octagon", "Home"),)))
        with pytest.raises(ProofError, match="0 states let Th through in Th-60s-001, not 1"):
            prove(without, LAMPS, (), SHIELDS)
        outside = with_state(graph, f"ready/{FIRST}", work=graph.by_id[LANE].work)
        with pytest.raises(ProofError):
            prove(outside, LAMPS, (), SHIELDS)

    def test_the_document_says_what_blocks(self, observatory: Observatory) -> None:
        """The compiler's word is not enough: the position blocks by the observatory's document, or nothing opens."""
        graph = planned(observatory, on_lamps("Th", lit_for={"Th": 9})).graph
        with pytest.raises(ProofError, match="which is not read back as blocking Th"):
            prove(graph, LAMPS, (), {})

    def test_the_promise_is_named(self, shown: Plan) -> None:
        """People read of it."""
        assert any("but its own source shutter moves" in each for each in shown.proof.promises)


@needs_spin
def test_spin_agrees(graph: StateGraph, tmp_path: Path) -> None:
    """SPIN finds no error in the graph, and one without the facts that the document declares."""
    assert spin(graph, tmp_path).errors == 0
    assert spin(graph, tmp_path, {}).errors > 0


@needs_spin
@pytest.mark.parametrize("site", [{"quality": {"mode": "act"}}, {"shutter": "none", "dark_at": {"octagon": "Home"}}])
def test_spin_agrees_elsewhere(site: Mapping[str, Any], tmp_path: Path) -> None:
    """The same where bad light is taken again, and where there is no shutter."""
    observatory = load_observatory(behind_shutters(tmp_path, **site))
    assert spin(planned(observatory, SHOWN).graph, tmp_path).errors == 0


@needs_spin
@pytest.mark.parametrize("name", BROKEN)
def test_spin_refuses_what_is_broken(name: str, graph: StateGraph, tmp_path: Path) -> None:
    """SPIN finds an error in each graph that is broken on purpose."""
    assert spin(BROKEN[name][0](graph), tmp_path).errors > 0


# ---- documents


def both_open(plain: dict[str, Any]) -> None:
    """Put two lamps behind a shutter that they share."""
    plain["selectors"]["units"]["cover"] = {"positions": ["open", "shut"], "move_s": 1.0}
    for name in ("Th", "U"):
        plain["lamps"]["units"][name]["requires"] = {"cover": "open"}


def rivals(plain: dict[str, Any]) -> None:
    """Make lamps exclude each other."""
    both_open(plain)
    plain["lamps"]["exclusive"] = [["Th", "U"]]


def nothing(plain: dict[str, Any]) -> None:
    """Change nothing."""


REFUSED: Mapping[str, tuple[Any, Callable[[dict[str, Any]], None], str]] = {
    "its selector in the set-up": (
        on_lamps("Th", lit_for={"Th": 9}, setup={"octagon": "U"}),
        nothing,
        "steps.0.setup.octagon: `lit_for` moves octagon itself, to let Th through: leave it out",
    ),
    "its selector in a loop": (
        on_lamps("Th", lit_for={"Th": 9}, **{"for": {"octagon": ["U", "Th"]}}),
        nothing,
        "steps.0.for.octagon: `lit_for` moves octagon itself, to let Th through: leave it out",
    ),
    "its selector in a set": (
        {"name": "s", "steps": [{"set": {"octagon": "U"}}, *on_lamps("Th", lit_for={"Th": 9})["steps"]]},
        nothing,
        "octagon can't be both 'Home' (closed until `lit_for` opens it for Th) and 'U' (a `set` before it says so)",
    ),
    "for longer than the exposure": (
        on_lamps("Th", lit_for={"Th": 70}),
        nothing,
        "its two moves with their read-back take 6.2 s: 0.1 to 53.8, or 60 for the whole exposure",
    ),
    "for a moment": (
        on_lamps("Th", lit_for={"Th": 0.05}),
        nothing,
        "it is read back while it is open, which takes 0.1 s: 0.1 to 53.8",
    ),
    "in an exposure that is shorter than the moves": (
        on_lamps("Th", exposure_time=5, lit_for={"Th": 1}),
        nothing,
        "its two moves with their read-back take 6.2 s: a longer exposure, or 5 for the whole exposure",
    ),
    "two lamps behind one selector": (
        on_lamps("Th", "U", lit_for={"Th": 9, "U": 5}, flavour="arc"),
        both_open,
        "steps.0.lit_for.U: Th and U are both behind cover, which is opened for one of them at a time: two steps",
    ),
    "a lamp that needs it open": (
        on_lamps("Th", "U", lit_for={"Th": 9}),
        both_open,
        "cover can't be both 'shut' (closed until `lit_for` opens it for Th) and 'open' (U requires it)",
    ),
    "lamps that exclude each other": (
        on_lamps("Th", "U", lit_for={"Th": 9}),
        rivals,
        "steps.0.lamps",
    ),
    "a lamp without a source shutter": (
        on_lamps("Lamp", lit_for={"Lamp": 9}),
        lambda plain: plain["lamps"]["units"]["Lamp"].pop("warm_behind_shutter"),
        "steps.0.lit_for.Lamp: Lamp has a warm-up of 120 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_documents(name: str, tmp_path: Path) -> None:
    """Each wrong document is refused in one line, with its place and what would be right."""
    document, change, expected = REFUSED[name]
    with pytest.raises(SequenceError) as caught:
        planned(changed(tmp_path, change), document)
    lines = [line for line in str(caught.value).splitlines() if expected in line]
    assert lines, str(caught.value)
