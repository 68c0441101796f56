"""Runner's side of the guard: start it, report every lamp to it, send heartbeats, and notice when it dies."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from safelight.engine.clock import Clock, real_sleep
from safelight.engine.errors import GuardError
from safelight.engine.guard.guard_pipes import GuardPeer, open_pipes
from safelight.engine.guard.lamp_paths import LampPath, paths_of
from safelight.engine.guard.lamp_paths import longest_s as longest_to_reach_s
from safelight.engine.guard.messages import GuardConfig, message_of
from safelight.engine.guard.succession import succeed

__all__ = ["GuardClient"]

_READY_S = 15.0
"""Time limit for the start of a guard on a busy machine, s."""
_ANSWER_S = 2.0
"""Time limit for noting a lease, s."""
_GONE_S = 5.0
"""Time limit for a guard's own check at the end of a run, s. It includes the wait for a path that hangs."""
_REAP_S = 0.05
"""Interval of checks whether the process that forks the guards has ended, s."""
_RESTARTS = 5
"""Number of replaced guards after which the machine counts as faulty."""


@dataclass(slots=True)
class GuardClient:
    """Guards of one run.

    Attributes:
        order: their configuration.
        clock: the run's clock; virtual time stops during a wait for a guard.
        on_lost: called once, with the reason, when no guard is available any more.
        tell: called with an event and its facts.
        on_acted: called with the lamps that the guards have switched off, and why, for each.
    """

    order: GuardConfig
    clock: Clock
    on_lost: Callable[[str], None] = lambda reason: None  # noqa: ARG005
    tell: Callable[..., None] = lambda event, **facts: None  # noqa: ARG005
    on_acted: Callable[[dict[str, str]], None] = lambda lamps: None  # noqa: ARG005
    _acted: dict[str, str] = field(default_factory=dict)
    _members: list[GuardPeer] = field(default_factory=list)
    _before: list[GuardPeer] = field(default_factory=list)
    _relieved: list[GuardPeer] = field(default_factory=list)
    _leases: dict[str, float] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _replacing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _restarts: int = 0
    _ended: bool = False
    _in_charge: bool = False
    _alone: bool = False
    _charged_at: float | None = None
    _taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _given_up: bool = False
    _wall: Clock = field(default_factory=Clock)

    async def start(self) -> None:
        """Start the guards and wait until both watch.

        Raises:
            GuardError: if they don't come up.
        """
        self.order = self.order.signed()
        self._keep(self._beat())
        with self.clock.still():
            async with self._replacing:
                await self._start_some_pair()

    async def take_charge(self) -> None:
        """Take the lamps over from the guards of dead runs, once all have been read back as off.

        Raises:
            GuardError: guards of a dead run would put a lamp out, and can't be ended.
        """
        # States that run in parallel wait for the same.
        async with self._taking:
            if self._in_charge and self._alone:
                return
            with self.clock.still():
                self._in_charge = True
                for member in self._members:
                    member.say(charge=1)
                await self._until(lambda: any(member.charged for member in self._alive), _READY_S, "no guard is alive")
                self._charged_at = self._charged_at or self._wall.now()
                await succeed(self.order, self._wall, self._charged_at, self.tell)
                # A dead run starts no more guards.
                self._alone = True

    async def permit(self, lamp: str, lease_s: float) -> None:
        """Have the guards note a lease, which must be done before the lamp is lit.

        Args:
            lamp: the lamp.
            lease_s: its maximum on-time, observatory seconds.

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
            # The limit is long, because a guard that dies now is replaced, and the new one learns of the lamp as well.
            # One that is switching lamps off answers at the end of its round.
            why = f"no guard has noted that {lamp} is to be lit, or it still switches lamps off"
            await self._until(lambda: self._noted(lamp), self._longest_s, why)
            self._acted.pop(lamp, None)
            await self._reached()

    async def _reached(self) -> None:
        """Wait until every living guard has read the lamps by at least one path, so that it could switch them off.

        Raises:
            GuardError: one can't; the message has its reasons.
        """
        await self._until(
            lambda: bool(self._alive) and (any(map(self._is_blind, self._alive)) or self._all_reach()),
            self._longest_s,
            "the guards do not say whether they can read the lamps",
        )
        blind = next(filter(self._is_blind, self._alive), None)
        if blind is not None:
            raise GuardError(blind.blindness)

    @property
    def _longest_s(self) -> float:
        """Longest wait for guards that try the lamps by a path without an answer, s."""
        return self.order.on_the_wall_s(longest_to_reach_s(self.order.observatory)) + _READY_S

    def _all_reach(self) -> bool:
        return all(member.reaches for member in self._alive)

    @property
    def _alive(self) -> list[GuardPeer]:
        return [member for member in self._members if member.ready and not member.gone]

    def _is_blind(self, member: GuardPeer) -> bool:
        """Return whether it has tried every path in vain."""
        return not member.reaches and set(member.paths) == set(paths_of(self.order.observatory))

    def _noted(self, lamp: str) -> bool:
        """Return whether there is a living guard, and every one knows of the lamp."""
        return bool(self._alive) and all(lamp in member.lit for member in self._alive)

    async def end(self, linger_s: float = 0.0) -> bool:
        """Report to the guards that the run has ended. They check the lamps themselves, and end when every lamp is off.

        Args:
            linger_s: time for which they continue to check, s of wall time, if a command may still be obeyed late.

        Returns:
            Whether they have ended. If False, they continue alone.
        """
        self._ended = True
        for member in [*self._members, *self._before]:
            member.say(end=linger_s)
        with self.clock.still():
            try:
                if not linger_s:
                    await self._until(lambda: all(member.gone for member in self._members), _GONE_S, "")
            except GuardError:
                pass
        gone = all(member.gone for member in self._members)
        await self._let_go()
        return gone

    async def abandon(self) -> None:
        """Close the pipes without a goodbye, because lamps are not confirmed off. The guards then act without end."""
        self._ended = True
        await self._let_go()

    async def hand_over(self) -> None:
        """Leave the lamps to the guards. They watch until each lease has run out, or the lamp was switched off.

        Raises:
            GuardError: no guard has confirmed it. The caller is still responsible for the lamps.
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
        """Process ids of the guards that are alive, as far as is known."""
        return [member.pid for member in self._members if member.pid is not None and not member.gone]

    # ---- the pair

    async def _start_pair(self) -> None:
        """Start two guards, and relieve the remaining ones of the previous pair once both watch.

        Raises:
            GuardError: one of the two did not start. The previous guards still watch.
        """
        self._before += self._members
        self._members = await self._spawn()
        await self._until(
            lambda: all(member.ready or member.gone for member in self._members), _READY_S, "the guard did not start"
        )
        for member in self._members:
            if self._in_charge:
                member.say(charge=1)
            for lamp in self._leases:
                self._send_lease(member, lamp)
        if any(member.gone for member in self._members):
            raise GuardError("the guard did not start")
        for member in self._before:
            member.say(relieved=True)
            member.close()
        self._relieved += self._before
        self._before.clear()

    async def _spawn(self) -> list[GuardPeer]:
        pipes = open_pipes(4)
        theirs = [pipes[0][0], pipes[1][1], pipes[2][0], pipes[3][1]]
        command = [sys.executable, "-P", "-m", "safelight.engine.guard", *map(str, theirs)]
        try:
            # Not waited for, as it outlives this process. Its output would hold the terminal's pipe open.
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
        # One that has already died is noticed by its closed pipe.
        with suppress(OSError):
            os.write(members[0].say_fd, self.order.line())
        return members

    async def _member(self, say_fd: int, hear_fd: int) -> GuardPeer:
        os.set_blocking(say_fd, True)
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(hear_fd, "rb", buffering=0)
        )
        member = GuardPeer(say_fd, reader, transport=transport)
        self._keep(self._listen(member))
        return member

    async def _listen(self, member: GuardPeer) -> None:
        """Read the messages of one guard until its pipe closes."""
        while line := await member.line():
            message = message_of(line)
            member.unanswered = 0
            if "ready" in message:
                member.ready, member.pid = True, message["ready"]
            if "lit" in message:
                member.lit.add(message["lit"])
            if "charge" in message:
                member.charged = True
            if "kept" in message:
                member.kept = True
            if "acted" in message:
                self._note_act(message)
            if "path" in message:
                self._note_path(member, LampPath.read(message))
            self._changed.set()
        member.gone = True
        self._changed.set()
        if not self._ended and member in self._members:
            self.tell("guard.lost", pid=member.pid)
            async with self._replacing:
                if member in self._members:
                    await self._replace()

    def _note_act(self, message: Mapping[str, Any]) -> None:
        """Note the lamps that a guard has switched off, and report them once for both guards.

        No outlet is then blamed for it.
        """
        why = str(message.get("why"))
        news = {lamp: why for lamp in map(str, message["acted"]) if self._acted.get(lamp) != why}
        if news and not self._ended:
            self._acted |= news
            self.on_acted(news)
            self.tell("guard.acted", lamps=sorted(news), reason=why)

    def _note_path(self, member: GuardPeer, found: LampPath) -> None:
        """Report a fault of a path, once for both guards. Without another path, no lamp may be on."""
        member.paths[found.path] = found
        others = (other.paths.get(found.path) for other in self._members if other is not member)
        told = any(other is not None and other.why for other in others)
        if found.why and not told:
            self.tell("guard.path.failed", path=found.path, answers=found.answers, reason=str(found))
        if self._is_blind(member) and member in self._members and not self._given_up:
            self._given_up = True
            self.on_lost(member.blindness)

    async def _start_some_pair(self) -> None:
        """Start a pair, and another one if it dies at once.

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
        """Start another pair. If none is available, no lamp may be on."""
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
        """Send heartbeats to the guards, and check that they answer."""
        policy = self.order.observatory.guard
        while not self._ended:
            for member in [*self._members, *self._before]:
                # Counted in heartbeats, not in seconds: a runner that was stopped itself must not blame its guard.
                silent = member.unanswered * policy.heartbeat_s > policy.silence_s
                if silent and member.pid is not None and not member.gone:
                    self.tell("guard.silent", pid=member.pid, beats=member.unanswered)
                    member.kill()
                member.unanswered += 1
                member.say(beat=1)
            await real_sleep(policy.heartbeat_s)

    def _send_lease(self, member: GuardPeer, lamp: str) -> None:
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
        """Wait for the started process, which ends when it has forked the guards, and take its exit status."""
        try:
            while process.poll() is None:
                await real_sleep(_REAP_S)
        finally:
            # It ends as soon as it has forked, so that after `ready` there is hardly any wait here.
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
