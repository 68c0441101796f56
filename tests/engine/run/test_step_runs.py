"""Runs of steps: what goes wrong with selectors, levels and detectors is noticed, put right or refused."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import load_observatory
from safelight.devices.simulated.measure import measure
from safelight.engine import Runner
from tests.engine.conftest import Played, Player
from tests.engine.step_bench import STEPS, with_arcs, written

ONE = {"name": "one", "steps": [{"lamps": ["ThAr"], "exposure_time": 6, "setup": {"slit": "wide", "grating": "red"}}]}
DIM = {"name": "dim", "steps": [{"lamps": ["Quartz"], "exposure_time": 6, "level": 50, "setup": {"grating": "red"}}]}


@pytest.fixture
def stepping(tmp_path: Path) -> Player:
    """Run sequences on the observatory with selectors, in virtual time."""
    return Player(tmp_path, written(tmp_path))


def places(played: Played) -> dict[str, float]:
    """Return the number of each selector's last position, from the file of the simulated instrument."""
    plain = json.loads((played.home / "simulated" / "selectors.json").read_text(encoding="utf-8"))
    return {name: motions[-1][3][0] for name, motions in plain.items() if motions}


def headers(played: Played) -> list[Any]:
    """Return the header of each good frame's first file."""
    assert played.result is not None
    return [fits.getheader(frame.files[0].path) for frame in played.result.frames]


def test_everything_in_one_run(stepping: Player) -> None:
    """Each frame is taken in its set-up, at its level and temperature. In the end mirror and slit are where asked."""
    played = stepping(STEPS)
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.good == [
        "bias-001", "found-ThAr-6s-001", "nolamp-3s-001", "Quartz-5s-001", "Quartz-5s-002", "Quartz-5s-003",
        "Quartz-5s-004", "dark-4s-001", "ThAr-6s-001",
    ]  # fmt: skip
    seen = [
        (h.get("MIRROR"), h.get("SLIT"), h.get("GRATING"), h.get("LQUARTZ"), h["CCD-TEMP"]) for h in headers(played)
    ]
    assert seen[1:3] == [("in", "narrow", "blue", None, -100.0)] * 2
    assert seen[3] == ("in", "narrow", "red", 50.0, -100.0)
    assert seen[6] == ("in", "wide", "blue", 50.0, -100.0)
    assert seen[7][0] == "out"
    assert len(played.result.frames[7].files) == 1
    assert len(played.result.frames[8].files) == 2
    assert places(played) == {"mirror": 1.0, "slit": 0.0, "grating": 1.0}
    kinds = [said["kind"] for said in played.heard("state.ended")]
    assert {"configure", "wait-dark"} <= set(kinds)
    assert played.all_dark()


FAULTS = [
    {"device": "selectors.slit", "verb": "move", "what": "error"},
    {"device": "selectors.slit", "verb": "move", "what": "lie"},
    {"device": "selectors", "verb": "move", "what": "disconnect", "seconds": 2.0},
    {"device": "selectors", "verb": "move", "what": "timeout"},
    {"device": "selectors", "verb": "status", "what": "hang", "seconds": 3.0},
    {"device": "spectrographs", "verb": "temperatures", "what": "error"},
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=[f"{fault['device']}-{fault['verb']}-{fault['what']}" for fault in FAULTS]
)
def test_one_fault_costs_no_frame(fault: Mapping[str, Any], stepping: Player, tmp_path: Path) -> None:
    """After one failure of a selector or a read-back the frame is taken, in the set-up that it asks for."""
    played = stepping(ONE, faults=[fault])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    seen = measure(played.result.frames[0].files[0].path, load_observatory(tmp_path / "stepping.yaml"))
    assert seen.setup == {"slit": "wide", "grating": "red"}
    assert seen.lamps["ThAr"] == pytest.approx(6.0, rel=0.1)
    assert played.all_dark()


def test_a_selector_that_stays_away_ends_the_run(stepping: Player) -> None:
    """A selector that never arrives is a fault, with lamps off, and no frame is called good."""
    fault = {"device": "selectors.slit", "verb": "move", "what": "error", "times": "forever"}
    played = stepping(ONE, faults=[fault])
    assert played.result is not None
    assert (played.result.outcome, played.good) == ("faulted", [])
    assert played.all_dark()


