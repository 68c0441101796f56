"""What the page is told of a run, and of lamps: values made from journals, without server and browser."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from safelight.devices import load_observatory
from safelight.engine import Request, VirtualClock, perform
from safelight.engine.clock import Clock
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.lock import Owner
from safelight.show.history.run_history import read_history
from safelight.web.frame_picture import NoPicture, frame_file, frame_picture
from safelight.web.lamp_watch import LampView, LampWatch, _seen
from safelight.web.run_view import RunView, run_view
from safelight.web.timeline import _folded, timeline_of_run

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Iterator[tuple[Journal, str, Path]]:
    """Yield a run of two biases and a flat that is done, in virtual time."""
    home = tmp_path_factory.mktemp("done")
    document = {"name": "two", "biases": {"count": 2}, "lamps": {"Quartz": {"warmup": 20, "exposure_time": 5}}}
    request = Request(sequence=document, observatory=small, home=home, frames=home / "frames")
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    journal = Journal(default_url(home), create=False)
    yield journal, result.run, home
    journal.close()


@pytest.fixture(scope="module")
def account(done: tuple[Journal, str, Path]) -> RunView:
    """Return what the page is told of it."""
    return run_view(read_history(done[0], done[1]), None, 100.0, 1.0)


def test_a_run_that_is_done_is_told_as_done(account: RunView) -> None:
    """Every block has all its frames, nothing is left, and it can't be resumed."""
    facts = account.facts
    blocks = [(block["name"], block["good"], block["state"]) for block in facts["blocks"]]
    assert blocks == [("bias", 2, "done"), ("Quartz-5s", 1, "done")]
    assert (facts["status"], facts["resumable"], facts["running"]) == ("done", False, False)
    assert account.now(200.0)["active"] == []
    assert json.dumps(facts)


def test_the_outlook_is_the_plan_that_was_walked(account: RunView) -> None:
    """Each state of the journal is found in the plan that is made again from it, so that the time left is known."""
    walked = {row["state"] for row in account.story.states}
    assert walked <= set(account.outlook.slots)
    assert all(words != state for state in walked if (words := account.outlook.words(state)))


def test_time_left_counts_down_and_never_below_zero(account: RunView) -> None:
    """In the middle of a state what remains of it is counted. What is overdue adds nothing."""
    outlook = account.outlook
    state = "expose/Quartz-5s-001"
    slot = outlook.slots[state]
    rest_s = outlook.total_s - slot.end_s
    assert outlook.left_s({state: 2.0}, 0.0) == pytest.approx(slot.duration_s - 2.0 + rest_s)
    assert outlook.left_s({state: 9999.0}, 0.0) == pytest.approx(rest_s)
    assert outlook.left_s({}, outlook.total_s + 50) == 0.0


def test_the_timeline_has_a_lane_for_each_lamp_that_burnt(account: RunView) -> None:
    """From the command to the read-back. A finished run has no bar without an end."""
    lanes = {lane["name"]: lane["bars"] for lane in account.facts["timeline"]["lanes"]}
    assert len(lanes["lamp Quartz"]) == 1
    assert all(bar["to"] >= bar["from"] for bars in lanes.values() for bar in bars)


def test_what_is_still_to_come_is_drawn_where_it_will_be(account: RunView) -> None:
    """Of a run that is 100 s late, everything that is planned stands 100 s later, and nothing of it in the past."""
    story, outlook = account.story, account.outlook
    began = story.segments[-1]["started"]
    at_work = next(row for row in story.states if row["kind"] == "lamp-warmup")
    late = datetime.fromisoformat(began) + timedelta(seconds=outlook.slots[at_work["state"]].start_s + 100)
    states = (*story.states[: at_work["number"] - 1], {**at_work, "intended": late.isoformat(), "ended": None})
    segments = ({**story.segments[0], "ended": None, "outcome": None},)
    owner = Owner("small", story.page.run, "host", 1, "now", began, began)
    going = replace(story, owner=owner, states=states, segments=segments, lamp_events=())
    lanes = timeline_of_run(going, outlook)["lanes"]
    planned = {bar["words"]: bar for lane in lanes for bar in lane["bars"] if bar["how"] == "planned"}
    slot = outlook.slots["expose/Quartz-5s-001"]
    assert planned["expose Quartz-5s-001"]["from"] == pytest.approx(slot.start_s + 100, abs=0.5)
    now_s = outlook.slots[at_work["state"]].start_s + 100
    assert all(bar["from"] >= now_s for bar in planned.values())


