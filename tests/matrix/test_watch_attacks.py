"""The runner's side of the guards under attack: killed at the worst moment, killed as they come up, spoiled pipes."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import Observatory, load_observatory
from safelight.devices.simulated.faults import Fault
from safelight.engine import Clock
from safelight.engine.errors import GuardError
from safelight.engine.guard.guard_pipes import GuardPeer
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.runner_side import GuardClient
from safelight.engine.guard.status_files import guards
from tests.matrix.wall import now, pause

LONGEST_S = 60.0


class Story:
    """A watch with real guards."""

    def __init__(self, home: Path, *faults: Fault, second_path: bool = False) -> None:
        self.home = home
        self.told: list[str] = []
        self.reasons: list[str] = []
        self.lost: list[str] = []
        plain = load_observatory("simulated").model_dump(mode="json")
        plain["lamps"]["second_path"] = {"driver": "simulated"} if second_path else None
        order = GuardConfig("story", home, Observatory.model_validate(plain), speed=100.0, faults=faults)
        self.watch = GuardClient(order, Clock(), self.lost.append, self._hear)

    def _hear(self, event: str, **facts: Any) -> None:
        self.told.append(event)
        if "reason" in facts:
            self.reasons.append(facts["reason"])

    def play(self, script: Callable[["Story"], Coroutine[Any, Any, None]]) -> None:
        """Start the guards, do what the script does, say goodbye."""

        async def whole() -> None:
            await self.watch.start()
            try:
                await script(self)
            finally:
                await self.watch.end()

        asyncio.run(whole())

    def kill(self, *pids: int) -> None:
        """Kill and wait until they are dead. The runner's loop does not get a turn meanwhile."""
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        began = now()
        while any(Path(f"/proc/{pid}/cmdline").exists() and _is_alive(pid) for pid in pids):
            assert now() - began < LONGEST_S
            pause(0.001)

    async def until(self, met: Callable[[], bool]) -> None:
        """Give the loop its turns until something is so."""
        began = now()
        while not met():
            assert now() - began < LONGEST_S
            await asyncio.wait([asyncio.ensure_future(Clock().sleep(0.01))])

    def noted(self) -> set[str]:
        """Return the lamps that living guards answer for."""
        return {lamp for guard in guards(self.home) for lamp in guard["leases"]}


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """Return a watch that has not begun."""
    return Story(tmp_path)


@pytest.mark.parametrize("number", [1, 2])
def test_killed_right_before_a_lamp(story: Story, number: int) -> None:
    """Guards are killed in the very moment in which a lamp is to be lit: permission waits for living ones that know."""

    async def script(story: Story) -> None:
        pids = story.watch.pids
        story.kill(*pids[:number])
        await story.watch.permit("Neon", 1000.0)
        await story.until(lambda: len(story.watch.pids) == 2)
        assert "Neon" in story.noted()

    story.play(script)
    assert story.lost == []


def test_killed_as_they_come_up(story: Story) -> None:
    """A new pair that is killed before it watches is replaced as well, and learns of the lamps that burn."""

    async def script(story: Story) -> None:
        await story.watch.permit("Neon", 1000.0)
        killed = set(story.watch.pids)
        story.kill(*killed)
        for _ in range(2):
            await story.until(lambda: bool(set(story.watch.pids) - killed))
            young = (set(story.watch.pids) - killed).pop()
            story.kill(young)
            killed.add(young)
        await story.until(lambda: len(story.watch.pids) == 2 and "Neon" in story.noted())

    story.play(script)
    assert story.lost == []
    assert "guard.started" in story.told


