"""Public Python API: plan, check, run, resume, stop and look back.

from safelight import calibrate
result = await calibrate("normal")
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safelight.blocking import run_to_end
from safelight.engine.home import default_home, found_with
from safelight.engine.planning.plan import Plan
from safelight.engine.planning.request import Request, plan_of
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.run_list import RunEntry, find_run, run_entries
from safelight.engine.records.stop_requests import request_stop
from safelight.engine.requester import requester_name
from safelight.engine.resume.resumption import ResumeRequest
from safelight.engine.resume.resumption import resume as resume_run
from safelight.engine.run.preflight import on_asyncio
from safelight.engine.run.runner import Runner
from safelight.engine.run.segment import RunResult
from safelight.engine.run.start import perform
from safelight.errors import SafelightError
from safelight.sequences import SequenceError
from safelight.show.history.run_history import RunHistory, read_history
from safelight.show.progress.progress import Progress, progress_for
from safelight.show.report import report_on

__all__ = [
    "CheckResult",
    "abort",
    "calibrate",
    "check",
    "look_back",
    "pause",
    "plan",
    "report",
    "resume",
    "run",
    "runs",
]

SequenceSource = str | Path | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of a check.

    Attributes:
        problems: one sentence each, with place and value; empty if the sequence can be run.
        plan: plan of the run; None if there are problems.
    """

    problems: tuple[str, ...]
    plan: Plan | None

    @property
    def ok(self) -> bool:
        """Whether the sequence can be run."""
        return not self.problems


def plan(
    sequence: SequenceSource,
    *,
    observatory: str | Path | None = None,
    point: bool = True,
    park_after: bool | None = None,
    overlap: bool | None = None,
) -> Plan:
    """Plan a sequence and check its graph exhaustively. No device is touched.

    Args:
        sequence: a name of the library (`normal`), the path of a document, or a dict.
        observatory: a shipped name or the path of an observatory document; None: the one that `calibrate` would take.
        point: send the telescopes to the sequence's position.
        park_after: park them at the end; None: as the document says.
        overlap: set up the next frame during readout; None: as the document says.

    Returns:
        The frames, the graph, and when each state begins. A notebook draws it.

    Raises:
        SequenceError, ObservatoryError, EngineError: with all problems.
    """
    request = Request(sequence=sequence, observatory=observatory, point=point, park_after=park_after, overlap=overlap)
    _say_if_assumed(request)
    return plan_of(request)


def check(
    sequence: SequenceSource,
    *,
    observatory: str | Path | None = None,
    point: bool = True,
    park_after: bool | None = None,
    overlap: bool | None = None,
) -> CheckResult:
    """Check a sequence and collect all its problems. No device is touched.

    Args:
        sequence: a name of the library (`normal`), the path of a document, or a dict.
        observatory: a shipped name or the path of an observatory document; None: the one that `calibrate` would take.
        point: as in `plan`, as are `park_after` and `overlap`.
        park_after: None: as the document says.
        overlap: None: as the document says.
    """
    try:
        planned = plan(sequence, observatory=observatory, point=point, park_after=park_after, overlap=overlap)
    except SequenceError as error:
        return CheckResult(tuple(map(str, error.problems)), None)
    except SafelightError as error:
        return CheckResult((str(error),), None)
    return CheckResult((), planned)