def test_the_log_tells_states_and_frames_in_order(account: RunView) -> None:
    """A state's end, the frame that came of it, the lamps, the ending."""
    log = account.facts["log"]
    words = [line["words"] for line in log]
    assert words[0].startswith("begun on")
    assert words[-1] == "done; all lamps read back as off"
    assert words.index("frame bias-001 good") < words.index("frame bias-002 good")
    assert any(line["kind"] == "state" and line["words"].startswith("expose bias-001: done in") for line in log)


def test_a_thousand_short_bars_are_drawn_as_few() -> None:
    """What could not be told apart is folded. A failure among it stays in sight."""
    bars: list[dict[str, Any]] = [{"from": i, "to": i + 0.9, "how": "done", "words": "x"} for i in range(1000)]
    bars[500]["how"] = "failed"
    found = _folded(bars, 50.0)
    assert len(found) < 50
    assert [bar["from"] for bar in found if bar["how"] == "failed"] == [500]


def test_frames_are_found_by_the_journal_only(done: tuple[Journal, str, Path], tmp_path: Path) -> None:
    """A number that the journal does not know, or a file outside of the run's folder, is not shown."""
    journal, run, home = done
    assert frame_file(journal, run, 1, 0).is_relative_to(home / "frames")
    for number, index in ((99, 0), (1, 99), (1, -1)):
        with pytest.raises(NoPicture):
            frame_file(journal, run, number, index)
    path = frame_file(journal, run, 2, 0)
    outside = tmp_path / "secret.fits"
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(NoPicture, match="outside"):
        frame_file(journal, run, 2, 0)
    path.unlink()
    # Who opens it waits for ever.
    os.mkfifo(path)
    with pytest.raises(NoPicture, match="gone"):
        frame_file(journal, run, 2, 0)


def test_a_frame_is_drawn_with_its_lines_in_the_spectrum(tmp_path: Path) -> None:
    """A real detector's picture becomes a small PNG, and the lines of its traces stand in the spectrum."""
    image = np.full((4080, 4120), 1000, dtype=np.uint16)
    image[1000:1400, 2060:2070] += 500
    path = tmp_path / "frame.fits"
    fits.writeto(path, image)
    found = frame_picture(path)
    assert found.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(found.png[16:20], "big") <= 640
    assert abs(int(np.argmax(found.spectrum)) / len(found.spectrum) - 0.5) < 0.01
    path.write_bytes(b"no FITS")
    with pytest.raises(NoPicture):
        frame_picture(path)


def test_odd_images_are_drawn_or_refused(tmp_path: Path) -> None:
    """A single row, a single column, pixels that are no number: drawn as far as there is something to draw."""
    path = tmp_path / "frame.fits"
    for shape in ((1, 5000), (5000, 1), (1, 1)):
        fits.writeto(path, np.ones(shape, dtype=np.float32), overwrite=True)
        assert frame_picture(path).png.startswith(b"\x89PNG")
    image = np.ones((50, 60), dtype=np.float32)
    image[10] = np.nan
    image[20] = np.inf
    fits.writeto(path, image, overwrite=True)
    assert np.isfinite(frame_picture(path).spectrum).all()
    fits.writeto(path, image * np.nan, overwrite=True)
    with pytest.raises(NoPicture, match="no number"):
        frame_picture(path)


def test_a_reading_that_failed_keeps_what_was_seen_last() -> None:
    """Unknown is shown as unknown, beside the last state and its time. Since when is counted from the change."""
    first = _seen("on", None, None, NOON)
    later = _seen("on", first, None, NOON + timedelta(seconds=5))
    lost = _seen("unknown", later, None, NOON + timedelta(seconds=9))
    assert (first.exact, later.since) == (False, NOON)
    assert lost == LampView("unknown", NOON + timedelta(seconds=9), True, ("on", NOON + timedelta(seconds=5)))
    assert _seen("off", lost, None, NOON + timedelta(seconds=12)).since == NOON + timedelta(seconds=12)


def test_lamps_that_were_never_read_are_unknown(tmp_path: Path) -> None:
    """A watch that has not begun has no reading, and the limit allows for a slow one."""
    watch = LampWatch(load_observatory("simulated"), tmp_path, Clock())
    assert watch.reading is None
    assert watch.limit_s > watch.every_s