def test_none_can_be_had(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no guard comes up any more, the run is told so within seconds, and must end."""

    async def script(story: Story) -> None:
        monkeypatch.setattr("safelight.engine.guard.runner_side.sys.executable", "/bin/false")
        story.kill(*story.watch.pids)
        began = now()
        await story.until(lambda: bool(story.lost))
        assert now() - began < 10
        monkeypatch.setattr("safelight.engine.guard.runner_side._READY_S", 0.1)
        with pytest.raises(GuardError):
            await story.watch.permit("Neon", 1000.0)

    story.play(script)
    assert len(story.lost) == 1


def refusing(device: str) -> Fault:
    """Return a path by which nothing can be read."""
    return Fault.model_validate({"device": device, "verb": "status", "what": "error", "times": "forever"})


def test_no_permission_from_guards_that_cannot_read(tmp_path: Path) -> None:
    """Guards that can't read the lamps permit none. The run is told why at once, without waiting for a lamp."""
    story = Story(tmp_path, refusing("lamps"))

    async def script(story: Story) -> None:
        await story.until(lambda: bool(story.lost))
        with pytest.raises(GuardError, match=r"can't read the lamps: the first path: .*refused"):
            await story.watch.permit("Neon", 1000.0)

    story.play(script)
    assert len(story.lost) == 1
    assert story.told.count("guard.path.failed") == 1


@pytest.mark.parametrize("broken", ["lamps", "second_lamps"])
def test_one_path_is_enough(tmp_path: Path, broken: str) -> None:
    """Guards that can read the lamps by one of two paths permit them. That the other fails is reported once."""
    story = Story(tmp_path, refusing(broken), second_path=True)

    async def script(story: Story) -> None:
        await story.watch.permit("Neon", 1000.0)
        await story.until(lambda: bool(story.reasons))

    story.play(script)
    assert story.lost == []
    name = {"lamps": "the first path", "second_lamps": "the second path"}[broken]
    assert [reason.startswith(f"{name}: ") for reason in story.reasons] == [True]


def test_neither_path(tmp_path: Path) -> None:
    """Guards that can read the lamps by neither of two paths permit none, and both reasons are told."""
    story = Story(tmp_path, refusing("lamps"), refusing("second_lamps"), second_path=True)

    async def script(story: Story) -> None:
        with pytest.raises(GuardError, match=r"the first path: .*the second path: "):
            await story.watch.permit("Neon", 1000.0)

    story.play(script)
    assert len(story.lost) == 1


def test_no_pipe_can_be_had(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has used up its file descriptors is told so as every other failure of a guard."""

    def no_pipe() -> tuple[int, int]:
        raise OSError(24, "too many open files")

    async def start() -> None:
        monkeypatch.setattr("safelight.engine.guard.runner_side.os.pipe", no_pipe)
        await story.watch.start()

    with pytest.raises(GuardError, match="too many open files"):
        asyncio.run(start())


def test_the_survivor_watches_until_it_is_relieved(story: Story) -> None:
    """While another pair comes up the guard that is left hears its heartbeat, and switches nothing off."""

    async def script(story: Story) -> None:
        await story.watch.permit("Neon", 1000.0)
        first, second = story.watch.pids
        story.kill(first)
        await story.until(lambda: second not in story.watch.pids and len(story.watch.pids) == 2)

    story.play(script)
    log = (story.home / "guards" / "story.log").read_text() if (story.home / "guards" / "story.log").exists() else ""
    assert "silent" not in log


@pytest.mark.parametrize("spoiled", [b'{"rea', b"nonsense\n", b"[]\n", b"x" * 200_000 + b"\n", b"\xff\n"])
def test_what_a_guard_says_is_spoiled(story: Story, spoiled: bytes) -> None:
    """Whatever comes through its pipe, the end of a guard is noticed."""

    async def listen() -> bool:
        reader = asyncio.StreamReader()
        fd = os.open(os.devnull, os.O_WRONLY)
        member = GuardPeer(fd, reader)
        reader.feed_data(spoiled)
        reader.feed_eof()
        await story.watch._listen(member)
        member.close()
        return member.gone

    assert asyncio.run(listen())


def test_a_pipe_that_fails() -> None:
    """A pipe that raises is a pipe that has closed."""

    async def read() -> bytes:
        reader = asyncio.StreamReader()
        reader.set_exception(ConnectionResetError())
        return await GuardPeer(-1, reader).line()

    assert asyncio.run(read()) == b""
