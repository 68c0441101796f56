"""Many runs at once in one process: how much they get done, how long the loop is deaf, how much memory they take."""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.references.ask import asked_apart
from benchmarks.rows import Row, Table, median, ms, scratch
from safelight.devices import load_observatory
from safelight.engine.planning.request import Request, plan_of
from safelight.engine.records.database import default_url
from safelight.engine.run.start import perform

__all__ = ["measure", "table"]

SIZES = (1, 100, 1000)
SEQUENCE = {"biases": {"count": 2}, "lamps": {"Neon": {"warmup": 60, "exposure_time": [60]}}}
SPEED = 1.0
"""How much faster than real. The second argument of `python -m benchmarks.fleet SIZE SPEED` is another one."""
SPREAD_S = 60.0
"""Time in which the runs begin one after the other, s: in one moment nothing but compiling would be measured."""
MARGIN_S = 200.0
"""On top of every deadline: a process with more to do than it can is late, and that is what is measured."""
LATEST_S, LONGEST = 0.05, 1.01
"""Bars: delay of the loop at the 99th percentile, s, and time of a run by its plan."""
LOOK_S = 0.01


def table(rounds: int) -> Table:  # noqa: ARG001 - a thousand runs are many already
    """Each size in a process of its own, so that its memory is its own."""
    rows = []
    for size in SIZES:
        found = asked_apart("benchmarks.fleet", size)
        rows.append(
            Row(
                f"{size:,} run{'s' if size > 1 else ''} at once",
                f"<= {ms(LATEST_S)} late, <= {LONGEST} x the planned time" if size > 1 else "",
                f"{found['states_per_s']:.0f} states/s, {found['frames_per_s']:.1f} frames/s",
                f"loop late by {ms(found['lag_median_s'])} (median), {ms(found['lag_99_s'])} (99th percentile)",
                f"{found['rss_per_run_mb']:.1f} MB per run; {found['late']:.3f} x the planned time",
                holds=None if size == 1 else found["lag_99_s"] <= LATEST_S and found["late"] <= LONGEST,
            )
        )
    words = (
        f"Each run an observatory of its own, all in one event loop and one SQLite journal, {SPEED:g} times as fast as "
        "real, one FITS file a frame, and without guards (each run has two). They begin one after the other within "
        f"{SPREAD_S:g} s, and the delay of the loop counts from when the last one has begun. What waits for the "
        "journal is committed together, by a thread. Deadlines are far away, so that a process with more to do than it "
        "can is late instead of faulted. The memory of a single run contains what it was first to import."
    )
    return Table("Fleet", tuple(rows), words)


async def _run(number: int, folder: Path, observatory: Path, moments: list[str], pace: "Pace") -> float:
    def listen(event: Mapping[str, Any]) -> None:
        moments.append(event["event"])
        if event["event"] == "run.started" and moments.count("run.started") == pace.size:
            pace.all_begun.set()

    await asyncio.sleep(number * pace.every_s)
    home = folder / str(number)
    journal = default_url(folder)
    request = Request(SEQUENCE, observatory, home=home, frames=home / "frames", speed=pace.speed, journal=journal)
    result = await perform(request, listeners=[listen], guarded=False)
    if result.outcome != "done":
        raise RuntimeError(f"run {number} ended in {result.outcome}: {result.reason}")
    return result.elapsed_s


@dataclass(frozen=True)
class Pace:
    """How fast the runs are, and how they begin."""

    size: int
    speed: float
    every_s: float
    all_begun: asyncio.Event


async def _measure(folder: Path, pace: Pace) -> dict[str, float]:
    size, shipped = pace.size, load_observatory("simulated")
    one_camera = shipped.spectrographs.model_copy(update={"units": ("sp1",), "cameras": ("b",)})
    patient = shipped.deadlines.model_copy(update={"margin_s": MARGIN_S, "kinds": {}})
    site = shipped.model_copy(update={"spectrographs": one_camera, "deadlines": patient})
    observatories = []
    for number in range(size):
        path = folder / f"site-{number}.yaml"
        path.write_text(site.model_copy(update={"name": f"site-{number}"}).model_dump_json(), encoding="utf-8")
        observatories.append(path)
    before = _rss_mb()
    moments: list[str] = []
    lags: list[float] = []
    watcher = asyncio.create_task(_watch(lags, pace.all_begun))
    began = time.perf_counter()
    runs = (_run(number, folder, path, moments, pace) for number, path in enumerate(observatories))
    elapsed = await asyncio.gather(*runs)
    took = time.perf_counter() - began
    watcher.cancel()
    after = _rss_mb()
    lags.sort()
    return {
        "states_per_s": moments.count("state.ended") / took,
        "frames_per_s": moments.count("frame.taken") / took,
        "lag_median_s": median(lags),
        "lag_99_s": lags[int(0.99 * len(lags))],
        "rss_per_run_mb": (after - before) / size,
        "late": median(elapsed) / _PLANNED_S[0],
    }


def _rss_mb() -> float:
    """What this process holds in memory now; the most that it ever held would begin with its parent's."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


_PLANNED_S: list[float] = []


async def _watch(lags: list[float], all_begun: asyncio.Event) -> None:
    """How late the loop wakes somebody who wants to be woken after 10 ms."""
    await all_begun.wait()
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(LOOK_S)
        lags.append(time.perf_counter() - asked - LOOK_S)


def measure(size: int, speed: float = SPEED) -> dict[str, float]:
    """So many runs at once, in this process."""
    # Each run has a journal, a log and a listener for requests open.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with scratch() as folder:
        _PLANNED_S[:] = [plan_of(Request(SEQUENCE)).total_s]
        return asyncio.run(_measure(folder, Pace(size, speed, SPREAD_S / speed / size, asyncio.Event())))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), *map(float, sys.argv[2:3]))))
