"""One segment of a run: one graph walked once, guarded, written down, with a manifest at its end."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from safelight.devices import Devices, LampState, open_devices
from safelight.devices.simulated.faults import Fault
from safelight.engine.assess import not_whole
from safelight.engine.by_hand import source_of
from safelight.engine.clock import Clock, ScaledClock, VirtualClock
from safelight.engine.compiler import exposure_of
from safelight.engine.control import Listening
from safelight.engine.ending import Ending
from safelight.engine.errors import EngineError, JournalError
from safelight.engine.events import Announcer
from safelight.engine.guard_order import Order
from safelight.engine.hand import instrument_of
from safelight.engine.journal import Journal
from safelight.engine.lock import Lock
from safelight.engine.logbook import SegmentRecord
from safelight.engine.manifest import manifest, write_manifest
from safelight.engine.plan import Plan
from safelight.engine.runner import Runner
from safelight.engine.safing import safing_for, uncancelled
from safelight.engine.watch import Watch
from safelight.engine.wording import counted, lamps_in_words
from safelight.engine.words import in_words
from safelight.states import LampWarmup, TakenFrame

__all__ = ["RunResult", "Segment", "hold"]

_LINGER_S = 60.0
"""How long the guards go on looking after a lamp command without a known outcome, s on the wall."""


@dataclass(frozen=True, slots=True, repr=False)
class RunResult:
    """What came out of a run.

    Attributes:
        run: its id.
        outcome: done, aborted, faulted, paused or unsafe.
        frames: the good frames on disk, in order.
        bad: those that were kept aside.
        lamps: each lamp as read back last.
        folder: where the frames and `manifest.json` lie.
        elapsed_s: observatory seconds from the first command to the end.
        reason: why it did not end in done.
        internal: the reason is a mistake of safelight itself.
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

    def __repr__(self) -> str:
        """Short: a notebook keeps it beside the table."""
        lamps = lamps_in_words(self.lamps) or "never looked at"
        return f"<run {self.run}: {self.outcome}, {len(self.frames)} good frames, lamps {lamps}>"

    def _repr_html_(self) -> str:
        """In a notebook: the outcome, the lamps and the frames."""
        from safelight.engine.report.result import result_html  # noqa: PLC0415 - only who looks needs it

        return result_html(self)


