"""Going on where a run stood: what is safely on the disk is kept, the rest is compiled again and run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from safelight.devices import (
    DeviceError,
    Observatory,
    ObservatoryError,
    SpectrographStatus,
    load_observatory,
    open_devices,
)
from safelight.devices.simulated.faults import Fault
from safelight.engine.admission import clock_at, room_for_frames
from safelight.engine.assess import Assessment, assess, settle
from safelight.engine.clock import Clock
from safelight.engine.compiler import Options, exposure_of
from safelight.engine.durations import Start
from safelight.engine.errors import RunRefused
from safelight.engine.events import Announcer, Listener
from safelight.engine.home import default_home
from safelight.engine.journal import Journal, default_url
from safelight.engine.lock import owner_of
from safelight.engine.logbook import RunPage, last_unfinished, run_page
from safelight.engine.logs import run_log
from safelight.engine.pending import pending_exposure
from safelight.engine.plan import Plan, make_plan, site_of
from safelight.engine.runner import Runner
from safelight.engine.segment import RunResult, Segment, hold
from safelight.engine.standing import standing
from safelight.sequences import expand, load_text

__all__ = ["Rest", "ResumeRequest", "rest_of", "resume"]


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """Which run is to go on, and how.

    Attributes:
        run: its id; None: the newest that is not done.
        observatory: None: the one that the run was made for, as it is today.
        frames: None: where the run's frames lie; otherwise they lie in a folder of the run's name in here.
        verify: compare the sha256 of every file that is kept, not only its size.
        journal: its URL; None: a SQLite file in the home.
    """

    run: str | None = None
    observatory: str | Path | None = None
    home: Path | None = None
    frames: Path | None = None
    speed: float | str = 1
    faults: tuple[Fault, ...] = ()
    verify: bool = False
    journal: str | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What a resume would do.

    Attributes:
        plan: for the frames that are left.
        notes: what a person should know: a changed observatory, files that went missing.
    """

    page: RunPage
    folder: Path
    assessment: Assessment
    plan: Plan
    notes: tuple[str, ...]

    @property
    def nothing_to_do(self) -> bool:
        """The run is done, and all of it is on the disk."""
        assessment = self.assessment
        return self.page.outcome == "done" and not assessment.left and not assessment.lost


def rest_of(
    journal: Journal,
    request: ResumeRequest,
    spectrographs: Mapping[str, SpectrographStatus] | None = None,
    start: Start = Start(),
) -> Rest:
    """Look at journal and disk and plan the rest; nothing is touched.

    Args:
        journal: where the run is written down.
        request: which run.
        spectrographs: as read back now, where an exposure may still be in them; None: not asked.
        start: where the instrument stands, for estimates.

    Raises:
        RunRefused: there is no such run, or nothing to resume.
        ObservatoryError: the observatory can't be read.
        SequenceError: today's observatory lacks what the sequence needs.
    """
    page = run_page(journal, request.run) if request.run else last_unfinished(journal)
    observatory, notes = _observatory(page, request)
    point = bool(page.options["point"])
    site = site_of(observatory, point=point)
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    folder = (request.frames / page.run).absolute() if request.frames else page.folder
    options = Options(bool(page.options["overlap"]), bool(page.options["park_after"]), start)
    frames = expand(document, site, page.choices).frames
    cameras = len(observatory.spectrographs.units) * len(observatory.spectrographs.cameras)
    found = assess(journal, page, frames, folder, cameras, verify=request.verify)
    left = {frame.id for frame in found.left}
    exposures = [exposure_of(frame) for frame in found.left]
    options = replace(options, pending=pending_exposure(journal, page.run, exposures, spectrographs or {}))
    plan = make_plan(document, observatory, options, point=point, choices=page.choices, rest=left)
    return Rest(page, folder, found, plan, notes)


def _observatory(page: RunPage, request: ResumeRequest) -> tuple[Observatory, tuple[str, ...]]:
    """Today's observatory; the run's own where there is none today."""
    try:
        observatory = load_observatory(request.observatory or page.observatory_source)
    except ObservatoryError as error:
        if request.observatory is not None:
            raise
        observatory = Observatory.model_validate_json(page.observatory_text)
        return observatory, (f"the observatory is taken from the journal: {error.reason}",)
    if observatory.name != page.observatory:
        raise RunRefused(f"run {page.run} was made for {page.observatory}, not for {observatory.name}")
    if observatory.hash != page.observatory_hash:
        return observatory, (f"{observatory.name} has changed since the run was made; today's document counts",)
    return observatory, ()


async def resume(
    request: ResumeRequest,
    *,
    clock: Clock | None = None,
    listeners: Iterable[Listener] = (),
    on_start: Callable[[Runner], None] = lambda runner: None,  # noqa: ARG005
    guarded: bool = True,
) -> RunResult:
    """Go on with a run: lamps off first, keep what is safely on the disk, take the rest.

    Args:
        request: which run, and how.
        clock: instead of the one for `request.speed`.
        listeners: told every event.
        on_start: given the runner before anything moves, to stop it from elsewhere.
        guarded: as in `perform`.

    Raises:
        RunRefused: there is nothing to resume, or the run goes on elsewhere.
        SafelightError: as `rest_of`; before anything was touched.
    """
    home = request.home or default_home()
    url = request.journal or default_url(home)
    page, observatory = _who_and_where(url, request)
    clock = clock or clock_at(request.speed, observatory)
    room_for_frames(request.frames or page.folder.parent)
    with hold(url, page.observatory, page.run) as lock, run_log(home, page.run) as log:
        waiting = await _spectrographs(observatory, clock, home, request)
        request = replace(request, run=page.run)
        rest = rest_of(lock.journal, request, waiting, await standing(observatory, home))
        if rest.nothing_to_do:
            raise RunRefused(f"nothing to resume: run {rest.page.run} is done, and its frames are in {rest.folder}")
        segment = Segment(
            run=rest.page.run,
            plan=rest.plan,
            clock=clock,
            home=home,
            folder=rest.folder,
            announce=Announcer(rest.page.run, clock, (*listeners, log)),
            lock=lock,
            faults=request.faults,
            before=rest.assessment.frames,
            attempts=rest.assessment.attempts,
            settle=partial(settle, rest.assessment, folder=rest.folder),
            notes=rest.notes,
            guarded=guarded,
        )
        return await segment.execute(on_start)


async def _spectrographs(
    observatory: Observatory, clock: Clock, home: Path, request: ResumeRequest
) -> Mapping[str, SpectrographStatus]:
    """What is in the spectrographs; where they can't tell, nothing that could be used."""
    devices = open_devices(observatory, clock=clock, home=home, faults=request.faults)
    try:
        async with clock.timeout(observatory.deadlines.deadline_s("ready", observatory.spectrographs.status_s)):
            return await devices.spectrographs.status()
    except (DeviceError, TimeoutError):
        return {}
    finally:
        await devices.close()


def _who_and_where(url: str, request: ResumeRequest) -> tuple[RunPage, Observatory]:
    """The run and its observatory; refused where the run goes on elsewhere."""
    journal = Journal(url, create=False)
    try:
        page = run_page(journal, request.run) if request.run else last_unfinished(journal)
        owner = owner_of(journal, page.observatory)
    finally:
        journal.close()
    if owner is not None and owner.alive and owner.run == page.run:
        raise RunRefused(f"nothing to resume: {owner} is going on")
    return page, _observatory(page, request)[0]
