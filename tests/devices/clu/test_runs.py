"""Whole runs against unmodified actors: files, headers, lamps at the switch. Then with the plug pulled."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.engine import Request, plan_of
from safelight.sequences import library_file
from tests.devices.clu.bench import Bench
from tests.devices.clu.running import Night

LONG = {"name": "long", "lamps": [{"lamps": ["Argon", "LDLS"], "exposure_time": 5, "flavour": "flat", "fibre": "P1-3"}]}
KILLED = {
    "name": "killed",
    "biases": {"count": 1},
    "darks": {"count": 1, "exposure_time": 5},
    "lamps": [
        {
            "lamps": ["HgNe", "Neon"],
            "exposure_time": 6,
            "flavour": "arc",
            "fibsel": {"positions": ["P1-1", "P1-2"], "initial_position": "P1-1"},
        },
    ],
}
SWEPT = {
    "name": "swept",
    "biases": {"count": 1},
    "lamps": [
        {
            "lamps": ["Quartz"],
            "warmup": 120,
            "exposure_time": 60,
            "fibsel": {"initial_position": "P1-2", "positions": "P1-[1-4]$"},
        },
        {"lamps": ["Argon"], "warmup": 60, "exposure_time": [10], "flavour": "arc"},
    ],
}
"""A sweep over four fibres, with warm-ups and an exposure as they are in earnest."""


@pytest.fixture
def night(bench: Bench, tmp_path: Path) -> Iterator[Night]:
    """Yield a run on the bench. None of its processes is left to the next one."""
    made = Night(bench, tmp_path)
    yield made
    made.sweep_up()


def of_library(name: str) -> dict[str, Any]:
    """Return a sequence that comes with safelight, or ours."""
    plain: dict[str, Any] = SWEPT if name == "swept" else yaml.safe_load(library_file(name).read_text())
    return plain


def frames_of(sequence: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return every frame that a sequence asks for, and its lamps."""
    plan = plan_of(Request(dict(sequence), observatory="lvm"))
    return {frame.id: set(frame.lamps) for frame in plan.expansion.frames}


def test_broker_stopped_and_resumed(night: Night) -> None:
    """The broker dies while lamps are on: dark at the switch, `faulted`. Once it is back a resume brings the frame."""
    night.begin(LONG)
    night.until_lit("Argon", "LDLS")
    night.until_integrating()
    time.sleep(3.0)  # noqa: TID251 - the shutters are open
    night.bench.broker.kill()
    night.until_dark(30.0)
    assert (night.end(), night.last["outcome"]) == (3, "faulted"), night.events[-5:]
    assert set(night.last["lamps"].values()) == {"off"}
    night.bench.revive()
    night.resume()
    assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole({"Argon+LDLS-5s-001": {"Argon", "LDLS"}})
    assert night.header("Argon+LDLS-5s-001")["CALIBFIB"] == "P1-3"


@pytest.mark.soak
def test_broker_stopped_without_a_second_path(night: Night) -> None:
    """Without a second path the run ends unsafe and says so. The guard darkens the lamps once the broker is back."""
    once = {"attempts": 2, "first_wait_s": 0.1, "factor": 1.0, "longest_wait_s": 0.1}
    night.begin(LONG, second_path=False, retries={"default": once, "kinds": {}})
    night.until_lit("Argon", "LDLS")
    night.bench.broker.kill()
    assert (night.end(), night.last["outcome"]) == (10, "unsafe"), night.events[-5:]
    assert {lamp for lamp, state in night.last["lamps"].items() if state != "off"} == set(night.last["lamps"])
    assert "guard.stays" in [event["event"] for event in night.events]
    assert night.bench.hardware.switch.lit() == {"Argon", "LDLS"}
    night.bench.broker.start()
    night.bench.kill_actors("nps")
    night.bench.start_actors(["nps"])
    night.until_dark(30.0)


def test_killed_and_resumed(night: Night) -> None:
    """Killed in readouts, a dark, a sweep: lamps off at the switch. What outlived the runner is used, not doubled."""
    archons = night.bench.hardware.archons.values()
    before = [(archon.integrations, archon.frames) for archon in archons]
    written = night.written()
    night.begin(KILLED)
    night.until_reading_out("bias")
    night.kill()
    # Its files come when nobody waits any more.
    night.until(lambda: night.written() == written + 9, 30.0)
    time.sleep(1.0)  # noqa: TID251 - to the last byte
    night.resume()
    night.until_integrating("dark")
    night.until(lambda: all(archon.integrations == n + 2 for archon, (n, _) in zip(archons, before, strict=True)), 30.0)
    time.sleep(1.5)  # noqa: TID251 - the runner is told so
    night.kill()
    night.resume()
    night.until_integrating("Neon")
    night.until_lit("Neon", "HgNe")
    time.sleep(2.0)  # noqa: TID251
    night.kill()
    assert night.until_dark(30.0) < 5.0
    night.resume()
    night.until_reading_out("Neon")
    night.kill()
    night.resume()
    assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole({"bias-001": set(), "dark-5s-001": set(), "Neon+HgNe-6s-001": {"HgNe", "Neon"}})
    # Only the sweep was integrated twice, and nothing was read out in vain.
    assert [(archon.integrations, archon.frames) for archon in archons] == [(n + 4, m + 3) for n, m in before]
    swept = night.header("Neon+HgNe-6s-001")
    assert (swept["CALIBFIB"], swept["FIB001"], swept["FIB002"], swept["SWEEPN"]) == ("SWEEP", "P1-1", "P1-2", 2)
    dark = night.header("dark-5s-001")
    assert not str(dark["INTEND"] or "")
    assert dark["DARKTIME"] > 5


def test_runner_killed_without_a_broker(night: Night) -> None:
    """The broker dies, then the runner is killed with -9: the guard darkens the lamps at the switch all the same."""
    night.begin(LONG)
    night.until_lit("Argon", "LDLS")
    night.bench.broker.kill()
    night.kill()
    night.until_dark(30.0)


# ---- in real time: `make soak`


@pytest.mark.soak
@pytest.mark.parametrize("name", ["quick-cals", "normal", "swept"])
def test_in_real_time(night: Night, name: str) -> None:
    """LVM's own sequences with their own warm-ups and exposures (15 and 40 minutes), and a sweep: all as declared."""
    sequence = of_library(name)
    night.begin(sequence)
    assert (night.end(4000), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole(frames_of(sequence))


@pytest.mark.soak
@pytest.mark.parametrize("blow", ["broker", "runner"])
@pytest.mark.parametrize("name", ["quick-cals", "swept"])
def test_struck_in_real_time(night: Night, name: str, blow: str) -> None:
    """In the middle of a flat the broker dies, or the runner: dark at the switch. A resume brings every frame once."""
    sequence = of_library(name)
    night.begin(sequence)
    night.until_integrating("Quartz", wait_s=1000.0)
    assert night.bench.hardware.switch.lit() == {"Quartz"}
    time.sleep(10.0)  # noqa: TID251
    if blow == "broker":
        night.bench.broker.kill()
        night.until_dark(30.0)
        assert (night.end(), night.last["outcome"]) == (3, "faulted"), night.events[-5:]
        night.bench.revive()
    else:
        night.kill()
        assert night.until_dark(30.0) < 5.0
    night.resume()
    assert (night.end(2000), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole(frames_of(sequence))
