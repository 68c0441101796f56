"""One device fault in one kind of state: played in virtual time, and looked at afterwards.

Which call of a verb belongs to a state is found by tracing an undisturbed run.
"""

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, get_args

from safelight.commands.execution import _code_of
from safelight.devices.simulated.device_line import DeviceLine
from safelight.devices.simulated.faults import Answer, Fault
from safelight.engine import Request, Runner, RunResult, VirtualClock, perform
from safelight.engine.guard.safing import Safing
from safelight.engine.resume.resumption import ResumeRequest, resume
from tests.matrix.bench import LIGHT_FAULTS, SEQUENCES, Disk, expected, frames_on, observatory_of, outlets
from tests.matrix.rows import ROWS, Row

__all__ = ["KINDS", "Cell", "Found", "Stage", "cells_of", "play"]

KINDS: tuple[str, ...] = get_args(Answer)
STOPPING = ("telescopes.stop", "fibsel.stop", "selectors.stop", "spectrographs.abort", "spectrographs.reset")
"""Verbs that come only when something else has failed or was stopped."""
_TRIES = 3

_state: ContextVar[str] = ContextVar("state", default="")


@dataclass(frozen=True)
class Cell:
    """One fault in one state."""

    row: Row
    verb: str
    what: str
    times: int | None
    faults: tuple[Mapping[str, Any], ...]
    abort: bool = False


@dataclass(frozen=True)
class Found:
    """What came of it.

    Attributes:
        claimed: each lamp as the run says.
        read: each lamp as the switch's own file says.
        dark_s: observatory seconds from the fault until every lamp was off; 0 where none is on any more, or the run
            went on; infinite where one is still on.
    """

    outcome: str
    code: int
    claimed: Mapping[str, str]
    read: Mapping[str, str]
    dark_s: float
    disk: Disk

    @property
    def problem(self) -> str | None:
        """Why the promise is broken, or None if it is not."""
        burning = [lamp for lamp, state in self.read.items() if state != "off"]
        false = [lamp for lamp in burning if self.claimed.get(lamp) == "off"]
        if false:
            return f"{false} burn, and the run says that they are off"
        if burning and self.outcome != "unsafe":
            return f"{burning} burn, and the run has ended {self.outcome}"
        return None if self.disk.whole else f"frames: {self.disk}"


@dataclass
class Stage:
    """Where cells are played. `left_behind` is a home whose run was killed in a long dark."""

    folder: Path
    observatory: Path
    left_behind: Path
    _count: int = 0
    calls: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def case(self, row: Row) -> "Case":
        """Return a home and a folder for frames."""
        self._count += 1
        place = self.folder / f"cell-{self._count}"
        if row.name == "adopt":
            shutil.copytree(self.left_behind, place)
        return Case(place, self.observatory, row.sequence)

    def calls_in(self, row: Row) -> dict[str, int]:
        """Verb (`lamps.off`) -> which of its calls is the first that this state makes, counted from 1."""
        if row.sequence not in self.calls:
            with traced() as calls:
                self.case(row).play(())
            self.calls[row.sequence] = calls
        first: dict[str, int] = {}
        counts: dict[str, int] = {}
        begun = row.sequence == "adopted"
        for state, verb in self.calls[row.sequence]:
            # What is looked at before a run has begun goes by devices of its own, which no fault strikes.
            begun = begun or bool(state)
            if not begun:
                continue
            counts[verb] = counts.get(verb, 0) + 1
            if state == row.state:
                first.setdefault(verb, counts[verb])
        return first


@contextmanager
def traced() -> Iterator[list[tuple[str, str]]]:
    """Note every command of the devices with the state that gives it."""
    calls: list[tuple[str, str]] = []
    send, act, safe = DeviceLine.send, Runner._perform, Safing.all_lamps

    async def sending(self: Any, command: Any) -> Any:
        calls.append((_state.get(), f"{self.family}.{command.verb}"))
        return await send(self, command)

    async def acting(self: Any, state: Any) -> Any:
        _state.set(state.id)
        return await act(self, state)

    async def safing(self: Any) -> Any:
        _state.set("safing")
        return await safe(self)

    DeviceLine.send, Runner._perform, Safing.all_lamps = sending, acting, safing  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        DeviceLine.send, Runner._perform, Safing.all_lamps = send, act, safe  # type: ignore[method-assign]


@contextmanager
def first_strike() -> Iterator[list[float]]:
    """Note when faults strike, observatory seconds."""
    struck: list[float] = []
    faulty = DeviceLine._faulty

    async def noting(self: Any, command: Any, hit: Any, away: Any) -> Any:
        struck.append(self._clock.now())
        return await faulty(self, command, hit, away)

    DeviceLine._faulty = noting  # type: ignore[method-assign,assignment]
    try:
        yield struck
    finally:
        DeviceLine._faulty = faulty  # type: ignore[method-assign]


