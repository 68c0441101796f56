"""The runner's side of the guard: start it, tell it of every lamp, beat, notice at once when it dies."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from safelight.engine.clock import Clock, real_sleep
from safelight.engine.errors import GuardError
from safelight.engine.guard_member import Member, open_pipes
from safelight.engine.guard_order import Order, message_of
from safelight.engine.reach import Reach, paths_of
from safelight.engine.reach import longest_s as longest_to_reach_s

__all__ = ["Watch"]

_READY_S = 15.0
"""How long a guard may take to start on a busy machine, s."""
_ANSWER_S = 2.0
"""How long it may take to note a lease, s."""
_REAP_S = 0.05
"""How often it is looked whether the process that forks the guards has ended, s."""
_RESTARTS = 5
"""After so many lost guards something is wrong with the machine."""


@dataclass(slots=True)
class Watch:
    """The guards of one run.

    Attributes:
        order: what they have to know.
        clock: the run's; virtual time stands still while a guard is waited for.
        on_lost: called once, with the reason, when no guard can be had any more.
        tell: called with an event and its facts.
    """

    order: Order
    clock: Clock
    on_lost: Callable[[str], None] = lambda reason: None  # noqa: ARG005
    tell: Callable[..., None] = lambda event, **facts: None  # noqa: ARG005
    _members: list[Member] = field(default_factory=list)
    _before: list[Member] = field(default_factory=list)
    _relieved: list[Member] = field(default_factory=list)
    _leases: dict[str, float] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _replacing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _restarts: int = 0
    _ended: bool = False
    _given_up: bool = False
    _wall: Clock = field(default_factory=Clock)

    async def start(self) -> None:
        """Start the guards and wait until both watch.

        Raises:
            GuardError: if they don't come up.
        """
        self._keep(self._beat())
        with self.clock.still():
            async with self._replacing:
                await self._start_some_pair()

    async def permit(self, lamp: str, lease_s: float) -> None:
        """Have the guards note a lease; only then may the lamp be lit.

        Args:
            lamp: the lamp.
            lease_s: how long it may burn, observatory seconds.

        Raises:
            GuardError: if no guard has noted it, or one can't read the lamps by any path.
        """
        self._leases[lamp] = self._wall.now() + lease_s / (self.order.speed or 1.0)
        with self.clock.still():
            await self._until(
                lambda: any(member.ready and not member.gone for member in self._members), _READY_S, "no guard is alive"
            )
            for member in self._members:
                member.lit.discard(lamp)
                self._send_lease(member, lamp)
            # So long, because a guard that dies now is replaced, and the new one learns of the lamp, too.
            await self._until(lambda: self._noted(lamp), _READY_S, f"no guard has noted that {lamp} is to be lit")
            await self._reached()

    async def _reached(self) -> None:
        """Until every guard that is alive has read the lamps by one path at least: it could switch them off.

        Raises:
            GuardError: one can't, and what it has heard.
        """
        longest_s = self.order.on_the_wall_s(longest_to_reach_s(self.order.observatory)) + _READY_S
        await self._until(
            lambda: bool(self._alive) and (any(map(self._is_blind, self._alive)) or self._all_reach()),
            longest_s,
            "the guards do not say whether they can read the lamps",
        )
        blind = next(filter(self._is_blind, self._alive), None)
        if blind is not None:
            raise GuardError(blind.blindness)

    def _all_reach(self) -> bool:
        return all(member.reaches for member in self._alive)

    @property
    def _alive(self) -> list[Member]:
        return [member for member in self._members if member.ready and not member.gone]

    def _is_blind(self, member: Member) -> bool:
        """Whether it has tried every path in vain."""
        return not member.reaches and set(member.paths) == set(paths_of(self.order.observatory))

    def _noted(self, lamp: str) -> bool:
        """Whether every guard that is alive knows of the lamp, and there is one."""
        return bool(self._alive) and all(lamp in member.lit for member in self._alive)

    async def end(self, linger_s: float = 0.0) -> bool:
        """The run has ended; the guards look for themselves, and end when every lamp is off.

        Args:
            linger_s: how long they go on looking, s on the wall, where a command may still be obeyed late.

        Returns:
            Whether they have ended; False: they go on, alone.
        """
        self._ended = True
        for member in [*self._members, *self._before]:
            member.say(end=linger_s)
        with self.clock.still():
            try:
                if not linger_s:
                    await self._until(lambda: all(member.gone for member in self._members), _ANSWER_S, "")
            except GuardError:
                pass
        gone = all(member.gone for member in self._members)
        await self._let_go()
        return gone

    async def abandon(self) -> None:
        """The lamps are not confirmed off: let go without a goodbye, and the guards act, for ever."""
        self._ended = True
        await self._let_go()

    async def hand_over(self) -> None:
        """Leave the lamps to the guards: they watch until each lease has run out, or somebody has switched it off.

        Raises:
            GuardError: no guard has said that it will; the lamps are still the caller's.
        """
        for member in self._members:
            member.say(keep=1)
        with self.clock.still():
            await self._until(self._all_kept, _ANSWER_S, "no guard has taken the lamp over")
        for member in self._before:
            member.say(relieved=True)
        self._ended = True
        await self._let_go()

    def _all_kept(self) -> bool:
        alive = [member for member in self._members if not member.gone]
        return bool(alive) and all(member.kept for member in alive)

    @property
    def pids(self) -> list[int]:
        """The guards that are alive, as far as is known."""
        return [member.pid for member in self._members if member.pid is not None and not member.gone]

    # ---- the pair

    async def _start_pair(self) -> None:
        """Start two guards, and only when they watch relieve those that are left of the pair before.

        Raises:
            GuardError: one of the two did not come up; who watched before still does.
        """
        self._before += self._members
        self._members = await self._spawn()
        await self._until(
            lambda: all(member.ready or member.gone for member in self._members), _READY_S, "the guard did not start"
        )
        for member in self._members:
            for lamp in self._leases:
                self._send_lease(member, lamp)
        if any(member.gone for member in self._members):
            raise GuardError("the guard did not start")
        for member in self._before:
            member.say(relieved=True)
            member.close()
        self._relieved += self._before
        self._before.clear()

    async def _spawn(self) -> list[Member]:
        pipes = open_pipes(4)
        theirs = [pipes[0][0], pipes[1][1], pipes[2][0], pipes[3][1]]
        command = [sys.executable, "-P", "-m", "safelight.engine.guard", *map(str, theirs)]
        try:
            # Not waited for: it outlives this process. Its output would hold the terminal's pipe open.
            process = subprocess.Popen(  # noqa: S603, ASYNC220
                command,
                pass_fds=theirs,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
        except OSError as error:
            for fd in (pipes[0][1], pipes[1][0], pipes[2][1], pipes[3][0]):
                os.close(fd)
            raise GuardError(f"the guard can't be started: {error}") from None
        finally:
            for fd in theirs:
                os.close(fd)
        self._keep(self._reap(process))
        members = [
            await self._member(pipes[0][1], pipes[1][0]),
            await self._member(pipes[2][1], pipes[3][0]),
        ]
        # One that has died already is found out by the silence of its pipe.
        with suppress(OSError):
            os.write(members[0].say_fd, self.order.line())
        return members

    async def _member(self, say_fd: int, hear_fd: int) -> Member:
        os.set_blocking(say_fd, True)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(hear_fd, "rb", buffering=0)
        )
        member = Member(say_fd, reader, transport=transport)
        self._keep(self._listen(member))
        return member

    async def _listen(self, member: Member) -> None:
        """Hear one guard until its pipe closes."""
        while line := await member.line():
            message = message_of(line)
            member.unanswered = 0
            if "ready" in message:
                member.ready, member.pid = True, message["ready"]
            if "lit" in message:
                member.lit.add(message["lit"])
            if "kept" in message:
                member.kept = True
            if "path" in message:
                self._note_path(member, Reach.read(message))
            self._changed.set()
        member.gone = True
        self._changed.set()
        if not self._ended and member in self._members:
            self.tell("guard.lost", pid=member.pid)
            async with self._replacing:
                if member in self._members:
                    await self._replace()

    def _note_path(self, member: Member, found: Reach) -> None:
        """Tell what is wrong with a path, once for both guards; where there is no other one nothing may burn."""
        member.paths[found.path] = found
        others = (other.paths.get(found.path) for other in self._members if other is not member)
        told = any(other is not None and other.why for other in others)
        if found.why and not told:
            self.tell("guard.path.failed", path=found.path, answers=found.answers, reason=str(found))
        if self._is_blind(member) and member in self._members and not self._given_up:
            self._given_up = True
            self.on_lost(member.blindness)

    async def _start_some_pair(self) -> None:
        """Start a pair, and another one where it dies at once.

        Raises:
            GuardError: none came up, or too many have been lost by now.
        """
        while True:
            try:
                await self._start_pair()
            except GuardError:
                self._restarts += 1
                died = any(member.gone for member in self._members)
                if not died or self._restarts > _RESTARTS:
                    raise
            else:
                return

    async def _replace(self) -> None:
        """Start another pair; where none can be had nothing may burn."""
        if self._given_up:
            return
        self._restarts += 1
        try:
            if self._restarts > _RESTARTS:
                raise GuardError(f"the guard was lost {self._restarts} times")  # noqa: TRY301 - the same end
            await self._start_some_pair()
        except GuardError as error:
            self._given_up = True
            self.on_lost(str(error))
        else:
            self.tell("guard.started", pids=[member.pid for member in self._members])

    async def _beat(self) -> None:
        """Tell the guards that all is well, and see that they are."""
        policy = self.order.observatory.guard
        while not self._ended:
            for member in [*self._members, *self._before]:
                # Counted in beats, not in seconds: a runner that was stopped itself must not blame its guard.
                silent = member.unanswered * policy.heartbeat_s > policy.silence_s
                if silent and member.pid is not None and not member.gone:
                    self.tell("guard.silent", pid=member.pid, beats=member.unanswered)
                    member.kill()
                member.unanswered += 1
                member.say(beat=1)
            await real_sleep(policy.heartbeat_s)

    def _send_lease(self, member: Member, lamp: str) -> None:
        member.say(lease=lamp, s=max(0.0, self._leases[lamp] - self._wall.now()))

    async def _until(self, met: Callable[[], bool], seconds: float, complaint: str) -> None:
        try:
            async with self._wall.timeout(seconds):
                while not met():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise GuardError(complaint) from None

    # ---- tasks

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reap(self, process: "subprocess.Popen[bytes]") -> None:
        """The process that was started ends when it has forked the guards; take its status."""
        try:
            while process.poll() is None:
                await real_sleep(_REAP_S)
        finally:
            # It ends as soon as it has forked; whoever has heard `ready` hardly waits here.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_REAP_S * 10)

    async def _let_go(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for member in [*self._members, *self._before, *self._relieved]:
            member.close()
            if member.transport is not None:
                member.transport.close()
