"""The guard under attack: switches that obey late or never, disks and journals that hang, untimely dismissals."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import DeviceFailed, LampState, Observatory, load_observatory
from safelight.engine import Clock, VirtualClock
from safelight.engine.guard import Guard
from safelight.engine.guard_order import Order, message_of
from safelight.engine.guardbook import GuardBook

NAMES = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")


class Switch:
    """A power switch with one burning lamp.

    Attributes:
        refusals: how often `off` fails before it obeys.
        deaf: how often it does not let itself be read, for a wrong password.
        looks: how often somebody wanted to read it.
    """

    def __init__(self, *, refusals: int = 0, deaf: int = 0) -> None:
        self.lamps: dict[str, LampState] = dict.fromkeys(NAMES, "off")
        self.lamps["Neon"] = "on"
        self.refusals = refusals
        self.deaf = deaf
        self.looks = 0
        self.heard: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """All six."""
        return NAMES

    async def on(self, lamp: str) -> None:
        """A guard never lights."""
        raise AssertionError(f"{lamp} was lit")

    async def off(self, lamp: str) -> None:
        """Darken one lamp, or refuse."""
        self.heard.append(lamp)
        await _a_breath()
        if lamp == "Neon" and self.refusals:
            self.refusals -= 1
            raise DeviceFailed("refused", device="lamps", verb="off")
        self.lamps[lamp] = "off"

    async def all_off(self) -> None:
        """Never works here."""
        raise DeviceFailed("refused", device="lamps", verb="all_off")

    async def status(self) -> Mapping[str, LampState]:
        """What is."""
        self.looks += 1
        if self.looks <= self.deaf:
            raise DeviceFailed("wrong password", device="lamps", verb="status")
        return dict(self.lamps)


async def _a_breath() -> None:
    """What a command to a real switch always does: let the others begin."""
    await asyncio.wait([asyncio.ensure_future(_nothing())])


async def _nothing() -> None:
    return


class Story:
    """One guard, in virtual time, and the pipe on which it hears its runner."""

    def __init__(self, home: Path, switch: Switch, observatory: Observatory, clock: Clock) -> None:
        self.clock = clock
        self.switch = switch
        self.order = Order("story", home, observatory)
        self.answers, answer_fd = os.pipe()
        self.guard = Guard(self.order, switch, None, answer_fd, GuardBook(home, "story"), wall=clock)
        self.answer_fd = answer_fd

    def told(self) -> list[Mapping[str, Any]]:
        """What the guard has answered so far."""
        os.set_blocking(self.answers, False)
        return [message_of(line) for line in os.read(self.answers, 1 << 16).splitlines()]

    def burning(self) -> list[str]:
        """The lamps that burn."""
        return [lamp for lamp, state in self.switch.lamps.items() if state != "off"]

    def play(self, script: Callable[["Story", asyncio.StreamReader], Coroutine[Any, Any, None]]) -> float:
        """Let the guard watch while the script speaks for the runner; returns when the guard has ended, s."""

        async def whole() -> float:
            reader = asyncio.StreamReader()
            watching = asyncio.ensure_future(self.guard.watch(reader))
            await script(self, reader)
            await watching
            return self.clock.now()

        try:
            return asyncio.run(whole())
        finally:
            os.close(self.answers)
            os.close(self.answer_fd)


Make = Callable[..., Story]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make a story; the guard and the switch live by one clock."""
    observatory = load_observatory("simulated")

    def story(switch: Switch, clock: Clock | None = None) -> Story:
        clock = clock or VirtualClock()
        monkeypatch.setattr(Order, "clock", property(lambda _: clock))
        return Story(tmp_path, switch, observatory, clock)

    return story


LEASE = b'{"lease": "Neon", "s": 7200}\n'


async def _dies(story: Story, reader: asyncio.StreamReader) -> None:
    reader.feed_data(LEASE)
    await story.clock.sleep(0.5)
    reader.feed_eof()


