"""The guard: a process of its own that switches the lamps off when the runner can't.

    python -m safelight.engine.guard FD FD FD FD

Started before the first lamp is lit, in a session of its own, so that neither Ctrl-C nor a closed terminal reaches it.
It forks once: two guards watch the same runner over two pairs of pipes, and either is enough. Each learns of every
lamp before it is lit, with a lease: the longest time for which it may burn. It acts

- when its pipe closes without a goodbye: the runner was killed;
- when no heartbeat comes: the runner is hung or stopped; until the heartbeat comes back;
- when a lease runs out: for that lamp;
- at the goodbye, if a lamp is not read back as off.

It acts alone, with connections of its own, made when it starts, and for ever: until every lamp is read back as off; and
it looks again for a while where a lamp was about to be lit when the runner died, since a switch may obey late. Only
SIGKILL ends it before, or SIGTERM once the runner is gone and everything has been tried once.

What the runner says, one JSON mapping a line: `order` (first), `lease` and `s`, `beat`, `relieved`, `end`, `keep` (a
hand-lit lamp: from now on only its lease counts). What the guard answers: `ready`, `path` (whether it can read the
lamps by that path), `lit` (the lease is noted: the lamp may be lit), `beat`, `kept`.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from safelight.devices import Lamps, open_lamps
from safelight.engine.clock import Clock, wall_utc
from safelight.engine.guard_order import Order, message_of
from safelight.engine.guardbook import GuardBook, guards
from safelight.engine.reach import paths_of, read_by
from safelight.engine.safing import Safing, safing_for

__all__ = ["Guard", "main"]

_TICK_S = 0.01
"""The shortest wait, s."""
_LATE_S = 60.0
"""For so long after a lamp was about to be lit its command may still be obeyed, observatory seconds."""


@dataclass(slots=True)
class Guard:
    """One of the two."""

    order: Order
    lamps: Lamps
    second: Lamps | None
    answer_fd: int
    book: GuardBook
    wall: Clock = field(default_factory=Clock)
    leases: dict[str, float] = field(default_factory=dict)
    orphan: bool = False
    dismissed: bool = False
    _permitted: float | None = None
    _again_at: float = 0.0
    _writing: "asyncio.Future[None] | None" = None
    _written: dict[str, str] | None = None
    _last_beat: float = 0.0
    _acting: "asyncio.Task[Any] | None" = None

    async def watch(self, reader: asyncio.StreamReader) -> None:
        """Listen until the run has ended; then see to it that every lamp is off."""
        reaching = asyncio.create_task(self._reach())
        try:
            await self._listen(reader)
        finally:
            reaching.cancel()
            await asyncio.gather(reaching, return_exceptions=True)

    async def _reach(self) -> None:
        """Read the lamps by every path, beside the listening, and say what came of it."""
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
        """What the runner says; None: nothing, and it is time to look at the clock."""
        try:
            async with self.wall.timeout(self._patience_s):
                return await reader.readline()
        except TimeoutError:
            return None
        except (ValueError, OSError):
            return b""

    @property
    def _patience_s(self) -> float:
        """Until the next heartbeat is overdue or the next lease runs out."""
        now = self.wall.now()
        silence_s = self.order.observatory.guard.silence_s
        due = [end - now for end in self.leases.values()]
        if not self.order.keep:
            due.append(max(self._last_beat + silence_s, self._again_at) - now)
        return max(_TICK_S, min(due, default=silence_s))

    def _obey(self, message: Mapping[str, Any]) -> None:
        self._last_beat = self.wall.now()
        if "lease" in message:
            self.leases[str(message["lease"])] = self.wall.now() + float(message["s"])
            self._permitted = self.wall.now()
            self._say("watching")
            self._answer(lit=message["lease"])
        elif "beat" in message:
            # What comes after a heartbeat is another story, and is written down anew.
            self._written = None
            self._answer(beat=message["beat"])

    def _look_at_time(self) -> None:
        """Act beside the listening, so that a runner that wakes up is heard."""
        now = self.wall.now()
        silent = now - self._last_beat >= self.order.observatory.guard.silence_s
        if self._acting is not None and not self._acting.done():
            return
        retry_s = self.order.observatory.guard.retry_s
        overdue = [lamp for lamp, end in self.leases.items() if now >= end]
        if silent and not self.order.keep and now >= self._again_at:
            self._again_at = now + retry_s
            self._acting = asyncio.create_task(self._make_safe("the runner is silent"))
        elif overdue:
            self.leases |= dict.fromkeys(overdue, now + retry_s)
            self._acting = asyncio.create_task(self._put_out(overdue))

    async def _put_out(self, lamps: list[str]) -> None:
        found = await asyncio.gather(*(self._safing.one_lamp(lamp) for lamp in lamps))
        seen: dict[str, str] = dict(zip(lamps, found, strict=True))
        for lamp, state in seen.items():
            if state == "off":
                self.leases.pop(lamp, None)
        self.book.log("leases.ended", lamps=seen)
        self._say("watching" if set(found) == {"off"} else "unsafe", lamps=seen)
        await self._write_down(seen, "its lease has ended")

    async def _make_safe(self, why: str) -> bool:
        """One round through all lamps; True if every one is read back as off."""
        began = wall_utc().isoformat()
        # Nothing comes before the lamps, not even the log: its disk may hang.
        lamps = await self._safing.all_lamps()
        burning = {lamp: state for lamp, state in lamps.items() if state != "off"}
        self.book.log("acted", why=why, began=began, lamps=lamps)
        self._say("unsafe" if burning else "acting", lamps=lamps, why=why)
        await self._write_down(lamps, why)
        return not burning

    async def _write_down(self, lamps: Mapping[str, str], why: str) -> None:
        """Into the journal, after the lamps, and beside them: a journal that hangs is waited for once, and not long."""
        url = self.order.journal
        if url is None or lamps == self._written:
            return
        if self._writing is not None and not self._writing.done():
            return
        self._writing = asyncio.ensure_future(self.wall.in_thread(partial(self._enter, url, dict(lamps), why)))
        await asyncio.wait([self._writing], timeout=self.order.observatory.guard.retry_s)

    def _enter(self, url: str, lamps: Mapping[str, str], why: str) -> None:
        """Write into the journal; where that fails the log has it."""
        try:
            from safelight.engine.journal import Journal  # noqa: PLC0415 - slow, and needed only after an act
            from safelight.engine.logbook import write_lamp_events  # noqa: PLC0415

            journal = Journal(url, create=False)
            events = [(lamp, "off", seen) for lamp, seen in lamps.items()]
            now = wall_utc().isoformat(timespec="milliseconds")
            run = "" if self.order.keep else self.order.run
            write_lamp_events(journal, run, events, who="guard", why=why, time=now)
            journal.commit()
            journal.close()
            self._written = dict(lamps)
        except Exception as error:  # noqa: BLE001 - the lamps are what counts
            self.book.log("journal.failed", error=repr(error))

    async def _alone(self, why: str) -> None:
        """Nobody else will do it: go on until it is done."""
        self.orphan = True
        if self._acting is not None:
            await asyncio.gather(self._acting, return_exceptions=True)
        while not await self._make_safe(why):
            if self.dismissed:
                self.book.log("terminated")
                raise SystemExit(1)
            await self.wall.sleep(self.order.observatory.guard.retry_s)

    async def _at_the_end(self, linger_s: float) -> None:
        """The run has ended; look for oneself, for a while where a lamp may still be lit by a late command."""
        began, last = wall_utc().isoformat(), self.wall.now() + linger_s
        self._say("lingering")
        while True:
            if self._is_succeeded(began):
                return
            status = await self._safing.read_all()
            if any(state != "off" for state in status.values()):
                await self._alone("the run has ended, and not every lamp is off")
            if self.dismissed or self.wall.now() >= last:
                return
            await self.wall.sleep(self.order.observatory.guard.retry_s)

    async def _deserted(self) -> None:
        """The pipe has closed without a goodbye."""
        if not self.order.keep:
            await self._alone("the runner is gone")
            if self._permitted is not None:
                late = self._permitted + self.order.on_the_wall_s(_LATE_S) - self.wall.now()
                if late > 0:
                    await self._at_the_end(late)
            return
        # By hand other lamps may burn, and are no business of this guard.
        self.leases = dict.fromkeys(self.leases, self.wall.now())
        await self.keep()

    async def keep(self) -> None:
        """A hand-lit lamp: wait until somebody has switched it off, or its lease runs out."""
        self.orphan = True
        self._say("watching")
        self._answer(kept=os.getpid())
        retry_s = self.order.observatory.guard.retry_s
        while self.leases:
            self._look_at_time()
            await self.wall.sleep(max(_TICK_S, min(retry_s, min(self.leases.values()) - self.wall.now())))
            status = await self._safing.read_all()
            for lamp in list(self.leases):
                if status.get(lamp) == "off" or self._is_anothers(lamp):
                    self.leases.pop(lamp, None)
        if self._acting is not None:
            await self._acting

    def _is_succeeded(self, since: str) -> bool:
        """Whether another run has begun: it switches every lamp off itself, and has guards of its own."""
        others = (guard for guard in guards(self.order.home) if guard["pid"] != os.getpid())
        mine = self.order.observatory.name
        return any(
            guard["doing"] == "watching"
            and guard["since"] > since
            and not guard.get("keep")
            and guard.get("observatory") == mine
            for guard in others
        )

    def _is_anothers(self, lamp: str) -> bool:
        """Whether a run has lit the lamp since: then the run's own guards answer for it."""
        others = (guard for guard in guards(self.order.home) if guard["run"] != self.order.run)
        return any(lamp in guard["leases"] for guard in others)

    @property
    def _safing(self) -> Safing:
        order = self.order
        return safing_for(order.observatory, self.lamps, self.second, order.clock, self._heard)

    def _heard(self, lamp: str, words: str) -> None:
        self.book.log("lamp", lamp=lamp, seen=words)

    def _say(self, doing: str, **facts: Any) -> None:
        now = self.wall.now()
        left_s = {lamp: round(end - now, 1) for lamp, end in self.leases.items()}
        order = self.order
        whose = {"observatory": order.observatory.name, "source": order.source}
        self.book.say(doing, left_s, **whose, keep=order.keep, **facts)

    def _answer(self, **message: Any) -> None:
        try:
            os.write(self.answer_fd, json.dumps(message).encode() + b"\n")
        except OSError:
            # The runner does not listen any more; its pipe to us will tell.
            return


