import asyncio
import io
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from safelight.devices.simulated.faults import Fault
from safelight.engine import Plan, Request, Runner, RunResult, perform, plan_of
from safelight.engine.background_listener import BackgroundListener
from safelight.engine.planning.compiler import Options
from safelight.engine.planning.plan import make_plan
from safelight.show.console import SafeConsole
from safelight.show.progress.live_state import LiveState
from safelight.show.progress.messages import ProgressMessage, alarm, message_for, summary
from safelight.show.progress.plain import PlainDisplay
from safelight.show.progress.progress import Progress, progress_for
from safelight.show.progress.terminal import LiveDisplay
from safelight.states import Adopt
from safelight.text import brief, clock_face

START = datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def told(event: str, seconds: float, **facts: Any) -> dict[str, Any]:
    """Return an event as a run tells it."""
    return {"event": event, "time": at(seconds).isoformat(), "run": "r", **facts}


def followed(progress: Progress, runner: Runner) -> None:
    """Join progress to a run, as the public API does."""
    progress.follow(runner.graph, runner.instrument.clock, runner.observatory.lamps)


def started(plan: Plan) -> dict[str, Any]:
    """Return the first event of a run."""
    return told(
        "run.started",
        0,
        sequence="normal",
        observatory="simulated",
        folder="/f",
        frames_asked=len(plan.graph.exposures),
        total_s=plan.total_s,
    )


def state(plan: Plan, name: str, seconds: float, verb: str = "started", **facts: Any) -> dict[str, Any]:
    """Return an event of one state."""
    one = plan.graph.by_id[name]
    facts = {"attempt": 1, "expected_s": one.expected_s, **facts}
    return told(f"state.{verb}", seconds, state=name, kind=one.kind, frame=one.frame, **facts)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Return the plan of `normal`."""
    return plan_of(Request("normal"))


@pytest.fixture
def picture(plan: Plan) -> LiveState:
    """Return a run of `normal` that has just begun."""
    picture = LiveState()
    picture.know(plan.graph, 0.2, 0.2)
    picture.hear(started(plan))
    return picture


def run_with(
    tmp_path: Path, stream: io.StringIO, faults: tuple[Fault, ...] = (), sequence: str = "demo"
) -> tuple[RunResult, str]:
    """Return a run in virtual time and what it showed on a stream."""
    request = Request(sequence, home=tmp_path / "home", frames=tmp_path / "frames", speed="max", faults=faults)
    with progress_for(True, stream) as progress:
        assert progress is not None
        work = perform(request, listeners=progress.listeners, on_start=partial(followed, progress), guarded=False)
        result = asyncio.run(work)
    return result, stream.getvalue()


# ---- the picture


def test_time_left_follows_the_plan(plan: Plan, picture: LiveState) -> None:
    """On time, elapsed and left add up to the plan's total at every beginning of a state."""
    for slot in plan.schedule.slots:
        picture.hear(state(plan, slot.state.id, slot.start_s))
        now = at(slot.start_s)
        assert picture.elapsed_s(now) + picture.left_s(now) == pytest.approx(plan.total_s, abs=1e-6)
        picture.hear(state(plan, slot.state.id, slot.end_s, "ended"))


def test_time_left_grows_with_delay(plan: Plan, picture: LiveState) -> None:
    """A state that begins late, or lasts too long, moves the end."""
    slot = next(slot for slot in plan.schedule.slots if slot.state.id == "expose/LDLS-90s-001")
    picture.hear(state(plan, slot.state.id, slot.start_s + 30))
    on_time = plan.total_s - slot.start_s
    assert picture.left_s(at(slot.start_s + 30)) == pytest.approx(on_time)
    overdue = at(slot.start_s + 30 + slot.duration_s + 50)
    assert picture.left_s(overdue) == pytest.approx(plan.total_s - slot.end_s)


@pytest.mark.parametrize(
    ("began_s", "words", "seconds"),
    [
        (-300.0, "integrates already: wait for the rest of it, 10 min 00 s of 15 min 00 s", 300.0),
        (-1000.0, "already", 1000.0),
    ],
    ids=["integrates", "has ended"],
)
def test_adopting_is_shown(began_s: float, words: str, seconds: float) -> None:
    """Waiting for an exposure that outlived its runner is said at once, with what is left, and has a bar."""
    asked = plan_of(Request({"name": "d", "darks": {"count": 1, "exposure_time": 900}}))
    pending = Adopt(asked.graph.exposures[0], exposure_no=1, attempt=1, started=at(began_s).isoformat())
    plan = make_plan(asked.document, asked.observatory, Options(pending=pending))
    picture = LiveState()
    picture.know(plan.graph, 0.2, 0.2)
    event = state(plan, "adopt/dark-900s-001", 0)
    picture.hear(started(plan))
    picture.hear(event)
    line = message_for(event, picture)
    assert line is not None
    assert line.text.startswith("take over dark-900s-001, which ")
    assert words in line.text
    (active,) = picture.active(at(0))
    assert (active.seconds, active.expected_s) == (seconds, 900.0)
    assert picture.left_s(at(0)) < plan.total_s


