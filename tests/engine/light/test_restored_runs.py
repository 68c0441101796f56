"""Frames of steps whose light was bad: set-ups, dark times and cameras are right when they are taken again."""

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
from tests.engine.conftest import Played, Player
from tests.engine.step_bench import with_arcs, written

OPTICS: Mapping[str, Any] = {
    "image": [32, 72],
    "overscan_columns": 8,
    "bias_adu": 1000.0,
    "read_noise_adu": 3.0,
    "dark_adu_per_s": 0.2,
    "lamp_adu_per_s": 40.0,
}
SEEN: Mapping[str, Any] = {"quality": {"mode": "act", "overscan": [[0, 32, 32, 40]]}}


def stepping(folder: Path, care: Mapping[str, Any] | None = None, **spectrographs: Any) -> Player:
    """Run sequences on the observatory with selectors, where bad frames are taken again.

    Args:
        folder: for everything that a run writes.
        care: keys of the lamp ThAr.
        spectrographs: keys of the spectrographs.
    """
    path = written(folder, **(SEEN | spectrographs))
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["lamps"]["units"]["ThAr"] |= care or {}
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return Player(folder, path)


def dead(lamp: str, nth: int = 1) -> Mapping[str, Any]:
    """Return a lamp that is on and does not shine, on its nth lit exposure."""
    return {"device": f"light.{lamp}", "verb": "shine", "what": "dead", "nth": nth}


def retaken(played: Played) -> list[str]:
    """Return the frames that were taken again, after a run that has ended well."""
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.all_dark()
    assert [said["frame"] for said in played.heard("frame.retaken")] == [bad.frame for bad in played.result.bad]
    return [bad.frame for bad in played.result.bad]


def on_and_off(played: Played, lamp: str) -> list[tuple[float, bool]]:
    """When a lamp was switched, from the file of the simulated switch: only what changed its state."""
    plain = json.loads((played.home / "simulated" / "switch.json").read_text(encoding="utf-8"))
    return [(utc, on) for _, utc, name, on in plain["transitions"] if name == lamp]


def dark_s(played: Played, lamp: str) -> list[float]:
    """Return how long a lamp was off each time before it was lit again, s."""
    turns = on_and_off(played, lamp)
    return [lit - off for (off, was_on), (lit, on) in pairwise(turns) if not was_on and on]


def lit_s(played: Played, lamp: str) -> list[float]:
    """Return how long a lamp was on each time, s."""
    turns = on_and_off(played, lamp)
    return [off - lit for (lit, on), (off, still_on) in pairwise(turns) if on and not still_on]


