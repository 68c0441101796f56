"""The whole way: document, frames, graph, machine, runner, devices, FITS files."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from safelight.devices import Timekeeper, load_observatory, shipped_observatories
from safelight.engine.admission import clock_at, room_for_frames
from safelight.engine.asking import asker
from safelight.engine.clock import Clock
from safelight.engine.events import Announcer, Listener
from safelight.engine.home import default_home, found_with
from safelight.engine.journal import default_url
from safelight.engine.legible import legible
from safelight.engine.logbook import RunPage, write_run
from safelight.engine.logs import run_log
from safelight.engine.plan import Plan
from safelight.engine.progress import progress_for
from safelight.engine.request import Request, choose, plan_of
from safelight.engine.runner import Runner
from safelight.engine.segment import RunResult, Segment, hold
from safelight.engine.standing import standing

__all__ = ["Request", "RunResult", "calibrate", "choose", "perform", "plan_of"]


def new_run_id(sequence: str, clock: Timekeeper) -> str:
    """A name that sorts by time and says what was run: `20261123T031500-normal-3fa2`."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in sequence)[:40]
    return f"{clock.utc():%Y%m%dT%H%M%S}-{safe}-{secrets.token_hex(2)}"


async def perform(
    request: Request,
    *,
    clock: Clock | None = None,
    listeners: Iterable[Listener] = (),
    on_start: Callable[[Runner], None] = lambda runner: None,  # noqa: ARG005
    guarded: bool = True,
) -> RunResult:
    """Run a request from the first lamps-off to the last.

    Args:
        request: what, where and how.
        clock: instead of the one for `request.speed`.
        listeners: told every event.
        on_start: given the runner before anything moves, to stop it from elsewhere.
        guarded: False only where no lamp can be left burning (tests in virtual time without a process to kill).

    Raises:
        ObservatoryError, SequenceError, EngineError: before anything was touched.
    """
    home = request.home or default_home()
    start = await standing(load_observatory(request.observatory), home)
    draft = plan_of(request, start=start)
    clock = clock or clock_at(request.speed, draft.observatory)
    room_for_frames(request.frames)
    choices = choose(draft.document, draft.observatory, point=request.point)
    plan = draft if not choices else plan_of(request, choices, start)
    url = request.journal or default_url(home)
    while True:
        run = new_run_id(plan.document.name, clock)
        folder = (request.frames / run).absolute()
        page = page_of(plan, request, run, folder, clock)
        with hold(url, plan.observatory.name, run) as lock:
            # Where hundreds start at once, two may get the same name; the second takes another one.
            if folder.exists() or not write_run(lock.journal, page):
                continue
            with run_log(home, run, request.log_level) as log:
                segment = Segment(
                    run=run,
                    plan=plan,
                    clock=clock,
                    home=home,
                    folder=folder,
                    announce=Announcer(run, clock, (*listeners, log)),
                    lock=lock,
                    faults=request.faults,
                    guarded=guarded,
                    asked_by=request.asked_by,
                    observatory_source=page.observatory_source,
                )
                return await segment.execute(on_start)


def page_of(plan: Plan, request: Request, run: str, folder: Path, clock: Timekeeper) -> RunPage:
    """What the journal keeps of a request for ever."""
    document, observatory = plan.document, plan.observatory
    shipped = str(request.observatory) in shipped_observatories()
    return RunPage(
        run=run,
        created=clock.utc().isoformat(timespec="milliseconds"),
        sequence=document.name,
        sequence_text=document.text,
        sequence_origin=legible(document.origin),
        sequence_hash=document.hash,
        observatory=observatory.name,
        observatory_source=legible(str(request.observatory if shipped else Path(request.observatory).absolute())),
        observatory_text=observatory.model_dump_json(),
        observatory_hash=observatory.hash,
        options={
            "overlap": plan.options.overlap,
            "park_after": plan.options.park_after,
            "point": request.point,
        },
        choices=dict(plan.expansion.choices),
        folder=folder,
        frames_asked=len(plan.expansion.frames),
    )


async def calibrate(
    sequence: str | Path | Mapping[str, Any],
    *,
    observatory: str | Path = "simulated",
    point: bool = True,
    park_after: bool | None = None,
    overlap: bool | None = None,
    home: str | Path | None = None,
    frames: str | Path = "frames",
    speed: float | str = 1,
    journal: str | None = None,
    show_progress: bool | None = None,
) -> RunResult:
    """Run a calibration sequence.

    Args:
        sequence: a name of the library (`normal`), the path of a document, or a dict.
        observatory: a shipped name or the path of an observatory document.
        point: send the telescopes to the sequence's position.
        park_after: park them at the end; None: as the document says.
        overlap: run set-ups beside read-outs; None: as the document says.
        home: state folder; None: the user's.
        frames: each run makes a folder of its own in here.
        speed: 1 real, N times faster, `max` for virtual time.
        journal: its URL; None: a SQLite file in the home.
        show_progress: None: where there is a terminal or a notebook.

    Returns:
        The outcome, the frames on disk, and each lamp as read back last.

    Raises:
        SequenceError, ObservatoryError, EngineError: before anything was touched.
        CancelledError: after the lamps are off, if the caller was cancelled.
    """
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
        asked_by=asker("Python"),
    )
    with progress_for(show_progress, options=found_with(request.home, journal)) as progress:
        if progress is None:
            return await perform(request)
        return await perform(request, listeners=progress.listeners, on_start=progress.follow)
