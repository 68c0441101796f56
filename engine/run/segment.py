"""One segment of a run: one graph, executed once, guarded and recorded, with a manifest at its end."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from safelight.devices import Devices, LampState, open_devices
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock, ScaledClock, VirtualClock, wall_utc
from safelight.engine.default_observatory import source_of
from safelight.engine.errors import EngineError, JournalError, JournalMoved, in_words
from safelight.engine.events import Announcer
from safelight.engine.guard.dead_man_timers import timer_warnings, timers_of
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.runner_side import GuardClient
from safelight.engine.guard.safing import safing_for, uncancelled, wait_for
from safelight.engine.light import look_of
from safelight.engine.notify import Notice, notify, outcomes_of
from safelight.engine.planning.compiler import exposure_of
from safelight.engine.planning.plan import Plan
from safelight.engine.planning.start_position import StartPosition
from safelight.engine.records.begun_exposures import ours
from safelight.engine.records.frame_files import not_whole
from safelight.engine.records.lamp_hours import rested_s
from safelight.engine.records.lock import Lock
from safelight.engine.records.manifest import manifest_of, write_manifest
from safelight.engine.records.run_writer import SegmentRecord
from safelight.engine.records.stop_requests import StopListener
from safelight.engine.records.unrecorded_endings import UnrecordedEnd, note_end
from safelight.engine.records.writer_thread import Writer, in_journal_thread
from safelight.engine.run.condition_cards import ConditionCards
from safelight.engine.run.ending import Ending
from safelight.engine.run.instrument import instrument_of
from safelight.engine.run.runner import Runner
from safelight.engine.run.tenure_watch import watch_tenure
from safelight.representable import Representable
from safelight.states import AS_FOUND, Instrument, LampWarmup, TakenFrame, TimedLamp
from safelight.text import counted, lamps_in_words

__all__ = ["RunResult", "Segment"]

_LINGER_S = 60.0
"""Time for which the guards continue to check after a lamp command without a known outcome, s of wall time."""
_EAR_S = 10.0
"""Longest wait for the listener for requests in a server that does not answer, s of wall time."""


@dataclass(frozen=True, slots=True, repr=False)
class RunResult(Representable):
    """Result of a run.

    Attributes:
        run: its id.
        outcome: done, aborted, faulted, paused or unsafe.
        frames: the good frames on disk, in order.
        bad: frames that were kept aside as bad.
        trials: frames that were kept aside because another exposure time gives the counts asked for.
        lamps: each lamp as read back last.
        folder: folder of the frames and `manifest.json`.
        elapsed_s: observatory seconds from the first command to the end.
        reason: why it did not end as done.
        internal: whether the reason is an internal error of safelight.
        late: lamps whose ON command was never answered and may still be obeyed; the guards switch them off again.
    """

    run: str
    outcome: str
    frames: tuple[TakenFrame, ...]
    bad: tuple[TakenFrame, ...]
    lamps: Mapping[str, LampState]
    folder: Path
    elapsed_s: float
    reason: str | None = None
    internal: bool = False
    late: tuple[str, ...] = ()
    trials: tuple[TakenFrame, ...] = ()

    def __repr__(self) -> str:
        """Return a short form, because a notebook keeps it together with the table."""
        lamps = lamps_in_words(self.lamps) or "never read back"
        return f"<run {self.run}: {self.outcome}, {counted(len(self.frames), 'good frame')}, lamps {lamps}>"


@dataclass(slots=True)
class Segment:
    """Everything that one segment needs.

    Attributes:
        folder: folder of the run's frames and its manifest.
        before: the frames of earlier segments.
        settle: called with the record before anything moves (a resume records its inventory).
        attempts: frame -> number of tries in earlier segments.
        notes: notes for the user before the run.
        guarded: whether a guard process watches the lamps.
        asked_by: the requester; None: unknown.
        observatory_source: its shipped name, or the path of its document.
        take_over: whether to abort an exposure of another program.
        conditions: the conditions of the night, read for the headers of its frames; None: there are none.
        polite: whether to wait for it before anything is touched; a resume switches lamps off first.
    """

    run: str
    plan: Plan
    clock: Clock
    home: Path
    folder: Path
    announce: Announcer
    lock: Lock
    faults: tuple[Fault, ...] = ()
    before: tuple[TakenFrame, ...] = ()
    attempts: Mapping[str, int] = field(default_factory=dict)
    settle: Callable[[SegmentRecord], None] | None = None
    notes: tuple[str, ...] = ()
    guarded: bool = True
    asked_by: str | None = None
    observatory_source: str = "simulated"
    take_over: bool = False
    polite: bool = False
    conditions: ConditionCards | None = None

    async def execute(self, on_start: Callable[[Runner], None]) -> RunResult:
        """Run from the first lamps-off to the manifest. A cancellation means abort, and the rest is still done.

        Raises:
            CancelledError: after all that, if the caller was cancelled.
        """
        began_s = self.clock.now()
        devices = open_devices(self.plan.observatory, clock=self.clock, home=self.home, faults=self.faults)
        start = _Start(on_start)
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._close, devices)
            return await uncancelled(self._execute(devices, start, closing, began_s), start.abort)

    async def _close(self, devices: Devices) -> None:
        """Close the connections. A failure here does not change how the run has ended."""
        try:
            await devices.close()
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.announce("devices.failed", error=in_words(error))

    async def _leave(self, writer: Writer) -> None:
        with self.clock.still():
            await uncancelled(writer.close())

    async def _prepare(self, devices: Devices) -> tuple[SegmentRecord, Runner]:
        """Begin the record, and make the runner. Nothing moves yet, and the loop waits for no disk."""
        observatory = self.plan.observatory
        cards = (("RUNID", self.run), ("SEQNAME", self.plan.document.name), ("SEQHASH", self.plan.document.hash))
        instrument = instrument_of(observatory, devices, self.clock, self.folder, cards)
        instrument.attempts.update(self.attempts)
        looking = look_of(observatory, self.home)
        instrument.look = looking
        instrument.choose_s = None if looking is None else looking.choose_s
        _pin(instrument, self.plan.options.start)
        journal, now = self.lock.journal, self.clock.utc().isoformat()
        record = SegmentRecord(journal, self.run, self.folder, self.clock)

        def begin() -> tuple[Mapping[str, float], set[int]]:
            off_s = rested_s(journal, observatory.name, instrument.restrike_s, now)
            begun = ours(journal, observatory.name)
            record.begin(self.plan.graph.hash, self.plan.observatory.hash, self.asked_by)
            return off_s, begun

        off_s, begun = await in_journal_thread(begin, self.clock)
        instrument.off_since |= {lamp: self.clock.now() - seconds for lamp, seconds in off_s.items()}
        instrument.take_over = self.take_over
        if self.conditions is not None:
            instrument.conditions = self.conditions.cards
        instrument.ours |= begun
        runner = Runner(
            graph=self.plan.graph,
            instrument=instrument,
            observatory=observatory,
            announce=self.announce,
            safing=safing_for(observatory, devices.lamps, devices.second_lamps, self.clock, self._heard),
            record=record,
            polite=self.polite,
            may_command=lambda: not self.lock.tenure.over,
        )
        self._tell_start(timer_warnings(timers_of(devices.lamps)))
        if self.settle is not None:
            await in_journal_thread(partial(self._settle, self.settle, record, runner), self.clock)
        record.writer = Writer(self.lock.journal, self.clock, lambda: self.announce("journal.waiting"))
        return record, runner

    def _settle(self, settle: Callable[[SegmentRecord], None], record: SegmentRecord, runner: Runner) -> None:
        """Record the inventory of a resume. If files can't be moved aside, no frame is taken."""
        try:
            settle(record)
        except OSError as error:
            runner.stop("fault", f"files of an earlier try can't be set aside: {error}")

    async def _execute(self, devices: Devices, start: "_Start", closing: AsyncExitStack, began_s: float) -> RunResult:
        record, runner = await self._prepare(devices)
        if record.writer is not None:
            closing.push_async_callback(self._leave, record.writer)
        start.begin(runner)
        listening = StopListener(self.lock.journal, self.lock.owner, partial(_obey, runner), self.announce)
        ear = asyncio.create_task(listening.listen())
        watch = self._watch(runner)
        runner.instrument.before_lamp_on = partial(_permit, record, watch)
        if watch is not None:
            watch.on_acted = runner.instrument.put_out.update
            runner.instrument.take_charge = watch.take_charge
        if watch is not None:
            try:
                await watch.start()
            except EngineError as error:
                runner.stop("fault", str(error))
        with watch_tenure(self.lock.tenure, runner.halt):
            ending = self._fenced(await runner.run())
        # The guards use wall time, and so do the readers of it.
        until = (wall_utc() + timedelta(seconds=_LINGER_S)).isoformat(timespec="seconds")
        if record.writer is not None:
            record.writer.hurry()
        if watch is not None:
            await self._dismiss(watch, runner, ending, until)
        listening.finish()
        with self.clock.still():
            await wait_for([ear], _EAR_S)
        ear.cancel()
        ending, frames = await self._look_once_more(record, ending)
        # The manifest comes first, so that every run that is done in the journal has one.
        await self._write_manifest(frames)
        ending = await self._write_ending(record, ending)
        late = tuple(sorted(runner.instrument.doubtful)) if ending.outcome != "unsafe" else ()
        result = replace(_result(self.run, ending, frames, self.folder, self.clock.now() - began_s), late=late)
        await self._notify(result, record.segment)
        self._tell_end(result, until)
        return result

    async def _notify(self, result: RunResult, segment: int) -> None:
        """Notify people, now that the lamps are safe. Wait shortly for a receiver that does not answer."""
        observatory = self.plan.observatory
        if not observatory.notify:
            return
        facts = {
            "sequence": self.plan.document.name,
            "outcome": result.outcome,
            "frames": len(result.frames),
            "frames_asked": len(self.plan.expansion.frames),
            "folder": str(self.folder),
            "reason": result.reason,
        }
        notice = Notice.of_end(observatory, self.run, result.outcome, result.lamps, facts)
        with self.clock.still():
            key = f"{self.run}.{segment}"
            sent = await self.clock.in_thread(partial(notify, self.home, observatory.notify, notice, key))
            for receiver, outcome, why in await outcomes_of(sent):
                match outcome:
                    case "sent":
                        self.announce("notify.sent", to=receiver, why=why)
                    case "failed":
                        self.announce("notify.failed", to=receiver, why=why)
                    case "waiting":
                        self.announce("notify.waiting", to=receiver, why=why)

    async def _look_once_more(self, record: SegmentRecord, ending: Ending) -> tuple[Ending, tuple[TakenFrame, ...]]:
        """Return the frames that are still there. If files are missing, the run is not done."""
        frames = self.before + ending.frames
        try:
            lost = await self.clock.in_thread(partial(not_whole, frames, self.folder))
        except OSError:
            # The folder can't be read now. The records stay valid until it can.
            lost = []
        for taken, why in lost:
            record.lose(taken, why)
            self.announce("frame.lost", frame=taken.frame, exposure_no=taken.exposure_no, reason=why)
        if lost and ending.outcome == "done":
            ending = replace(ending, outcome="faulted", reason=_in_short(lost))
        gone = {taken.exposure_no for taken, _ in lost}
        return ending, tuple(taken for taken in frames if taken.exposure_no not in gone)

    # ---- the guard

    def _watch(self, runner: Runner) -> GuardClient | None:
        lights = any(isinstance(state.work, LampWarmup | TimedLamp) for state in self.plan.graph.states)
        if not lights or not self.guarded:
            return None
        speed = None if isinstance(self.clock, VirtualClock) else 1.0
        if isinstance(self.clock, ScaledClock):
            speed = self.clock.speed
        order = GuardConfig(
            self.run,
            self.home.absolute(),
            self.plan.observatory,
            speed,
            self.faults,
            journal=self.lock.journal.url,
            source=source_of(self.observatory_source),
        )
        return GuardClient(order, self.clock, partial(runner.stop, "fault"), self.announce)

    async def _dismiss(self, watch: GuardClient, runner: Runner, ending: Ending, until: str) -> None:
        """Dismiss the guards. If lamps are not confirmed off, send nothing, so that the guards continue alone."""
        if ending.outcome == "unsafe":
            burning = sorted(lamp for lamp, state in ending.lamps.items() if state != "off")
            self.announce("guard.stays", lamps=burning, pids=watch.pids, until=None)
            await watch.abandon()
        elif not await watch.end(_LINGER_S if runner.instrument.doubtful else 0.0):
            late = sorted(runner.instrument.doubtful)
            self.announce("guard.stays", lamps=late, pids=watch.pids, until=until if late else None)

    # ---- events and records

    def _fenced(self, ending: Ending) -> Ending:
        """Return the ending with its first reason: whatever failed afterwards was a consequence."""
        lost = self.lock.tenure.lost
        outcome = "faulted" if ending.outcome == "done" else ending.outcome
        return replace(ending, outcome=outcome, reason=lost) if lost else ending

    async def _write_ending(self, record: SegmentRecord, ending: Ending) -> Ending:
        """Record the end. The lamps are already safe, which a failing journal does not change.

        Returns:
            The ending. A run that could not be recorded in the journal is not done.
        """
        try:
            if (writing := record.finish(ending.outcome, ending.reason, ending.lamps)) is not None:
                await writing
        except JournalError as error:
            self.announce("journal.failed", error=str(error))
            ended = self.clock.utc().isoformat(timespec="milliseconds")
            note_end(self.folder, UnrecordedEnd(record.segment, ended, ending.outcome, ending.reason, ending.lamps))
            if isinstance(error, JournalMoved) and ending.outcome == "done":
                return replace(ending, outcome="faulted", reason=str(error))
        return self._fenced(ending)

    async def _write_manifest(self, frames: tuple[TakenFrame, ...]) -> None:
        if self.lock.tenure.over:
            self.announce("manifest.failed", error="not written: another host may have resumed the run")
            return
        document = self.plan.document
        exposures = [exposure_of(frame) for frame in self.plan.expansion.frames]
        content = manifest_of(self.run, document.name, document.hash, exposures, frames, self.folder)
        try:
            await self.clock.in_thread(partial(write_manifest, content, self.folder))
        except OSError as error:
            self.announce("manifest.failed", error=str(error))

    def _heard(self, lamp: str, words: str) -> None:
        self.announce("safing.lamp", lamp=lamp, seen=words)

    def _tell_start(self, warnings: tuple[str, ...]) -> None:
        plan = self.plan
        self.announce(
            "run.started",
            sequence=plan.document.name,
            sequence_hash=plan.document.hash,
            graph_hash=plan.graph.hash,
            observatory=plan.observatory.name,
            frames_asked=len(plan.expansion.frames),
            frames_kept=sum(frame.verdict == "good" for frame in self.before),
            total_s=plan.total_s,
            bound_s=plan.bound_s,
            folder=str(self.folder),
            home=str(self.home.absolute()),
            observatory_source=self.observatory_source,
            asked_by=self.asked_by,
            choices=dict(plan.expansion.choices),
            warnings=[*self.notes, *plan.warnings, *warnings],
        )

    def _tell_end(self, result: RunResult, until: str) -> None:
        late = {"lamps": list(result.late), "until": until} if result.late else None
        self.announce(
            "run.finished",
            outcome=result.outcome,
            frames=len(result.frames),
            frames_asked=len(self.plan.expansion.frames),
            bad_frames=len(result.bad),
            lamps=dict(result.lamps),
            elapsed_s=round(result.elapsed_s, 3),
            folder=str(self.folder),
            reason=result.reason,
            late=late,
        )