def test_lit_lamps(plan: Plan, picture: LiveState) -> None:
    """A lamp counts as lit from the beginning of its warm-up until it is read back as off, and no less."""
    picture.hear(state(plan, "lamp-warmup/LDLS-90s-001", 10))
    assert picture.lit == {"LDLS": at(10)}
    picture.hear(state(plan, "lamp-warmup/LDLS-90s-001", 12, "failed", error="no answer", retry_in_s=1.0))
    assert picture.lit == {"LDLS": at(10)}
    picture.hear(state(plan, "lamp-off/LDLS-90s-001", 400))
    assert "LDLS" in picture.lit
    picture.hear(state(plan, "lamp-off/LDLS-90s-001", 401, "ended"))
    assert picture.lit == {}


def test_retry_takes_the_whole_scope_back(plan: Plan, picture: LiveState) -> None:
    """What was at work beside a failed state is no longer shown after the retry."""
    picture.hear(state(plan, "expose/Quartz-270s-001", 0))
    picture.hear(state(plan, "fibsel-step/Quartz-270s-001/01-P1-2", 0))
    picture.hear(state(plan, "expose/Quartz-270s-001", 5, "failed", error="broken", retry_in_s=1.0))
    picture.hear(told("state.retried", 6, state="frame/Quartz-270s-001", attempt=2))
    assert picture.active(at(6)) == []
    assert list(picture.troubles) == ["expose Quartz-270s-001: broken"]


def test_unknown_events_are_passed_over(picture: LiveState) -> None:
    """An event of a later version changes nothing, and a trouble among them is told."""
    event = told("rotator.lost", 1, pid=7, reason="killed")
    picture.hear(event)
    assert message_for(event, picture) == ProgressMessage("rotator.lost: killed", "warning", "03:00:01")
    assert message_for(told("rotator.started", 1), picture) is None


# ---- words


@pytest.mark.parametrize(
    ("seconds", "face", "words"),
    [
        (0.2, "0:00:00", "0.2 s"),
        (55.0, "0:00:55", "55 s"),
        (302.2, "0:05:02", "5 min 02 s"),
        (9_000.0, "2:30:00", "2 h 30 min"),
    ],
)
def test_times_in_words(seconds: float, face: str, words: str) -> None:
    """Times are read at a glance."""
    assert clock_face(seconds) == face
    assert brief(seconds) == words


def test_alarm_names_lamp_reading_and_remedy() -> None:
    """Whoever is shouted at learns which lamp, what was read, and what to do by hand."""
    text = "\n".join(alarm({"Argon": "off", "Neon": "on", "LDLS": "unknown"}, {"LDLS": "status: no answer"}))
    assert "Neon and LDLS are NOT confirmed off" in text
    assert "Neon: read back as ON" in text
    assert "LDLS: read back as UNKNOWN (status: no answer)" in text
    assert "by hand" in text
    assert "Argon" not in text
    assert alarm({"Argon": "off"}, {}) == []


def test_summary_tells_the_reason() -> None:
    """The end says outcome, frames, bad frames, lamps, reason and folder."""
    end = told(
        "run.finished",
        9,
        outcome="faulted",
        frames=1,
        frames_asked=4,
        bad_frames=2,
        lamps={"Argon": "off"},
        elapsed_s=61.0,
        folder="/f/r",
        reason="the mask is stuck",
    )
    text = "\n".join(line.text for line in summary(end))
    assert "faulted: 1 of 4 frames in 0:01:01" in text
    for words in ("the mask is stuck", "2 frames", "read back as off", "/f/r"):
        assert words in text


# ---- displays


def test_lines_of_a_run(tmp_path: Path) -> None:
    """Without a terminal a run is told in plain lines: states, frames, and the end."""
    result, text = run_with(tmp_path, io.StringIO())
    assert result.outcome == "done"
    for words in ("demo on simulated: 2 frames", "warm up Quartz", "frame bias-001 is on disk", "done: 2 of 2 frames"):
        assert words in text
    assert "\033" not in text


