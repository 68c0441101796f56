"""Who has asked for what: in the journal, in the log, and told to whoever asks later. And how much is told at all."""

import getpass
import json
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from safelight.engine import look_back
from safelight.engine.records.event_log import _KEPT_RUNS, RunLog, log_lines, log_path
from safelight.engine.requester import in_one_line, requester_name

Inside = Callable[..., Result]
FAULTS = "- {device: spectrographs, verb: read_out, nth: 1, what: error}\n"


def flat(told: str) -> str:
    """Without the folds of a table."""
    return " ".join(told.split())


def logged(home: Path, run: str, event: str) -> dict[str, Any]:
    """Return what the log has of the only such event."""
    (found,) = (one for one in log_lines(home, run) if one["event"] == event)
    return dict(found)


def test_an_asker_is_named() -> None:
    """By which way, from where, who, on which machine and in which process."""
    here = rf"{getpass.getuser()}@{re.escape(socket.gethostname())}, process \d+"
    assert re.fullmatch(rf"the command line \({here}\)", requester_name("the command line"))
    assert re.fullmatch(
        rf"the web page \(from 127\.0\.0\.1; {here}\)", requester_name("the web page", where="127.0.0.1")
    )


def test_names_of_people_are_one_clean_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a user is called: one line of some letters, that steers no terminal."""
    monkeypatch.setenv("LOGNAME", "a\n\x1b[2J\u202eb" + "c" * 500)
    named = requester_name("x")
    assert named.isprintable()
    assert len(named) < 300
    assert in_one_line("\x00\n") == "\N{REPLACEMENT CHARACTER}"
    assert in_one_line(" ") == "somebody"


def test_the_start_and_the_resume_are_told_with_who_wanted_them(inside: Inside, home: Path, tmp_path: Path) -> None:
    """`--asked-by` or the command line itself: journaled with each segment, logged, shown, and in the report."""
    fault = tmp_path / "faults.yaml"
    fault.write_text("- {device: spectrographs, verb: read_out, what: error, times: forever}\n")
    assert (
        inside("run", "bias", "--speed", "max", "--faults", fault, "--asked-by", "the night\nschedule").exit_code == 3
    )
    assert inside("resume", "--speed", "max").exit_code == 0
    told = look_back(home=home)
    assert [(row["word"], row["who"].partition(" (")[0]) for row in told.requests] == [
        ("start", "the night schedule"),
        ("resume", "the command line"),
    ]
    begun = [moment.words for moment in told.moments if moment.kind == "begun"]
    assert begun[0].endswith("; requested by the night schedule")
    assert "; requested by the command line (" in begun[1]
    assert "requested by the night schedule" in flat(inside("show").stdout)
    assert "the night schedule" in inside("report", "--format", "md").stdout
    started = [one for one in log_lines(home, told.page.run) if one["event"] == "run.started"]
    assert started[0]["asked_by"] == "the night schedule"


def test_an_abort_is_told_with_who_wanted_it(inside: Inside, home: Path, lamp_run: Callable[..., Any]) -> None:
    """From the command line: the reason of the ending, the request and the log name the user and the process."""
    run = lamp_run()
    name = run.wait_for("state.started", "expose", "Quartz-100s-001")["run"]
    assert inside("abort").exit_code == 0
    assert run.end() == 4
    who = f"by the command line ({getpass.getuser()}@"
    assert f"abort requested {who}" in flat(inside("show").stdout)
    assert f"abort was requested {who}" in run.events[-1]["reason"]
    assert who in logged(home, name, "stop.requested")["reason"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_told_by_its_name(
    inside: Inside, home: Path, lamp_run: Callable[..., Any], number: signal.Signals
) -> None:
    """Which signal has ended a run stands in the journal, in the log, and in what `show` tells."""
    run = lamp_run()
    name = run.wait_for("state.started", "expose", "bias-001")["run"]
    run.process.send_signal(number)
    assert run.end() == 4
    called = "Ctrl-C" if number is signal.SIGINT else number.name
    assert f"aborted: {called}; all lamps read back as off" in flat(inside("show").stdout)
    assert logged(home, name, "stop.requested")["reason"] == called


def test_lamps_switched_off_by_hand_are_told_with_who_did(
    inside: Inside, home: Path, lamp_run: Callable[..., Any]
) -> None:
    """A lamp that somebody puts out while a run goes on: the run's story names the command and the user."""
    run = lamp_run()
    run.wait_for("state.started", "expose", "Quartz-100s-001")
    inside("lamps", "off", "Quartz")
    inside("abort")
    # On a busy machine the run may find its lamp off three times before the abort comes.
    assert run.end() in {3, 4}
    assert f"by hand: safelight lamps off ({getpass.getuser()}@" in flat(inside("show").stdout)