SETUPS = {
    "name": "set-ups",
    "steps": [
        {"lamps": ["Quartz"], "exposure_time": 5, "level": 50, "for": {"slit": ["narrow", "wide"]},
         "setup": {"grating": "red"}},
        {"lamps": ["ThAr"], "exposure_time": 6, "setup": {"grating": "blue", "slit": "narrow"}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("nth", [1, 2])
def test_selectors_and_levels_are_put_back(nth: int, tmp_path: Path) -> None:
    """While a frame is read out the selectors move on. It is taken again in its own set-up and at its own level."""
    played = stepping(tmp_path)(SETUPS, faults=[dead("Quartz", nth)])
    assert retaken(played) == [f"Quartz-5s-{nth:03d}"]
    assert played.good == ["Quartz-5s-001", "Quartz-5s-002", "ThAr-6s-001"]
    assert played.result is not None
    observatory = load_observatory(tmp_path / "stepping.yaml")
    wanted = [("narrow", "red", 50.0), ("wide", "red", 50.0), ("narrow", "blue", None)]
    for taken, (slit, grating, level) in zip(played.result.frames, wanted, strict=True):
        header = fits.getheader(taken.files[0].path)
        assert (header["SLIT"], header["GRATING"], header.get("LQUARTZ")) == (slit, grating, level)
        seen = measure(taken.files[0].path, observatory)
        assert seen.setup == {"slit": slit, "grating": grating}
        lamp = taken.frame.partition("-")[0]
        assert {name for name, seconds in seen.lamps.items() if seconds > 0.5} == {lamp}


RIVALS = {"name": "rivals", "steps": [{"lamps": [lamp], "exposure_time": 6} for lamp in ("ThAr", "Quartz")]}


def test_exclusive_lamps_are_never_lit_together(tmp_path: Path) -> None:
    """Quartz warms up beside the readout of ThAr, and is off before ThAr is struck anew."""
    played = stepping(tmp_path)(RIVALS, faults=[dead("ThAr")])
    assert retaken(played) == ["ThAr-6s-001"]
    lit: set[str] = set()
    switched = json.loads((played.home / "simulated" / "switch.json").read_text(encoding="utf-8"))["transitions"]
    for _, _, lamp, on in switched:
        lit = lit | {lamp} if on else lit - {lamp}
        assert len(lit) < 2
    assert [lamp for _, _, lamp, on in switched if on] == ["ThAr", "Quartz", "ThAr", "Quartz"]


WAITING = {
    "name": "waiting",
    "steps": [{"biases": {}}, {"wait": 70}, {"lamps": ["ThAr"], "exposure_time": 6}],
}


@pytest.mark.parametrize(
    ("care", "sequence", "least_s"),
    [
        ({"restrike_s": 45.0}, RIVALS, 45.0),
        ({"rest": {"after": 600.0, "for": 80.0}}, RIVALS, 80.0),
        ({}, WAITING, 70.0),
        ({"restrike_s": 45.0, "rest": {"after": 600.0, "for": 80.0}}, WAITING, 80.0),
    ],
    ids=["restrike", "rest", "wait", "all of them"],
)
def test_the_dark_time_is_kept(
    care: Mapping[str, Any], sequence: Mapping[str, Any], least_s: float, tmp_path: Path
) -> None:
    """Before another strike a lamp is dark for as long as itself or the sequence asks, as the switch has it."""
    played = stepping(tmp_path, care)(sequence, faults=[dead("ThAr")])
    assert retaken(played) == ["ThAr-6s-001"]
    (dark,) = dark_s(played, "ThAr")
    # It has been off for the readout, too.
    assert least_s <= dark < least_s + 8.0 + 3.0


def test_a_minimum_on_time_is_kept(tmp_path: Path) -> None:
    """A lamp whose light was bad burns for its minimum before it is switched off, and so it does afterwards."""
    sequence = {"name": "one", "steps": [{"lamps": ["ThAr"], "exposure_time": 6, "count": 2}]}
    played = stepping(tmp_path, {"min_on_s": 90.0})(sequence, faults=[dead("ThAr")])
    assert retaken(played) == ["ThAr-6s-001"]
    spans = lit_s(played, "ThAr")
    assert len(spans) == 2
    assert all(90.0 <= on_s < 95.0 for on_s in spans)


def test_timed_lamps_give_their_seconds_again(tmp_path: Path) -> None:
    """A frame with lamps that are on for a part of it is taken again with the seconds of both."""
    lit_for = {"Argon": 20, "Neon": 3}
    sequence = {
        "name": "arcs",
        "steps": [{"lamps": ["Argon", "Neon"], "exposure_time": 30, "lit_for": lit_for}],
    }
    faults = [dead("Argon"), dead("Neon")]
    played = Player(tmp_path, with_arcs(tmp_path, **SEEN))(sequence, faults=faults)
    assert retaken(played) == ["Argon+Neon-30s-001"]
    assert played.result is not None
    assert "Argon and Neon are on and do not shine" in str(played.result.bad[0].reason)
    seen = measure(played.result.frames[0].files[0].path, load_observatory(tmp_path / "stepping.yaml"))
    assert seen.lamps == pytest.approx({"Argon": 20.0, "Neon": 3.0, "Quartz": 0.0}, rel=0.1, abs=0.3)


def test_a_frame_of_some_cameras_is_judged_by_theirs(tmp_path: Path) -> None:
    """The judge gets the files of the cameras that exposed, each with its own name and its own references."""
    alone = {"lamps": ["ThAr"], "exposure_time": 6, "spectrographs": ["sp2"], "count": 4}
    sequence = {"name": "cameras", "steps": [{"biases": {"count": 3}}, alone, {"lamps": ["ThAr"], "exposure_time": 6}]}
    played = stepping(tmp_path)(sequence, faults=[dead("ThAr")])
    assert retaken(played) == ["ThAr-6s-001"]
    assert played.result is not None
    light = {taken.frame: taken.light for taken in played.result.frames}
    assert all(seen is not None and not seen.words for seen in light.values())
    one, last = light["ThAr-6s-004"], light["ThAr-6s-005"]
    assert one is not None
    assert last is not None
    assert set(one.detail["images"]) == {"b2"}
    assert one.detail["images"]["b2"]["references"] == 3
    assert {name: image["references"] for name, image in last.detail["images"].items()} == {"b1": 0, "b2": 4}


def test_cameras_with_times_of_their_own_have_references_of_their_own(tmp_path: Path) -> None:
    """A camera is compared with frames of its own integration time, whatever the other cameras were told."""
    times = {"b1": 4, "b2": 12}
    steps = [
        {"biases": {"count": 3}},
        {"lamps": ["ThAr"], "exposure_time": times, "count": 4},
        {"lamps": ["ThAr"], "exposure_time": 12},
    ]
    played = stepping(tmp_path)({"name": "times", "steps": steps})
    assert retaken(played) == []
    assert played.result is not None
    last = played.result.frames[-1].light
    assert last is not None
    assert (last.quality, last.words) == ("good", "")
    assert {name: image["references"] for name, image in last.detail["images"].items()} == {"b1": 0, "b2": 4}


def test_without_a_shutter_the_lamp_is_off_while_frames_are_read_out(tmp_path: Path) -> None:
    """Detectors that see light at all times are read out in the dark, a frame that is taken again too."""
    played = stepping(tmp_path, shutter="none")(RIVALS, faults=[dead("ThAr")])
    assert retaken(played) == ["ThAr-6s-001"]
    assert played.result is not None
    observatory = load_observatory(tmp_path / "stepping.yaml")
    for taken in played.result.frames:
        lamp = taken.frame.partition("-")[0]
        seen = measure(taken.files[0].path, observatory).lamps
        assert {name for name, seconds in seen.items() if seconds > 0.5} == {lamp}


def test_a_detector_that_has_warmed_up_is_cooled_before_the_frame_is_taken_again(tmp_path: Path) -> None:
    """A restore reads temperatures back as every frame does."""
    cold = {"options": {**OPTICS, "start_c": -96.0, "cooling_c_per_s": 0.5}}
    played = stepping(tmp_path, **cold)(RIVALS, faults=[dead("ThAr")])
    assert retaken(played) == ["ThAr-6s-001"]
    assert played.result is not None
    for taken in played.result.frames:
        assert fits.getheader(taken.files[0].path)["CCD-TEMP"] == pytest.approx(-100.0, abs=1.0)


def test_a_selector_that_fails_while_a_frame_is_restored_costs_no_frame(tmp_path: Path) -> None:
    """A restore is tried again as every other state."""
    # The slit's first two moves are those of the two frames, the third one is the way back.
    faults = [dead("Quartz"), {"device": "selectors.slit", "verb": "move", "what": "error", "nth": 3}]
    played = stepping(tmp_path)(SETUPS, faults=faults)
    assert retaken(played) == ["Quartz-5s-001"]
    assert played.result is not None
    assert fits.getheader(played.result.frames[0].files[0].path)["SLIT"] == "narrow"
