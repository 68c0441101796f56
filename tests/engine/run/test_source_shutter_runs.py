"""Runs with lamps that warm up behind source shutters: pixels, headers, faults, stops and leaks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import load_observatory
from safelight.devices.simulated.measure import measure
from safelight.engine import Runner
from tests.engine.conftest import Played, Player
from tests.engine.shutter_bench import DAY, LAMPS, behind_shutters

FRAMES = [
    "bias-001", "bias-002", "Th-6s-001", "Th-6s-002", "U-200s-001", "U-200s-002", "Lamp-5s-001", "U-7s-001",
    "dark-9s-001",
]  # fmt: skip
LIGHT_S = {"Th-6s": ("Th", 6.0), "U-200s": ("U", 200.0), "Lamp-5s": ("Lamp", 5.0), "U-7s": ("U", 7.0)}
"""Kind of frame -> its lamp, and the seconds of full light."""


@pytest.fixture
def behind(tmp_path: Path) -> Player:
    """Run sequences on the observatory with a source select, in virtual time."""
    return Player(tmp_path, behind_shutters(tmp_path))


def light_of(played: Played, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds of each lamp's full light in each good frame."""
    assert played.result is not None
    observatory = load_observatory(folder / "behind.yaml")
    return {frame.frame: dict(measure(frame.files[0].path, observatory).lamps) for frame in played.result.frames}


def header_of(played: Played, frame: str) -> Any:
    """Header of a good frame."""
    assert played.result is not None
    return next(fits.getheader(each.files[0].path) for each in played.result.frames if each.frame == frame)


def assert_own_light_only(light: Mapping[str, Mapping[str, float]]) -> None:
    """Demand that each frame shows its own lamp for its time, and no other."""
    for frame, lamps in light.items():
        lamp, seconds = LIGHT_S.get(frame[:-4], ("", 0.0))
        assert lamps == pytest.approx(dict.fromkeys(LAMPS, 0.0) | ({lamp: seconds} if lamp else {}), rel=0.03, abs=0.5)


def test_no_frame_shows_a_lamp_that_warms_up(behind: Player, tmp_path: Path) -> None:
    """All frames are taken in the time of one warm-up, and each shows its own lamp alone, as bright as it should be."""
    played = behind(DAY)
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert (played.good, played.result.bad) == (FRAMES, ())
    assert_own_light_only(light_of(played, tmp_path))
    assert played.all_dark()


def test_headers_say_who_is_lit_and_who_is_blocked(behind: Player) -> None:
    """A lamp that warms up behind its shutter is BLOCKED: not on for the detector, and not off either."""
    played = behind(DAY)
    cards = {frame: tuple(header_of(played, frame)[lamp.upper()] for lamp in LAMPS) for frame in FRAMES}
    assert cards["bias-001"] == ("BLOCKED", "OFF", "OFF")
    assert cards["Th-6s-001"] == ("ON", "BLOCKED", "OFF")
    assert cards["U-200s-001"] == ("OFF", "ON", "OFF")
    # It was lit while this frame integrated.
    assert cards["U-200s-002"] == ("OFF", "ON", "BLOCKED")
    assert cards["Lamp-5s-001"] == ("OFF", "BLOCKED", "ON")
    assert cards["dark-9s-001"] == ("OFF", "OFF", "OFF")
    assert "octagon Th" in header_of(played, "Th-6s-001").comments["U"]


def test_a_leak_is_in_the_pixels(tmp_path: Path) -> None:
    """A source select that lets light pass where it should block shows the warming lamp in the frame."""
    played = Player(tmp_path, behind_shutters(tmp_path, {"Th": 0.5}))(DAY)
    light = light_of(played, tmp_path)
    assert light["Th-6s-001"]["U"] > 1.0
    assert light["Lamp-5s-001"]["U"] < 0.5


