"""A second opinion on the proof: SPIN checks the exported Promela models, and a foreign reader walks the SCXML."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from statemachine.io import load as load_statechart

from safelight.devices import Observatory
from safelight.engine import Options, Plan, ProofError, prove
from safelight.engine.planning.statechart_rules import INTERRUPTIONS
from safelight.sequences import library_names
from safelight.show.drawing import to_promela, to_scxml
from safelight.show.drawing.labels import identifiers
from safelight.states import ENDINGS, Event, LampOff, LampWarmup, Ready, Shape, State, StateGraph, Transition

Planner = Callable[..., Plan]

LAMPS = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")
MISSING = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
needs_spin = pytest.mark.skipif(
    bool(MISSING) and os.environ.get("CI") != "true",
    reason=f"needs the Debian packages {' and '.join(MISSING)}: apt-get install {' '.join(MISSING)}",
)

TWO_LAMPS: Mapping[str, Any] = {
    "biases": {"count": 1},
    "lamps": {lamp: {"warmup": 60, "exposure_time": 5} for lamp in ("Neon", "Argon")},
}
GENERATED: Mapping[str, Any] = {
    "two warm-ups of one lamp": {
        "darks": {"count": 2, "exposure_time": 300},
        "lamps": [
            {"lamps": ["Neon"], "warmup": 20, "exposure_time": 5, "count": 2},
            {"lamps": ["Neon", "Argon"], "warmup": 60, "exposure_time": [5, 20]},
        ],
    },
    "each": {
        "lamps": [
            {
                "lamps": ["Quartz"],
                "exposure_time": 20,
                "fibsel": {"positions": ["P1-1", "P1-2", "P1-3"], "mode": "each"},
            }
        ]
    },
    "sweep and park": {
        "park_after": True,
        "biases": {"count": 1},
        "lamps": [{"lamps": ["Quartz"], "exposure_time": 60, "fibsel": {"positions": ["P1-1", "P1-2"]}}],
    },
    "darkness alone": {"biases": {"count": 2}, "darks": {"count": 1, "exposure_time": 20}},
}


@dataclass(frozen=True)
class Verdict:
    """What SPIN found: how many errors, how many states it looked at, the lines that it never reached."""

    errors: int
    states: int
    unreached: int
    report: str


def spin(graph: StateGraph, folder: Path) -> Verdict:
    """Have SPIN look at all that can happen in the exported model."""
    return verdict_on(to_promela(graph, LAMPS), folder)


def verdict_on(model: str, folder: Path) -> Verdict:
    """Have SPIN look at all that can happen in a model."""
    (folder / "model.pml").write_text(model, encoding="utf-8")
    _tool(["spin", "-a", "model.pml"], folder)
    _tool(["gcc", "-O0", "-DSAFETY", "-DVECTORSZ=8192", "-o", "pan", "pan.c"], folder)
    report = _tool(["./pan", "-w18", "-m1000000"], folder)
    return Verdict(
        errors=_number(r"errors: (\d+)", report),
        states=_number(r"(\d+) states, stored", report),
        unreached=_number(r"\((\d+) of \d+ states\)", report) if "unreached" in report else 0,
        report=report,
    )


def _tool(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _number(pattern: str, report: str) -> int:
    found = re.search(pattern, report)
    assert found is not None, report
    assert "max search depth too small" not in report
    return int(found[1])


def with_state(graph: StateGraph, state_id: str, **changes: Any) -> StateGraph:
    """Return the same with one state changed."""
    assert state_id in graph.by_id
    states = (replace(state, **changes) if state.id == state_id else state for state in graph.states)
    return replace(graph, states=tuple(states))


def with_edge(graph: StateGraph, source: str, event: str, target: str) -> StateGraph:
    """Return the same with another target of one edge."""
    assert (source, event) in graph.edges
    others = tuple(edge for edge in graph.transitions if (edge.source, edge.event) != (source, event))
    return replace(graph, transitions=(*others, Transition(source, event, target)))


def bypassed(graph: StateGraph, state_id: str) -> StateGraph:
    """Return the same without a state: whatever led to it leads on to its successor."""
    follow = graph.edges[state_id, Event.NEXT]
    edges = [e for e in graph.transitions if e.source != state_id]
    return replace(
        graph,
        states=tuple(
            replace(s, initial=follow) if s.initial == state_id else s for s in graph.states if s.id != state_id
        ),
        transitions=tuple(replace(e, target=follow) if e.target == state_id else e for e in edges),
    )


# ---- graphs that are right


@needs_spin
@pytest.mark.parametrize("name", library_names())
def test_the_library(plan: Planner, tmp_path: Path, name: str) -> None:
    """SPIN finds no error in any sequence of the library, and no line of its model that nothing leads to."""
    verdict = spin(plan(name).graph, tmp_path)
    assert (verdict.errors, verdict.unreached) == (0, 0), verdict.report
    assert verdict.states > 100


@needs_spin
@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("name", GENERATED)
def test_generated(plan: Planner, tmp_path: Path, name: str, *, overlap: bool) -> None:
    """The same for documents of every shape, with set-ups during readouts and without."""
    verdict = spin(plan(GENERATED[name], Options(overlap=overlap)).graph, tmp_path)
    assert (verdict.errors, verdict.unreached) == (0, 0), verdict.report


@needs_spin
def test_a_light_tight_shutter(plan: Planner, observatory: Observatory, tmp_path: Path) -> None:
    """Where a lamp may warm up beside darks, SPIN bears it for the frames that say so, and finds no error."""
    tight = observatory.spectrographs.model_copy(update={"light_tight_shutter": True})
    site = observatory.model_copy(update={"spectrographs": tight})
    graph = plan(GENERATED["two warm-ups of one lamp"], site=site).graph
    assert any(exposure.need.tolerated for exposure in graph.exposures)
    verdict = spin(graph, tmp_path)
    assert (verdict.errors, verdict.unreached) == (0, 0), verdict.report


# ---- graphs that are broken on purpose: SPIN and our own proof must both refuse them


def _without_the_first_lamps_off(graph: StateGraph) -> StateGraph:
    return bypassed(graph, "lamp-off/all")


def _without_a_lamp_off_between(graph: StateGraph) -> StateGraph:
    return bypassed(graph, "lamp-off/Neon-5s-001")


def _with_a_lamp_off_for_another(graph: StateGraph) -> StateGraph:
    return with_state(graph, "lamp-off/Neon-5s-001", work=LampOff(("Xenon",)))


def _safing_forgets_a_lamp(graph: StateGraph) -> StateGraph:
    return with_state(graph, "safing", work=LampOff(tuple(lamp for lamp in LAMPS if lamp != "Argon")))


def _abort_skips_safing(graph: StateGraph) -> StateGraph:
    return with_edge(graph, "run", Event.ABORT, "aborted")


def _fault_skips_safing(graph: StateGraph) -> StateGraph:
    return with_edge(graph, "run", Event.FAULT, "faulted")


def _the_end_skips_safing(graph: StateGraph) -> StateGraph:
    (last,) = (edge for edge in graph.transitions if edge.target == "safing" and edge.event not in INTERRUPTIONS)
    return with_edge(graph, last.source, last.event, "done")


def _colder(graph: StateGraph) -> StateGraph:
    return with_state(graph, "lamp-warmup/Argon-5s-001", work=LampWarmup(("Argon",), (10.0,)))


def _never_lit(graph: StateGraph) -> StateGraph:
    return bypassed(graph, "lamp-warmup/Neon-5s-001")


def _read_out_twice_too_late(graph: StateGraph) -> StateGraph:
    return bypassed(graph, "readout/bias-001")


BREAKS = [
    _without_the_first_lamps_off,
    _without_a_lamp_off_between,
    _with_a_lamp_off_for_another,
    _safing_forgets_a_lamp,
    _abort_skips_safing,
    _fault_skips_safing,
    _the_end_skips_safing,
    _colder,
    _never_lit,
    _read_out_twice_too_late,
]


@needs_spin
@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.__name__.strip("_"))
def test_broken_on_purpose(plan: Planner, tmp_path: Path, broken: Callable[[StateGraph], StateGraph]) -> None:
    """A graph that breaks a promise is refused by our proof, and SPIN, which shares no line with it, finds an error."""
    graph = broken(plan(TWO_LAMPS, Options(overlap=False)).graph)
    with pytest.raises(ProofError):
        prove(graph, LAMPS)
    assert spin(graph, tmp_path).errors == 1


@needs_spin
@pytest.mark.parametrize("kind", [LampWarmup, Ready])
def test_lights_before_the_shutters_are_closed(
    plan: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Any]
) -> None:
    """A state that lights before every shutter is read back as closed is refused by both."""
    # With a warm-up before it, `ready` would find the shutters closed already.
    lit = {"lamps": {"Neon": {"warmup": 60, "exposure_time": 5}}}
    dark = {"darks": {"count": 1, "exposure_time": 5}}
    graph = plan(dark if kind is Ready else lit, Options(overlap=False)).graph
    monkeypatch.setattr(kind, "order", ("lamps", "shutters"))
    with pytest.raises(ProofError, match="before every shutter is read back as closed"):
        prove(graph, LAMPS)
    assert spin(graph, tmp_path).errors == 1


@needs_spin
def test_unreachable(plan: Planner, tmp_path: Path) -> None:
    """A state that nothing leads to is refused by our proof, and is a line that SPIN never reaches."""
    graph = plan(TWO_LAMPS, Options(overlap=False)).graph
    lonely = State("lonely", "lamp-off", parent="run", work=LampOff(LAMPS))
    graph = replace(
        graph,
        states=(*graph.states, lonely),
        transitions=(*graph.transitions, Transition("lonely", Event.NEXT, "safing")),
    )
    with pytest.raises(ProofError, match="lonely"):
        prove(graph, LAMPS)
    assert spin(graph, tmp_path).unreached > 0


# ---- SCXML


class Foreign:
    """The exported SCXML in the hands of a reader that knows nothing of safelight."""

    def __init__(self, graph: StateGraph) -> None:
        self.graph = graph
        self.names = identifiers(graph)
        self.chart = load_statechart(to_scxml(graph), format="scxml")()
        self.entered: set[str] = set()

    @property
    def active(self) -> list[State]:
        """States of ours that the reader says are active."""
        values = set(self.chart.configuration_values)
        found = [state for state in self.graph.states if self.names[state.id] in values]
        self.entered |= {state.id for state in found}
        return found

    def send(self, event: str, state_id: str | None = None) -> None:
        """Send one event, that of a state or one for all."""
        self.chart.send(event if state_id is None else f"{event}.{self.names[state_id]}")

    def walk(self) -> None:
        """Say `next` to each state that has work, until safing."""
        for _ in range(2 * len(self.graph.states)):
            working = [state for state in self.active if state.work is not None]
            if [state.id for state in working] == ["safing"]:
                return
            for state in working:
                self.send(Event.NEXT, state.id)
        pytest.fail(f"never in safing: {self.active}")


@pytest.mark.parametrize("overlap", [True, False])
@pytest.mark.parametrize("name", library_names())
def test_scxml_walks_to_done(plan: Planner, name: str, *, overlap: bool) -> None:
    """A reader of SCXML loads the export and goes through every state to `done` when it is told that each is done."""
    foreign = Foreign(plan(name, Options(overlap=overlap)).graph)
    foreign.walk()
    foreign.send("done")
    assert [state.id for state in foreign.active] == ["done"]
    inner = {state.id for state in foreign.graph.states if state.work is not None}
    assert inner <= foreign.entered


@pytest.mark.parametrize("event", INTERRUPTIONS)
def test_scxml_can_be_interrupted(plan: Planner, event: Event) -> None:
    """In the exported SCXML abort, fault and pause lead to safing from the middle of a run, and on to their endings."""
    ending = {"abort": "aborted", "fault": "faulted", "pause": "paused"}[event]
    foreign = Foreign(plan("demo").graph)
    foreign.send(Event.NEXT, "lamp-off/all")
    assert len([state for state in foreign.active if state.shape is Shape.ATOMIC]) > 1
    foreign.send(event)
    assert [state.id for state in foreign.active] == ["safing"]
    foreign.send(ending)
    assert [state.id for state in foreign.active] == [ending]
    assert ending in ENDINGS


def test_scxml_begins_again(plan: Planner) -> None:
    """A retry in the exported SCXML begins a frame again at its read-back."""
    foreign = Foreign(plan("bias", Options(overlap=False)).graph)
    foreign.send(Event.NEXT, "lamp-off/all")
    foreign.send(Event.NEXT, "ready/bias-001")
    assert "expose/bias-001" in {state.id for state in foreign.active}
    foreign.send(Event.RETRY, "frame/bias-001")
    assert "ready/bias-001" in {state.id for state in foreign.active}
