"""The whole way: document, frames, graph, machine, runner, devices, FITS files."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.devices import Observatory, Timekeeper, load_observatory, shipped_observatories
from safelight.devices.simulated.faults import Fault
from safelight.engine.admission import clock_at, room_for_frames
from safelight.engine.clock import Clock
from safelight.engine.compiler import Options
from safelight.engine.durations import Start
from safelight.engine.events import Announcer, Listener
from safelight.engine.home import default_home
from safelight.engine.journal import default_url
from safelight.engine.logbook import RunPage, write_run
from safelight.engine.plan import Plan, make_plan, site_of
from safelight.engine.progress import progress_for
from safelight.engine.runner import Runner
from safelight.engine.segment import RunResult, Segment, hold
from safelight.sequences import Document, load, open_choices

__all__ = ["Request", "RunResult", "calibrate", "choose", "perform", "plan_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run, where and how.

    Attributes:
        sequence: a name of the library, a path, or a mapping.
        observatory: a shipped name or the path of a document.
        home: state, locks, logs and the simulated instrument; None: the user's state folder.
        frames: each run makes a folder of its own in here.
        speed: 1 real, N times faster, `max` virtual. Only a simulated instrument can be hurried.
        overlap: None: as the document says.
        point: False: the telescopes stay where they are.
        park_after: None: as the document says.
        faults: what a simulated observatory does wrong.
        journal: its URL; None: a SQLite file in the home.
    """

    sequence: str | Path | Mapping[str, Any]
    observatory: str | Path = "simulated"
    home: Path | None = None
    frames: Path = Path("frames")
    speed: float | str = 1
    overlap: bool | None = None
    point: bool = True
    park_after: bool | None = None
    faults: tuple[Fault, ...] = ()
    journal: str | None = None


def plan_of(request: Request, choices: Mapping[str, str] | None = None, start: Start | None = None) -> Plan:
    """Read the documents of a request and plan them; nothing is touched.

    Raises:
        ObservatoryError, SequenceError, EngineError: with all that is wrong.
    """
    observatory = load_observatory(request.observatory)
    document = load(request.sequence, site_of(observatory, point=request.point))
    spec = document.spec
    options = Options(
        overlap=_first(request.overlap, spec.overlap, default=True),
        park_after=_first(request.park_after, spec.park_after, default=False),
        start=start or Start(),
    )
    return make_plan(document, observatory, options, point=request.point, choices=choices)


def _first(*answers: bool | None, default: bool) -> bool:
    """The first answer that was given."""
    return next((answer for answer in answers if answer is not None), default)


def choose(document: Document, observatory: Observatory, *, point: bool) -> dict[str, str]:
    """Choose the fibres that the document leaves open, at random, so that none wears out first."""
    candidates = open_choices(document, site_of(observatory, point=point))
    return {key: secrets.choice(fibres) for key, fibres in candidates.items()}


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
    draft = plan_of(request)
    clock = clock or clock_at(request.speed, draft.observatory)
    room_for_frames(request.frames)
    choices = choose(draft.document, draft.observatory, point=request.point)
    plan = draft if not choices else plan_of(request, choices)
    run = new_run_id(plan.document.name, clock)
    folder = (request.frames / run).absolute()
    home = request.home or default_home()
    with hold(request.journal or default_url(home), plan.observatory.name, run) as lock:
        write_run(lock.journal, page_of(plan, request, run, folder, clock))
        segment = Segment(
            run=run,
            plan=plan,
            clock=clock,
            home=home,
            folder=folder,
            announce=Announcer(run, clock, tuple(listeners)),
            lock=lock,
            faults=request.faults,
            guarded=guarded,
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
        sequence_origin=document.origin,
        sequence_hash=document.hash,
        observatory=observatory.name,
        observatory_source=str(request.observatory if shipped else Path(request.observatory).absolute()),
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
    )
    with progress_for(show_progress) as progress:
        if progress is None:
            return await perform(request)
        return await perform(request, listeners=progress.listeners, on_start=progress.follow)
