"""The first path to the lamps is frozen and the second one is well: the lamps are dark in about a second."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import load_observatory
from safelight.devices.simulated import load_faults
from safelight.engine.guard.status_files import guards
from safelight.engine.manual.bench import open_bench
from safelight.engine.resume.resumption import ResumeRequest, resume

QUICK_S = 4.0
"""About a second, on a machine that has much else to do. With one path after the other it was ten and more."""
FROZEN = """
- {device: lamps, verb: 'off', what: hang, times: forever}
- {device: lamps, verb: all_off, what: hang, times: forever}
- {device: lamps, verb: status, what: hang, times: forever}
"""
ASLEEP = FROZEN + "- {device: spectrographs, verb: status, what: hang, seconds: 20}\n"

now = time.monotonic  # noqa: TID251 - how long a lamp shines is real time


@pytest.fixture
def observatory(tmp_path: Path) -> Path:
    """Return the simulated observatory with a second path to its lamps."""
    plain = load_observatory("simulated").model_dump(mode="json") | {"name": "two-paths"}
    plain["lamps"]["second_path"] = {"driver": "simulated"}
    path = tmp_path / "two-paths.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False))
    return path


@pytest.fixture
def lit(going: Callable[..., Any], observatory: Path, faults: Callable[[str], Path], tmp_path: Path) -> Any:
    """Return a run in real time whose lamp shines, and whose first path answers nothing but an ON."""
    (tmp_path / "long.yaml").write_text("lamps: {Quartz: {warmup: 0.1, exposure_time: 300}}\n")
    options = ("--observatory", str(observatory), "--no-point", "--faults", str(faults(FROZEN)))
    running = going("run", "long.yaml", *options)
    running.wait_for("state.started", "expose")
    return running


def burning(home: Path) -> set[str]:
    """Return the lamps that burn, read from the switch itself."""
    outlets = json.loads((home / "simulated" / "switch.json").read_bytes())["outlets"]
    return {lamp for lamp, outlet in outlets.items() if outlet["state"] != "off"}


async def until_dark(home: Path) -> float:
    """Return how long it takes until no lamp is on, s."""
    began = now()
    while burning(home):
        assert now() - began < 60
        await asyncio.sleep(0.01)  # noqa: TID251
    return now() - began


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_struck(lit: Any, home: Path, blow: signal.Signals) -> None:
    """After kill -9 its guards, at SIGTERM the run itself darken the lamps by the second path at once."""
    assert burning(home) == {"Quartz"}
    lit.process.send_signal(blow)
    assert asyncio.run(until_dark(home)) < QUICK_S
    if blow == signal.SIGTERM:
        assert lit.end() == 4
    else:
        dismiss_guards(home)


def dismiss_guards(home: Path) -> None:
    """End guards whose run is gone: they would look for a minute whether a command that came late lights a lamp."""
    left = list(guards(home))
    assert len(left) == 2
    for guard in left:
        os.kill(guard["pid"], signal.SIGTERM)


def left_alone(lit: Any, home: Path) -> None:
    """Kill a run and its guards within one moment: its lamp goes on shining."""
    pids = [lit.pid, *(guard["pid"] for guard in guards(home))]
    assert len(pids) == 3
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)
    lit.process.wait(20)
    assert burning(home) == {"Quartz"}


def test_lamps_off(lit: Any, home: Path, observatory: Path, faults: Callable[[str], Path]) -> None:
    """Switching off by hand commands both paths at once. Reading takes the path that answers."""
    left_alone(lit, home)

    async def darken() -> tuple[dict[str, Any], float, dict[str, Any]]:
        async with open_bench(observatory, home=home, faults=load_faults(faults(FROZEN))) as bench:
            before = await bench.lamps()
            dark, seconds = await asyncio.gather(bench.darken(), until_dark(home))
            return before, seconds, dark

    before, seconds, dark = asyncio.run(darken())
    assert {lamp for lamp, state in before.items() if state == "on"} == {"Quartz"}
    assert "unknown" not in before.values()
    assert seconds < QUICK_S
    assert set(dark.values()) == {"off"}


def test_a_resume_darkens_before_it_asks(
    lit: Any, home: Path, observatory: Path, faults: Callable[[str], Path]
) -> None:
    """A resume switches the lamps off before it asks the spectrographs, which do not answer for a long time."""
    left_alone(lit, home)
    request = ResumeRequest(home=home, faults=load_faults(faults(ASLEEP)))

    async def go_on() -> tuple[float, str]:
        seconds = asyncio.create_task(until_dark(home))
        result = await resume(request, on_start=lambda runner: runner.stop("abort", "dark enough"), guarded=False)
        return await seconds, result.outcome

    seconds, outcome = asyncio.run(go_on())
    assert seconds < QUICK_S
    assert outcome == "aborted"


@pytest.mark.parametrize("verb", ["off", "status"])
def test_a_run_goes_on(
    going: Callable[..., Any], observatory: Path, faults: Callable[[str], Path], tmp_path: Path, verb: str
) -> None:
    """A run whose first path does not darken, or can't be read, uses the second one and is done."""
    frozen = faults(f"- {{device: lamps, verb: '{verb}', what: hang, times: forever}}\n")
    running = going("run", "demo", "--observatory", str(observatory), "--speed", "50", "--faults", str(frozen))
    assert running.end() == 0
    assert running.events[-1]["outcome"] == "done"