@dataclass(slots=True)
class Segment:
    """All that one segment needs.

    Attributes:
        folder: where the run's frames and its manifest lie.
        before: the frames that earlier segments have brought home.
        settle: called with the record before anything moves (a resume writes down what it has found).
        attempts: frame -> how often earlier segments have tried it.
        notes: what a person should know beforehand.
        guarded: a guard process watches the lamps.
        asked_by: who wants it; None: nobody says.
        observatory_source: its shipped name, or the path of its document.
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

    async def execute(self, on_start: Callable[[Runner], None]) -> RunResult:
        """From the first lamps-off to the manifest; a cancellation means abort, and everything else is still done.

        Raises:
            CancelledError: after all that, if the caller was cancelled.
        """
        observatory = self.plan.observatory
        devices = open_devices(observatory, clock=self.clock, home=self.home, faults=self.faults)
        try:
            return await self._walk(devices, on_start)
        finally:
            await self._close(devices)

    async def _close(self, devices: Devices) -> None:
        """Whatever is wrong with a connection that is given up: how the run has ended stands."""
        try:
            await devices.close()
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.announce("devices.failed", error=in_words(error))

    async def _walk(self, devices: Devices, on_start: Callable[[Runner], None]) -> RunResult:
        began_s = self.clock.now()
        observatory = self.plan.observatory
        cards = (("RUNID", self.run), ("SEQNAME", self.plan.document.name), ("SEQHASH", self.plan.document.hash))
        instrument = instrument_of(observatory, devices, self.clock, self.folder, cards)
        instrument.attempts.update(self.attempts)
        record = SegmentRecord(self.lock.journal, self.run, self.folder, self.clock)
        record.begin(self.plan.graph.hash, self.plan.observatory.hash, self.asked_by)
        runner = Runner(
            graph=self.plan.graph,
            instrument=instrument,
            observatory=observatory,
            announce=self.announce,
            safing=safing_for(observatory, devices.lamps, devices.second_lamps, self.clock, self._heard),
            record=record,
        )
        self._tell_start()
        self._settle(record, runner)
        on_start(runner)
        abort = partial(runner.stop, "abort", "the task was cancelled")
        return await uncancelled(self._execute(runner, record, began_s), abort)

    def _settle(self, record: SegmentRecord, runner: Runner) -> None:
        """Write down what a resume has found; where files can't be moved no frame is taken beside them."""
        try:
            if self.settle is not None:
                self.settle(record)
        except OSError as error:
            runner.stop("fault", f"files of an earlier try can't be set aside: {error}")

    async def _execute(self, runner: Runner, record: SegmentRecord, began_s: float) -> RunResult:
        listening = Listening(self.lock.journal.url, self.lock.owner, partial(_obey, runner), self.announce)
        ear = asyncio.create_task(listening.listen())
        watch = self._watch(runner)
        runner.instrument.before_lamp_on = partial(_permit, record, watch)
        if watch is not None:
            try:
                await watch.start()
            except EngineError as error:
                runner.stop("fault", str(error))
        ending = await runner.run()
        if watch is not None:
            await self._dismiss(watch, runner, ending)
        listening.finish()
        with self.clock.still():
            await ear
        ending, frames = await self._look_once_more(record, ending)
        # First the manifest: a run that the journal calls done has one, whenever it was killed.
        await self._write_manifest(frames)
        self._write_ending(record, ending)
        result = _result(self.run, ending, frames, self.folder, self.clock.now() - began_s)
        self._tell_end(result)
        return result

    async def _look_once_more(self, record: SegmentRecord, ending: Ending) -> tuple[Ending, tuple[TakenFrame, ...]]:
        """The frames that are still there; where files have gone meanwhile the run is not done."""
        frames = self.before + ending.frames
        try:
            lost = await self.clock.in_thread(partial(not_whole, frames, self.folder))
        except OSError:
            # Nobody can look now. What has been written stands until somebody can.
            lost = []
        for taken, why in lost:
            record.lose(taken, why)
            self.announce("frame.lost", frame=taken.frame, exposure_no=taken.exposure_no, reason=why)
        if lost and ending.outcome == "done":
            ending = replace(ending, outcome="faulted", reason=_in_short(lost))
        gone = {taken.exposure_no for taken, _ in lost}
        return ending, tuple(taken for taken in frames if taken.exposure_no not in gone)

    # ---- the guard

    def _watch(self, runner: Runner) -> Watch | None:
        lights = any(isinstance(state.work, LampWarmup) for state in self.plan.graph.states)
        if not lights or not self.guarded:
            return None
        speed = None if isinstance(self.clock, VirtualClock) else 1.0
        if isinstance(self.clock, ScaledClock):
            speed = self.clock.speed
        order = Order(
            self.run,
            self.home.absolute(),
            self.plan.observatory,
            speed,
            self.faults,
            journal=self.lock.journal.url,
            source=source_of(self.observatory_source),
        )
        return Watch(order, self.clock, partial(runner.stop, "fault"), self.announce)

    async def _dismiss(self, watch: Watch, runner: Runner, ending: Ending) -> None:
        """Say goodbye; where the lamps are not confirmed off say nothing, and the guards go on alone."""
        if ending.outcome == "unsafe":
            burning = sorted(lamp for lamp, state in ending.lamps.items() if state != "off")
            self.announce("guard.stays", lamps=burning, pids=watch.pids)
            await watch.abandon()
        elif not await watch.end(_LINGER_S if runner.instrument.doubtful else 0.0):
            self.announce("guard.stays", lamps=sorted(runner.instrument.doubtful), pids=watch.pids)

    # ---- what is told and written

    def _write_ending(self, record: SegmentRecord, ending: Ending) -> None:
        """The lamps are safe already; a journal that can't be written changes nothing about that."""
        try:
            record.finish(ending.outcome, ending.reason, ending.lamps)
        except JournalError as error:
            self.announce("journal.failed", error=str(error))

    async def _write_manifest(self, frames: tuple[TakenFrame, ...]) -> None:
        document = self.plan.document
        exposures = [exposure_of(frame) for frame in self.plan.expansion.frames]
        content = manifest(self.run, document.name, document.hash, exposures, frames, self.folder)
        try:
            await self.clock.in_thread(partial(write_manifest, content, self.folder))
        except OSError as error:
            self.announce("manifest.failed", error=str(error))

    def _heard(self, lamp: str, words: str) -> None:
        self.announce("safing.lamp", lamp=lamp, seen=words)

    def _tell_start(self) -> None:
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
            warnings=[*self.notes, *plan.expansion.warnings],
        )

    def _tell_end(self, result: RunResult) -> None:
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
        )


@contextmanager
def hold(url: str, observatory: str, run: str) -> Iterator[Lock]:
    """Open the journal and hold the observatory.

    Raises:
        JournalError: the journal can't be opened.
        RunRefused: another run holds the observatory.
    """
    journal = Journal(url)
    try:
        lock = Lock.take(journal, observatory, run)
        try:
            yield lock
        finally:
            with suppress(JournalError):
                lock.release()
    finally:
        journal.close()


async def _permit(record: SegmentRecord, watch: Watch | None, lamp: str, lease_s: float) -> None:
    """Before a lamp is lit: the journal knows, then the guards know."""
    record.lamp(lamp, "on")
    record.commit()
    if watch is not None:
        await watch.permit(lamp, lease_s)


def _in_short(lost: Sequence[tuple[TakenFrame, str]]) -> str:
    taken, why = lost[0]
    return f"files have gone since they were written: {counted(len(lost), 'frame')}, {taken.frame} first: {why}"


def _obey(runner: Runner, word: str, reason: str) -> None:
    runner.stop("pause" if word == "pause" else "abort", reason)


def _result(run: str, ending: Ending, frames: tuple[TakenFrame, ...], folder: Path, elapsed_s: float) -> RunResult:
    return RunResult(
        run=run,
        outcome=ending.outcome,
        frames=tuple(frame for frame in frames if frame.verdict == "good"),
        bad=tuple(frame for frame in frames if frame.verdict != "good"),
        lamps=ending.lamps,
        folder=folder,
        elapsed_s=elapsed_s,
        reason=ending.reason,
        internal=ending.internal,
    )
