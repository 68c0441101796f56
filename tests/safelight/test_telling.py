"""What `runs`, `show` and `guard status` tell of the past."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from safelight.devices import shipped_observatories
from safelight.engine import RunRefused
from safelight.engine.guard.status_files import GuardStatusFile
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.run_list import newest_run
from safelight.show.history.entry import HistoryEntry, folded
from safelight.show.history.lamp_history import lamp_on_times
from safelight.show.history.run_history import RunHistory, read_history
from safelight.show.history.timeline import history_entries
from safelight.text import lamps_in_words, spans, title_of

Inside = Callable[..., Result]

GOLDEN = Path(__file__).parents[1] / "golden"
TROUBLES = """
- {device: spectrographs, verb: read_out, nth: 2, what: error}
- {device: lamps.Neon, verb: status, nth: 12, what: error}
"""


@pytest.fixture
def troubled(inside: Inside, home: Path, faults: Callable[[str], Path]) -> RunHistory:
    """Return the chronicle of a run with a retry and a bad frame."""
    assert inside("run", "bias", "--speed", "max", "--faults", faults(TROUBLES)).exit_code == 0
    journal = Journal(default_url(home))
    try:
        return read_history(journal, str(newest_run(journal)))
    finally:
        journal.close()


def test_show_tells_troubles(inside: Inside, troubled: RunHistory) -> None:
    """A failure is reported with its error and what came of it, a bad frame with its reason."""
    told = " ".join(inside("show").stdout.split())
    (bad,) = troubled.not_good
    for words in (
        "bias on simulated: done, 7 of 7 frames",
        "read out bias-002 failed: spectrographs read_out: refused (a fault of the rehearsal); tried again",
        f"frame {bad['frame']} BAD: {bad['reason']}",
        f"frame {bad['frame']} good (try 2)",
        "6 lamps read back as off",
        "done; all lamps read back as off",
        "Complete",
    ):
        assert words in told


def test_show_json_is_complete(inside: Inside, troubled: RunHistory) -> None:
    """One object with everything that the journal knows of the run."""
    told = json.loads(inside("show", troubled.page.run, "--json").stdout)
    assert told["run"] == troubled.page.run
    assert (told["status"], told["frames_good"], told["missing"], told["owner"]) == ("done", 7, [], None)
    assert len(told["states"]) == len(troubled.states)
    assert {frame["verdict"] for frame in told["frames"]} == {"good", "bad"}
    assert all(len(frame["files"]) == 9 for frame in told["frames"] if frame["verdict"] == "good")
    assert told["moments"][0]["kind"] == "begun"
    assert told["moments"][-1]["kind"] == "ended"
    assert told["sequence_text"] == troubled.page.sequence_text


@pytest.mark.parametrize("words", [("show",), ("runs",), ("resume", "--dry-run")], ids=" ".join)
def test_tables_fit_the_paper(inside: Inside, home: Path, words: tuple[str, ...]) -> None:
    """No line of a table is wider than the paper."""
    home.mkdir()
    shutil.copy(GOLDEN / "v0001-killed-demo.sqlite", home / "journal.sqlite")
    told = inside(*words)
    assert told.exit_code == 0, told.output
    tables = [line for line in told.stdout.splitlines() if "/" not in line and "`" not in line]
    assert tables
    assert max(len(line) for line in tables) <= 110


def test_show_of_an_old_journal(inside: Inside, home: Path) -> None:
    """A run that an earlier version was killed in is reported as killed, with what is missing."""
    home.mkdir()
    shutil.copy(GOLDEN / "v0001-killed-demo.sqlite", home / "journal.sqlite")
    told = json.loads(inside("show", "--json").stdout)
    assert told["status"] == "killed"
    assert told["missing"]
    assert "killed" in [moment["kind"] for moment in told["moments"]]
    facts = " ".join(inside("show").stdout.split())
    assert f"requested {told['created'][:10]}" in facts
    assert "on-time Quartz" in facts


def test_show_of_nothing(inside: Inside) -> None:
    """Where nothing has been run, `runs` is empty, and `show` says that there is nothing."""
    assert json.loads(inside("runs", "--json").stdout) == {"runs": []}
    assert "nothing has been run here yet" in inside("runs").stderr
    assert "nothing has been run here yet" in str(inside("show").exception)
    inside("run", "bias", "--speed", "max")
    unknown = inside("show", "nope")
    assert isinstance(unknown.exception, RunRefused)
    assert "there is no run 'nope'" in str(unknown.exception)


def test_runs_newest_first(inside: Inside) -> None:
    """The newest run stands first, and --limit leaves the oldest out."""
    for _ in range(2):
        inside("run", "bias", "--speed", "max")
    found = json.loads(inside("runs", "--json").stdout)["runs"]
    assert [entry["frames"] for entry in found] == [7, 7]
    assert found[0]["created"] >= found[1]["created"]
    (newest,) = json.loads(inside("runs", "--limit", "1", "--json").stdout)["runs"]
    assert newest == found[0]
    assert newest["run"] in inside("runs").stdout


# ---- the order of things, with rows as a journal has them


def at(second: int) -> str:
    """Return a time of day."""
    return f"2026-01-02T03:00:{second:02}.000+00:00"


def segment(number: int, started: int, ended: int | None = None, outcome: str | None = None) -> dict[str, Any]:
    """Return a row of segments."""
    row = {"segment": number, "started": at(started), "ended": None if ended is None else at(ended)}
    return {**row, "host": "h", "pid": 1, "version": "0", "outcome": outcome, "reason": None, "lamps": {"Argon": "off"}}


def event(who: str, time: int, action: str, seen: str | None, why: str | None) -> dict[str, Any]:
    """Return a row of lamp events."""
    return {"lamp": "Argon", "who": who, "time": at(time), "action": action, "seen": seen, "why": why}


def state(name: str, began: int, ended: int | None, outcome: str | None = "done", attempt: int = 1) -> dict[str, Any]:
    """Return a row of states in the first segment."""
    kind, _, frame = name.partition("/")
    times = {"intended": at(began), "ended": None if ended is None else at(ended), "duration_s": 1.0}
    return {
        "segment": 1,
        "state": name,
        "kind": kind,
        "frame": frame,
        "attempt": attempt,
        "outcome": outcome,
        "error": "broken" if outcome == "failed" else None,
        **times,
    }


KILLED_IN_HURRIED_TIME = [
    event("runner", 10, "off", "off", "lamp-off/all"),
    event("runner", 20, "on", None, None),
    event("guard", 5, "off", "off", "the runner is gone"),
    event("guard", 6, "off", "off", "the runner is gone"),
]


def test_the_guard_acts_after_the_kill() -> None:
    """The guard's act comes once, after all that the run wrote, though an accelerated run's clock is far ahead."""
    states = [state("lamp-off/all", 9, 10), state("expose/Argon-1s-001", 30, None, None)]
    told = history_entries([segment(1, 0)], states, [], KILLED_IN_HURRIED_TIME, [], going_on=False)
    assert [moment.kind for moment in told] == ["begun", "lamps", "lamps", "broken-off", "killed", "lamps"]
    assert told[-1].words == "Argon off after 10 s, by the guard (the runner is gone)"
    (burning,) = lamp_on_times([segment(1, 0)], states, KILLED_IN_HURRIED_TIME)
    assert (burning.seconds, burning.put_out_by) == (10.0, "guard")


def test_nothing_is_told_after_the_kill() -> None:
    """A frame that was written down a moment after its readout stands before the kill."""
    states = [state("readout/bias-001", 3, 4)]
    files = {"segment": 1, "frame": "bias-001", "attempt": 1, "exposure_no": 1, "verdict": "good", "reason": None}
    told = history_entries([segment(1, 0)], states, [{**files, "kept": at(5)}], [], [], going_on=False)
    assert [moment.kind for moment in told] == ["begun", "frame", "killed"]


def test_a_lamp_that_nobody_saw_off_burns_on() -> None:
    """Without a read-back as off a lamp counts as burning, and an unconfirmed one is told."""
    events = [event("runner", 2, "on", None, None), event("runner", 9, "off", "unknown", "safing")]
    (burning,) = lamp_on_times([segment(1, 0, 9, "unsafe")], [], events)
    assert (burning.until, burning.seconds) == (None, None)
    told = history_entries([segment(1, 0, 9, "unsafe")], [], [], events, [], going_on=False)
    assert "Argon NOT confirmed off, read back as UNKNOWN" in [moment.words for moment in told]


def test_requests_stand_before_what_they_ended() -> None:
    """An abort is reported after the last state that began before it, and before the end of its segment."""
    states = [state("expose/bias-001", 30, 40, "stopped")]
    request = {"word": "abort", "who": "max", "time": at(2), "obeyed": at(3)}
    told = history_entries([segment(1, 0, 41, "aborted")], states, [], [], [request], going_on=False)
    assert [moment.kind for moment in told] == ["begun", "stop", "broken-off", "ended"]


def test_failures_know_what_came_of_them() -> None:
    """A failure that a later try follows was tried again, the last one was given up. Equal ones are folded."""
    states = [
        state("expose/bias-001", 1, 2, "failed"),
        state("expose/bias-001", 3, 4, "failed", 2),
        state("expose/bias-001", 5, 6, "failed", 3),
    ]
    told = history_entries([segment(1, 0, 7, "faulted")], states, [], [], [], going_on=False)
    failures = [moment for moment in told if moment.kind == "failure"]
    assert [moment.facts["again"] for moment in failures] == [True, True, False]
    words = [moment.words for moment in folded(told)]
    assert "expose bias-001 failed 2 times: broken; tried again each time" in words
    assert "expose bias-001 (try 3) failed: broken; given up" in words


def test_frames_are_folded_by_family() -> None:
    """Hundreds of good frames are two lines. One that took two tries has a line of its own."""

    def frame(name: str, attempt: int = 1) -> HistoryEntry:
        facts = {"frame": name, "verdict": "good", "attempt": attempt, "reason": None}
        return HistoryEntry(at(0), 1, "frame", f"frame {name} good", facts=facts)

    taken = [frame(f"bias-{number:03}") for number in range(1, 301)]
    taken += [frame("dark-9s-001"), frame("dark-9s-002", 2), frame("dark-9s-003")]
    words = [moment.words for moment in folded(taken)]
    assert words[0] == "300 frames bias-001 … bias-300 good"
    assert len(words) == 4


def test_spans_and_lamps_in_words() -> None:
    """Frames that follow each other are a span. Lamps that are not off are named."""
    assert spans(["a-001", "a-002", "a-004", "b-005"]) == ["a-001 … a-002", "a-004", "b-005"]
    assert lamps_in_words({"Argon": "off", "Neon": "on"}) == "Neon ON"
    assert lamps_in_words({"Argon": "off"}) == "Argon off"
    assert lamps_in_words({"Argon": "off", "Neon": "off"}) == "both off"
    assert lamps_in_words(dict.fromkeys(("Argon", "Neon", "Xenon"), "off")) == "all 3 off"


# ---- guards


def test_nobody_watches(inside: Inside) -> None:
    """Without a guard it is said that nobody watches."""
    told = inside("guard", "status")
    assert (told.exit_code, told.stdout) == (0, "no guard is running here\n")
    assert json.loads(inside("guard", "status", "--json").stdout) == {"guards": [], "unsafe": False, "undelivered": []}


def test_an_unsafe_guard_is_ten(inside: Inside, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that can't get a lamp off is shown with the lamp and the reason, and makes the exit code 10."""
    monkeypatch.setattr("safelight.engine.guard.status_files.process_runs", lambda pid, module: pid == os.getpid())  # noqa: ARG005
    book = GuardStatusFile(home, "a-run")
    book.say("unsafe", {"Neon": 60.0}, lamps={"Neon": "unknown", "Argon": "off"}, why="the runner is gone")
    told = inside("guard", "status")
    assert told.exit_code == 10
    for words in ("a-run", "UNSAFE", "Neon read back as unknown (the runner is gone)"):
        assert words in " ".join(told.stdout.split())
    assert json.loads(inside("guard", "status", "--json").stdout)["unsafe"] is True
    book.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ready/ThAr-2s-001", "check ThAr-2s-001"),
        ("readout/bias-001", "read out bias-001"),
        ("lamp-warmup/LDLS-90s-001", "warm-up for LDLS-90s-001"),
        ("fibsel-step/Quartz-120s-001/03-P1-12", "mask to P1-12 in Quartz-120s-001"),
        ("lamp-off/all", "all lamps off"),
        ("safing", "all lamps off"),
        ("park", "park"),
    ],
)
def test_states_are_named_in_words(name: str, words: str) -> None:
    """What a state does is told in words where only its name is known, the same in every place."""
    assert title_of(name) == words


def test_nothing_is_told_of_telescopes_where_there_are_none(inside: Inside, home: Path, tmp_path: Path) -> None:
    """A run on an observatory without telescopes is told without a word of pointing, in `show` and in its report."""
    plain = yaml.safe_load(shipped_observatories()["simulated"].read_text())
    path = tmp_path / "lamps-only.yaml"
    path.write_text(yaml.safe_dump({key: plain[key] for key in ("name", "lamps", "spectrographs")}))
    inside("run", "bias", "--observatory", str(path), "--speed", "max", "--quiet")
    shown = inside("show")
    assert "set-ups during readouts" in shown.stdout
    assert "pointing" not in shown.stdout.replace(str(tmp_path), "")
    report = tmp_path / "report.md"
    told = inside("report", "-o", str(report))
    assert told.exit_code == 0, told.stderr
    text = report.read_text()
    assert "| pointing" not in text
    assert "park at the end" not in text
    assert "slews are planned" not in text