async def calibrate(  # noqa: PLR0913 - what a run is asked, each with a default
    sequence: SequenceSource,
    *,
    observatory: str | Path | None = None,
    point: bool = True,
    park_after: bool | None = None,
    overlap: bool | None = None,
    home: str | Path | None = None,
    frames: str | Path = "frames",
    speed: float | str = 1,
    journal: str | None = None,
    take_over: bool = False,
    show_progress: bool | None = None,
) -> RunResult:
    """Run a calibration sequence.

    The lamps are switched off and read back first and last. Ctrl-C and a cancellation of the task end the run as
    aborted: the lamps go off first, frames that are on disk stay, and `resume` takes the missing ones.

        result = await calibrate("normal")
        result = await calibrate(Path("my.yaml"), observatory="my-observatory.yaml")
        result = await calibrate({"biases": {"count": 5}, "lamps": {"Argon": {"exposure_time": [10, 30]}}})
        if result.outcome != "done":
            print(result.reason, result.lamps)

    Args:
        sequence: a name of the library (`normal`), the path of a document, or a dict.
        observatory: a shipped name or the path of an observatory document; None: that of $SAFELIGHT_OBSERVATORY, or
            the default of `safelight use`, or the simulated one, with a note on standard error.
        point: send the telescopes to the sequence's position.
        park_after: park them at the end; None: as the document says.
        overlap: set up the next frame during readout; None: as the document says.
        home: state folder; None: the user's.
        frames: folder in which the run makes its own folder.
        speed: 1 real, N times faster, `max` for virtual time. Only a simulated observatory can be accelerated.
        journal: its URL; None: a SQLite file in the state folder.
        take_over: abort an exposure of another program; False: wait for it.
        show_progress: None: if there is a terminal or a notebook.

    Returns:
        The outcome (`done`, `aborted`, `faulted`, `paused` or `unsafe`), the frames on disk, and the last read-back
        state of each lamp. A fault of the hardware is an outcome, not an exception.

    Raises:
        SequenceError, ObservatoryError, EngineError: before anything was touched.
        CancelledError: after the lamps are off, if the caller was cancelled.
    """
    on_asyncio()
    request = Request(
        sequence=sequence,
        observatory=observatory,
        home=Path(home) if home is not None else None,
        frames=Path(frames),
        speed=speed,
        overlap=overlap,
        point=point,
        park_after=park_after,
        journal=journal,
        take_over=take_over,
        asked_by=requester_name("Python"),
    )
    _say_if_assumed(request)
    with progress_for(show_progress, options=found_with(request.home, journal)) as progress:
        if progress is None:
            return await perform(request)
        return await perform(request, listeners=progress.listeners, on_start=lambda runner: _follow(progress, runner))


def run(  # noqa: PLR0913 - what a run is asked, each with a default
    sequence: SequenceSource,
    *,
    observatory: str | Path | None = None,
    point: bool = True,
    park_after: bool | None = None,
    overlap: bool | None = None,
    home: str | Path | None = None,
    frames: str | Path = "frames",
    speed: float | str = 1,
    journal: str | None = None,
    take_over: bool = False,
    show_progress: bool | None = None,
) -> RunResult:
    """Run a calibration sequence from a script without an event loop, and return when it has ended.

    It also works in a notebook, where it blocks the cell. Ctrl-C aborts: all lamps go off first.

        import safelight
        result = safelight.run({"biases": {"count": 5}})
        print(result.outcome, result.folder)

    Args:
        sequence: as in `calibrate`, as are all other arguments.
        observatory: a shipped name or the path of an observatory document; None: the default one.
        point: send the telescopes to the sequence's position.
        park_after: park them at the end; None: as the document says.
        overlap: set up the next frame during readout; None: as the document says.
        home: state folder; None: the user's.
        frames: each run makes a folder of its own in here.
        speed: 1 real, N times faster, `max` for virtual time.
        journal: its URL; None: a SQLite file in the state folder.
        take_over: abort an exposure that is not of this run; False: wait for it.
        show_progress: None: where there is a terminal or a notebook.

    Returns:
        The outcome, the frames on disk, and the last read-back state of each lamp.

    Raises:
        SequenceError, ObservatoryError, EngineError: before anything was touched.
        KeyboardInterrupt: after the lamps are off, if it was interrupted.
    """
    return run_to_end(
        lambda: calibrate(
            sequence,
            observatory=observatory,
            point=point,
            park_after=park_after,
            overlap=overlap,
            home=home,
            frames=frames,
            speed=speed,
            journal=journal,
            take_over=take_over,
            show_progress=show_progress,
        )
    )


async def resume(
    run: str | None = None,
    *,
    observatory: str | Path | None = None,
    home: str | Path | None = None,
    frames: str | Path | None = None,
    speed: float | str = 1,
    verify: bool = False,
    journal: str | None = None,
    show_progress: bool | None = None,
) -> RunResult:
    """Resume an interrupted run: keep the frames that are whole on disk, and take the rest.

        result = await resume()                 # the newest run that is not done
        result = await resume("20261123T031500-normal-3fa2")

    Args:
        run: its id; None: the newest that is not done.
        observatory: None: the run's own, as it is today.
        home: state folder; None: the user's.
        frames: folder that contains the run's folder; None: as recorded.
        speed: 1 real, N times faster, `max` for virtual time.
        verify: compare the sha256 of every file that is kept, not only its size.
        journal: its URL; None: a SQLite file in the state folder.
        show_progress: None: if there is a terminal or a notebook.

    Returns:
        As `calibrate`, for the whole run.

    Raises:
        RunRefused: there is nothing to resume, or the run is running in another process.
        SafelightError: as `calibrate`, before anything was touched.
        CancelledError: after the lamps are off, if the caller was cancelled.
    """
    request = ResumeRequest(
        run=run,
        observatory=observatory,
        home=Path(home) if home is not None else None,
        frames=Path(frames) if frames is not None else None,
        speed=speed,
        verify=verify,
        journal=journal,
        asked_by=requester_name("Python"),
    )
    with progress_for(show_progress, options=found_with(request.home, journal)) as progress:
        if progress is None:
            return await resume_run(request)
        return await resume_run(
            request, listeners=progress.listeners, on_start=lambda runner: _follow(progress, runner)
        )


