"""Runner: moves through the machine, does the work of each state, and always ends with safing.

The machine knows the present states of the run, and the runner owns the tasks. It waits until a task has ended or a
stop is requested. A task that succeeded moves the machine on. One that failed is retried as its policy says, together
with everything that has to be repeated with it. A stop cancels all tasks, then makes the lamps safe, and only then
waits for slow work.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from safelight.devices.observatory.observatory import Observatory
from safelight.devices.protocols import LampState
from safelight.engine.errors import EngineError, in_words
from safelight.engine.events import Announcer
from safelight.engine.gc_tuning import calm_collector
from safelight.engine.guard.safing import FinalSafing, Safing, uncancelled, wait_for
from safelight.engine.run.ending import OUTCOMES, Ending, Stop, fault
from safelight.engine.run.others_exposure import Others
from safelight.engine.run.record import NoRecord, Record
from safelight.engine.run.retry import retry_for
from safelight.engine.run.statechart import Statechart
from safelight.states import (
    Adopt,
    Event,
    Expose,
    FibselStep,
    Instrument,
    LampOff,
    LampWarmup,
    Occupied,
    Readout,
    Ready,
    State,
    StateGraph,
    TakenFrame,
    TimedLamp,
    TimedShutter,
    Work,
)
from safelight.states.graph import SAFING, plain
from safelight.states.shutters import darken
from safelight.states.titles import title

__all__ = ["Runner"]

_QUICK_S = 0.02
"""Time for cancelled tasks to end before the lamps are switched off anyway, s of wall time."""
_COMMANDED_S = 0.005
"""Time for the lamps' commands to be sent before the machine and clean-ups follow, s of wall time."""
_PATIENT_S = 10.0
"""Longest wait for them afterwards, s of wall time. A task that has not ended by then is abandoned."""