# ---- how much is told


def test_a_log_leaves_out_what_matters_less(inside: Inside, home: Path, faults: Callable[[str], Path]) -> None:
    """`--log-level warning` writes no less than a warning. Without it the log has everything."""
    path = faults(FAULTS)
    for level in ("warning", "debug"):
        assert inside("run", "bias", "--speed", "max", "--faults", path, "--log-level", level).exit_code == 0
        levels = {one["level"] for one in log_lines(home, look_back(home=home).page.run)}
        assert levels == ({"warning"} if level == "warning" else {"debug", "info", "warning"})


def test_quiet_tells_troubles_and_the_end(inside: Inside, faults: Callable[[str], Path]) -> None:
    """With `--quiet` people hear of what failed and how it ended, with `--verbose` of every long state as well."""
    path = faults(FAULTS)
    quiet = inside("run", "bias", "--speed", "max", "--faults", path, "--quiet").stderr
    assert "read out bias-001 failed" in quiet
    assert "done: 7 of 7 frames" in quiet
    assert "all 6 read back as off" in quiet
    assert "is on disk" not in quiet
    verbose = inside("run", "bias", "--speed", "max", "--faults", path, "--verbose").stderr
    assert "expose bias-002" in verbose
    assert "is on disk" in verbose


def test_quiet_and_verbose_at_once_are_refused(inside: Inside, home: Path) -> None:
    """Nothing is begun where both are said."""
    assert inside("run", "bias", "--speed", "max", "-q", "-v").exit_code != 0
    assert not (home / "journal.sqlite").exists()


def test_events_are_whole_lines_of_json(inside: Inside, home: Path) -> None:
    """Each line of a log is one object with level, event, time and run, in the order in which they happened."""
    inside("run", "bias", "--speed", "max")
    run = look_back(home=home).page.run
    lines = [json.loads(line) for line in log_path(home, run).read_text(encoding="ascii").splitlines()]
    assert all({"level", "event", "time", "run"} <= line.keys() for line in lines)
    assert (lines[0]["event"], lines[-1]["event"]) == ("run.started", "run.finished")
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_the_oldest_logs_are_forgotten(tmp_path: Path) -> None:
    """Of very many runs the newest keep their logs. The parts of a forgotten one go with it, other files stay."""
    folder = log_path(tmp_path, "x").parent
    folder.mkdir()
    for number in range(_KEPT_RUNS + 5):
        (folder / f"2026-{number:04}.jsonl").write_text("{}\n")
    (folder / "2026-0000.jsonl.1").write_text("{}\n")
    (folder / "web-1.log").write_text("x")
    log = RunLog(log_path(tmp_path, "2027-new"))
    log({"event": "frame.taken", "time": "2027-01-01T00:00:00+00:00", "run": "2027-new"})
    log.close()
    left = sorted(file.name for file in folder.iterdir())
    assert len(left) == _KEPT_RUNS + 2
    assert left[0] == "2026-0005.jsonl"
    assert {"2027-new.jsonl", "web-1.log"} <= set(left)
