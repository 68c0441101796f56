"""The runner: moves through the machine, does the work of each state, and always leaves by safing.

The machine knows where the run is; the runner owns the tasks. It waits for the first of: a task has ended, a stop was
asked for. A task that ended moves the machine on; one that failed is tried again as its policy says, together with
everything that has to be begun again with it; a stop cancels all tasks, then makes the lamps safe, and only then
waits for whatever is slow.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from safelight.devices.observatory import Observatory
from safelight.engine.collector import calm_collector
from safelight.engine.darkness import Darkness, wait_for
from safelight.engine.ending import OUTCOMES, Ending, Stop, fault
from safelight.engine.errors import EngineError
from safelight.engine.events import Announcer
from safelight.engine.machine import Machine
from safelight.engine.record import NoRecord, Record
from safelight.engine.retrying import retry_for
from safelight.engine.safing import Safing, uncancelled
from safelight.engine.shape import SAFING
from safelight.engine.words import in_words
from safelight.states import (
    Adopt,
    Event,
    Expose,
    FibselStep,
    Instrument,
    LampOff,
    Readout,
    State,
    StateGraph,
    TakenFrame,
    Work,
)
from safelight.states.graph import plain

__all__ = ["Runner"]

T = TypeVar("T")

_QUICK_S = 0.02
"""How long cancelled tasks may take to let go before the lamps are switched off anyway, s on the wall."""
_COMMANDED_S = 0.005
"""What the lamps' commands may take to be on their way before the machine and clean-ups follow, s on the wall."""
_PATIENT_S = 10.0
"""How long they are waited for afterwards, s on the wall; what does not let go then is left behind."""


