"""Runs in which a source shutter lets a warm lamp through for a part of an exposure: pixels, headers, faults, stops."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import load_observatory
from safelight.devices.simulated.measure import measure
from safelight.engine import Runner
from tests.engine.conftest import Played, Player
from tests.engine.run.test_step_runs import places
from tests.engine.shutter_bench import LAMPS, SHOWN, behind_shutters

SECONDS = {
    "bias-001": {},
    "Th-60s-001": {"Th": 20.0},
    "Th-60s-002": {"Th": 20.0},
    "Th-10s-001": {"Th": 10.0},
    "Th-30s-001": {"Th": 10.0},
    "short-U-30s-001": {"U": 4.0},
    "dark-9s-001": {},
}
"""Frame -> the seconds of each lamp's light."""


@pytest.fixture
def behind(tmp_path: Path) -> Player:
    """Run sequences on the observatory with a source select, in virtual time."""
    return Player(tmp_path, behind_shutters(tmp_path))


def header_of(played: Played, frame: str) -> Any:
    """Header of a good frame."""
    assert played.result is not None
    return next(fits.getheader(each.files[0].path) for each in played.result.frames if each.frame == frame)


def assert_the_light_that_was_asked_for(played: Played, folder: Path) -> None:
    """Demand that each frame is there, and shows each lamp for its own seconds."""
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.good == list(SECONDS)
    observatory = load_observatory(folder / "behind.yaml")
    for frame in played.result.frames:
        seen = measure(frame.files[0].path, observatory).lamps
        assert seen == pytest.approx(dict.fromkeys(LAMPS, 0.0) | SECONDS[frame.frame], rel=0.04, abs=0.4), frame.frame
    assert played.all_dark()


def test_each_frame_has_its_seconds_of_light(behind: Player, tmp_path: Path) -> None:
    """Pixels and header have the lamp's own seconds. The selector is closed before and after, and at the end."""
    played = behind(SHOWN)
    assert_the_light_that_was_asked_for(played, tmp_path)
    header = header_of(played, "Th-60s-001")
    assert (header["TH"], header["U"], header["OCTAGON"], header["EXPTIME"]) == ("ON", "OFF", "Home", 60.0)
    assert header["TTH"] == pytest.approx(20.0, abs=0.2)
    assert header["WTH"] >= 120.0
    assert "octagon" in header.comments["TTH"]
    assert "TTH" not in header_of(played, "Th-10s-001")
    assert header_of(played, "short-U-30s-001")["TU"] == pytest.approx(4.0, abs=0.2)
    assert places(played) == {"octagon": 0.0}


SITES: Mapping[str, Mapping[str, Any]] = {
    "light is judged": {"quality": {"mode": "act"}},
    "a tight shutter": {"light_tight_shutter": True},
    "no shutter": {"shutter": "none", "dark_at": {"octagon": "Home"}},
}


@pytest.mark.parametrize("site", SITES)
def test_at_other_sites(site: str, tmp_path: Path) -> None:
    """The seconds are the same with judged light, with a tight shutter, and with none."""
    played = Player(tmp_path, behind_shutters(tmp_path, **SITES[site]))(SHOWN)
    assert_the_light_that_was_asked_for(played, tmp_path)


def test_one_after_the_other(behind: Player, tmp_path: Path) -> None:
    """Without overlap the seconds are the same."""
    assert_the_light_that_was_asked_for(behind(SHOWN, overlap=False), tmp_path)


def test_a_frame_without_light_is_taken_again(tmp_path: Path) -> None:
    """A lamp that did not shine through its shutter is struck anew, behind the closed selector."""
    path = behind_shutters(tmp_path, quality={"mode": "act", "overscan": [[0, 32, 96, 104]]})
    fault = {"device": "light.Th", "verb": "shine", "what": "dead", "nth": 1, "times": 1}
    played = Player(tmp_path, path)(SHOWN, faults=[fault])
    assert_the_light_that_was_asked_for(played, tmp_path)
    assert played.result is not None
    assert [each.frame for each in played.result.bad] == ["Th-60s-001"]
    assert "restore/Th-60s-001" in [said["state"] for said in played.heard("state.ended")]


def test_a_lamp_that_is_switched_and_one_that_is_let_through(tmp_path: Path) -> None:
    """In one exposure one lamp is lit for its seconds, and the other one is let through for its own."""
    path = behind_shutters(tmp_path)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["lamps"]["units"]["Ne"] = {"warmup_s": 0.0, "flavour": "arc", "longest_on_s": 600.0}
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    both = {"lamps": ["Th", "Ne"], "exposure_time": 40, "lit_for": {"Th": 20, "Ne": 8}, "count": 2}
    played = Player(tmp_path, path)({"name": "both", "steps": [both]})
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    for frame in played.result.frames:
        header, seen = header_of(played, frame.frame), measure(frame.files[0].path, load_observatory(path)).lamps
        assert (header["TTH"], header["TNE"]) == pytest.approx((20.0, 8.0), abs=0.2)
        assert (seen["Th"], seen["Ne"]) == pytest.approx((20.0, 8.0), rel=0.06)
    assert played.all_dark()


