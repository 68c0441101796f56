"""Shared parts of all contracts: the stage, the troubles, and the demands on every verb."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from safelight.devices.errors import DeviceError
from safelight.devices.protocols import Timekeeper
from safelight.engine.clock import Clock
from safelight.testing.errors import ContractBroken, NotShown
from safelight.testing.playing import place_of, play
from safelight.testing.standins import TROUBLES, StandIn, Trouble

__all__ = ["Contract", "Outcome", "Scene", "Stage", "demand", "each"]

D = TypeVar("D")
S = TypeVar("S", bound=StandIn)
F = TypeVar("F", bound=Callable[..., Any])

_RETRY_S = 0.1

_LOOK_S = 0.02
"""Interval at which the truth is read while a test waits for it, s."""


@dataclass(frozen=True, slots=True)
class Stage(Generic[D, S]):
    """Parts of a test: driver, hardware, connection and clock.

    Attributes:
        open: opens another driver, as another process would. The suite closes it if it has a coroutine `close`.
        hardware: the stand-in.
        wire: carries the connection between the two, if there is one.
        clock: the clock of driver and stand-in.
    """

    open: Callable[[], D]
    hardware: S
    wire: StandIn | None = None
    clock: Timekeeper = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a verb: a value, or an error of safelight's own.

    Attributes:
        ended: False if it was still running when the time was over, and was then cancelled.
    """

    value: Any = None
    error: DeviceError | None = None
    ended: bool = True


def demand(truth: object, words: str) -> None:
    """Raise ContractBroken with these words, unless the condition holds.

    Raises:
        ContractBroken: it is not so.
    """
    if not truth:
        raise ContractBroken(words)


def each(**cases: str) -> Callable[[F], F]:
    """Repeat a test for every value of the contract's attributes: `@each(verb="acting", trouble="troubles")`."""

    def marked(function: F) -> F:
        function.cases = cases  # type: ignore[attr-defined]
        return function

    return marked


class Contract(Generic[D, S]):
    """Demands on every kind of device. Use the subclass for your kind.

    Attributes:
        cannot: trouble -> why the stand-in can't offer it. The suite then reports what was not shown.
        sends_nothing: verbs of this driver that send no command, so that the hardware can't refuse them.
        bound_s: time limit of a verb that neither moves nor exposes, s: the driver's own deadline and a margin.
        cancel_s: time limit for the end of a cancelled verb, s.
        begin_s: time before a verb is cancelled, s; shorter than the driver's deadline.
        recover_s: time limit for the driver to reach hardware again after a trouble, s.
        limit_s: time limit of one test, s of wall time.
    """

    cannot: ClassVar[Mapping[Trouble, str]] = {}
    sends_nothing: ClassVar[frozenset[str]] = frozenset()
    bound_s: ClassVar[float] = 10.0
    cancel_s: ClassVar[float] = 1.0
    begin_s: ClassVar[float] = 0.2
    recover_s: ClassVar[float] = 10.0
    limit_s: ClassVar[float] = 120.0

    protocol: ClassVar[type]
    troubles: ClassVar[tuple[Trouble, ...]] = ("unreachable", "garbled", "slow", "silent", "cut", "refused")
    acting: ClassVar[tuple[str, ...]] = ()
    verbs: ClassVar[tuple[str, ...]] = ()
    lasting: ClassVar[frozenset[str]] = frozenset()
    still: ClassVar[tuple[str, ...]] = ()

    def stage(self, home: Path) -> AbstractAsyncContextManager[Stage[D, S]]:
        """Return the parts of a test. Everything that it starts ends with it.

        Args:
            home: an empty folder.
        """
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Let pytest repeat a test for each of its cases."""
        cases = getattr(metafunc.function, "cases", None)
        if cases:
            metafunc.parametrize(tuple(cases), self._values(cases))

    @classmethod
    def demands(cls) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the name and the cases of every test."""
        for name in dir(cls):
            if name.startswith("test_"):
                cases: Mapping[str, str] = getattr(getattr(cls, name), "cases", {})
                for values in cls._values(cases):
                    yield name, dict(zip(cases, values, strict=True))

    @classmethod
    def _values(cls, cases: Mapping[str, str]) -> list[tuple[str, ...]]:
        return list(product(*(tuple(getattr(cls, attribute)) for attribute in cases.values())))

    # ---- verbs, defined by subclasses

    def call(self, driver: D, verb: str, home: Path) -> Awaitable[Any]:
        """Begin a verb with suitable arguments."""
        raise NotImplementedError

    async def prepare(self, scene: Scene[D, S], verb: str) -> None:
        """Bring the hardware into a state in which the verb makes sense."""

    async def settle(self, scene: Scene[D, S]) -> None:
        """Demand that status is true again, and leave the hardware at rest."""
        raise NotImplementedError

    # ---- demands on all

    def test_it_fulfils_the_protocol(self, tmp_path: Path) -> None:
        """Demand that the driver has every verb of its protocol."""

        async def scene(it: Scene[D, S]) -> None:
            demand(isinstance(it.driver, self.protocol), f"{it.driver!r} does not fulfil {self.protocol.__name__}")

        self.play(scene, tmp_path)

    def test_it_is_closed_twice_without_harm(self, tmp_path: Path) -> None:
        """Demand that a driver can be closed before its first use, and twice, without an error."""

        async def scene(it: Scene[D, S]) -> None:
            for _ in range(2):
                outcome = await it.attempt("close", _close(it.driver))
                demand(outcome.error is None, f"close raised {outcome.error!r}")

        self.play(scene, tmp_path)

    @each(verb="acting", trouble="troubles")
    def test_trouble_is_reported(self, verb: str, trouble: Trouble, tmp_path: Path) -> None:
        """Demand that a verb in trouble ends in time with a `DeviceError`, and the driver works again later."""

        async def scene(it: Scene[D, S]) -> None:
            await self.prepare(it, verb)
            await it.bring_about(trouble)
            lasting = verb in self.lasting
            unrefusable = trouble == "refused" and verb in self.sends_nothing
            outcome = await it.attempt(verb, self.call(it.driver, verb, tmp_path), lasting=lasting)
            demand(
                outcome.error is not None or not outcome.ended or trouble == "slow" or unrefusable,
                f"{verb} reported success while {TROUBLES[trouble]}",
            )
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    @each(verb="verbs")
    def test_a_cancelled_verb_ends(self, verb: str, tmp_path: Path) -> None:
        """Demand that a verb without an answer can be cancelled, ends soon, and leaves a working driver."""

        async def scene(it: Scene[D, S]) -> None:
            await self.prepare(it, verb)
            await it.bring_about("silent")
            await it.cancel(verb, self.call(it.driver, verb, tmp_path))
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    @each(verb="verbs")
    def test_a_verb_is_cancelled_at_once(self, verb: str, tmp_path: Path) -> None:
        """Demand that a verb that is cancelled in its first steps ends as cancelled as well."""

        async def scene(it: Scene[D, S]) -> None:
            await self.prepare(it, verb)
            await it.bring_about("silent")
            await it.cancel(verb, self.call(it.driver, verb, tmp_path), after_s=0.0)
            await it.bring_about(None)
            await self.settle(it)

        self.play(scene, tmp_path)

    # ---- playing of a scene

    def play(self, scene: Callable[[Scene[D, S]], Awaitable[None]], home: Path) -> None:
        """Run a scene on a new stage with a driver, and demand that no task is left behind."""

        async def whole() -> None:
            async with self.stage(home) as stage:
                async with _opened(stage.open) as driver:
                    await scene(Scene(self, stage, driver))
                await stage.hardware.bring_about(None)
            await _no_task_left(stage.clock)

        play(whole, self.limit_s)


