"""Resume of a run: frames that are safely on disk are kept, and the rest is compiled again and run."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from safelight.devices import (
    DeviceError,
    Devices,
    LampState,
    Observatory,
    ObservatoryError,
    SpectrographStatus,
    load_observatory,
    open_devices,
)
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock
from safelight.engine.errors import RunRefused
from safelight.engine.events import Announcer, Listener
from safelight.engine.guard.safing import safing_for, uncancelled
from safelight.engine.home import default_home
from safelight.engine.light import look_of
from safelight.engine.planning.compiler import Options, exposure_of
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.engine.planning.start_position import StartPosition, read_start_position
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.event_log import run_log
from safelight.engine.records.hardware_names import hardware_of
from safelight.engine.records.held_observatory import hold_observatory
from safelight.engine.records.lock import owner_of
from safelight.engine.records.run_folders import moved_folder
from safelight.engine.records.run_list import find_run
from safelight.engine.records.stored_run import RunPage, last_unfinished, run_page
from safelight.engine.records.writer_thread import in_journal_thread
from safelight.engine.resume.interrupted_exposure import last_exposure_no, pending_exposure
from safelight.engine.resume.inventory import Inventory, apply_inventory, kept_as_they_are, take_inventory
from safelight.engine.run.condition_cards import ConditionCards
from safelight.engine.run.found_places import pinned
from safelight.engine.run.preflight import clock_at, on_asyncio, require_writable
from safelight.engine.run.runner import Runner
from safelight.engine.run.segment import RunResult, Segment
from safelight.sequences import Frame, expand, load_text
from safelight.states import Exposure, Look, TakenFrame
from safelight.states.paths import LampPaths

__all__ = ["Remaining", "ResumeRequest", "look_ahead", "remaining_of", "resume"]

_GLANCE_S = 0.5
"""Time limit for reading the lamps before they are switched off, s."""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """Request to resume a run.

    Attributes:
        run: its id, the beginning of it, or `last`; None: the newest that is not done.
        observatory: None: the run's own, as it is today.
        frames: folder that contains the run's folder; None: as recorded.
        verify: compare the sha256 of every file that is kept, not only its size.
        journal: its URL; None: a SQLite file in the state folder.
        take_over: abort an exposure of another program; False: wait for it.
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
    take_over: bool = False
    asked_by: str | None = None
    log_level: str = "debug"


@dataclass(frozen=True, slots=True)
class Remaining:
    """Plan of a resume.

    Attributes:
        plan: plan of the frames that are left.
        notes: notes for the user: a changed observatory, missing files.
    """

    page: RunPage
    folder: Path
    assessment: Inventory
    plan: Plan
    notes: tuple[str, ...]

    @property
    def pending(self) -> Exposure | None:
        """Exposure that is still in the spectrographs and is read out before anything else."""
        pending = self.plan.options.pending
        return None if pending is None else pending.exposure

    @property
    def nothing_to_do(self) -> bool:
        """Whether the run is done, and all of it is on disk."""
        assessment = self.assessment
        return self.page.outcome == "done" and not assessment.left and not assessment.lost