def test_lines_of_a_wait(tmp_path: Path) -> None:
    """A wait that a sequence requests is told, so that nobody wonders for minutes what goes on."""
    document = tmp_path / "ghosts.yaml"
    document.write_text("steps: [{biases: {count: 1}}, {wait: 300}, {darks: {exposure_time: 10}}]")
    _, lines = run_with(tmp_path, io.StringIO(), sequence=str(document))
    assert lines.count("wait 300 s, lamps off\n") == 1


def test_lines_tell_failures(tmp_path: Path) -> None:
    """A failure and the try after it are told."""
    fault = Fault.model_validate({"device": "spectrographs", "verb": "read_out", "nth": 1, "what": "error"})
    result, text = run_with(tmp_path, io.StringIO(), (fault,), "bias")
    assert result.outcome == "done"
    assert "read out bias-001 failed:" in text
    assert "trying again in" in text
    assert "try 2" in text


def test_unsafe_is_loud() -> None:
    """A lamp that can't be confirmed off rings the bell and is named in a frame of exclamation marks."""
    shown = io.StringIO()
    PlainDisplay(lambda line: print(line, file=shown)).shout(alarm({"Quartz": "on"}, {}))
    assert shown.getvalue().startswith("\a!!!!")
    assert "Quartz" in shown.getvalue()


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_live_display_fits(plan: Plan, picture: LiveState, width: int) -> None:
    """On any terminal the live picture shows run, states, lamps and frames, and no line is too long."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=30, color_system=None, legacy_windows=False)
    display = LiveDisplay(picture, lambda: at(1700), console)
    picture.hear(state(plan, "readout/LDLS-90s-001", 1690))
    picture.hear(state(plan, "lamp-warmup/Quartz-270s-001", 1690, attempt=2))
    display.draw()
    display.say(ProgressMessage("frame LDLS-90s-001 is on disk", "good"))
    display.draw()
    display.close()
    text = out.getvalue()
    for words in (
        "normal",
        "left, until 03:",
        "stop: Ctrl-C",
        "read out LDLS",
        "warm up Quartz",
        "10 of 55 s",
        "frames 0 of 12",
        "Quartz lit",
    ):
        assert words in text
    assert all(len(line) < width for line in re.split(r"[\r\n]", re.sub(r"\033\[[\d;?]*[A-Za-z]", "", text)))


@pytest.mark.parametrize(("rate", "words"), [(1.0, ", until 03:44"), (60.0, " (0:00:44 real)")])
def test_how_long_is_told_for_whoever_waits(plan: Plan, picture: LiveState, rate: float, words: str) -> None:
    """At an observatory the end has a time of day. In accelerated time, how long it takes of wall time."""
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, width=80, color_system=None, legacy_windows=False)
    picture.rate = rate
    display = LiveDisplay(picture, lambda: at(10), console)
    picture.hear(state(plan, "lamp-off/all", 0))
    display.draw()
    display.close()
    assert f"left{words}" in out.getvalue()


def test_nothing_is_shown_without_a_terminal() -> None:
    """Left to itself, progress is shown on a terminal or in a notebook only."""
    with progress_for(None, io.StringIO()) as progress:
        assert progress is None
    with progress_for(False, io.StringIO()) as progress:
        assert progress is None


# ---- aside


class Broken:
    """An audience that can't be reached."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, event: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Fail."""
        self.heard += 1
        raise BrokenPipeError

    def rest(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


def test_a_broken_audience_is_left_alone() -> None:
    """Who can't be reached is told nothing more, and holds nobody."""
    audience = Broken()
    aside = BackgroundListener(audience)
    for number in range(3):
        aside({"event": "x", "number": number})
    assert aside.close(5)
    assert audience.heard == 1


def test_a_closed_stream_holds_no_run(tmp_path: Path) -> None:
    """A run goes on to its end when the terminal has gone."""
    request = Request("bias", home=tmp_path / "home", frames=tmp_path / "frames", speed="max")
    gone = open(tmp_path / "gone", "w", encoding="utf-8")  # noqa: SIM115, PTH123 - closed while in use
    with progress_for(True, gone) as progress:
        assert progress is not None
        gone.close()
        result = asyncio.run(
            perform(request, listeners=progress.listeners, on_start=partial(followed, progress), guarded=False)
        )
    assert result.outcome == "done"


def test_rich_is_not_imported_for_silence() -> None:
    """The engine does not import rich unless something is shown."""
    import subprocess  # noqa: PLC0415

    code = "import sys, safelight.engine.run.start; print('rich' in sys.modules)"
    told_ = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told_.stdout.strip() == "False"