class _Start:
    """Start of a run whose caller may be cancelled before there is a runner."""

    def __init__(self, on_start: Callable[[Runner], None]) -> None:
        self._on_start = on_start
        self._runner: Runner | None = None
        self._cancelled = False

    def begin(self, runner: Runner) -> None:
        """Announce the runner, and stop it if the caller was cancelled meanwhile."""
        self._on_start(runner)
        self._runner = runner
        if self._cancelled:
            self.abort()

    def abort(self) -> None:
        """Abort the run, as soon as there is a runner."""
        self._cancelled = True
        if self._runner is not None:
            self._runner.stop("abort", "the task was cancelled")


def _pin(instrument: Instrument, start: StartPosition) -> None:
    """Require mask, telescopes and selectors to be at the places where an earlier segment of the run has found them."""
    if start.found_steps is not None:
        instrument.fibres[AS_FOUND] = start.found_steps
    instrument.found.update(start.found_setup)
    if start.found_pointing is not None:
        instrument.positions[AS_FOUND] = start.found_pointing


async def _permit(record: SegmentRecord, watch: GuardClient | None, lamp: str, lease_s: float) -> None:
    """Record a lamp in the journal, then with the guards, before it is lit."""
    record.lamp(lamp, "on")
    if (writing := record.commit()) is not None:
        await writing
    if watch is not None:
        await watch.permit(lamp, lease_s)
    # The answers to both may have come late.
    if record.journal.tenure is not None:
        record.journal.tenure.require()


def _in_short(lost: Sequence[tuple[TakenFrame, str]]) -> str:
    taken, why = lost[0]
    return f"files are missing that were written: {counted(len(lost), 'frame')}, {taken.frame} first: {why}"


def _obey(runner: Runner, word: str, reason: str) -> None:
    runner.stop("pause" if word == "pause" else "fault" if word == "fault" else "abort", reason)


def _result(run: str, ending: Ending, frames: tuple[TakenFrame, ...], folder: Path, elapsed_s: float) -> RunResult:
    return RunResult(
        run=run,
        outcome=ending.outcome,
        frames=tuple(frame for frame in frames if frame.verdict == "good"),
        bad=tuple(frame for frame in frames if frame.verdict not in ("good", "trial")),
        trials=tuple(frame for frame in frames if frame.verdict == "trial"),
        lamps=ending.lamps,
        folder=folder,
        elapsed_s=elapsed_s,
        reason=ending.reason,
        internal=ending.internal,
    )