def test_it_reads_the_lamps_when_it_starts(make: Make) -> None:
    """Before any lamp is lit the guard has read the lamps, has told so, and has switched nothing."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await story.clock.sleep(0.1)
        assert {"path": "lamps", "answers": True, "why": None} in story.told()
        assert story.switch.looks == 1
        assert story.switch.heard == []
        reader.feed_data(b'{"relieved": true}\n')

    story.play(script)


def test_a_guard_that_cannot_read_tells_why(make: Make) -> None:
    """A guard that can't read the lamps tries as often as safing, says why, and acts all the same when it must."""
    tries = load_observatory("simulated").retries.of("safing").attempts
    story = make(Switch(deaf=tries))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        for _ in range(60):
            await story.clock.sleep(0.5)
            reader.feed_data(b'{"beat": 1}\n')
        (told,) = (message for message in story.told() if "path" in message)
        assert (told["path"], told["answers"]) == ("lamps", False)
        assert "wrong password" in told["why"]
        assert story.switch.looks == tries
        await _dies(story, reader)

    story.play(script)
    assert story.burning() == []


def test_a_path_that_comes_back_is_no_trouble(make: Make) -> None:
    """A switch that answers at the third try is told as one that answers."""
    story = make(Switch(deaf=2))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        for _ in range(10):
            await story.clock.sleep(0.5)
            reader.feed_data(b'{"beat": 1}\n')
        assert {"path": "lamps", "answers": True, "why": None} in story.told()
        reader.feed_data(b'{"relieved": true}\n')

    story.play(script)


def test_a_lamp_that_the_switch_does_not_name(make: Make) -> None:
    """A switch that answers and does not tell a lamp is told as such: that lamp could not be darkened by it."""
    story = make(Switch())
    del story.switch.lamps["Xenon"]

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await story.clock.sleep(0.1)
        assert {"path": "lamps", "answers": True, "why": "it does not tell Xenon"} in story.told()
        reader.feed_data(b'{"relieved": true}\n')

    story.play(script)


def test_a_runner_that_dies_while_the_guard_looks(make: Make) -> None:
    """The first look does not hold up a guard that has to act: the lamps are off although it can't be read yet."""
    story = make(Switch(deaf=3))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        reader.feed_data(LEASE)
        reader.feed_eof()
        await story.clock.sleep(0.01)
        assert "Neon" in story.switch.heard

    story.play(script)
    assert story.burning() == []


def test_a_killed_runner(make: Make) -> None:
    """The pipe closes: all lamps are commanded off at once, and nothing is written before."""
    story = make(Switch())
    story.play(_dies)
    assert set(story.switch.lamps.values()) == {"off"}
    assert set(story.switch.heard) == set(NAMES)