def test_a_selector_that_somebody_moves_makes_a_bad_frame(stepping: Player, tmp_path: Path) -> None:
    """A slit that is elsewhere when the exposure ends makes the frame bad, and it is taken again."""
    moved: list[str] = []

    def move_away(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["kind"] == "expose" and not moved:
            moved.append(said["state"])
            home = Path(runner.instrument.folder).parent.parent / "home-1"
            path = home / "simulated" / "selectors.json"
            plain = json.loads(path.read_text(encoding="utf-8"))
            now = runner.instrument.clock.utc().timestamp()
            plain["slit"].append([now, [1.0], now, [0.0]])
            path.write_text(json.dumps(plain), encoding="utf-8")

    played = stepping(ONE, listener=move_away)
    assert played.result is not None
    assert (played.result.outcome, len(played.result.bad)) == ("done", 1), played.result.reason
    assert "slit" in str(played.result.bad[0].reason)
    assert headers(played)[0]["SLIT"] == "wide"


def test_a_level_that_was_not_set_is_noticed(stepping: Player) -> None:
    """A dimmer that says it obeyed and did not is read back, and set again."""
    played = stepping(DIM, faults=[{"device": "lamps.Quartz", "verb": "set_level", "what": "lie"}])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert headers(played)[0]["LQUARTZ"] == 50.0


def test_a_warm_detector_is_waited_for(tmp_path: Path) -> None:
    """A frame waits until the detectors are cold. One that does not get cold in time is a fault."""
    optics = {"image": [32, 72], "overscan_columns": 8, "bias_adu": 1000.0, "read_noise_adu": 3.0,
              "dark_adu_per_s": 0.2, "lamp_adu_per_s": 40.0, "start_c": -96.0}  # fmt: skip
    bias = {"name": "bias", "steps": [{"biases": {"count": 1}}]}
    played = Player(tmp_path, written(tmp_path, options={**optics, "cooling_c_per_s": 0.1}))(bias)
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert headers(played)[0]["CCD-TEMP"] == pytest.approx(-100.0, abs=1.0)
    assert played.result.elapsed_s > 30
    slow = tmp_path / "slow"
    slow.mkdir()
    played = Player(slow, written(slow, options={**optics, "cooling_c_per_s": 0.001}))(bias)
    assert played.result is not None
    assert played.result.outcome == "faulted"
    assert "-100" in str(played.result.reason)


def on_times_s(played: Played) -> list[float]:
    """Return how long ThAr was on each time, from the file of the simulated switch."""
    plain = json.loads((played.home / "simulated" / "switch.json").read_text(encoding="utf-8"))
    times = [(utc, on) for _, utc, lamp, on in plain["transitions"] if lamp == "ThAr"]
    return [off - lit for (lit, on), (off, still_on) in pairwise(times) if on and not still_on]


@pytest.mark.parametrize("stop", [False, True])
def test_a_minimum_on_time_holds_a_run_and_not_its_end(*, stop: bool, tmp_path: Path) -> None:
    """A run waits for a lamp's minimum on-time before it switches the lamp off. An abort does not wait."""
    path = written(tmp_path)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["lamps"]["units"]["ThAr"]["min_on_s"] = 90.0
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")

    def abort(said: Mapping[str, Any], runner: Runner) -> None:
        if stop and said["event"] == "state.started" and said["kind"] == "lamp-off" and said["state"] != "lamp-off/all":
            runner.stop("abort", "by a test")

    played = Player(tmp_path, path)(ONE, listener=abort)
    assert played.result is not None
    assert played.result.outcome == ("aborted" if stop else "done")
    (on_s,) = on_times_s(played)
    assert on_s < 30.0 if stop else 90.0 <= on_s < 92.0
    assert played.all_dark()


TIMED = {
    "name": "arcs",
    "steps": [{"lamps": ["Argon", "Neon"], "exposure_time": 30, "lit_for": {"Argon": 20, "Neon": 3}}],
}


def test_timed_lamps_give_their_seconds(tmp_path: Path) -> None:
    """Lamps that are on for a part of an exposure are in pixels and header for that time, and off after it."""
    played = Player(tmp_path, with_arcs(tmp_path))(TIMED)
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    (header,) = headers(played)
    assert (header["ARGON"], header["NEON"]) == ("ON", "ON")
    assert (header["TARGON"], header["TNEON"]) == pytest.approx((20.0, 3.0), abs=0.2)
    seen = measure(played.result.frames[0].files[0].path, load_observatory(tmp_path / "stepping.yaml"))
    assert seen.lamps == pytest.approx({"Argon": 20.0, "Neon": 3.0, "Quartz": 0.0}, rel=0.1, abs=0.3)
    assert played.all_dark()


TIMED_FAULTS = [
    {"device": "lamps.Neon", "verb": "on", "what": "error"},
    {"device": "lamps.Neon", "verb": "on", "what": "lie"},
    {"device": "lamps.Neon", "verb": "off", "what": "lie"},
    {"device": "lamps.Argon", "verb": "off", "what": "timeout"},
    {"device": "lamps", "verb": "status", "what": "hang", "seconds": 30.0, "nth": 4},
]


@pytest.mark.parametrize("fault", TIMED_FAULTS, ids=lambda fault: f"{fault['device']}-{fault['verb']}-{fault['what']}")
def test_a_timed_lamp_that_fails_costs_no_frame(fault: Mapping[str, Any], tmp_path: Path) -> None:
    """After one failure of a timed lamp the good frame has the seconds of both lamps."""
    played = Player(tmp_path, with_arcs(tmp_path))(TIMED, faults=[fault])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    seen = measure(played.result.frames[0].files[0].path, load_observatory(tmp_path / "stepping.yaml"))
    assert seen.lamps == pytest.approx({"Argon": 20.0, "Neon": 3.0, "Quartz": 0.0}, rel=0.15, abs=0.3)
    assert played.all_dark()


def test_frames_in_warm_ups_are_dark(tmp_path: Path) -> None:
    """With a free order and a light-tight shutter, darks during a warm-up show no light, and all frames are taken."""
    path = written(tmp_path, light_tight_shutter=True)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    del plain["flavours"]
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    lit = [{"lamps": [lamp], "warmup": 60, "exposure_time": 5} for lamp in ("ThAr", "Quartz")]
    played = Player(tmp_path, path)(
        {"name": "day", "order": "free", "steps": [*lit, {"darks": {"count": 4, "exposure_time": 10}}]}
    )
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.good == [
        "dark-10s-001", "dark-10s-002", "ThAr-5s-001", "dark-10s-003", "dark-10s-004", "Quartz-5s-001",
    ]  # fmt: skip
    observatory = load_observatory(path)
    for taken in played.result.frames:
        seen = measure(taken.files[0].path, observatory).lamps
        lamp = taken.frame.partition("-")[0]
        assert {name for name, seconds in seen.items() if seconds > 0.5} == ({lamp} & {"ThAr", "Quartz"})
    assert played.all_dark()