def remaining_of(
    journal: Journal,
    request: ResumeRequest,
    spectrographs: Mapping[str, SpectrographStatus] | None = None,
    start: StartPosition = StartPosition(),
    today: "_Today | None" = None,
    *,
    dark: bool = True,
    look: Look | None = None,
) -> Remaining:
    """Read journal and disk and plan the rest. Nothing is touched.

    Args:
        journal: the run's journal.
        request: the request.
        spectrographs: their states, as read back now, if an exposure may still be in them; None: not read.
        start: the present state of the instrument, for estimates.
        today: the observatory, if it has already been loaded.
        dark: whether every lamp is read back as off now, as far as it was read.
        look: judges the light of frames that the journal does not know; None: it is not judged.

    Raises:
        RunRefused: there is no such run, or nothing to resume.
        ObservatoryError: the observatory can't be read.
        SequenceError: today's observatory lacks what the sequence needs.
    """
    page = run_page(journal, find_run(journal, request.run)) if request.run else last_unfinished(journal)
    observatory, notes = today or _observatory(page, request)
    point = bool(page.options["point"])
    site = site_of(observatory, point=point)
    document = load_text(page.sequence_text, site, origin=page.sequence_origin, name=page.sequence)
    folder = moved_folder(request.frames, page) if request.frames else page.folder
    expansion = expand(document, site, page.choices)
    cameras = len(observatory.spectrographs.every_camera)
    adopt = kept_as_they_are if look is None else partial(_adopt, look, observatory.spectrographs.every_camera)
    found = take_inventory(journal, page, expansion.frames, folder, cameras, verify=request.verify, adopt=adopt)
    left = {frame.id for frame in found.left}
    start = pinned(start, journal, page.run, (exposure_of(frame) for frame in expansion.frames))
    exposures = [exposure_of(frame) for frame in found.left]
    pending = pending_exposure(journal, page.run, exposures, spectrographs or {}, dark=dark)
    options = Options(bool(page.options["overlap"]), bool(page.options["park_after"]), start, pending)
    plan = make_plan(document, observatory, options, point=point, choices=page.choices, rest=left, expansion=expansion)
    return Remaining(page, folder, found, plan, notes)


def _adopt(look: Look, cameras: tuple[str, ...], frame: Frame, taken: TakenFrame) -> tuple[TakenFrame, str | None]:
    """Judge a frame that the dead runner brought home and did not record."""
    named = {camera: re.compile(rf"(?:^|[-_.]){re.escape(camera)}(?:[-_.]|$)") for camera in cameras}
    paths = [next((file.path for file in taken.files if named[name].search(file.path.name)), None) for name in cameras]
    known = [path for path in paths if path is not None]
    if len(known) < len(cameras):
        return taken, None
    seen = look(exposure_of(frame), taken.exposure_no, known)
    if not seen.keeps:
        return taken, seen.fault or seen.words
    return replace(taken, light=seen, reason=seen.words or None), None


_Today = tuple[Observatory, tuple[str, ...]]
"""Observatory that is used now, and notes about it for the user."""


def _observatory(page: RunPage, request: ResumeRequest) -> _Today:
    """Return today's observatory, or the run's own if there is none today."""
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
    """Resume a run: switch lamps off first, keep frames that are safely on disk, take the rest.

    Args:
        request: run and options.
        clock: used instead of the one for `request.speed`.
        listeners: called with every event.
        on_start: called with the runner before anything moves; it can stop the run.
        guarded: as in `perform`.

    Raises:
        RunRefused: there is nothing to resume, or the run is running in another process.
        SafelightError: as `remaining_of`, before anything was touched.
    """
    on_asyncio()
    home = request.home or default_home()
    url = request.journal or default_url(home)
    page, today = _who_and_where(url, request)
    observatory, _ = today
    clock = clock or clock_at(request.speed, observatory)
    conditions = ConditionCards(observatory.conditions, clock)
    require_writable(request.frames or page.folder.parent)
    hardware = await hardware_of(observatory, clock, home)
    async with hold_observatory(url, page.observatory, page.run, clock, hardware) as lock:
        with run_log(home, page.run, request.log_level) as log:
            outstanding = _outstanding(lock.journal, page, request, observatory)
            finished = page.outcome == "done"
            waiting, dark = await _instrument(observatory, clock, home, request, outstanding, darken=not finished)
            request = replace(request, run=page.run)
            start = await read_start_position(observatory, home)
            look = look_of(observatory, home)
            remaining = partial(remaining_of, lock.journal, request, waiting, start, today, dark=dark, look=look)
            rest = await in_journal_thread(remaining, clock)
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
                settle=partial(apply_inventory, rest.assessment, folder=rest.folder),
                notes=rest.notes,
                guarded=guarded,
                asked_by=request.asked_by,
                observatory_source=str(request.observatory or page.observatory_source),
                take_over=request.take_over,
                conditions=conditions,
            )
            return await segment.execute(on_start)


