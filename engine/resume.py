"""Going on where a run stood: what is safely on the disk is kept, the rest is compiled again and run."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
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
from safelight.engine.admission import clock_at, real_devices, room_for_frames
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
from safelight.engine.pending import last_exposure_no, pending_exposure
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
        asked_by: as in `Request`, as is log_level.
    """

    run: str | None = None
    observatory: str | Path | None = None
    home: Path | None = None
    frames: Path | None = None
    speed: float | str = 1
    faults: tuple[Fault, ...] = ()
    verify: bool = False
    journal: str | None = None
    asked_by: str | None = None
    log_level: str = "debug"


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
    today: "_Today | None" = None,
    *,
    dark: bool = True,
) -> Rest:
    """Look at journal and disk and plan the rest; nothing is touched.

    Args:
        journal: where the run is written down.
        request: which run.
        spectrographs: as read back now, where an exposure may still be in them; None: not asked.
        start: where the instrument stands, for estimates.
        today: the observatory, where it has been looked up already.
        dark: every lamp is read back as off now, as far as has been asked.

    Raises:
        RunRefused: there is no such run, or nothing to resume.
        ObservatoryError: the observatory can't be read.
        SequenceError: today's observatory lacks what the sequence needs.
    """
    page = run_page(journal, request.run) if request.run else last_unfinished(journal)
    observatory, notes = today or _observatory(page, request)
    point = bool(page.options["point"])
    site = site_of(observatory, point=point)
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    folder = (request.frames / page.run).absolute() if request.frames else page.folder
    options = Options(bool(page.options["overlap"]), bool(page.options["park_after"]), start)
    expansion = expand(document, site, page.choices)
    cameras = len(observatory.spectrographs.units) * len(observatory.spectrographs.cameras)
    found = assess(journal, page, expansion.frames, folder, cameras, verify=request.verify)
    left = {frame.id for frame in found.left}
    exposures = [exposure_of(frame) for frame in found.left]
    pending = pending_exposure(journal, page.run, exposures, spectrographs or {}, dark=dark)
    options = replace(options, pending=pending)
    plan = make_plan(document, observatory, options, point=point, choices=page.choices, rest=left, expansion=expansion)
    return Rest(page, folder, found, plan, notes)


_Today = tuple[Observatory, tuple[str, ...]]
"""The observatory that counts now, and what a person should know about it."""


def _observatory(page: RunPage, request: ResumeRequest) -> _Today:
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
    page, today = _who_and_where(url, request)
    observatory, _ = today
    clock = clock or clock_at(request.speed, observatory)
    room_for_frames(request.frames or page.folder.parent)
    with hold(url, page.observatory, page.run) as lock, run_log(home, page.run, request.log_level) as log:
        outstanding = _outstanding(lock.journal, page, request, observatory)
        waiting, dark = await _instrument(observatory, clock, home, request, outstanding)
        request = replace(request, run=page.run)
        rest = rest_of(lock.journal, request, waiting, await standing(observatory, home), today, dark=dark)
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
            asked_by=request.asked_by,
            observatory_source=str(request.observatory or page.observatory_source),
        )
        return await segment.execute(on_start)


_Outstanding = tuple[int, Path]
"""The number of an exposure whose files may not be in the run's folder yet, and that folder."""


def _outstanding(
    journal: Journal, page: RunPage, request: ResumeRequest, observatory: Observatory
) -> _Outstanding | None:
    """The run's last exposure; simulated spectrographs write nowhere else than into the run's folder."""
    number = last_exposure_no(journal, page.run) if real_devices(observatory) else None
    folder = (request.frames / page.run).absolute() if request.frames else page.folder
    return None if number is None else (number, folder)


async def _instrument(
    observatory: Observatory, clock: Clock, home: Path, request: ResumeRequest, outstanding: _Outstanding | None
) -> tuple[Mapping[str, SpectrographStatus], bool]:
    """What is in the spectrographs; where they can't tell, nothing that could be used. And whether it is dark.

    Files that they wrote after the runner had died are brought into the run's folder, once nothing is read out.
    """
    devices = open_devices(observatory, clock=clock, home=home, faults=request.faults)
    try:
        async with clock.timeout(observatory.deadlines.deadline_s("ready", observatory.spectrographs.status_s)):
            status = await devices.spectrographs.status()
            # The lamps matter only where something may have been integrating under them.
            empty = all(seen.activity == "idle" for seen in status.values())
            lamps = {} if empty else await devices.lamps.status()
        if outstanding is not None and not any(seen.activity == "reading" for seen in status.values()):
            await clock.in_thread(partial(devices.spectrographs.files_of, *outstanding))
    except (DeviceError, TimeoutError):
        return {}, False
    else:
        return status, empty or all(lamps.get(lamp) == "off" for lamp in observatory.lamps.units)
    finally:
        # They are opened anew for the run: what can't be closed well shows there.
        with suppress(DeviceError):
            await devices.close()


def _who_and_where(url: str, request: ResumeRequest) -> tuple[RunPage, _Today]:
    """The run and its observatory; refused where the run goes on elsewhere."""
    journal = Journal(url, create=False)
    try:
        page = run_page(journal, request.run) if request.run else last_unfinished(journal)
        owner = owner_of(journal, page.observatory)
    finally:
        journal.close()
    if owner is not None and owner.alive and owner.run == page.run:
        raise RunRefused(f"nothing to resume: {owner} is going on")
    return page, _observatory(page, request)
