"""Start of a run: document, frames, graph, machine, runner, devices, FITS files."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from safelight.devices import Timekeeper, load_observatory, shipped_observatories
from safelight.engine.clock import Clock, wall_utc
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.events import Announcer, Listener
from safelight.engine.home import default_home
from safelight.engine.planning.plan import Plan
from safelight.engine.planning.request import Request, choose, plan_of
from safelight.engine.planning.start_position import read_start_position
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.event_log import run_log
from safelight.engine.records.hardware_names import hardware_of
from safelight.engine.records.held_observatory import hold_observatory
from safelight.engine.records.run_folders import RunNames, claim_folder
from safelight.engine.records.stored_run import RunPage, withdraw_run, write_run
from safelight.engine.records.writer_thread import in_journal_thread
from safelight.engine.run.condition_cards import ConditionCards
from safelight.engine.run.first_look import occupied
from safelight.engine.run.preflight import clock_at, on_asyncio, only_unicode, require_writable
from safelight.engine.run.runner import Runner
from safelight.engine.run.segment import RunResult, Segment
from safelight.text import legible

__all__ = ["Request", "RunResult", "choose", "perform", "plan_of"]


def new_run_id(sequence: str, clock: Timekeeper) -> str:
    """Return a name that sorts by time and contains the sequence: `20261123T031500-normal-3fa2`."""
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
        request: sequence, observatory and options.
        clock: used instead of the one for `request.speed`.
        listeners: called with every event.
        on_start: called with the runner before anything moves; it can stop the run.
        guarded: False only if no lamp can be left on (tests in virtual time without a process to kill).

    Raises:
        ObservatoryError, SequenceError, EngineError: before anything was touched.
    """
    on_asyncio()
    home = request.home or default_home()
    choice = request.choice
    request = replace(request, observatory=choice.source)
    observatory = load_observatory(choice.source)
    start = await read_start_position(observatory, home)
    draft = plan_of(request, start=start, observatory=observatory)
    clock = clock or clock_at(request.speed, draft.observatory)
    conditions = ConditionCards(observatory.conditions, clock)
    only_unicode("the sequence", draft.document.origin)
    only_unicode("the observatory", str(request.observatory))
    require_writable(request.frames)
    choices = choose(draft.document, draft.observatory, point=request.point)
    plan = draft if not choices else plan_of(request, choices, start, observatory)
    url = request.journal or default_url(home)
    hardware = await hardware_of(plan.observatory, clock, home)
    while True:
        run = request.run_as or new_run_id(plan.document.name, clock)
        names = RunNames(run, plan.document.name, plan.observatory.name, clock.utc())
        async with hold_observatory(url, plan.observatory.name, run, clock, hardware) as lock:
            folder = claim_folder(request.frames, plan.observatory.frames, names)
            # If hundreds start at once, two may get the same name, and the second takes another one.
            if folder is None and request.run_as is None:
                continue
            if folder is None:
                raise RunRefused(f"there is a folder of run {run} already")
            requested = request.run_as is not None
            page = page_of(plan, request, run, folder)
            async with _entered(lock.journal, page, clock, requested=requested) as entered:
                if not entered and requested:
                    raise RunRefused(f"no running request names run {run} any more")
                if not entered:
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
                        observatory_source=_source(request),
                        take_over=request.take_over,
                        conditions=conditions,
                        polite=await occupied(plan.observatory, home, lock.journal),
                        notes=() if choice.note is None else (choice.note,),
                    )
                    return await segment.execute(on_start)


@asynccontextmanager
async def _entered(journal: Journal, page: RunPage, clock: Clock, *, requested: bool) -> AsyncIterator[bool]:
    """Enter a run, unless its name is taken, or was requested and is not any more. Yield whether it was entered.

    No trace is left of one that is refused or cancelled before it begins. One that has begun stays.
    """
    entered: list[bool] = []
    try:
        await in_journal_thread(lambda: entered.append(write_run(journal, page, requested=requested)), clock)
        if not entered[0]:
            with suppress(OSError):
                page.folder.rmdir()
        yield entered[0]
    except BaseException:
        if any(entered):
            with suppress(JournalError, OSError):
                if await in_journal_thread(partial(withdraw_run, journal, page.run), clock):
                    page.folder.rmdir()
        raise


def page_of(plan: Plan, request: Request, run: str, folder: Path) -> RunPage:
    """Return the part of a request that the journal keeps."""
    document, observatory = plan.document, plan.observatory
    return RunPage(
        run=run,
        # In wall time: an accelerated clock is ahead, and the newest run has to be the one that was asked for last.
        created=wall_utc().isoformat(timespec="milliseconds"),
        sequence=document.name,
        sequence_text=document.text,
        sequence_origin=legible(document.origin),
        sequence_hash=document.hash,
        observatory=observatory.name,
        observatory_source=_source(request),
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


def _source(request: Request) -> str:
    """Return the observatory's shipped name, or the path of its document."""
    source = request.choice.source
    return legible(source if source in shipped_observatories() else str(Path(source).absolute()))
