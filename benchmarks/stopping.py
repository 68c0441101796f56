"""How fast lamps go off: after an abort from another thread, and after the runner was killed with -9."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.documents import BURNING
from benchmarks.references.ask import ROOT, ask
from benchmarks.rows import Row, Table, in_turns, median, ms, ratio, scratch
from safelight.devices.simulated.switch import SimulatedLamps
from safelight.engine.planning.request import Request
from safelight.engine.run.runner import Runner
from safelight.engine.run.start import perform

__all__ = ["aborting", "dismiss_guards", "killing", "running"]

LAMPS = 6


def aborting(rounds: int) -> Table:
    """Asked for from another thread while a frame integrates, on the real clock."""
    all_off: list[float] = []

    def ours() -> float:
        moments = _abort_once()
        all_off.append(moments[LAMPS - 1])
        return moments[0]

    measured = in_turns(3 * rounds, ours=ours, bluesky=lambda: ask("bluesky_engine", "abort"))
    first, last = median(measured["ours"]), median(all_off)
    bluesky = median(measured["bluesky"])
    rows = (
        Row("first lamp-off command", "<= 1 ms", ms(first), f"Bluesky, first message of its clean-up {ms(bluesky)}",
            ratio(first, bluesky), holds=first <= 1e-3),
        Row("all six lamps commanded off", "<= 5 ms", ms(last), "", "", holds=last <= 5e-3),
    )  # fmt: skip
    words = (
        "From `Runner.stop` in another thread to the driver's `off`. Before it, what runs is cancelled and awaited, so "
        "that nothing can light a lamp afterwards; Bluesky's clean-up begins without waiting."
    )
    return Table("Abort", rows, words)


def _abort_once() -> list[float]:
    """When each lamp was commanded off, s after the abort was asked for."""
    commanded: list[float] = []
    asked: list[float] = []
    begun: list[Runner] = []
    plain_off = SimulatedLamps.off

    async def off(self: SimulatedLamps, lamp: str) -> None:
        commanded.append(time.perf_counter())
        await plain_off(self, lamp)

    def later() -> None:
        time.sleep(0.3)
        commanded.clear()
        asked.append(time.perf_counter())
        begun[0].stop("abort", "bench")

    def listen(event: Mapping[str, Any]) -> None:
        if event["event"] == "state.started" and event["kind"] == "expose":
            threading.Thread(target=later).start()

    SimulatedLamps.off = off  # type: ignore[method-assign]
    try:
        with scratch() as folder:
            request = Request(BURNING, home=folder, frames=folder / "frames", point=False)
            asyncio.run(perform(request, listeners=[listen], on_start=begun.append))
    finally:
        SimulatedLamps.off = plain_off  # type: ignore[method-assign]
    return [moment - asked[0] for moment in commanded]


def killing(rounds: int) -> Table:
    """A whole process, killed while a lamp is on; the switch's own file says when the lamp went off."""
    found = [_kill_once() for _ in range(3 * rounds)]
    rows = (
        Row("every lamp off, median", "<= 25 ms", ms(median(found)), "nobody has it", "",
            holds=median(found) <= 25e-3),
        Row("every lamp off, slowest", "<= 100 ms", ms(max(found)), "", "", holds=max(found) <= 0.1),
    )  # fmt: skip
    words = f"From SIGKILL to the last outlet off in the switch's file; {len(found)} kills."
    return Table("Guard", rows, words)


def _kill_once() -> float:
    with running(BURNING) as (folder, runner):
        runner.send_signal(signal.SIGKILL)
        killed = time.perf_counter()
        runner.wait()
        _wait(lambda: "on" not in _lamps(folder), 30)
        return time.perf_counter() - killed


@contextmanager
def running(sequence: Mapping[str, Any]) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """Yield the home of a run whose lamp is on, and its process. Its guards are dismissed at the end."""
    with scratch() as folder:
        document = folder / "burning.json"
        document.write_text(json.dumps(sequence), encoding="utf-8")
        words = ["run", str(document), "--no-point", "--home", str(folder), "--frames", str(folder / "frames")]
        runner = subprocess.Popen(
            [sys.executable, "-m", "safelight", *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait(lambda: "on" in _lamps(folder), 30)
        time.sleep(0.5)
        try:
            yield folder, runner
        finally:
            runner.kill()
            runner.wait()
            dismiss_guards(folder)


def dismiss_guards(home: Path) -> None:
    """They would look for late commands a while longer; all is dark, and the folder is about to go."""
    for note in (home / "guards").glob("*.json"):
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(json.loads(note.read_text(encoding="utf-8"))["pid"], signal.SIGTERM)
    _wait(lambda: not list((home / "guards").glob("*.json")), 30)


def _lamps(home: Path) -> set[str]:
    try:
        content = json.loads((home / "simulated" / "switch.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return set()
    return {outlet["state"] for outlet in content["outlets"].values()}


def _wait(until: Any, longest_s: float) -> None:
    end = time.perf_counter() + longest_s
    while not until():
        if time.perf_counter() > end:
            raise TimeoutError(f"not so after {longest_s} s")
        time.sleep(0.0005)
