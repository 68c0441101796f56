"""Runs whose exposure times are found from counts."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from safelight.devices import load_observatory
from safelight.engine import Runner
from safelight.engine.planning.plan import site_of
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.sequences import SequenceError, expand, load
from tests.engine.conftest import Played, Player
from tests.engine.light.test_restored_runs import OPTICS, SEEN, dead, on_and_off
from tests.engine.step_bench import written


def counting(count: int = 1, **asked: Any) -> Mapping[str, Any]:
    """Return a sequence with biases, and flats whose exposure time is found from counts."""
    counts = {"counts": 400, "first": 4, "longest": 60, **asked}
    return {
        "name": "counting",
        "steps": [{"biases": {"count": 3}}, {"lamps": ["Quartz"], "exposure_time": counts, "count": count}],
    }


@pytest.fixture
def play_counts(tmp_path: Path) -> Player:
    """Run sequences on an observatory that takes trials again."""
    return Player(tmp_path, written(tmp_path, **SEEN))


def seconds_of(played: Played) -> list[float]:
    """Return the integration time in the header of each good frame of Quartz."""
    assert played.result is not None
    files = [taken.files[0].path for taken in played.result.frames if taken.frame.startswith("Quartz")]
    return [float(fits.getheader(path)["EXPTIME"]) for path in files]


def brightest_adu(path: Path) -> float:
    """Return what a thousandth of the pixels exceeds, above the bias."""
    return float(np.percentile(fits.getdata(path).astype(float), 99.9)) - 1000.0


def test_the_first_frame_finds_the_time(play_counts: Player) -> None:
    """A trial lies aside, the frame after it has the counts, and the others use its time."""
    played = play_counts(counting(3))
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.good[-3:] == [f"Quartz-400adu-{n:03d}" for n in (1, 2, 3)]
    [trial] = played.result.trials
    assert (trial.frame, trial.verdict, len(played.result.bad)) == ("Quartz-400adu-001", "trial", 0)
    assert trial.files[0].path.parent.name == "trials"
    header = fits.getheader(trial.files[0].path)
    assert (header["EXPTIME"], header["EXPASK"], header["LIGHTQC"], header["QUALITY"]) == (4.0, 400.0, "TRIAL", "BAD")
    assert "taken again with" in (trial.reason or "")
    for taken in played.result.frames[-3:]:
        seen = max(brightest_adu(file.path) for file in taken.files)
        assert seen == pytest.approx(400.0, rel=0.25)
    assert [event["frame"] for event in played.heard("frame.trial")] == ["Quartz-400adu-001"]
    assert played.heard("frame.bad") == []
    manifest = json.loads((played.result.folder / "manifest.json").read_text(encoding="utf-8"))
    entries = [entry for entry in manifest["frames"] if entry["frame"].startswith("Quartz")]
    assert [entry["verdict"] for entry in entries] == ["trial", "good", "good", "good"]
    assert [entry["exposure_s"] for entry in entries] == [4.0, *seconds_of(played)]
    assert played.all_dark()


def test_a_later_run_begins_with_what_an_earlier_one_has_found(play_counts: Player, tmp_path: Path) -> None:
    """The counts per second of the last run give the first time, and nothing is tried."""
    home = tmp_path / "home"
    first = play_counts(counting(), home=home)
    again = play_counts(counting(), home=home)
    assert first.result is not None
    assert again.result is not None
    assert (len(first.result.trials), len(again.result.trials)) == (1, 0)
    assert seconds_of(again) == pytest.approx(seconds_of(first), rel=0.1)


def test_what_can_not_be_reached_is_kept_with_a_remark(play_counts: Player) -> None:
    """A lamp that is too faint for the longest exposure ends no run."""
    played = play_counts(counting(counts=30_000, longest=10))
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert seconds_of(played) == [10.0]
    assert "the longest exposure that the sequence allows" in (played.result.frames[-1].reason or "")


def test_a_dead_lamp_is_named_and_not_tried_for_ever(play_counts: Player) -> None:
    """Darkness may be a matter of time until the longest exposure is dark, too: two frames at most."""
    played = play_counts(counting(longest=20, tries=5), faults=[{**dead("Quartz"), "times": None}])
    assert played.result is not None
    assert played.result.outcome == "faulted"
    assert "Quartz is on and does not shine" in (played.result.reason or "")
    assert [trial.frame for trial in played.result.trials] == ["Quartz-400adu-001"]
    assert len(played.result.bad) == 1
    assert played.all_dark()


def test_a_lamp_whose_light_is_known_gets_no_longer_exposures_when_it_is_dead(
    play_counts: Player, tmp_path: Path
) -> None:
    """Once its counts per second are known, darkness is no matter of time: two frames of the usual time prove it."""
    home = tmp_path / "home"
    assert play_counts(counting(), home=home).result is not None
    played = play_counts(counting(), home=home, faults=[{**dead("Quartz"), "times": None}])
    assert played.result is not None
    assert played.result.outcome == "faulted"
    assert "Quartz is on and does not shine" in (played.result.reason or "")
    assert (len(played.result.trials), len(played.result.bad)) == (0, 2)
    assert played.all_dark()


def test_a_stale_image_is_no_trial(play_counts: Player) -> None:
    """An image that the camera handed over wrongly is bad, and changes no exposure time."""
    # The fourth image is the first of Quartz: it is the last bias again.
    played = play_counts(counting(), faults=[{"device": "light", "verb": "read", "what": "stale", "nth": 4}])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert [bad.frame for bad in played.result.bad] == ["Quartz-400adu-001"]
    assert [fits.getheader(trial.files[0].path)["EXPTIME"] for trial in played.result.trials] == [4.0]


def test_the_plan_is_made_with_the_longest_time(tmp_path: Path) -> None:
    """Ids name the counts, and the plan has room for the longest exposure."""
    observatory = load_observatory(written(tmp_path, **SEEN))
    frames = expand(load(counting(2), site_of(observatory)), site_of(observatory)).frames
    assert [frame.id for frame in frames[-2:]] == ["Quartz-400adu-001", "Quartz-400adu-002"]
    assert [frame.exposure_s for frame in frames[-2:]] == [60.0, 60.0]


def test_both_forms_of_a_sequence_have_it(tmp_path: Path) -> None:
    """A block of lamps may have counts as a step may."""
    observatory = load_observatory(written(tmp_path, **SEEN))
    block = {"lamps": {"Quartz": {"exposure_time": {"counts": 400, "first": 4, "longest": 60}}}}
    [frame] = expand(load(block, site_of(observatory)), site_of(observatory)).frames
    assert frame.id == "Quartz-400adu-001"
    assert frame.aim is not None
    assert (frame.aim.counts_adu, frame.aim.first_s, frame.aim.least_s, frame.aim.tries) == (400.0, 4.0, 1.0, 3)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"exposure_time": {"counts": 400, "first": 90, "longest": 60}}, "from `least` (1 s) to `longest` (60 s)"),
        ({"exposure_time": {"counts": 400, "first": 4}}, "longest"),
        ({"exposure_time": {"counts": -1, "first": 4, "longest": 60}}, "counts"),
        ({"exposure_time": {"counts": 400, "first": 4, "longest": 60, "retries": 2}}, "retries"),
        ({"exposure_time": {"counts": 400, "first": 4, "longest": 60}, "lamps": [], "flavour": "flat"}, "no lamp"),
    ],
    ids=["first", "no longest", "negative", "unknown key", "no lamp"],
)
def test_wrong_counts_are_refused(step: Mapping[str, Any], words: str, tmp_path: Path) -> None:
    """The message names what is wrong and what is expected."""
    observatory = load_observatory(written(tmp_path, **SEEN))
    with pytest.raises(SequenceError) as caught:
        load({"name": "wrong", "steps": [{"lamps": ["Quartz"], **step}]}, site_of(observatory))
    assert words in str(caught.value)


@pytest.mark.parametrize("quality", [None, {"mode": "watch"}, {"retakes": 0}], ids=["none", "watch", "no retakes"])
def test_counts_need_a_site_that_takes_frames_again(quality: Mapping[str, Any] | None, tmp_path: Path) -> None:
    """Where nothing is taken again no time can be found, and `check` says so."""
    observatory = load_observatory(written(tmp_path, **({} if quality is None else {"quality": dict(quality)})))
    with pytest.raises(SequenceError, match=r"spectrographs\.quality"):
        load(counting(), site_of(observatory))


def test_a_resume_goes_on_after_a_trial(play_counts: Player, tmp_path: Path) -> None:
    """A run that is stopped after a trial takes the frame with the time that the trial has found."""
    home = tmp_path / "home"

    def stop(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "frame.trial":
            runner.stop("abort", "by a test")

    played = play_counts(counting(), home=home, listener=stop)
    assert played.result is not None
    assert (played.result.outcome, len(played.result.trials)) == ("aborted", 1)
    resumed = resume_now(played, tmp_path)
    assert (resumed.outcome, [frame.frame for frame in resumed.frames][-1]) == ("done", "Quartz-400adu-001")
    assert len(resumed.trials) == 1
    assert seen_adu(resumed) == pytest.approx(400.0, rel=0.25)


def test_a_resume_reads_the_time_of_a_frame_from_its_file(play_counts: Player, tmp_path: Path) -> None:
    """A frame that came home and was not recorded is adopted, with the integration time that its header has."""
    home = tmp_path / "home"
    played = play_counts(counting(), home=home)
    assert played.result is not None
    taken = played.result.frames[-1]
    with closing(sqlite3.connect(home / "journal.sqlite")) as journal, journal:  # noqa: TID251 - as if it had been killed
        journal.execute("DELETE FROM frames WHERE frame LIKE 'Quartz%' AND verdict = 'good'")
        journal.execute("UPDATE runs SET outcome = NULL")
    journal.close()
    resumed = resume_now(played, tmp_path)
    assert (resumed.outcome, len(resumed.frames)) == ("done", 4)
    adopted = resumed.frames[-1]
    assert (adopted.frame, adopted.exposure_no) == (taken.frame, taken.exposure_no)
    assert adopted.light.detail["exposure_s"] == fits.getheader(taken.files[0].path)["EXPTIME"]
    assert adopted.light.quality == "good"


def resume_now(played: Played, folder: Path) -> Any:
    """Resume a run in virtual time."""
    assert played.result is not None
    asked = ResumeRequest(played.result.run, observatory=folder / "stepping.yaml", home=folder / "home", speed="max")
    return asyncio.run(resume(asked, guarded=False))


def seen_adu(result: Any) -> float:
    """Return the counts of the last frame's brighter camera."""
    return max(brightest_adu(file.path) for file in result.frames[-1].files)


def test_lamps_are_struck_once_for_each_try(play_counts: Player) -> None:
    """Every trial goes over the restore, which strikes the lamp anew: the switch has as many strikes as tries."""
    played = play_counts(counting())
    assert played.result is not None
    strikes = sum(on for _, on in on_and_off(played, "Quartz"))
    assert strikes == 1 + len(played.result.trials) == 2


def test_a_saturated_image_is_tried_shorter(tmp_path: Path) -> None:
    """Where full well is reached only the direction is known: an eighth of the time, and then in proportion."""
    optics = {**OPTICS, "lamp_adu_per_s": 20_000.0}
    quality = {**SEEN["quality"], "full_well_adu": 60_000}
    path = written(tmp_path, quality=quality, options=optics)
    played = Player(tmp_path, path)(counting(counts=20_000, first=16, least=0.1, tries=4))
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    tried = [fits.getheader(trial.files[0].path)["EXPTIME"] for trial in played.result.trials]
    assert tried[:2] == [16.0, 2.0]
    assert max(brightest_adu(file.path) for file in played.result.frames[-1].files) == pytest.approx(20_000, rel=0.25)
