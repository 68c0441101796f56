"""What the engine costs: time for each state, memory for each state, time to compile and prove."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from benchmarks.documents import patient_observatory, plan_of_size
from benchmarks.idle import bare_chart, idle_graph, seconds_per_send, seconds_per_state
from benchmarks.references.ask import ask
from benchmarks.rows import Row, Table, in_turns, median, ratio, us
from safelight.engine.run.statechart import Statechart

__all__ = ["compiling", "memory", "overhead"]

SIZES = (100, 1000, 10_000)


def overhead(rounds: int) -> Table:
    """Nothing durable, states that do nothing."""
    graphs = {size: idle_graph(size) for size in SIZES}
    measures: dict[str, Callable[[], float]] = {}
    for size, graph in graphs.items():
        measures[f"ours {size}"] = partial(seconds_per_state, graph, size)
        measures[f"bare {size}"] = partial(seconds_per_send, size)
    measures["bluesky"] = lambda: ask("bluesky_engine", "messages", 3000)
    found = {name: median(values) for name, values in in_turns(rounds, **measures).items()}
    rows = [
        Row(
            f"per state, {size:,} states",
            "<= 1.3 x the bare statechart",
            us(found[f"ours {size}"]),
            f"bare statechart `send` {us(found[f'bare {size}'])}",
            ratio(found[f"ours {size}"], found[f"bare {size}"]),
            holds=found[f"ours {size}"] <= 1.3 * found[f"bare {size}"],
        )
        for size in SIZES
    ]
    growth = found["ours 10000"] / found["ours 100"]
    rows.append(
        Row(
            "growth from 100 to 10,000 states",
            "<= 1.2 x",
            f"{growth:.2f} x",
            f"bare statechart {found['bare 10000'] / found['bare 100']:.2f} x",
            holds=growth <= 1.2,
        )
    )
    rows.append(
        Row(
            "per state, compared with Bluesky",
            "",
            us(found["ours 1000"]),
            f"Bluesky RunEngine, raw message {us(found['bluesky'])}",
            ratio(found["ours 1000"], found["bluesky"]),
        )
    )
    return Table(
        "Engine overhead",
        tuple(rows),
        "States whose action does nothing, walked by the runner with its task, deadline, retry policy and events, but "
        "no journal. Most of it is the statechart's own `send`. A raw message of Bluesky knows neither deadline nor "
        "retry, and no way out that has been proved.",
    )


def compiling(rounds: int) -> Table:
    """Load, expand, compile, prove."""
    observatory = patient_observatory()

    def measure(frames: int) -> float:
        began = time.perf_counter()
        plan_of_size(frames, observatory)
        return time.perf_counter() - began

    found = {
        int(name): median(values)
        for name, values in in_turns(rounds, **{str(size): (lambda size=size: measure(size)) for size in SIZES}).items()
    }
    rows = [
        Row(f"{size:,} frames", bar, f"{found[size]:.3f} s", f"{size // 10:,} frames x {growth:.1f}", holds=holds)
        for size, bar, growth, holds in (
            (1000, "<= 0.25 s", found[1000] / found[100], found[1000] <= 0.25),
            (10_000, "<= 11 x 1,000 frames", found[10_000] / found[1000], found[10_000] <= 11 * found[1000]),
        )
    ]
    words = "From a dict with that many frames to a proved graph; every reachable configuration is visited."
    return Table("Compile and prove", tuple(rows), words)


def memory(rounds: int) -> Table:  # noqa: ARG001 - allocations are the same each time
    """Graph and machine together, by the number of states."""
    observatory = patient_observatory()
    rows = []
    for frames in (1000, 10_000):
        plan = plan_of_size(frames, observatory)
        states = len(plan.graph.states)
        machine = _allocated(partial(Statechart, plan.graph)) / states
        bare = _allocated(partial(bare_chart, states)) / states
        whole = _allocated(partial(plan_of_size, frames, observatory)) / states
        rows.append(
            Row(
                f"machine of {states:,} states ({frames:,} frames)",
                "<= 6 KiB per state",
                f"{machine / 1024:.1f} KiB per state; its plan {whole / 1024:.1f} KiB more",
                f"bare statechart {bare / 1024:.1f} KiB per state",
                ratio(machine, bare),
                holds=machine <= 6 * 1024,
            )
        )
    return Table("Memory", tuple(rows), "What Python allocates and keeps (tracemalloc).")


def _allocated(make: Callable[[], object]) -> float:
    """Bytes that are kept after something was made."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return float(size)
