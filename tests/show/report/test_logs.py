"""Logs of runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from safelight.engine.records.event_log import RunLog, level_of, log_lines, log_path, run_log


def event(name: str, **facts: Any) -> dict[str, Any]:
    """Return an event as a run tells it."""
    return {"event": name, "time": "2026-01-01T03:00:00+00:00", "run": "r", **facts}


@pytest.mark.parametrize(
    ("told", "level"),
    [
        (event("state.started"), "debug"),
        (event("frame.taken"), "info"),
        (event("state.failed", retry_in_s=1.0), "warning"),
        (event("state.failed", retry_in_s=None), "error"),
        (event("safing.lamp", seen="off"), "info"),
        (event("safing.lamp", seen="unknown"), "error"),
        (event("run.finished", outcome="done"), "info"),
        (event("run.finished", outcome="paused"), "warning"),
        (event("run.finished", outcome="unsafe"), "error"),
        (event("something.new"), "info"),
    ],
)
def test_levels(told: dict[str, Any], level: str) -> None:
    """What a person must know is a warning or an error, what only tells the way is for debugging."""
    assert level_of(told) == level


def test_a_run_is_logged_with_its_resume(ran: Any) -> None:
    """Both segments are in one file, whole: two beginnings, two ends, every failure."""
    events = list(log_lines(ran.home, ran.first.run))
    names = [one["event"] for one in events]
    assert names.count("run.started") == names.count("run.finished") == 2
    assert [one["outcome"] for one in events if one["event"] == "run.finished"] == ["faulted", "done"]
    bad = [one["event"] for one in log_lines(ran.home, ran.first.run, "error")]
    assert bad == ["state.failed", "run.finished"]


def test_a_log_is_bounded(tmp_path: Path) -> None:
    """However much is told, the parts of a log stay below their size and are few. The newest is kept."""
    path = log_path(tmp_path, "r")
    log = RunLog(path, largest_bytes=1000)
    for number in range(500):
        log(event("frame.taken", number=number))
    log.close()
    parts = sorted(path.parent.iterdir())
    assert len(parts) == 4
    assert all(part.stat().st_size <= 1000 for part in parts)
    numbers = [one["number"] for one in log_lines(tmp_path, "r")]
    assert numbers == list(range(numbers[0], 500))


def test_levels_can_be_left_out(tmp_path: Path) -> None:
    """A log of warnings has no less."""
    with run_log(tmp_path, "r", "warning") as log:
        log(event("state.started"))
        log(event("frame.bad"))
    assert [one["event"] for one in log_lines(tmp_path, "r")] == ["frame.bad"]


def test_a_log_that_can_not_be_written_is_the_announcers_business(tmp_path: Path) -> None:
    """Where a file stands in the way, the listener raises, and closing it is no error."""
    (tmp_path / "logs").write_text("in the way")
    with run_log(tmp_path, "r") as log, pytest.raises(OSError, match="logs"):
        log(event("frame.taken"))


def test_cut_lines_are_passed_over(tmp_path: Path) -> None:
    """A line that a crash has cut, and one that another program wrote, are no error."""
    path = log_path(tmp_path, "r")
    path.parent.mkdir()
    path.write_text("3\n{}\n" + json.dumps(event("frame.taken", level="info")) + '\n{"event": "fra')
    assert [one["event"] for one in log_lines(tmp_path, "r")] == ["frame.taken"]
