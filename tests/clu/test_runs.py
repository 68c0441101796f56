"""Whole runs against unmodified actors: files, headers, lamps at the switch; then with the plug pulled."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.engine import Request, plan_of
from safelight.sequences import library_file
from tests.clu.bench import Bench
from tests.clu.running import Night

SHORT = {
    "name": "short",
    "biases": {"count": 1},
    "lamps": [
        {"lamps": ["HgNe", "Neon"], "exposure_time": [3], "flavour": "arc", "fibre": "P1-3"},
        {
            "lamps": ["Quartz"],
            "exposure_time": 6,
            "flavour": "flat",
            "fibsel": {"positions": ["P1-1", "P1-2"], "initial_position": "P1-1"},
        },
    ],
}
LONG = {"name": "long", "lamps": [{"lamps": ["Argon", "LDLS"], "exposure_time": 8, "flavour": "flat"}]}
KILLED = {
    "name": "killed",
    "darks": {"count": 1, "exposure_time": 8},
    "lamps": [{"lamps": ["Argon"], "exposure_time": 5, "flavour": "arc"}],
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
def night(bench: Bench, tmp_path: Path) -> Night:
    """A run on the bench."""
    return Night(bench, tmp_path)


def of_library(name: str) -> dict[str, Any]:
    """A sequence that comes with safelight, or ours."""
    plain: dict[str, Any] = SWEPT if name == "swept" else yaml.safe_load(library_file(name).read_text())
    return plain


def frames_of(sequence: Mapping[str, Any]) -> dict[str, set[str]]:
    """Every frame that a sequence asks for, and its lamps."""
    plan = plan_of(Request(dict(sequence), observatory="lvm"))
    return {frame.id: set(frame.lamps) for frame in plan.expansion.frames}


def test_whole_run(night: Night) -> None:
    """Bias, arcs of two lamps on one fibre, a swept flat: nine good files each, true headers, lamps off."""
    night.begin(SHORT)
    assert (night.end(), night.last["outcome"], night.last["frames"]) == (0, "done", 3), night.events[-5:]
    night.assert_whole({"bias-001": set(), "Neon+HgNe-3s-001": {"HgNe", "Neon"}, "Quartz-6s-001": {"Quartz"}})
    assert night.header("Neon+HgNe-3s-001")["CALIBFIB"] == "P1-3"
    swept = night.header("Quartz-6s-001")
    assert (swept["CALIBFIB"], swept["FIB001"], swept["FIB002"], swept["SWEEPN"]) == ("SWEEP", "P1-1", "P1-2", 2)


def test_broker_stopped_and_resumed(night: Night) -> None:
    """The broker dies while lamps burn: dark at the switch, `faulted`; once it is back a resume brings the frame."""
    night.begin(LONG)
    night.until_lit("Argon", "LDLS")
    night.until_integrating()
    time.sleep(4.0)  # noqa: TID251 - the shutters are open
    night.bench.broker.kill()
    night.until_dark(30.0)
    assert (night.end(), night.last["outcome"]) == (3, "faulted"), night.events[-5:]
    assert set(night.last["lamps"].values()) == {"off"}
    night.bench.revive()
    night.resume()
    assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole({"Argon+LDLS-8s-001": {"Argon", "LDLS"}})


@pytest.mark.soak
def test_broker_stopped_without_a_second_path(night: Night) -> None:
    """Without a second path the run ends unsafe and says so; the guard darkens the lamps once the broker is back."""
    night.begin(
        LONG | {"lamps": [{"lamps": ["Argon", "LDLS"], "exposure_time": 60, "flavour": "flat"}]}, second_path=False
    )
    night.until_lit("Argon", "LDLS")
    night.bench.broker.kill()
    assert (night.end(), night.last["outcome"]) == (10, "unsafe"), night.events[-5:]
    assert night.bench.hardware.switch.lit() == {"Argon", "LDLS"}
    night.bench.broker.start()
    night.bench.kill_actors("nps")
    night.bench.start_actors(["nps"])
    night.until_dark(30.0)


def test_killed_and_resumed(night: Night) -> None:
    """Killed in a dark, an arc, a read-out: lamps off at the switch; what outlived the runner is used, not doubled."""
    archons = night.bench.hardware.archons.values()
    before = [(archon.integrations, archon.frames) for archon in archons]
    night.begin(KILLED)
    night.until_integrating("dark")
    time.sleep(2.0)  # noqa: TID251 - it integrates
    night.kill()
    night.resume()
    night.until_integrating("Argon")
    night.until_lit("Argon")
    time.sleep(2.0)  # noqa: TID251
    night.kill()
    assert night.until_dark(30.0) < 5.0
    night.resume()
    night.until(lambda: '"readout/Argon' in night.log(), 60.0)
    time.sleep(0.5)  # noqa: TID251 - the actors have begun
    night.kill()
    night.resume()
    assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole({"dark-8s-001": set(), "Argon-5s-001": {"Argon"}})
    # Only the arc was integrated twice, and nothing was read out in vain.
    assert [(archon.integrations, archon.frames) for archon in archons] == [(n + 3, m + 2) for n, m in before]
    dark = night.header("dark-8s-001")
    assert dark["INTEND"] is None or not str(dark["INTEND"])
    assert dark["DARKTIME"] > 8


def test_files_written_after_the_runner_died(night: Night) -> None:
    """A frame whose files came when nobody waited any more is found, and not taken again."""
    archons = night.bench.hardware.archons.values()
    before = [archon.integrations for archon in archons]
    written = len(list(night.bench.data.glob("*/*.fits.gz")))
    night.begin({"name": "late", "biases": {"count": 1}})
    night.until(lambda: '"readout/bias' in night.log(), 60.0)
    time.sleep(0.5)  # noqa: TID251 - the actors have begun
    night.kill()
    night.until(lambda: len(list(night.bench.data.glob("*/*.fits.gz"))) == written + 9, 30.0)
    time.sleep(2.0)  # noqa: TID251 - to the last byte
    night.resume()
    assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
    night.assert_whole({"bias-001": set()})
    assert [archon.integrations for archon in archons] == [number + 1 for number in before]


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
    """In the middle of a flat the broker dies, or the runner: dark at the switch; a resume brings every frame once."""
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
