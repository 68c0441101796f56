"""Whole runs against unmodified actors: files, headers, lamps at the switch; then with the plug pulled."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.sequences import library_file
from tests.clu.bench import Bench

SHORT = {
    "name": "short",
    "biases": {"count": 1},
    "lamps": [
        {"lamps": ["HgNe", "Neon"], "exposure_time": [3], "flavour": "arc", "fibre": "P1-3"},
        {
            "lamps": ["Quartz"],
            "exposure_time": 9,
            "flavour": "flat",
            "fibsel": {"positions": ["P1-1", "P1-2"], "initial_position": "P1-1"},
        },
    ],
}
LONG = {"name": "long", "lamps": [{"lamps": ["Argon", "LDLS"], "exposure_time": 40, "flavour": "flat"}]}

now = time.monotonic  # noqa: TID251 - real programs take real time


def start(bench: Bench, folder: Path, sequence: dict[str, Any], **options: bool) -> "subprocess.Popen[str]":
    """Start a run as its own process."""
    document, observatory = folder / "sequence.yaml", folder / "observatory.yaml"
    document.write_text(yaml.safe_dump(sequence))
    observatory.write_text(yaml.safe_dump(bench.observatory(**options).model_dump(mode="json")))
    places = ["--observatory", observatory, "--home", folder / "home", "--frames", folder / "frames"]
    return subprocess.Popen(
        [sys.executable, "-m", "safelight", "run", str(document), *map(str, places), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(running: "subprocess.Popen[str]", wait_s: float = 120) -> tuple[int, list[dict[str, Any]]]:
    """Its exit code and what it told."""
    out, error = running.communicate(timeout=wait_s)
    events = [json.loads(line) for line in out.splitlines()]
    assert events, error
    return running.returncode, events


def wait_until_lit(bench: Bench, lamps: set[str]) -> None:
    """Until these lamps burn at the switch."""
    deadline = now() + 60
    while not lamps <= bench.hardware.switch.lit():
        assert now() < deadline
        time.sleep(0.05)  # noqa: TID251


def wait_until_dark(bench: Bench, wait_s: float) -> float:
    """How long it takes until no lamp burns at the switch, s."""
    began = now()
    while bench.hardware.switch.lit():
        assert now() - began < wait_s, bench.hardware.switch.lit()
        time.sleep(0.01)  # noqa: TID251
    return now() - began


def test_whole_run(bench: Bench, tmp_path: Path) -> None:
    """Bias, arcs of two lamps on one fibre, a swept flat: nine good files each, true headers, lamps off."""
    code, events = finish(start(bench, tmp_path, SHORT))
    assert (code, events[-1]["outcome"], events[-1]["frames"]) == (0, "done", 3), events[-5:]
    assert bench.hardware.switch.lit() == set()
    manifest = json.loads(next(tmp_path.glob("frames/*/manifest.json")).read_text())
    folder = Path(events[-1]["folder"])
    seen = {frame["frame"]: folder / frame["files"][0]["path"] for frame in manifest["frames"]}
    assert [len(frame["files"]) for frame in manifest["frames"]] == [9, 9, 9]
    lamps = {}
    for frame, path in seen.items():
        assert path.is_symlink()
        assert path.resolve().is_relative_to(bench.data)
        header = fits.getheader(path)
        assert header["FRAMEID"] == frame
        lamps[header["OBJECT"]] = {
            key for key in ("ARGON", "NEON", "LDLS", "QUARTZ", "HGNE", "XENON") if header[key] == "ON"
        }
        assert header["HARTMANN"] == "0 0"
    assert sorted(map(sorted, lamps.values())) == [[], ["HGNE", "NEON"], ["QUARTZ"]]
    swept = fits.getheader(next(path for frame, path in seen.items() if frame.startswith("Quartz")))
    assert (swept["CALIBFIB"], swept["FIB001"], swept["FIB002"]) == ("SWEEP", "P1-1", "P1-2")


@pytest.mark.soak
@pytest.mark.parametrize("sequence", ["quick-cals", "normal"])
def test_library_in_real_time(bench: Bench, tmp_path: Path, sequence: str) -> None:
    """LVM's own sequences with their own warm-ups and exposures, 16 and 44 minutes."""
    found = library_file(sequence)
    code, events = finish(start(bench, tmp_path, yaml.safe_load(found.read_text())), 3600)
    assert (code, events[-1]["outcome"]) == (0, "done"), events[-5:]
    assert events[-1]["frames"] == events[-1]["frames_asked"]
    assert bench.hardware.switch.lit() == set()


def test_broker_stopped_in_mid_run(bench: Bench, tmp_path: Path) -> None:
    """The broker dies while lamps burn: they are darkened at the switch, and the run says that it faulted."""
    running = start(bench, tmp_path, LONG)
    wait_until_lit(bench, {"Argon", "LDLS"})
    time.sleep(4.0)  # noqa: TID251 - it integrates
    bench.broker.kill()
    wait_until_dark(bench, 30.0)
    code, events = finish(running)
    assert (code, events[-1]["outcome"]) == (3, "faulted"), events[-5:]
    assert set(events[-1]["lamps"].values()) == {"off"}


@pytest.mark.soak
def test_broker_stopped_without_a_second_path(bench: Bench, tmp_path: Path) -> None:
    """Without a second path the run ends unsafe and says so; the guard darkens the lamps once the broker is back."""
    running = start(bench, tmp_path, LONG, second_path=False)
    wait_until_lit(bench, {"Argon", "LDLS"})
    bench.broker.kill()
    code, events = finish(running)
    assert (code, events[-1]["outcome"]) == (10, "unsafe"), events[-5:]
    assert bench.hardware.switch.lit() == {"Argon", "LDLS"}
    bench.broker.start()
    bench.kill_actors("nps")
    bench.start_actors(["nps"])
    wait_until_dark(bench, 30.0)


@pytest.mark.parametrize("broker", [True, False], ids=["broker up", "broker down"])
def test_runner_killed(bench: Bench, tmp_path: Path, *, broker: bool) -> None:
    """The runner is killed with -9 while lamps burn: the guard darkens them at the switch, with or without a broker."""
    running = start(bench, tmp_path, LONG)
    wait_until_lit(bench, {"Argon", "LDLS"})
    time.sleep(1.0)  # noqa: TID251
    if not broker:
        bench.broker.kill()
    os.kill(running.pid, signal.SIGKILL)
    took_s = wait_until_dark(bench, 30.0)
    running.communicate()
    if broker:
        assert took_s < 5.0