def _follow(progress: Progress, runner: Runner) -> None:
    """Connect progress to a run before anything moves."""
    progress.follow(runner.graph, runner.instrument.clock, runner.observatory.lamps)


def abort(run: str | None = None, *, home: str | Path | None = None, journal: str | None = None) -> str:
    """Request that a run ends now. All lamps go off first, and the frame in progress is thrown away.

    This only writes the request into the journal, and does not wait for the run.

    Args:
        run: its id; None: the only one that is running.
        home: state folder; None: the user's.
        journal: its URL; None: the SQLite file in the state folder.

    Returns:
        The id of the run.

    Raises:
        JournalError: there is no journal, or it can't be written.
        RunRefused: no such run is running, or several are and none was named.
    """
    with _opened(home, journal) as opened:
        return request_stop(opened, run, "abort").run


def pause(run: str | None = None, *, home: str | Path | None = None, journal: str | None = None) -> str:
    """Request that a run ends when the frame in progress is on disk.

    This only writes the request into the journal, and does not wait for the run.

    Args:
        run: its id; None: the only one that is running.
        home: state folder; None: the user's.
        journal: its URL; None: the SQLite file in the state folder.

    Returns:
        The id of the run.

    Raises:
        JournalError: there is no journal, or it can't be written.
        RunRefused: no such run is running, or several are and none was named.
    """
    with _opened(home, journal) as opened:
        return request_stop(opened, run, "pause").run


def runs(*, home: str | Path | None = None, journal: str | None = None) -> list[RunEntry]:
    """List every run of the journal, the newest first.

    Args:
        home: state folder; None: the user's.
        journal: its URL; None: the SQLite file in the state folder.

    Returns:
        One entry per run, with its id, sequence, status, frames and lamps.

    Raises:
        JournalError: there is no journal, or it can't be read.
    """
    with _opened(home, journal) as opened:
        return run_entries(opened)


def report(
    run: str | None = None,
    *,
    form: Literal["html", "md"] = "html",
    home: str | Path | None = None,
    journal: str | None = None,
) -> str:
    """Write a report of a run as one self-contained text.

        Path("report.html").write_text(report())

    Args:
        run: its id, the beginning of it, or `last`; None means `last`.
        form: `html`: everything in one page; `md`: words and tables.
        home: state folder; None: the user's.
        journal: its URL; None: the SQLite file in the state folder.

    Returns:
        The text of the report.

    Raises:
        JournalError: there is no journal, or it can't be read.
        RunRefused: there is no such run, or several begin so.
    """
    return report_on(look_back(run, home=home, journal=journal), form)


def look_back(run: str | None = None, *, home: str | Path | None = None, journal: str | None = None) -> RunHistory:
    """Read the history of a run from the journal. Nothing is touched.

    A notebook shows its graph as executed.

    Args:
        run: its id, the beginning of it, or `last`; None means `last`.
        home: state folder; None: the user's.
        journal: its URL; None: the SQLite file in the state folder.

    Returns:
        The segments, states, frames and lamp events of the run, and views of them.

    Raises:
        JournalError: there is no journal, or it can't be read.
        RunRefused: there is no such run, or several begin so.
    """
    with _opened(home, journal, look=True) as opened:
        return read_history(opened, find_run(opened, run))


@contextmanager
def _opened(home: str | Path | None, url: str | None, *, look: bool = False) -> Iterator[Journal]:
    """Open the caller's journal for the duration of the body."""
    folder = Path(home) if home is not None else default_home()
    journal = Journal(url or default_url(folder), create=False, look=look)
    try:
        yield journal
    finally:
        journal.close()


def _say_if_assumed(request: Request) -> None:
    """Print a note on standard error if the simulated observatory is used by default. A closed stream is ignored."""
    note = request.choice.note
    if note is not None:
        with suppress(OSError, ValueError, AttributeError):
            print(note, file=sys.stderr, flush=True)  # noqa: T201 - a script has no other output for notes