def test_the_lamps_come_before_the_log(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is written before every lamp has been commanded off: the log's disk may hang."""
    story = make(Switch())
    monkeypatch.setattr(GuardBook, "log", lambda _self, event, **_: story.switch.heard.append(f"log {event}"))
    story.play(_dies)
    heard = story.switch.heard
    assert set(heard[: len(NAMES)]) == set(NAMES)
    assert any(entry.startswith("log") for entry in heard)


def test_a_lamp_that_is_lit_late(make: Make) -> None:
    """The runner dies in mid-command, the guard switches off, the switch obeys the runner afterwards: off again."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        await story.clock.sleep(3.0)
        assert story.switch.lamps["Neon"] == "off"
        story.switch.lamps["Neon"] = "on"

    ended_s = story.play(script)
    assert story.switch.lamps["Neon"] == "off"
    assert 50 < ended_s < 70


def test_no_lingering_without_a_fresh_lease(make: Make) -> None:
    """A lamp that has burnt for long can't be lit late: the guard ends as soon as all is off."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        reader.feed_data(LEASE)
        for _ in range(100):
            await story.clock.sleep(1.0)
            reader.feed_data(b'{"beat": 1}\n')
        reader.feed_eof()

    assert story.play(script) < 105


def test_another_run_relieves_who_lingers(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that only looks out for late commands leaves the lamps of the next run alone."""
    pages: list[dict[str, Any]] = []
    monkeypatch.setattr("safelight.engine.guard.guards", lambda _: iter(pages))
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        await story.clock.sleep(5.0)
        assert story.switch.lamps["Neon"] == "off"
        pages.append({"pid": 1, "doing": "watching", "since": "9999", "observatory": "simulated", "leases": {}})
        await story.clock.sleep(2.0)
        story.switch.lamps["Neon"] = "on"

    story.play(script)
    assert story.switch.lamps["Neon"] == "on"


def test_silence_is_no_storm(make: Make) -> None:
    """A runner that is stopped for ten minutes finds its lamps off, and one round of commands a second at the most."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        reader.feed_data(LEASE)
        await story.clock.sleep(600.0)
        assert set(story.switch.lamps.values()) == {"off"}
        reader.feed_data(b'{"beat": 1}\n{"end": 0}\n')

    story.play(script)
    assert 500 <= story.switch.heard.count("Neon") <= 610


def test_silence_is_acted_on_at_once_each_time(make: Make) -> None:
    """A runner that wakes up, lights a lamp and is stopped again finds it off after the same silence."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        for _ in range(3):
            reader.feed_data(LEASE)
            story.switch.lamps["Neon"] = "on"
            await story.clock.sleep(1.75)
            assert story.burning() == ["Neon"]
            await story.clock.sleep(0.5)
            assert story.burning() == []
        reader.feed_data(b'{"end": 0}\n')

    story.play(script)


def test_two_leases_at_once(make: Make) -> None:
    """Two leases that end in the same moment are both obeyed, and a lamp that refuses does not hold up the other."""
    switch = Switch(refusals=3)
    switch.lamps["Argon"] = "on"
    story = make(switch)

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        for lamp, lease_s in (("Neon", 1.25), ("Argon", 1.25), ("Xenon", 7200)):
            reader.feed_data(json.dumps({"lease": lamp, "s": lease_s}).encode() + b"\n")
        for _ in range(30):
            await story.clock.sleep(0.5)
            reader.feed_data(b'{"beat": 1}\n')
        assert set(switch.lamps.values()) == {"off"}
        assert set(story.guard.leases) == {"Xenon"}
        reader.feed_data(b'{"end": 0}\n')

    story.play(script)


def test_a_dismissal_comes_too_early(make: Make) -> None:
    """SIGTERM in the first round does not keep that round from being finished: the lamp is off."""
    story = make(Switch(refusals=2))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        story.guard.dismissed = True

    story.play(script)
    assert set(story.switch.lamps.values()) == {"off"}


def test_a_dismissal_ends_what_is_hopeless(make: Make) -> None:
    """SIGTERM ends a guard that has tried everything once, in vain."""
    story = make(Switch(refusals=10_000))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        await story.clock.sleep(100.0)
        story.guard.dismissed = True

    with pytest.raises(SystemExit):
        story.play(script)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A journal that hangs until the test is over."""
    from safelight.engine import journal  # noqa: PLC0415

    let_go = threading.Event()

    def hang(*_: Any, **__: Any) -> None:
        let_go.wait(30)
        raise OSError("gone")

    monkeypatch.setattr(journal, "Journal", hang)
    yield let_go
    let_go.set()


def test_a_journal_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stuck: threading.Event) -> None:
    """Where a journal takes for ever, the guard goes on trying a switch that refuses at first."""
    plain = load_observatory("simulated")
    quick = plain.guard.model_copy(update={"retry_s": 0.05})
    once = plain.retries.default.model_copy(update={"attempts": 1})
    retries = plain.retries.model_copy(update={"kinds": {"safing": once}})
    observatory = plain.model_copy(update={"guard": quick, "retries": retries})
    clock = Clock()
    monkeypatch.setattr(Order, "clock", property(lambda _: clock))
    story = Story(tmp_path, Switch(refusals=5), observatory, clock)
    story.guard.order = Order("story", tmp_path, observatory, journal="sqlite:///nowhere.sqlite", speed=1000)

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        reader.feed_data(LEASE)
        await asyncio.wait([asyncio.ensure_future(clock.sleep(0.1))])
        reader.feed_eof()
        while story.switch.lamps["Neon"] == "on":
            await clock.sleep(0.01)
            assert clock.now() < 5, "the guard waits for its journal"
        stuck.set()

    story.play(script)
    assert story.switch.refusals == 0


@pytest.mark.parametrize("line", [b"", b"{", b"[1]\n", b"\xff\xfe\n", b"nonsense\n"])
def test_spoiled_lines(line: bytes) -> None:
    """A line that was cut off or spoiled says nothing, and breaks nothing."""
    assert message_of(line) == {}