async def _serve(order: Order, listen_fd: int, answer_fd: int) -> None:
    loop = asyncio.get_running_loop()
    lamps, second, close = open_lamps(order.observatory, clock=order.clock, home=order.home, faults=order.faults)
    guard = Guard(order, lamps, second, answer_fd, GuardBook(order.home, order.run))

    def terminated() -> None:
        # While the runner lives nobody else dismisses its guard.
        guard.book.log("asked to end", orphan=guard.orphan)
        if guard.orphan and order.keep:
            os._exit(1)  # a hand-lit lamp has got another lease, and other guards
        guard.dismissed = guard.dismissed or guard.orphan

    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, terminated)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(listen_fd, "rb", buffering=0))
    await guard.watch(reader)
    guard.book.close()
    await close()


def _read_order(fd: int) -> Order:
    """The first line, byte by byte: what follows belongs to the reader that comes later."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            raise SystemExit(0)
        line += byte
    return Order.read(bytes(line))


def main(arguments: list[str]) -> None:
    """Fork into two guards, each with its own pipes; nobody's children, so that nobody has to wait for them."""
    one_in, one_out, two_in, two_out = (int(argument) for argument in arguments)
    order = _read_order(one_in)
    for mine, other in (((one_in, one_out), (two_in, two_out)), ((two_in, two_out), (one_in, one_out))):
        if os.fork() == 0:
            os.setsid()
            for fd in other:
                os.close(fd)
            asyncio.run(_serve(order, *mine))
            return


if __name__ == "__main__":
    main(sys.argv[1:])