FAULTS = [
    {"device": "selectors.octagon", "verb": "move", "what": "error", "nth": 2},
    {"device": "selectors.octagon", "verb": "move", "what": "lie", "nth": 2},
    {"device": "selectors", "verb": "move", "what": "timeout", "nth": 3},
    {"device": "selectors", "verb": "status", "what": "error", "nth": 6},
    {"device": "lamps.U", "verb": "on", "what": "error"},
    {"device": "lamps.U", "verb": "on", "what": "lie"},
    {"device": "lamps.Lamp", "verb": "on", "what": "timeout"},
    {"device": "lamps", "verb": "status", "what": "error", "nth": 8},
    {"device": "spectrographs", "verb": "expose", "what": "error", "nth": 4},
    {"device": "spectrographs", "verb": "read_out", "what": "error", "nth": 4},
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=[f"{fault['device']}-{fault['verb']}-{fault['what']}" for fault in FAULTS]
)
def test_one_fault_costs_no_frame(fault: Mapping[str, Any], behind: Player, tmp_path: Path) -> None:
    """After one failure all frames are taken, and none shows a lamp that warms up."""
    played = behind(DAY, faults=[fault])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.good == FRAMES
    light = light_of(played, tmp_path)
    if fault["what"] == "lie" and fault["device"].startswith("selectors"):
        # A selector that says it has moved can be found out in the pixels only.
        light = {frame: lamps for frame, lamps in light.items() if not frame.startswith("Th")}
    assert_own_light_only(light)
    assert played.all_dark()


def test_a_shutter_that_does_not_block_takes_no_frame(behind: Player) -> None:
    """Where the selector never gets to the position that blocks the lamp, the run ends before that frame."""
    fault = {"device": "selectors.octagon", "verb": "move", "what": "error", "nth": 3, "times": "forever"}
    played = behind(DAY, faults=[fault])
    assert played.result is not None
    assert played.result.outcome == "faulted"
    assert played.good == FRAMES[:3]
    assert played.all_dark()


def moved_to(runner: Runner, home: Path, place: int) -> None:
    """Move the source select behind everybody's back."""
    path = home / "simulated" / "selectors.json"
    # It has no file before it was ever moved.
    plain = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"octagon": []}
    now = runner.instrument.clock.utc().timestamp()
    here = float(plain["octagon"][-1][3][0]) if plain["octagon"] else 0.0
    plain["octagon"].append([now, [here], now, [float(place)]])
    path.write_text(json.dumps(plain), encoding="utf-8")


@pytest.mark.parametrize("state", ["ready/bias-002", "ready/Th-6s-002"])
def test_ready_reads_the_source_shutter_back(state: str, behind: Player, tmp_path: Path) -> None:
    """A selector that somebody has moved before a frame is moved back before the frame integrates."""
    done: list[str] = []

    def move_away(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == state and not done:
            moved_to(runner, tmp_path / "home-1", 2)
            done.append(state)

    played = behind(DAY, listener=move_away)
    assert played.result is not None
    assert (done, played.result.outcome, played.result.bad) == ([state], "done", ())
    assert_own_light_only(light_of(played, tmp_path))


def test_a_shutter_that_opens_meanwhile_makes_a_bad_frame(behind: Player, tmp_path: Path) -> None:
    """A selector that is elsewhere during the exposure makes the frame bad, with the lamp's name. It is taken again."""
    done: list[str] = []

    def move_away(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == "expose/bias-002" and not done:
            done.append(said["state"])
            moved_to(runner, tmp_path / "home-1", 1)

    played = behind(DAY, listener=move_away)
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert [frame.frame for frame in played.result.bad] == ["bias-002"]
    assert "the light of Th is not blocked" in str(played.result.bad[0].reason)
    assert_own_light_only(light_of(played, tmp_path))


STOPS = ["wait/U-200s-001/ahead-U", "lamp-warmup/Lamp-5s-001/ahead-Lamp", "expose/U-200s-002", "expose/Lamp-5s-001"]


@pytest.mark.parametrize("word", ["abort", "pause"])
@pytest.mark.parametrize("state", STOPS)
def test_a_stop_switches_everything_off(state: str, word: str, behind: Player) -> None:
    """Whoever warms up behind a shutter is off when the run has ended."""

    def stop(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == state:
            runner.stop(word, "by a test")

    played = behind(DAY, listener=stop)
    assert played.result is not None
    assert played.result.outcome == {"abort": "aborted", "pause": "paused"}[word]
    assert set(played.result.lamps.values()) == {"off"}
    assert played.all_dark()