@dataclass
class Case:
    """One run with a home of its own."""

    place: Path
    observatory: Path
    sequence: str = "matrix"
    run: str = ""

    @property
    def home(self) -> Path:
        """State, journal, simulated instrument."""
        return self.place / "home"

    def play(self, faults: tuple[Mapping[str, Any], ...], abort_in: str | None = None) -> tuple[RunResult, float]:
        """Run, or resume what was left behind. Return the result, and the UTC at which the clock said 0."""
        made = tuple(Fault.model_validate(dict(fault)) for fault in (*LIGHT_FAULTS.get(self.sequence, ()), *faults))
        if self.sequence == "adopted":
            return self.resume(made, abort_in)
        request = Request(
            SEQUENCES[self.sequence],
            observatory=observatory_of(self.sequence, self.observatory),
            home=self.home,
            frames=self.place / "frames",
            speed="max",
            faults=made,
        )
        return self._go(perform, request, abort_in)

    def resume(self, faults: tuple[Fault, ...] = (), abort_in: str | None = None) -> tuple[RunResult, float]:
        """Go on."""
        request = ResumeRequest(home=self.home, frames=self.place / "frames", speed="max", faults=faults)
        return self._go(resume, request, abort_in)

    def _go(self, word: Any, request: Any, abort_in: str | None) -> tuple[RunResult, float]:
        clock = VirtualClock()
        runners: list[Runner] = []

        def hear(said: Mapping[str, Any]) -> None:
            if abort_in is not None and said["event"] == "state.started" and said["state"] == abort_in:
                runners[0].stop("abort", "the matrix says so")

        result = asyncio.run(word(request, clock=clock, listeners=[hear], on_start=runners.append, guarded=False))
        self.run = result.run
        return result, clock.utc().timestamp() - clock.now()

    def to_the_end(self) -> Disk:
        """Resume without faults until the run is done, then look at the disk."""
        for _ in range(_TRIES):
            result, _ = self.resume()
            if result.outcome == "done":
                break
        return self.disk()

    def disk(self) -> Disk:
        """Return the frames that lie there."""
        wanted = expected(self.sequence, self.observatory)
        return frames_on(self.place / "frames" / self.run, wanted)

    def dark_s(self, zero_utc: float, struck_s: float) -> float:
        """Seconds from a moment until the last lamp went off, or 0 where none was lit then or later."""
        path = self.home / "simulated" / "switch.json"
        if not path.exists():
            return 0.0
        if "on" in outlets(self.home).values():
            return inf
        off = [utc for _, utc, _, on in json.loads(path.read_bytes())["transitions"] if not on]
        return max(0.0, max(off, default=zero_utc) - zero_utc - struck_s)


def cells_of(row: Row, stage: Stage) -> Iterator[Cell]:
    """Yield every cell of a row, once and for ever."""
    if row.name == "safing":
        yield from _safing(row, stage)
        return
    for verb, nth in stage.calls_in(row).items():
        # A resume asks the spectrographs before it begins, with a line of its own.
        first = nth + 1 if row.name == "adopt" and verb == "spectrographs.status" else nth
        yield from _both(row, verb, first)
    stopping = ("configure", "expose", "point", "fibsel-step", "ready", "readout", "park", "adopt", "shutter-timed")
    if row.name.startswith(stopping):
        for verb in STOPPING:
            if _cleans_up(row, verb):
                yield from _both(row, verb, 1, abort=True)


def _safing(row: Row, stage: Stage) -> Iterator[Cell]:
    """Safing while a lamp is on: the run is aborted in an exposure with a lamp. The switch is struck from then on."""
    integrating, afterwards = (stage.calls_in(other) for other in ROWS if other.name in ("expose, lamp", "lamp-off"))
    helpless = {"device": "lamps", "verb": "off", "what": "error", "nth": afterwards["lamps.off"], "times": None}
    yield from _both(row, "lamps.off", afterwards["lamps.off"], abort=True)
    yield from _both(row, "lamps.status", integrating["lamps.status"], abort=True)
    yield from _both(row, "lamps.all_off", 1, helpless, abort=True)


def _cleans_up(row: Row, verb: str) -> bool:
    """Return whether a state of that kind is left by this verb."""
    name = row.name
    if verb == "selectors.stop":
        return row.sequence in ("stepped", "opened")
    if verb == "spectrographs.abort":
        return name.startswith(("expose", "readout", "adopt"))
    if verb == "spectrographs.reset":
        return name.startswith(("expose", "adopt"))
    if verb == "telescopes.stop":
        return name in ("point", "park") or name.startswith("ready")
    return name.startswith(("fibsel-step", "ready"))


def _both(row: Row, verb: str, nth: int, *beside: Mapping[str, Any], abort: bool = False) -> Iterator[Cell]:
    device, _, word = verb.partition(".")
    for what in KINDS:
        for times in (1, None):
            fault = {"device": device, "verb": word, "nth": nth, "what": what, "times": times}
            yield Cell(row, verb, what, times, (fault, *beside), abort=abort)


def abort_in(cell: Cell) -> str:
    """Return the state in which a cell's run is aborted."""
    return cell.row.state if cell.row.name != "safing" else next(r.state for r in ROWS if r.name == "expose, lamp")


def play(cell: Cell, stage: Stage) -> Found:
    """Play a cell to its end, look at the lamps, then resume the run to its end and look at the frames."""
    case = stage.case(cell.row)
    with first_strike() as struck:
        result, zero_utc = case.play(cell.faults, abort_in(cell) if cell.abort else None)
    assert struck, f"{cell} was never struck"
    read = outlets(case.home)
    dark_s = 0.0 if result.outcome == "done" else case.dark_s(zero_utc, struck[0])
    disk = case.disk() if result.outcome == "done" else case.to_the_end()
    shutil.rmtree(case.place)
    return Found(result.outcome, _code_of(result), dict(result.lamps), read, dark_s, disk)
