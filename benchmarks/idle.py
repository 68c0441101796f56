"""A graph of states that do nothing, and a run through it: what is left is what the engine itself costs."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, ClassVar, cast

from statemachine import StateChart
from statemachine.io import create_machine_class_from_definition

from safelight.devices import LampState, load_observatory
from safelight.engine.clock import Clock
from safelight.engine.events import Announcer
from safelight.engine.guard.safing import Safing
from safelight.engine.planning.graph_builder import Step, to_graph
from safelight.engine.run.record import NoRecord, Record
from safelight.engine.run.runner import Runner
from safelight.states import Instrument, LampOff, StateGraph, TakenFrame

__all__ = ["bare_chart", "idle_graph", "seconds_per_send", "seconds_per_state"]


@dataclass(frozen=True, slots=True)
class Idle:
    """Work that does nothing."""

    kind: ClassVar[str] = "point"
    number: int

    async def act(self, instrument: Instrument) -> TakenFrame | None:
        """Nothing."""

    async def clean_up(self, instrument: Instrument, *, again: bool) -> TakenFrame | None:
        """Nothing."""


class _NoLamps:
    async def all_lamps(self) -> dict[str, LampState]:
        return {}


def idle_graph(states: int) -> StateGraph:
    """So many states in a row, then safing."""
    steps = tuple(Step(f"idle-{number}", Idle(number), 0, 1e3) for number in range(states))
    return to_graph("idle", steps, (), Step("safing", LampOff(()), 0, 1))


def seconds_per_state(graph: StateGraph, states: int, record: Record | None = None) -> float:
    """From the first state's start to the last one's end, by the number of states, s."""
    moments: list[float] = []

    def listen(event: Mapping[str, Any]) -> None:
        if event["event"].startswith("state."):
            moments.append(time.perf_counter())

    async def walk() -> None:
        clock = Clock()
        instrument = SimpleNamespace(
            restrike_s={},
            clock=clock,
            doubtful=set(),
            seen={},
            attempts={},
            early_s={},
            ended=defaultdict(asyncio.Event),
        )
        runner = Runner(
            graph=graph,
            instrument=cast(Instrument, instrument),
            observatory=load_observatory("simulated"),
            announce=Announcer("bench", clock, (listen,)),
            safing=cast(Safing, _NoLamps()),
            record=record or NoRecord(),
        )
        await runner.run()

    asyncio.run(walk())
    return (moments[-1] - moments[0]) / states


def bare_chart(states: int) -> StateChart[Any]:
    """The same states in the library's own statechart, with nothing of ours around it."""
    names = [f"s{number}" for number in range(states + 1)]
    children: dict[str, Any] = {
        name: {"transitions": [{"event": "go", "target": after}]} for name, after in pairwise(names)
    }
    children[names[0]]["initial"] = True
    children[names[-1]] = {"final": True}
    definition = {"run": {"initial": True, "states": children, "transitions": [{"event": "stop", "target": "end"}]}}
    made = create_machine_class_from_definition(
        "Bare",
        states=definition | {"end": {"final": True}},
        allow_event_without_transition=False,
        catch_errors_as_events=False,
        atomic_configuration_update=True,
        validate_trap_states=False,
        validate_final_reachability=False,
    )
    return cast(StateChart[Any], made())


def seconds_per_send(states: int) -> float:
    """One event of a bare statechart, s."""
    chart = bare_chart(states)
    count = min(states, 1000)
    began = time.perf_counter()
    for _ in range(count):
        chart.send("go")
    return (time.perf_counter() - began) / count
