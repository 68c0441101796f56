"""Stopping a run from elsewhere, and what is refused while one is going on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import Result

from safelight.commands.output import complain
from safelight.engine import RunRefused
from safelight.engine.clock import wall_utc
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.run_list import newest_run

Inside = Callable[..., Result]


def lamp_events(home: Path, **wanted: str) -> list[dict[str, Any]]:
    """Return the lamp events of the journal that are as wanted."""
    journal = Journal(default_url(home), create=False)
    rows = journal.read(sa.select(tables.lamp_events).order_by(tables.lamp_events.c.id))
    journal.close()
    return [dict(row) for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_abort_from_elsewhere(inside: Inside, lamp_run: Callable[..., Any]) -> None:
    """`abort` waits until the run has ended, tells outcome, lamps and next step, and ends with 0."""
    run = lamp_run()
    name = run.wait_for("state.started", "expose", "Quartz-100s-001")["run"]
    told = inside("abort")
    assert told.exit_code == 0, told.output
    for words in (f"run {name}: aborted", "all 6 off", f"safelight resume {name}"):
        assert words in told.stdout
    assert run.end() == 4
    assert run.events[-1]["outcome"] == "aborted"
    assert "abort was requested by" in run.told


def test_pause_from_elsewhere(inside: Inside, lamp_run: Callable[..., Any]) -> None:
    """`pause` waits for the frame in progress, says so, and tells one object. That frame is on the disk.

    The exposure takes 10 s here: the request comes within it on a busy machine, too.
    """
    run = lamp_run("--speed", "10")
    name = run.wait_for("state.started", "expose", "Quartz-100s-001")["run"]
    told = inside("pause", name, "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["run"], found["outcome"]) == (name, "paused")
    assert set(found["lamps"].values()) == {"off"}
    assert "it is at: expose Quartz-100s-001" in told.stderr
    assert run.end() == 5
    assert [event["frame"] for event in run.events if event["event"] == "frame.taken"][-1] == "Quartz-100s-001"


def test_a_request_without_waiting(inside: Inside, going: Callable[..., Any]) -> None:
    """With --no-wait the request is left, and the run obeys it all the same."""
    run = going("run", "bias", "--speed", "50")
    run.wait_for("state.started", "expose", "bias-001")
    told = inside("abort", "--no-wait", "--json")
    assert told.exit_code == 0
    assert "outcome" not in json.loads(told.stdout)
    assert run.end() == 4


@pytest.mark.parametrize("word", ["pause", "abort"])
def test_nothing_to_stop_is_two(inside: Inside, word: str) -> None:
    """Where no run, or not that run, is running, a sentence says so and the exit code is 2."""
    inside("run", "bias", "--speed", "max")
    for words, says in (((word,), "no run is running"), ((word, "other"), "run other is not running")):
        refused = inside(*words)
        assert isinstance(refused.exception, RunRefused)
        assert says in str(refused.exception)
        assert complain(refused.exception) == 2


def test_a_late_request_does_not_stop_the_resume(inside: Inside, home: Path, faults: Callable[[str], Path]) -> None:
    """A request that came when the run had ended already is not obeyed by the next segment, and told as too late."""
    path = faults("- {device: spectrographs, verb: read_out, what: error, times: forever}\n")
    assert inside("run", "bias", "--speed", "max", "--faults", path).exit_code == 3
    journal = Journal(default_url(home))
    run = newest_run(journal)
    late = {"run": run, "time": wall_utc().isoformat(), "word": "abort", "who": "somebody"}
    journal.write(sa.insert(tables.control), late)
    journal.commit()
    journal.close()
    assert inside("resume", "--speed", "max").exit_code == 0
    assert "the run had ended before it saw that" in " ".join(inside("show").stdout.split())


def test_one_run_at_a_time(inside: Inside, home: Path, lamp_run: Callable[..., Any], tmp_path: Path) -> None:
    """While a run is going on, another one and work by hand are refused with who and since when. Off always works."""
    run = lamp_run()
    name = run.wait_for("state.started", "expose", "bias-001")["run"]
    for words in (
        ("run", "bias", "--speed", "max"),
        ("lamps", "on", "Neon"),
        ("point", "calibration"),
        ("fibsel", "P1-3"),
        ("expose", "0", "--flavour", "bias", "--frames", tmp_path / "f"),
        ("resume", name),
    ):
        refused = inside(*words)
        assert isinstance(refused.exception, RunRefused), words
        assert f"run {name} (process {run.pid} on " in str(refused.exception)
        assert ", since " in str(refused.exception)
        assert complain(refused.exception) == 2
    assert inside("lamps", "status").exit_code == 0
    assert inside("lamps", "off", "Neon").stdout == "Neon off\n"
    assert [event["run"] for event in lamp_events(home, who="hand")] == [name]
    assert "Neon read back as off" not in inside("show").stdout
    assert "by hand: safelight lamps off (" in inside("show").stdout
    assert inside("abort").exit_code == 0
    assert run.end() == 4


def test_abort_of_a_run_that_ends_unsafe_is_ten(
    inside: Inside, lamp_run: Callable[..., Any], faults: Callable[[str], Path]
) -> None:
    """A lamp that does not go off: `abort` ends with 10, and the run tells who goes on trying and what is next."""
    path = faults(
        "- {device: lamps.Quartz, verb: 'off', nth: 2, what: error, times: forever}\n"
        "- {device: lamps, verb: all_off, what: error, times: forever}\n"
    )
    run = lamp_run("--faults", str(path))
    run.wait_for("state.started", "expose", "Quartz-100s-001")
    told = inside("abort")
    assert told.exit_code == 10, told.output
    assert ": unsafe (" in told.stdout
    assert run.end() == 10
    (stays,) = (event for event in run.events if event["event"] == "guard.stays")
    assert stays["lamps"] == ["Quartz"]
    assert len(stays["pids"]) == 2
    assert f"The guards (processes {stays['pids'][0]} and {stays['pids'][1]}) keep trying" in run.told
    assert "once the lamps are off: `safelight resume" in run.told
    assert "Quartz NOT confirmed off" in " ".join(inside("show").stdout.split())