class Scene(Generic[D, S]):
    """Running test: the driver, the hardware, and the actions on them."""

    def __init__(self, contract: Contract[D, S], stage: Stage[D, S], driver: D) -> None:
        self._contract, self._stage = contract, stage
        self.driver = driver
        self.hardware = stage.hardware
        self.clock = stage.clock

    def another(self) -> AbstractAsyncContextManager[D]:
        """Open the driver as another process would."""
        return _opened(self._stage.open)

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Begin a trouble, or end it.

        Raises:
            NotShown: the contract says that the stand-in can't do it.
            ContractBroken: no part offers it, and the contract gives no reason.
        """
        parts = [part for part in (self.hardware, self._stage.wire) if part is not None]
        if trouble is None:
            for part in parts:
                await part.bring_about(None)
            return
        reason = self._contract.cannot.get(trouble)
        if reason is not None:
            raise NotShown(f"not shown: what the driver does when {TROUBLES[trouble]}: {reason}")
        able = [part for part in parts if trouble in part.offers]
        demand(
            able,
            f"the stand-in does not offer {trouble!r} ({TROUBLES[trouble]}): offer it, use a Wire, "
            f"or write into `cannot` why it can't",
        )
        await able[0].bring_about(trouble)

    async def attempt(
        self, verb: str, work: Awaitable[Any], *, lasting: bool = False, within_s: float | None = None
    ) -> Outcome:
        """Run a verb, and demand that it ends in time and raises nothing but `DeviceError`.

        Args:
            verb: its name, for the message.
            work: the verb.
            lasting: whether it moves or exposes, and may last until it is cancelled.
            within_s: its time limit, s; by default `bound_s`.
        """
        task = _begun(work)
        bound_s = self._contract.bound_s if within_s is None else within_s
        if not await self._ends(task, bound_s):
            demand(lasting, f"{verb} has not ended after {bound_s:g} s; it waits at {place_of(task)}")
            await self._cancel(verb, task)
            return Outcome(ended=False)
        return _outcome(verb, task)

    async def must(self, verb: str, work: Awaitable[Any]) -> Any:
        """Run a verb that has to succeed. Return its value. It may take any time."""
        task = _begun(work)
        await self._ends(task, self._contract.limit_s)
        outcome = _outcome(verb, task)
        demand(outcome.error is None, f"{verb} failed with healthy hardware: {outcome.error!r}")
        return outcome.value

    async def cancel(self, verb: str, work: Awaitable[Any], *, after_s: float | None = None) -> None:
        """Run a verb, cancel it, and demand that it ends soon and as cancelled."""
        task = _begun(work)
        if not await self._ends(task, self._contract.begin_s if after_s is None else after_s):
            await self._cancel(verb, task)
        else:
            _outcome(verb, task)

    async def until(self, truth: Callable[[], object], words: str) -> None:
        """Wait until a condition is true, for at most the time limit of a verb.

        Raises:
            ContractBroken: it did not become true.
        """
        end = self.clock.now() + self._contract.bound_s
        while not truth():
            demand(self.clock.now() < end, words)
            await self.clock.sleep(_LOOK_S)

    async def beside_a_hung_read(self, verb: str, acts: Callable[[], object]) -> None:
        """Demand that a verb takes effect while a status gets no answer.

        Args:
            verb: the verb, without arguments that matter.
            acts: whether it has taken effect.
        """
        driver: Any = self.driver
        await self.bring_about("read_hangs")
        reading = _begun(driver.status())
        await self._ends(reading, self._contract.begin_s)
        words = "status answered although its question was not: is the answer from memory?"
        demand(not reading.done() or reading.exception() is not None, words)
        demand(not reading.done(), f"status gave up in less than {self._contract.begin_s:g} s: make `begin_s` shorter")
        acting = _begun(self._contract.call(self.driver, verb, Path()))
        acted: list[bool] = []
        reading.add_done_callback(lambda _: acted.append(bool(acts())))
        end = self.clock.now() + self._contract.bound_s
        while not acts() and not reading.done() and self.clock.now() < end:
            await self.clock.sleep(_LOOK_S)
        words = f"{verb} did not go out while a read was hanging; it waits at {place_of(acting)}"
        demand(acts() and all(acted), words)
        for task in (reading, acting):
            if not await self._ends(task, self._contract.bound_s):
                await self._cancel(verb, task)
            _outcome(verb, task, may_be_cancelled=True)
        await self.bring_about(None)

    async def recovered(self) -> Any:
        """Wait until status succeeds again with the same driver. Return it."""
        driver: Any = self.driver
        return await self.at_last("status", driver.status)

    async def at_last(self, verb: str, begin: Callable[[], Awaitable[Any]]) -> Any:
        """Run a verb until it succeeds, for at most the driver's time to recover. Return its value.

        A damaged connection may only be noticed some time after the trouble is over.
        """
        end = self.clock.now() + self._contract.recover_s
        while True:
            outcome = await self.attempt(verb, begin())
            if outcome.error is None:
                return outcome.value
            late = self.clock.now() > end
            demand(not late, f"the hardware is well again, and {verb} still fails: {outcome.error!r}")
            await self.clock.sleep(_RETRY_S)

    async def _cancel(self, verb: str, task: asyncio.Future[Any]) -> None:
        task.cancel()
        cancel_s = self._contract.cancel_s
        ended = await self._ends(task, cancel_s)
        demand(ended, f"{verb} was cancelled and has not ended {cancel_s:g} s later; it waits at {place_of(task)}")
        demand(task.cancelled(), f"{verb} was cancelled and swallowed it: let CancelledError through")

    async def _ends(self, task: asyncio.Future[Any], seconds: float) -> bool:
        """Return whether a task ends within `seconds`. It is not cancelled."""
        try:
            async with self.clock.timeout(seconds):
                await asyncio.wait({task})
        except TimeoutError:
            return task.done()
        return True


def _begun(work: Awaitable[Any]) -> asyncio.Future[Any]:
    """Begin a verb. Its error counts as retrieved, even if a demand fails before."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _outcome(verb: str, task: asyncio.Future[Any], *, may_be_cancelled: bool = False) -> Outcome:
    if may_be_cancelled and task.cancelled():
        return Outcome(ended=False)
    demand(not task.cancelled(), f"{verb} ended as cancelled without having been cancelled")
    error = task.exception()
    if error is None:
        return Outcome(task.result())
    if not isinstance(error, DeviceError):
        raise ContractBroken(f"{verb} raised {error!r}; a driver raises DeviceError alone") from error
    return Outcome(error=error)


@asynccontextmanager
async def _opened(opening: Callable[[], D]) -> AsyncIterator[D]:
    driver = opening()
    try:
        yield driver
    finally:
        await _close(driver)


async def _close(driver: object) -> None:
    close = getattr(driver, "close", None)
    if close is not None:
        await close()


async def _no_task_left(clock: Timekeeper) -> None:
    """Demand that the driver's tasks have ended. Those of libraries end some cycles after the connection."""
    for _ in range(50):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            return
        await clock.sleep(_LOOK_S)
    raise ContractBroken(f"after close a task still runs: it waits at {place_of(left.pop())}")
