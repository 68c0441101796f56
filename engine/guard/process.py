"""Guard: a separate process that switches the lamps off when the runner can't.

It is started before the first lamp is lit, in a session of its own, so that neither Ctrl-C nor a closed terminal
reaches it. It forks once: two guards watch the same runner over two pairs of pipes, and either is enough. Each learns
of every lamp before it is lit, with a lease: its maximum on-time. It acts

- when its pipe closes without a goodbye: the runner was killed;
- when no heartbeat comes: the runner is hung or stopped; until the heartbeat comes back;
- when a lease runs out: for that lamp;
- at the goodbye, if a lamp is not read back as off.

It acts alone, with connections of its own, made when it starts, until every lamp is read back as off, or is left to the
guards of a later run (see `succession`). If a lamp was
about to be lit when the runner died, it continues to check for a while, since a switch may obey late. Only SIGKILL ends
it before, or SIGTERM once the runner is gone and everything has been tried once.

Messages of the runner, one JSON mapping a line: `order` (first), `charge` (all lamps were read back as off: guards of
dead runs leave them to this one), `lease` and `s`, `beat`, `relieved`, `end`, `keep` (a hand-lit lamp: from now on only
its lease counts). Answers of the guard: `ready`, `path` (whether it can read the lamps by that path), `charge`, `lit`
(the lease is noted, and no round is in progress that would switch the lamp off: it may be lit), `beat`, `kept`.
"""

import asyncio
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from safelight.devices import Lamps
from safelight.engine.clock import Clock, wall_utc
from safelight.engine.guard.lamp_paths import paths_of, read_by
from safelight.engine.guard.messages import GuardConfig, message_of
from safelight.engine.guard.reports import GuardReports
from safelight.engine.guard.safing import Safing, safing_for
from safelight.engine.guard.status_files import GuardStatusFile
from safelight.engine.guard.succession import lamps_of_successors, outlets_of

__all__ = ["GuardProcess"]

T = TypeVar("T")

_TICK_S = 0.01
"""Shortest wait, s."""
_COMMANDED_S = 0.05
"""Duration of a round after which it is announced, s. All commands have been sent by then."""
_LATE_S = 60.0
"""Time after an on-command in which a switch may still obey it, observatory seconds."""
_LOOK_S = 0.2
"""Interval of looks for a later run, and the longest time for one, s."""