FAULTS = [
    # Moves: to Home at first, to Th and back for each frame.
    {"device": "selectors.octagon", "verb": "move", "what": "error", "nth": 2},
    {"device": "selectors.octagon", "verb": "move", "what": "error", "nth": 3},
    {"device": "selectors.octagon", "verb": "move", "what": "lie", "nth": 3},
    {"device": "selectors", "verb": "move", "what": "timeout", "nth": 2, "seconds": 40.0},
    {"device": "selectors", "verb": "move", "what": "timeout", "nth": 3, "seconds": 40.0},
    {"device": "selectors", "verb": "status", "what": "error", "nth": 5},
    {"device": "selectors", "verb": "status", "what": "hang", "nth": 6, "seconds": 60.0},
    {"device": "lamps", "verb": "status", "what": "error", "nth": 6},
    {"device": "lamps.Th", "verb": "off", "what": "error", "nth": 2},
    {"device": "spectrographs", "verb": "expose", "what": "error", "nth": 2},
    {"device": "spectrographs", "verb": "read_out", "what": "error", "nth": 2},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(fault[key]) for key in fault))
def test_one_fault_costs_no_frame(fault: Mapping[str, Any], behind: Player, tmp_path: Path) -> None:
    """After one failure the frame is taken again, from a closed selector, and has its own seconds of light."""
    played = behind(SHOWN, faults=[fault])
    if fault["what"] == "lie":
        assert played.result is not None
        assert played.result.outcome == "done", played.result.reason
        assert (played.good, played.all_dark()) == (list(SECONDS), True)
        return
    assert_the_light_that_was_asked_for(played, tmp_path)


def test_a_shutter_that_does_not_close_takes_no_frame(behind: Player) -> None:
    """Where the selector never gets back, the run ends before the next frame, with the selectors' name."""
    fault = {"device": "selectors.octagon", "verb": "move", "what": "error", "nth": 3, "times": "forever"}
    played = behind(SHOWN, faults=[fault])
    assert played.result is not None
    assert (played.result.outcome, played.good) == ("faulted", ["bias-001"])
    assert "selectors move" in str(played.result.reason)
    assert played.all_dark()


def test_a_slow_selector_makes_a_bad_frame(behind: Player, tmp_path: Path) -> None:
    """A selector that closes after the shutter makes the frame bad. It is taken again."""
    fault = {"device": "selectors", "verb": "move", "what": "timeout", "nth": 3, "seconds": 8.0}
    short = {"name": "short", "steps": [{"lamps": ["Th"], "exposure_time": 28, "lit_for": {"Th": 20}}]}
    played = behind(short, faults=[fault])
    assert played.result is not None
    assert (played.result.outcome, played.good) == ("done", ["Th-28s-001"])
    told = [said for said in played.heard("state.failed") if said["frame"] == "Th-28s-001"]
    assert "octagon was still open for Th when the shutter closed" in str(told), told
    seen = measure(played.result.frames[0].files[0].path, load_observatory(tmp_path / "behind.yaml")).lamps
    assert seen["Th"] == pytest.approx(20.0, rel=0.04)


@pytest.mark.parametrize("nth", [2, 3])
def test_a_late_move_leaves_the_seconds_unknown(nth: int, behind: Player, tmp_path: Path) -> None:
    """Where a move ends later than it should, the light may have come and gone at any moment: the frame is bad."""
    fault = {"device": "selectors", "verb": "move", "what": "timeout", "nth": nth, "seconds": 5.0}
    played = behind(SHOWN, faults=[fault])
    assert_the_light_that_was_asked_for(played, tmp_path)
    (told,) = played.heard("state.failed")
    assert "octagon took 8.0 s for a move instead of 3.0 s (its `move_s` and `settle_s`)" in told["error"]
    assert "so that the seconds of Th are unknown" in told["error"]


def test_a_lamp_that_goes_out_meanwhile_makes_a_bad_frame(behind: Player, tmp_path: Path) -> None:
    """A lamp that somebody switches off behind its closed shutter is missed when the shutter opens."""
    done: list[str] = []

    def switch_off(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == "expose/Th-60s-001" and not done:
            done.append(said["state"])
            path = tmp_path / "home-1" / "simulated" / "switch.json"
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace('"state": "on"', '"state": "off"'), encoding="utf-8")

    played = behind(SHOWN, listener=switch_off)
    assert done
    assert_the_light_that_was_asked_for(played, tmp_path)


@pytest.mark.parametrize("word", ["abort", "pause"])
@pytest.mark.parametrize("state", ["shutter-timed/Th-60s-001/Th", "lamp-warmup/Th-60s-001", "expose/Th-60s-002"])
def test_a_stop_and_a_resume(state: str, word: str, behind: Player, tmp_path: Path) -> None:
    """A stop switches every lamp off. A pause keeps the frame in progress, with its seconds of light."""

    def stop(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == state:
            runner.stop(word, "by a test")

    played = behind(SHOWN, listener=stop)
    assert played.result is not None
    assert played.result.outcome == {"abort": "aborted", "pause": "paused"}[word]
    assert played.all_dark()
    if word == "pause" and "warmup" not in state:
        last = played.result.frames[-1]
        assert last.frame == state.split("/")[1]
        seen = measure(last.files[0].path, load_observatory(tmp_path / "behind.yaml")).lamps
        assert seen["Th"] == pytest.approx(20.0, rel=0.04)