@dataclass(slots=True)
class Runner:
    """Execution of one segment of a run: one graph, once.

    Attributes:
        graph: a checked graph.
        record: gets every intent before the device is commanded, and every outcome.
        polite: whether to wait first for an exposure of another program, without touching its lamps.
        may_command: whether it may still command anything but lamps off.
    """

    graph: StateGraph
    instrument: Instrument
    observatory: Observatory
    announce: Announcer
    safing: Safing
    record: Record = field(default_factory=NoRecord)
    polite: bool = False
    may_command: Callable[[], bool] = lambda: True
    _stop: Stop | None = None
    _machine: Statechart = field(init=False)
    _loop: asyncio.AbstractEventLoop | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[str, asyncio.Task[TakenFrame | None]] = field(default_factory=dict)
    _intended: list[State] = field(default_factory=list)
    _ended: deque[str] = field(default_factory=deque)
    _recoveries: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _tries: dict[str, int] = field(default_factory=dict)
    _waited: dict[str, int] = field(default_factory=dict)
    _frames: list[TakenFrame] = field(default_factory=list)
    _left: list[State] = field(default_factory=list)
    _failed: dict[str, list[State]] = field(default_factory=dict)
    _clearing: set[str] = field(default_factory=set)
    _stopped: list[asyncio.Task[TakenFrame | None]] = field(default_factory=list)
    _charge: State | None = None
    _held: bool = False
    _began: dict[str, float] = field(default_factory=dict)

    async def run(self) -> Ending:
        """Execute the graph to one of its endings. A cancellation means abort, and safing comes first.

        Raises:
            CancelledError: after the lamps are safe, if the caller was cancelled.
        """
        self._loop = asyncio.get_running_loop()
        with calm_collector():
            return await uncancelled(self._execute(), lambda: self._ask(Stop("abort", "the task was cancelled")))

    def stop(self, event: Literal["abort", "fault", "pause"], reason: str) -> None:
        """Request an early end, from any thread. An abort overrides everything, and a pause overrides nothing."""
        stop = Stop(event, reason)
        if self._loop is None:
            self._ask(stop)
        else:
            # The loop is closed after the end of its run.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ask, stop)

    def halt(self, reason: str) -> None:
        """End the run as faulted, from its own event loop, before any of its actions sends another command."""
        self._ask(Stop("fault", reason))
        for task in (*self._tasks.values(), *self._recoveries.values()):
            task.cancel()

    def _ask(self, stop: Stop) -> None:
        if self._stop is None or (self._stop.event == "pause" and stop.event != "pause"):
            self._stop = stop
            self.announce("stop.requested", stop=stop.event, reason=stop.reason)
        self._wake.set()

    # ---- execution

    async def _execute(self) -> Ending:
        """Start active states, wait and move on, until none is left or a stop has to be obeyed. Then shut down."""
        try:
            self._machine = Statechart(self.graph)
            if self.polite:
                await self._others.gone()
            while not self._must_leave:
                if self._stop is not None and not self._held:
                    self._hold()
                self._intend_what_is_active()
                # Each intent is durable before a device is commanded.
                await self._durable()
                if self._must_leave:
                    break
                for state in self._intended:
                    attempt = self._tries[self._scope(state)]
                    self._tell("state.started", state, attempt=attempt, expected_s=state.expected_s)
                    self._began[state.id] = self.instrument.clock.now()
                    self._tasks[state.id] = asyncio.create_task(self._perform(state), name=state.id)
                    self._tasks[state.id].add_done_callback(partial(self._note, state.id))
                self._intended.clear()
                if not self._tasks and not self._recoveries:
                    break
                await self._wake.wait()
                self._wake.clear()
                while self._ended and not self._must_leave:
                    self._finish(self._ended.popleft())
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            # Even when a closing loop cancels every task, the run ends with safing.
            self._ask(Stop("abort", "all tasks were cancelled"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the lamps come first
            self._stop = fault("the run can't continue", error)
        return await self._shut_down()

    @property
    def _others(self) -> Others:
        longest_s = self.observatory.spectrographs.others_s
        return Others(self.instrument, longest_s, self.announce, lambda: self._stop is not None)

    @property
    def _must_leave(self) -> bool:
        return self._stop is not None and self._stop.event != "pause"

    async def _durable(self) -> None:
        """Wait until all records are durable. A stop does not wait for it.

        Raises:
            JournalError: it can't be made durable.
        """
        writing = self.record.commit()
        if writing is None:
            return
        writing.add_done_callback(lambda _: self._wake.set())
        while not writing.done() and not self._must_leave:
            await self._wake.wait()
            self._wake.clear()
        if self._ended or self._stop is not None:
            self._wake.set()
        if writing.done():
            writing.result()
        else:
            writing.cancel()  # it is not waited for any more, but written all the same

    def _intend_what_is_active(self) -> None:
        for state in self._machine.at_work:
            scope = self.graph.retry_scope(state.id)
            waits = state.id in self._tasks or scope in self._recoveries or state.id == SAFING
            if not waits and (not self._held or _brings_frame_home(state)):
                self._intend(state)

    def _intend(self, state: State) -> None:
        attempt = self._tries.setdefault(self._scope(state), 1)
        if isinstance(state.work, Expose):
            frame = state.work.exposure.frame
            self.instrument.attempts[frame] = self.instrument.attempts.get(frame, 0) + 1
        self.record.intend(state, attempt, self._note_for(state))
        self._intended.append(state)

    def _note_for(self, state: State) -> Mapping[str, Any] | None:
        """Return the facts of an integration that a resume needs if it finds it running."""
        if isinstance(state.work, Expose):
            frame = state.work.exposure.frame
            note = {"seen": plain(self.instrument.seen[frame]), "attempt": self.instrument.attempts[frame]}
            if state.work.exposure.counts is not None:
                note["exposure_s"] = self.instrument.chosen(state.work.exposure).exposure_s
            return note
        return None

    def _note(self, name: str, _task: object = None) -> None:
        self._ended.append(name)
        self._wake.set()

    async def _perform(self, state: State) -> TakenFrame | None:
        if isinstance(state.work, LampWarmup | TimedLamp | Expose):
            await self.instrument.take_charge()
        await self._rest(state)
        try:
            async with self.instrument.clock.timeout(state.deadline_s):
                return await _work(state).act(self.instrument)
        except TimeoutError:
            raise TimeoutError(f"not done after {state.deadline_s:g} s") from None

    async def _rest(self, state: State) -> None:
        """Let lamps that have their moment within an exposure rest before everything is read back for it.

        Other lamps rest in the states that light them.
        """
        if self.instrument.restrike_s and isinstance(state.work, Ready):
            exposures = (each for each in self.graph.exposures if each.frame == state.frame)
            await self.instrument.rested(*(lamp for each in exposures for lamp, _ in each.timed))

    def _finish(self, name: str) -> None:
        """Handle the end of a task or a recovery."""
        task = self._tasks.pop(name, None)
        if task is None:
            if name in self._recoveries:
                self._begin_again(name)
            return
        state = self.graph.by_id[name]
        if task.cancelled():
            return
        error = task.exception()
        if self._scope(state) in self._recoveries:
            return  # it is repeated with the one that failed first
        if error is not None:
            self._fail(state, error)
            return
        self.record.achieve(state)
        self._note_end(state)
        self._tell("state.ended", state)
        taken = task.result()
        if taken is not None:
            self._keep(taken)
        self._note_charge(state)
        if taken is not None and taken.verdict != "good":
            self._take_again(state, taken)
        else:
            self._machine.send(Event.NEXT, name)

    def _note_end(self, state: State) -> None:
        """Note that a state has ended, and how early, for the waits in parallel lanes."""
        took_s = self.instrument.clock.now() - self._began.get(state.id, -math.inf)
        if isinstance(state.work, Expose) and state.work.exposure.counts is not None:
            took_s = math.inf  # how early it ended says nothing about the next one
        self.instrument.early_s[state.kind] = max(0.0, state.expected_s - took_s)
        self.instrument.ended[state.id].set()

    def _note_charge(self, state: State) -> None:
        """Note whose charge waits in the spectrographs. On the way out it is thrown away."""
        if isinstance(state.work, Expose):
            self._charge = state
        elif isinstance(state.work, Readout):
            self._charge = None

    def _keep(self, taken: TakenFrame) -> None:
        """Record a frame that is on disk."""
        self._frames.append(taken)
        self.record.keep(taken)
        self.announce(
            "frame.taken" if taken.verdict == "good" else "frame.trial" if taken.verdict == "trial" else "frame.bad",
            frame=taken.frame,
            attempt=taken.attempt,
            exposure_no=taken.exposure_no,
            verdict=taken.verdict,
            reason=taken.reason,
            light=None if taken.light is None else {"quality": taken.light.quality, "words": taken.light.words},
            files=[str(file.path) for file in taken.files],
        )

    # ---- bad light

    def _take_again(self, state: State, taken: TakenFrame) -> None:
        """Go back to the restore of a frame whose light was bad, or end the run where that leads nowhere."""
        restore = self.graph.edges.get((state.id, Event.RETAKE))
        light = taken.light
        if restore is None or light is None or light.fault is not None:
            self._ask(Stop("fault", f"frame {taken.frame}: {taken.reason}"))
            return
        beside = self._interrupted_by_retake(state, restore)
        self._machine.send(Event.RETAKE, state.id)
        self._forget_endings(restore)
        self._failed[restore] = beside
        self._clearing.add(restore)
        self._tries.pop(restore, None)
        tasks = [task for each in beside for task in self._stop_all(each.id)]
        self._recoveries[restore] = asyncio.create_task(self._clear_way(restore, tasks), name=restore)
        self._recoveries[restore].add_done_callback(partial(self._note, restore))
        self.announce("frame.retaken", frame=taken.frame, attempt=taken.attempt, reason=taken.reason)

    def _interrupted_by_retake(self, state: State, restore: str) -> list[State]:
        """Return the states that are at work in parallel with a readout, and are left together with it."""
        parent = self.graph.by_id[restore].parent
        above = [state, *self.graph.ancestors(state.id)]
        left = next(each.id for each in above if each.parent == parent)
        return [
            each
            for each in self._machine.at_work
            if each.id not in (left, state.id) and any(over.id == left for over in self.graph.ancestors(each.id))
        ]

    def _stop_all(self, name: str) -> list[asyncio.Task[Any]]:
        """Cancel what is done for a state: its action, or the wait for its next try."""
        stopped: list[asyncio.Task[Any]] = []
        task = self._tasks.pop(name, None)
        if task is not None:
            stopped.append(task)
        scope = self.graph.retry_scope(name) or name
        recovery = self._recoveries.pop(scope, None)
        if recovery is not None:
            self._failed.pop(scope, None)
            stopped.append(recovery)
        for each in stopped:
            each.cancel()
        return stopped

    async def _clear_way(self, restore: str, tasks: list[asyncio.Task[Any]]) -> None:
        """Wait for what was stopped, and clean up after it."""
        await asyncio.gather(*tasks, return_exceptions=True)
        for state in self._failed[restore]:
            self.record.fail(state, None)
            await self._clean_up(state, again=True)

    def _forget_endings(self, restore: str) -> None:
        """Let what comes after a restore end again: some states wait for others."""
        places = [state.id for state in self.graph.states]
        for state_id in places[places.index(restore) :]:
            self.instrument.ended.pop(state_id, None)

    # ---- failures

    def _fail(self, state: State, error: BaseException) -> None:
        """Retry as the policy says, or give up."""
        scope = self._scope(state)
        attempt = self._tries[scope]
        self.record.fail(state, error)
        wait_s = self._retry_in_s(state, attempt, error)
        self._tell("state.failed", state, attempt=attempt, error=in_words(error), retry_in_s=wait_s)
        if wait_s is None:
            self._left.append(state)
            tries = "" if attempt == 1 else f" after {attempt} tries"
            self._ask(fault(f"{title(state)} failed{tries}", error))
            return
        beside = {name: task for name, task in self._tasks.items() if self.graph.retry_scope(name) == scope}
        self._failed[scope] = [state, *(self.graph.by_id[name] for name in beside)]
        for name, task in beside.items():
            self._note_stopped(self.graph.by_id[name], task)
        recovery = self._recover(scope, list(beside.values()), wait_s, error)
        self._recoveries[scope] = asyncio.create_task(recovery, name=scope)
        self._recoveries[scope].add_done_callback(partial(self._note, scope))

    def _note_stopped(self, state: State, task: asyncio.Task[TakenFrame | None]) -> None:
        """Record the outcome of a state that is repeated with one that has failed. It may just have ended itself."""
        ended = task.done() and not task.cancelled()
        error = task.exception() if ended else None
        if ended and error is None:
            self.record.achieve(state)
        else:
            self.record.fail(state, error)

    def _retry_in_s(self, state: State, attempt: int, error: BaseException) -> float | None:
        """Return the seconds until the next try, or None. A wait for another program is not a failure."""
        scope = self._scope(state)
        if isinstance(error, Occupied):
            self._waited[scope] = self._waited.get(scope, 0) + 1
            return 0.0
        return retry_for(state.kind, self.observatory).after(attempt - self._waited.get(scope, 0), error)

    async def _recover(
        self, scope: str, beside: list[asyncio.Task[TakenFrame | None]], wait_s: float, error: BaseException
    ) -> None:
        """Switch lamps off, stop other tasks in the same scope, clean up, wait."""
        darkening = asyncio.create_task(darken(self._to_darken(scope, error), self.instrument))
        try:
            # The lamps' commands are sent before anything slow is done to the spectrographs.
            await asyncio.wait([darkening], timeout=_COMMANDED_S)
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            for state in self._failed[scope]:
                await self._clean_up(state, again=True)
            await asyncio.wait([darkening])
            self._note_darkness(scope, darkening.result())
        finally:
            darkening.cancel()
        if isinstance(error, Occupied):
            await self._others.gone()
        await self.instrument.clock.sleep(wait_s)

    def _note_darkness(self, scope: str, lamps: Mapping[str, LampState]) -> None:
        """Record and announce lamps that were switched off after a failure."""
        if not lamps:
            return
        for lamp, seen in lamps.items():
            self.record.lamp(lamp, "off", seen, self._failed[scope][0].id)
        self.announce("lamps.darkened", lamps=dict(lamps))

    def _to_darken(self, scope: str, error: BaseException) -> tuple[str, ...]:
        """Return the lamps of an exposure that has failed, with a possibly open shutter, or that has to wait."""
        works = [state.work for state in self._failed[scope]]
        lit = [work.exposure.lamps for work in works if isinstance(work, Expose)]
        if isinstance(error, Occupied):
            lit += [work.need.lamps for work in works if isinstance(work, Ready)]
        return tuple(dict.fromkeys(lamp for lamps in lit for lamp in lamps))

    def _begin_again(self, scope: str) -> None:
        self._recoveries.pop(scope).result()
        del self._failed[scope]
        if scope in self._clearing:
            self._clearing.remove(scope)
            return  # the way is clear for a first try
        self._tries[scope] += 1
        self.announce("state.retried", state=scope, attempt=self._tries[scope])
        self._machine.send(Event.RETRY, scope)

    async def _clean_up(self, state: State, *, again: bool) -> None:
        """Do a state's own clean-up within a time limit. A failure is reported, and left to the next `ready`.

        A run whose tenure is over leaves the instrument to the run that may have taken it.
        """
        if not self.may_command():
            return
        readout_s = self.observatory.spectrographs.readout_s
        longest_s = state.deadline_s + self.observatory.deadlines.deadline_s(Readout.kind, readout_s)
        try:
            async with self.instrument.clock.timeout(longest_s):
                kept = await _work(state).clean_up(self.instrument, again=again)
            if kept is not None:
                self._keep(kept)
                self._wake.set()  # so that it is recorded before the wait for a retry
        except Exception as error:  # noqa: BLE001 - the retry or the end comes all the same
            self._tell("clean-up.failed", state, error=in_words(error))

    # ---- the ways out

    def _hold(self) -> None:
        """Pause: let the frame in progress be read out, and stop everything else."""
        self._held = True
        for name in list(self._tasks):
            state = self.graph.by_id[name]
            if not _brings_frame_home(state):
                self._left.append(state)
                self._stopped.append(self._tasks.pop(name))
                self._stopped[-1].cancel()

    async def _shut_down(self) -> Ending:
        """Cancel everything, make the lamps safe, then wait for slow work.

        Requests from here on change nothing, because the run is already ending.
        """
        stop = self._stop
        self._left += self._unfinished()
        running: list[asyncio.Task[Any]] = [*self._tasks.values(), *self._recoveries.values(), *self._stopped]
        for task in running:
            task.cancel()
        await wait_for(running, _QUICK_S)
        reluctant = any(not task.done() for task in running)
        self.announce("safing.started")
        darkness = FinalSafing(self.safing, self.instrument.clock, self.instrument.doubtful)
        safing = darkness.begin()
        # The lamps' commands are sent before anything else is done, even if that is quick.
        await wait_for([safing], _COMMANDED_S)
        self._send(stop.event if stop else None, self.graph.initial)
        slow = [asyncio.create_task(self._clean_up(state, again=False)) for state in self._left]
        lamps = await darkness.reached(safing)
        self._write_what_was_stopped()
        await wait_for(slow, None)
        await wait_for(running, _PATIENT_S)
        if reluctant:
            # A task that had not ended may have lit a lamp after safing.
            lamps = await darkness.reached(darkness.begin())
        unsafe = any(state != "off" for state in lamps.values())
        outcome = "unsafe" if unsafe else OUTCOMES[stop.event] if stop else "done"
        self._send(outcome, SAFING)
        at_last = "the lamps are not confirmed off at the end" if unsafe else None
        reason, internal = (stop.reason, stop.internal) if stop else (at_last, False)
        return Ending(outcome, lamps, tuple(self._frames), reason, internal)

    def _unfinished(self) -> list[State]:
        """Return the running, starting and waiting states, and the exposure whose charge is not read out."""
        states = [*(self.graph.by_id[name] for name in self._tasks), *self._intended]
        states += [state for failed in self._failed.values() for state in failed]
        if self._charge is not None and self._charge not in states:
            states.append(self._charge)
        return states

    def _write_what_was_stopped(self) -> None:
        """Record the states that did not end. The end of the segment waits until this is durable."""
        with suppress(Exception):
            for state in self._left:
                self.record.fail(state, None)
            if (writing := self.record.commit()) is not None:
                writing.cancel()  # as above

    def _send(self, event: str | None, source: str) -> None:
        """Move the machine on its way out. A machine that is broken or was never built prevents nothing."""
        try:
            if event is not None:
                self._machine.send(event, source)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the lamps come first
            self.announce("machine.failed", error=in_words(error))

    # ---- words

    def _scope(self, state: State) -> str:
        return self.graph.retry_scope(state.id) or state.id

    def _tell(self, event: str, state: State, **facts: Any) -> None:
        self.announce(event, state=state.id, kind=state.kind, frame=state.frame, **facts)


def _work(state: State) -> Work:
    if state.work is None:
        raise EngineError(f"{state.id} has no action")
    return state.work


def _brings_frame_home(state: State) -> bool:
    """Return whether a state belongs to a frame that integrates or is read out, or switches lamps off."""
    work = state.work
    return isinstance(work, Expose | Adopt | Readout | LampOff | TimedLamp | TimedShutter) or (
        isinstance(work, FibselStep) and work.frame is not None
    )