async def look_ahead(request: ResumeRequest) -> Remaining:
    """Return the plan of a resume now. The instrument is read, and nothing is touched.

    Args:
        request: run and options.

    Raises:
        RunRefused: there is nothing to resume, or the run is running in another process.
        SafelightError: as `remaining_of`.
    """
    on_asyncio()
    home = request.home or default_home()
    url = request.journal or default_url(home)
    page, today = _who_and_where(url, request)
    observatory, _ = today
    clock = clock_at(request.speed, observatory)
    waiting, dark = await _instrument(observatory, clock, home, request, None, darken=False)
    with closing(Journal(url, create=False, look=True)) as journal:
        start, request = await read_start_position(observatory, home), replace(request, run=page.run)
        rest = remaining_of(journal, request, waiting, start, today, dark=dark)
    if rest.nothing_to_do:
        raise RunRefused(f"nothing to resume: run {rest.page.run} is done, and its frames are in {rest.folder}")
    return rest


_Outstanding = tuple[int, Path]
"""Number of an exposure whose files may not be in the run's folder yet, and that folder."""


def _outstanding(
    journal: Journal, page: RunPage, request: ResumeRequest, observatory: Observatory
) -> _Outstanding | None:
    """Return the run's last exposure. Simulated spectrographs write only into the run's folder."""
    number = last_exposure_no(journal, page.run) if observatory.real_devices else None
    folder = moved_folder(request.frames, page) if request.frames else page.folder
    return None if number is None else (number, folder)


async def _instrument(
    observatory: Observatory,
    clock: Clock,
    home: Path,
    request: ResumeRequest,
    outstanding: _Outstanding | None,
    *,
    darken: bool,
) -> tuple[Mapping[str, SpectrographStatus], bool]:
    """Switch all lamps off if requested, then read the spectrographs, empty if they don't answer.

    Files that they wrote after the runner's death are brought into the run's folder, once no readout is running.

    Returns:
        State of the spectrographs, and whether no lamp was lit during an integration.
    """
    devices = open_devices(observatory, clock=clock, home=home, faults=request.faults)
    try:
        lamps = await uncancelled(_darken(observatory, devices, clock, darken=darken))
        async with clock.timeout(observatory.deadlines.deadline_s("ready", observatory.spectrographs.status_s)):
            status = await devices.spectrographs.status()
        # The lamps matter only if something may have been integrating under them.
        empty = all(seen.activity == "idle" for seen in status.values())
        if outstanding is not None and not any(seen.activity == "reading" for seen in status.values()):
            await clock.in_thread(partial(devices.spectrographs.files_of, *outstanding))
    except (DeviceError, TimeoutError):
        return {}, False
    else:
        return status, empty or all(lamps.get(lamp) == "off" for lamp in observatory.lamps.units)
    finally:
        # They are opened again for the run, which will show a connection that can't be closed.
        with suppress(DeviceError):
            await devices.close()


async def _darken(observatory: Observatory, devices: Devices, clock: Clock, *, darken: bool) -> Mapping[str, LampState]:
    """Switch all lamps off by every path first. Return their read-back states just before.

    One round is enough, because the run itself begins with all lamps off, with retries, and ends if that fails.
    """
    before = await LampPaths.of(devices, clock, _GLANCE_S).status(grace_s=0.0)
    if darken:
        safing = safing_for(observatory, devices.lamps, devices.second_lamps, clock)
        await replace(safing, waits_s=()).all_lamps()
    return before


def _who_and_where(url: str, request: ResumeRequest) -> tuple[RunPage, _Today]:
    """Return the run and its observatory. Refuse a run that is running in another process."""
    journal = Journal(url, create=False, look=True)
    try:
        page = run_page(journal, find_run(journal, request.run)) if request.run else last_unfinished(journal)
        owner = owner_of(journal, page.observatory)
    finally:
        journal.close()
    if owner is not None and owner.alive and owner.run == page.run:
        raise RunRefused(f"nothing to resume: {owner} is running")
    return page, _observatory(page, request)