@dataclass(slots=True)
class Runner:
    """One segment of a run: one graph, walked once.

    Attributes:
        graph: proved.
        record: told of every intent before the device is asked, and of every outcome.
    """

    graph: StateGraph
    instrument: Instrument
    observatory: Observatory
    announce: Announcer
    safing: Safing
    record: Record = field(default_factory=NoRecord)
    _stop: Stop | None = None
    _machine: Machine = field(init=False)
    _loop: asyncio.AbstractEventLoop | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[str, asyncio.Task[TakenFrame | None]] = field(default_factory=dict)
    _ended: deque[str] = field(default_factory=deque)
    _recoveries: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _tries: dict[str, int] = field(default_factory=dict)
    _frames: list[TakenFrame] = field(default_factory=list)
    _left: list[State] = field(default_factory=list)
    _failed: dict[str, list[State]] = field(default_factory=dict)
    _stopped: list[asyncio.Task[TakenFrame | None]] = field(default_factory=list)
    _charge: State | None = None
    _held: bool = False

    async def run(self) -> Ending:
        """Walk through the graph to one of its endings; a cancellation means abort, and safing comes first.

        Raises:
            CancelledError: after the lamps are safe, if the caller was cancelled.
        """
        self._loop = asyncio.get_running_loop()
        with calm_collector():
            return await uncancelled(self._whole(), lambda: self._ask(Stop("abort", "the task was cancelled")))

    def stop(self, event: Literal["abort", "fault", "pause"], reason: str) -> None:
        """Ask for an early end, from any thread; nothing overrides an abort, and a pause overrides nothing."""
        stop = Stop(event, reason)
        if self._loop is None:
            self._ask(stop)
        else:
            # A loop that is closed has seen its run end.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ask, stop)

    def _ask(self, stop: Stop) -> None:
        if self._stop is None or (self._stop.event == "pause" and stop.event != "pause"):
            self._stop = stop
            self.announce("stop.requested", stop=stop.event, reason=stop.reason)
        self._wake.set()

    # ---- the way through

    async def _whole(self) -> Ending:
        try:
            self._machine = Machine(self.graph)
            await self._walk()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            # Not even a loop that shuts down and cancels every task ends a run without safing.
            self._ask(Stop("abort", "all tasks were cancelled"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the lamps come first
            self._stop = fault("the run can't go on", error)
        return await self._leave()

    async def _walk(self) -> None:
        """Start what is active, wait, move on; ends when nothing is left to do or a stop is to be obeyed."""
        while not self._must_leave:
            if self._stop is not None and not self._held:
                self._hold()
            self._start_what_is_active()
            # Tasks begin at the next await: what they are about to do is durable before a device is asked.
            self.record.commit()
            if not self._tasks and not self._recoveries:
                return
            await self._wake.wait()
            self._wake.clear()
            while self._ended and not self._must_leave:
                self._finish(self._ended.popleft())

    @property
    def _must_leave(self) -> bool:
        return self._stop is not None and self._stop.event != "pause"

    def _start_what_is_active(self) -> None:
        for state in self._machine.at_work:
            scope = self.graph.retry_scope(state.id)
            waits = state.id in self._tasks or scope in self._recoveries or state.id == SAFING
            if not waits and (not self._held or _brings_frame_home(state)):
                self._start(state)

    def _start(self, state: State) -> None:
        attempt = self._tries.setdefault(self._scope(state), 1)
        if isinstance(state.work, Expose):
            frame = state.work.exposure.frame
            self.instrument.attempts[frame] = self.instrument.attempts.get(frame, 0) + 1
        self.record.intend(state, attempt, self._note_for(state))
        self._tell("state.started", state, attempt=attempt, expected_s=state.expected_s)
        self._tasks[state.id] = self._spawn(state.id, self._perform(state))

    def _note_for(self, state: State) -> Mapping[str, Any] | None:
        """What a resume must know of an integration that it may find running."""
        if isinstance(state.work, Expose):
            frame = state.work.exposure.frame
            return {"seen": plain(self.instrument.seen[frame]), "attempt": self.instrument.attempts[frame]}
        return None

    def _spawn(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that says when it has ended."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._note(name))
        return task

    def _note(self, name: str) -> None:
        self._ended.append(name)
        self._wake.set()

    async def _perform(self, state: State) -> TakenFrame | None:
        try:
            async with self.instrument.clock.timeout(state.deadline_s):
                return await _work(state).act(self.instrument)
        except TimeoutError:
            raise TimeoutError(f"not done after {state.deadline_s:g} s") from None

    def _finish(self, name: str) -> None:
        """A task or a recovery has ended."""
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
            return  # it is begun again with the one that failed first
        if error is not None:
            self._fail(state, error)
            return
        self.record.achieve(state)
        self._tell("state.ended", state)
        taken = task.result()
        if taken is not None:
            self._keep(taken)
        self._note_charge(state)
        self._machine.send(Event.NEXT, name)

    def _note_charge(self, state: State) -> None:
        """Remember whose charge waits in the spectrographs: on the way out it is thrown away."""
        if isinstance(state.work, Expose):
            self._charge = state
        elif isinstance(state.work, Readout):
            self._charge = None

    def _keep(self, taken: TakenFrame) -> None:
        """A frame is on the disk."""
        self._frames.append(taken)
        self.record.keep(taken)
        self.announce(
            "frame.taken" if taken.verdict == "good" else "frame.bad",
            frame=taken.frame,
            attempt=taken.attempt,
            exposure_no=taken.exposure_no,
            verdict=taken.verdict,
            reason=taken.reason,
            files=[str(file.path) for file in taken.files],
        )

    # ---- failures

    def _fail(self, state: State, error: BaseException) -> None:
        """Try again as the policy says, or give up."""
        scope = self._scope(state)
        attempt = self._tries[scope]
        self.record.fail(state, error)
        wait_s = retry_for(state.kind, self.observatory).after(attempt, error)
        self._tell("state.failed", state, attempt=attempt, error=in_words(error), retry_in_s=wait_s)
        if wait_s is None:
            self._left.append(state)
            tries = "" if attempt == 1 else f" after {attempt} tries"
            self._ask(fault(f"{state.id} failed{tries}", error))
            return
        beside = {name: task for name, task in self._tasks.items() if self.graph.retry_scope(name) == scope}
        self._failed[scope] = [state, *(self.graph.by_id[name] for name in beside)]
        self._recoveries[scope] = self._spawn(scope, self._recover(scope, list(beside.values()), wait_s))

    async def _recover(self, scope: str, beside: list[asyncio.Task[TakenFrame | None]], wait_s: float) -> None:
        """Stop what runs in the same scope, clean up, wait."""
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for state in self._failed[scope]:
            await self._clean_up(state, again=True)
        await self.instrument.clock.sleep(wait_s)

    def _begin_again(self, scope: str) -> None:
        self._recoveries.pop(scope).result()
        del self._failed[scope]
        self._tries[scope] += 1
        self.announce("state.retried", state=scope, attempt=self._tries[scope])
        self._machine.send(Event.RETRY, scope)

    async def _clean_up(self, state: State, *, again: bool) -> None:
        """A state's own clean-up, bounded; what goes wrong in it is told, and left to the next `ready`."""
        readout_s = self.observatory.spectrographs.readout_s
        longest_s = state.deadline_s + self.observatory.deadlines.deadline_s(Readout.kind, readout_s)
        try:
            async with self.instrument.clock.timeout(longest_s):
                kept = await _work(state).clean_up(self.instrument, again=again)
            if kept is not None:
                self._keep(kept)
                self._wake.set()  # so that it is written down before the wait for a retry
        except Exception as error:  # noqa: BLE001 - the retry or the end comes all the same
            self._tell("clean-up.failed", state, error=in_words(error))

    # ---- the ways out

    def _hold(self) -> None:
        """Pause: let the frame in progress come home, stop everything else."""
        self._held = True
        for name in list(self._tasks):
            state = self.graph.by_id[name]
            if not _brings_frame_home(state):
                self._left.append(state)
                self._stopped.append(self._tasks.pop(name))
                self._stopped[-1].cancel()

    async def _leave(self) -> Ending:
        """Cancel everything, make the lamps safe, then wait for what is slow.

        What is asked for from here on changes nothing: the run is on its way out already.
        """
        stop = self._stop
        self._left += self._unfinished()
        running: list[asyncio.Task[Any]] = [*self._tasks.values(), *self._recoveries.values(), *self._stopped]
        for task in running:
            task.cancel()
        await wait_for(running, _QUICK_S)
        reluctant = any(not task.done() for task in running)
        self.announce("safing.started")
        darkness = Darkness(self.safing, self.instrument.clock, self.instrument.doubtful)
        safing = darkness.begin()
        # The lamps' commands go out before anything else is done, be it quick.
        await wait_for([safing], _COMMANDED_S)
        self._send(stop.event if stop else None, self.graph.initial)
        slow = [asyncio.create_task(self._clean_up(state, again=False)) for state in self._left]
        lamps = await darkness.reached(safing)
        self._write_what_was_stopped()
        await wait_for(slow, None)
        await wait_for(running, _PATIENT_S)
        if reluctant:
            # What did not let go may have lit a lamp behind safing's back.
            lamps = await darkness.reached(darkness.begin())
        unsafe = any(state != "off" for state in lamps.values())
        outcome = "unsafe" if unsafe else OUTCOMES[stop.event] if stop else "done"
        self._send(outcome, SAFING)
        reason, internal = (stop.reason, stop.internal) if stop else (None, False)
        return Ending(outcome, lamps, tuple(self._frames), reason, internal)

    def _unfinished(self) -> list[State]:
        """What is at work or waits for its retry, and the exposure whose charge nobody reads any more."""
        states = [self.graph.by_id[name] for name in self._tasks]
        states += [state for failed in self._failed.values() for state in failed]
        if self._charge is not None and self._charge not in states:
            states.append(self._charge)
        return states

    def _write_what_was_stopped(self) -> None:
        with suppress(Exception):
            for state in self._left:
                self.record.fail(state, None)
            self.record.commit()

    def _send(self, event: str | None, source: str) -> None:
        """Move the machine on its way out; a machine that is broken or was never built stops nobody."""
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
    """Whether a state belongs to a frame that integrates or is read out, or darkens lamps."""
    work = state.work
    return isinstance(work, Expose | Adopt | Readout | LampOff) or (
        isinstance(work, FibselStep) and work.frame is not None
    )