@dataclass(slots=True)
class GuardProcess:
    """One of the two guards."""

    order: GuardConfig
    lamps: Lamps
    second: Lamps | None
    answer_fd: int
    book: GuardStatusFile
    born: str = ""
    wall: Clock = field(default_factory=Clock)
    leases: dict[str, float] = field(default_factory=dict)
    orphan: bool = False
    in_charge: bool = False
    dismissed: bool = False
    _permitted: float | None = None
    _again_at: float = 0.0
    _blamed: set[tuple[tuple[str, ...], str]] = field(default_factory=set)
    _reports: GuardReports = field(init=False)
    _outlets: Mapping[str, str] = field(init=False)
    _left: set[str] = field(default_factory=set)
    _looking: "asyncio.Future[set[str]] | None" = None
    _heard_at: str = ""
    _last_beat: float = 0.0
    _acting: "asyncio.Task[Any] | None" = None
    _acting_on: Collection[str] = ()

    def __post_init__(self) -> None:
        """Note the lamps' outlets: they are not asked for anything."""
        self._reports = GuardReports(self.order, self.book, self.born, self.wall)
        self._outlets = outlets_of(self.order.observatory.name, self.lamps)
        self._heard_at = self.order.begun

    async def watch(self, reader: asyncio.StreamReader) -> None:
        """Listen until the run has ended, then make sure that every lamp is off."""
        reaching = asyncio.create_task(self._reach())
        try:
            await self._listen(reader)
        finally:
            reaching.cancel()
            await asyncio.gather(reaching, self._reports.sent(), return_exceptions=True)

    async def _reach(self) -> None:
        """Read the lamps by every path, in parallel with the listening, and report the results."""
        paths = dict(zip(paths_of(self.order.observatory), (self.lamps, self.second), strict=False))
        await asyncio.gather(*(self._reach_by(path, lamps) for path, lamps in paths.items() if lamps is not None))

    async def _reach_by(self, path: str, lamps: Lamps) -> None:
        found = await read_by(path, lamps, self._safing)
        if found.why:
            self.book.log("path.failed", path=path, why=found.why)
        self._answer(path=path, answers=found.answers, why=found.why)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        self._last_beat = self.wall.now()
        self._say("watching")
        self._answer(ready=os.getpid())
        while True:
            line = await self._next_line(reader)
            if line == b"":
                await self._deserted()
                return
            if line is None:
                self._look_at_time()
                continue
            message = message_of(line)
            if "relieved" in message:
                return
            if "keep" in message:
                await self.keep()
                return
            if "end" in message:
                await self._at_the_end(float(message["end"]))
                return
            self._obey(message)

    async def _next_line(self, reader: asyncio.StreamReader) -> bytes | None:
        """Return the runner's next line, or None when it is time to check the clock.

        A guard that has stood still itself reads first what was sent meanwhile.
        """
        for patience_s in (self._patience_s, _TICK_S):
            try:
                async with self.wall.timeout(patience_s):
                    return await reader.readline()
            except TimeoutError:
                continue
            except (ValueError, OSError):
                return b""
        return None

    @property
    def _patience_s(self) -> float:
        """Time until the next heartbeat is overdue or the next lease runs out, s."""
        now = self.wall.now()
        silence_s = self.order.observatory.guard.silence_s
        due = [end - now for end in self.leases.values()]
        if not self.order.keep:
            due.append(max(self._last_beat + silence_s, self._again_at) - now)
        return max(_TICK_S, min(due, default=silence_s))

    def _obey(self, message: Mapping[str, Any]) -> None:
        self._last_beat, self._heard_at = self.wall.now(), wall_utc().isoformat()
        if "lease" in message:
            self.leases[str(message["lease"])] = self.wall.now() + float(message["s"])
            self._permitted = self.wall.now()
            self._say("watching")
            self._allow(str(message["lease"]))
        elif "charge" in message:
            self.in_charge = True
            self._say("watching")
            self._answer(charge=1)
        elif "beat" in message:
            # A heartbeat begins a new incident, which is recorded again.
            self._reports.forget()
            self._blamed.clear()
            self._answer(beat=message["beat"])

    def _allow(self, lamp: str) -> None:
        """Answer that the lamp may be lit, after a round that would switch it off again."""
        if self._acting is None or self._acting.done() or lamp not in self._acting_on:
            self._answer(lit=lamp)
        else:
            self._acting.add_done_callback(lambda _: self._answer(lit=lamp))

    def _look_at_time(self) -> None:
        """Act in parallel with the listening, so that a runner that wakes up is noticed."""
        now = self.wall.now()
        silent = now - self._last_beat >= self.order.observatory.guard.silence_s
        if self._acting is not None and not self._acting.done():
            return
        retry_s = self.order.observatory.guard.retry_s
        overdue = [lamp for lamp, end in self.leases.items() if now >= end]
        if silent and not self.order.keep and now >= self._again_at:
            self._again_at, self._acting_on = now + retry_s, self.lamps.names
            self._acting = asyncio.create_task(self._make_safe("the runner is silent"))
        elif overdue:
            self.leases |= dict.fromkeys(overdue, now + retry_s)
            self._acting_on = overdue
            self._acting = asyncio.create_task(self._put_out(overdue))

    async def _put_out(self, lamps: list[str]) -> None:
        why = "its lease has ended"
        trying = asyncio.gather(*(self._safing.one_lamp(lamp) for lamp in lamps))
        found = await self._announced(trying, lamps, why)
        mine = await self._mine() if set(found) != {"off"} else lamps
        seen: dict[str, str] = {lamp: state for lamp, state in zip(lamps, found, strict=True) if lamp in mine}
        for lamp in lamps:
            if seen.get(lamp, "off") == "off":
                self.leases.pop(lamp, None)
        self.book.log("leases.ended", lamps=seen)
        self._say("watching" if set(seen.values()) <= {"off"} else "unsafe", lamps=seen)
        await self._reports.write_down(seen, why)
        self._reports.notify(seen, "maximum on-time is over")
        self._blame([lamp for lamp, state in seen.items() if state == "off"], "its maximum on-time is over")

    async def _make_safe(self, why: str) -> bool:
        """Do one round through all lamps. Return True if every one is read back as off."""
        began = wall_utc().isoformat()
        # The lamps come first, even before the log, because its disk may hang.
        mine = [lamp for lamp in self.lamps.names if lamp not in self._left] if self._left else None
        lamps = await self._announced(asyncio.ensure_future(self._safing.all_lamps(mine)), self._answers_for(), why)
        burning = {lamp: state for lamp, state in lamps.items() if state != "off"}
        self.book.log("acted", why=why, began=began, lamps=lamps)
        if self._left:
            self.book.log("left to the next run", lamps=sorted(self._left))
        self._say("unsafe" if burning else "acting", lamps=lamps, why=why)
        await self._reports.write_down(lamps, why)
        self._reports.notify(lamps, why)
        if not self.orphan and not burning:
            silence_s = self.order.observatory.guard.silence_s
            self._blame(sorted(self.leases), f"no heartbeat came from the run for {silence_s:g} s")
        return not burning

    async def _announced(self, acting: "asyncio.Future[T]", lamps: Iterable[str], why: str) -> T:
        """Wait for a round through some lamps. A long one is announced once its commands have been sent."""
        await asyncio.wait([acting], timeout=_COMMANDED_S)
        if not acting.done() and self.book.doing != "unsafe":
            self._say("acting", lamps=dict.fromkeys(lamps, "unknown"), why=why)
        return await acting

    def _blame(self, lamps: list[str], why: str) -> None:
        """Report once what was switched off, until the run sends again: an unread pipe must not fill up."""
        if lamps and (tuple(lamps), why) not in self._blamed:
            self._blamed.add((tuple(lamps), why))
            self._answer(acted=lamps, why=why)

    async def _alone(self, why: str) -> None:
        """Keep retrying until every lamp reads off. No other process will, unless a run has begun since."""
        self.orphan = True
        if self._acting is not None:
            await asyncio.gather(self._acting, return_exceptions=True)
        while not await self._make_safe(why):
            if self.dismissed:
                self.book.log("terminated")
                raise SystemExit(1)
            await self._rest()
            if not await self._mine():
                return

    async def _at_the_end(self, linger_s: float) -> None:
        """Check the lamps after the end of the run, for a while if a late command may still light one.

        Args:
            linger_s: for so long, s of wall time.
        """
        last = self.wall.now() + linger_s
        self.orphan = True
        self._say("lingering")
        while True:
            status = await self._safing.read_all()
            # Looked for after the reading, which may take long, and right before what follows from it.
            mine = await self._mine()
            if any(status.get(lamp) != "off" for lamp in mine):
                await self._alone("the run has ended, and not every lamp is off")
            if not mine or self.dismissed or self.wall.now() >= last:
                return
            await self._rest()

    async def _rest(self) -> None:
        """Wait until the next try, or until there is no lamp left to try."""
        until = self.wall.now() + self.order.observatory.guard.retry_s
        while self.wall.now() < until and await self._mine():
            await self.wall.sleep(max(_TICK_S, min(_LOOK_S, until - self.wall.now())))

    async def _deserted(self) -> None:
        """Act after the pipe has closed without a goodbye."""
        if not self.order.keep:
            # The next run lights nothing while this guard is there, so that the first commands need no look.
            # A guard that was late to start, and has let no lamp be lit, may never have been seen.
            self.orphan = True
            if self._permitted is not None or await self._mine():
                await self._alone("the runner is gone")
            if self._permitted is not None:
                late = self._permitted + self.order.on_the_wall_s(_LATE_S) - self.wall.now()
                if late > 0:
                    await self._at_the_end(late)
            return
        # Other lamps may have been lit by hand. They have their own guards.
        self.leases = dict.fromkeys(self.leases, self.wall.now())
        await self.keep()

    async def keep(self) -> None:
        """Watch a hand-lit lamp until it was switched off, or its lease runs out."""
        self.orphan = True
        self._say("watching")
        self._answer(kept=os.getpid())
        retry_s = self.order.observatory.guard.retry_s
        while self.leases:
            self._look_at_time()
            await self.wall.sleep(max(_TICK_S, min(retry_s, min(self.leases.values()) - self.wall.now())))
            status = await self._safing.read_all()
            mine = await self._mine()
            for lamp in list(self.leases):
                if status.get(lamp) == "off" or lamp not in mine:
                    self.leases.pop(lamp, None)
        if self._acting is not None:
            await self._acting

    # ---- who else answers for the lamps

    async def _mine(self) -> Collection[str]:
        """Return the lamps for which no later run answers. A look that takes long changes nothing."""
        if self.orphan:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.ensure_future(self.wall.in_thread(self._look))
            # What is awaited is the one look of all lamps; a disk that hangs must not keep a lamp on.
            await asyncio.wait([self._looking], timeout=_LOOK_S)
            if self._looking.done() and self._looking.exception() is None:
                self._left |= self._looking.result()
        return [lamp for lamp in self.lamps.names if lamp not in self._left]

    def _look(self) -> set[str]:
        order = self.order
        return lamps_of_successors(order.home, order.client, self._heard_at, self._outlets)

    def _answers_for(self) -> dict[str, str]:
        """Return the lamps that it may still switch, and their outlets."""
        watched = self.leases if self.order.keep else self.lamps.names
        return {lamp: self._outlets[lamp] for lamp in watched if lamp in self._outlets and lamp not in self._left}

    @property
    def _safing(self) -> Safing:
        order = self.order
        return safing_for(order.observatory, self.lamps, self.second, order.clock, self._heard, self._mine)

    def _heard(self, lamp: str, words: str) -> None:
        self.book.log("lamp", lamp=lamp, seen=words)

    def _say(self, doing: str, **facts: Any) -> None:
        now = self.wall.now()
        left_s = {lamp: round(end - now, 1) for lamp, end in self.leases.items()}
        order = self.order
        whose = {"observatory": order.observatory.name, "source": order.source}
        if not order.observatory.real_devices:
            facts |= {"simulated": True, "speed": order.speed}
        runner_pid, runner_started = order.runner
        succession = {
            "client": order.client,
            "begun": order.begun,
            "runner_pid": runner_pid,
            "runner_started": runner_started,
            "orphan": self.orphan,
            "in_charge": self.in_charge,
            "answers_for": self._answers_for(),
        }
        self.book.say(doing, left_s, **whose, keep=order.keep, **succession, **facts)

    def _answer(self, **message: Any) -> None:
        try:
            os.write(self.answer_fd, json.dumps(message).encode() + b"\n")
        except OSError:
            # The runner does not listen any more; its closed pipe will show it.
            return
