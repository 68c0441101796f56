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
from safelight.engine.clock import wall_utc
from safelight.engine.guard.messages import GuardConfig, message_of
from safelight.engine.guard.process import GuardProcess
from safelight.engine.guard.status_files import GuardStatusFile
from safelight.engine.guard.succession import outlets_of

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
        """Return what is."""
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

    def __init__(
        self, home: Path, switch: Switch, observatory: Observatory, clock: Clock, order: GuardConfig | None = None
    ) -> None:
        self.clock = clock
        self.switch = switch
        self.order = order or GuardConfig("story", home, observatory, client="mine", begun=wall_utc().isoformat())
        self.answers, answer_fd = os.pipe()
        self.guard = GuardProcess(self.order, switch, None, answer_fd, GuardStatusFile(home, "story"), wall=clock)
        self.answer_fd = answer_fd

    def told(self) -> list[Mapping[str, Any]]:
        """Return what the guard has answered so far."""
        os.set_blocking(self.answers, False)
        return [message_of(line) for line in os.read(self.answers, 1 << 16).splitlines()]

    def burning(self) -> list[str]:
        """Return the lamps that burn."""
        return [lamp for lamp, state in self.switch.lamps.items() if state != "off"]

    def play(self, script: Callable[["Story", asyncio.StreamReader], Coroutine[Any, Any, None]]) -> float:
        """Let the guard watch while the script speaks for the runner. Return when the guard has ended, s."""

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
    """Make a story. The guard and the switch live by one clock."""
    observatory = load_observatory("simulated")

    def story(switch: Switch, clock: Clock | None = None) -> Story:
        clock = clock or VirtualClock()
        monkeypatch.setattr(GuardConfig, "clock", property(lambda _: clock))
        return Story(tmp_path, switch, observatory, clock)

    return story


def a_later_run(story: Story, **changes: Any) -> dict[str, Any]:
    """Return the page of a guard of a run that has begun now, and that is to light a lamp."""
    page = {
        "run": "later",
        "doing": "watching",
        "observatory": "simulated",
        "client": "another",
        "begun": wall_utc().isoformat(),
        "in_charge": True,
        "orphan": False,
        "keep": False,
        "answers_for": outlets_of("simulated", story.switch),
    }
    return page | changes


Pages = list[dict[str, Any]]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Return the pages of other guards."""
    found: Pages = []
    monkeypatch.setattr("safelight.engine.guard.succession.guards", lambda _: iter(found))
    return found


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
    """A switch that answers at the third try is reported as one that answers."""
    story = make(Switch(deaf=2))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        for _ in range(10):
            await story.clock.sleep(0.5)
            reader.feed_data(b'{"beat": 1}\n')
        assert {"path": "lamps", "answers": True, "why": None} in story.told()
        reader.feed_data(b'{"relieved": true}\n')

    story.play(script)


def test_a_lamp_that_the_switch_does_not_name(make: Make) -> None:
    """A switch that answers and does not tell a lamp is reported as such: that lamp could not be darkened by it."""
    story = make(Switch())
    del story.switch.lamps["Xenon"]

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await story.clock.sleep(0.1)
        assert {"path": "lamps", "answers": True, "why": "it does not report Xenon"} in story.told()
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
    monkeypatch.setattr(GuardStatusFile, "log", lambda _self, event, **_: story.switch.heard.append(f"log {event}"))
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
    """A lamp that has been on for long can't be lit late: the guard ends as soon as all is off."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        reader.feed_data(LEASE)
        for _ in range(100):
            await story.clock.sleep(1.0)
            reader.feed_data(b'{"beat": 1}\n')
        reader.feed_eof()

    assert story.play(script) < 105


def test_another_run_relieves_who_lingers(make: Make, pages: Pages) -> None:
    """A guard that only looks out for late commands leaves the lamps of the next run alone."""
    story = make(Switch())

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        await story.clock.sleep(5.0)
        assert story.switch.lamps["Neon"] == "off"
        pages.append(a_later_run(story))
        await story.clock.sleep(2.0)
        story.switch.lamps["Neon"] = "on"

    story.play(script)
    assert story.switch.lamps["Neon"] == "on"


def test_another_run_relieves_who_still_switches_off(make: Make, pages: Pages) -> None:
    """The next run begins while the lamps of the last one are still being switched off: its own lamps stay lit."""
    story = make(Switch(refusals=4))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        await story.clock.sleep(0.01)
        assert story.switch.lamps["Neon"] == "on"
        pages.append(a_later_run(story))
        await story.clock.sleep(30.0)
        story.switch.lamps["Neon"] = "on"

    assert story.play(script) < 60
    assert story.switch.lamps["Neon"] == "on"


def test_no_command_within_a_round_once_another_run_has_begun(make: Make, pages: Pages) -> None:
    """The next run begins in the middle of a round: not one further command is given in it."""
    story = make(Switch(refusals=10_000))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        await story.clock.sleep(0.3)
        assert story.switch.heard.count("Neon") == 2
        pages.append(a_later_run(story))
        await story.clock.sleep(60.0)

    story.play(script)
    assert story.switch.heard.count("Neon") == 2


NO_SUCCESSORS: list[dict[str, Any]] = [
    {"in_charge": False},
    {"orphan": True},
    {"begun": "2000-01-01T00:00:00+00:00"},
    {"begun": ""},
    {"client": "mine"},
    {"observatory": "another", "answers_for": {"Neon": "another Neon"}},
    {"answers_for": {"Neon": "another switch/neon"}},
    {"answers_for": {}},
]


@pytest.mark.parametrize("change", NO_SUCCESSORS, ids=str)
def test_who_is_no_successor(make: Make, pages: Pages, change: Mapping[str, Any]) -> None:
    """A lamp is left to nobody who does not answer for it: the guard goes on until it is off."""
    story = make(Switch(refusals=20))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        pages.append(a_later_run(story, **change))

    story.play(script)
    assert story.burning() == []


def test_a_lamp_that_the_next_run_does_not_know(make: Make, pages: Pages) -> None:
    """A lamp that is not in the next run's document is switched off by the old guard, and no other one is."""
    story = make(Switch(refusals=20))

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        await _dies(story, reader)
        known = {lamp: outlet for lamp, outlet in outlets_of("simulated", story.switch).items() if lamp != "Neon"}
        pages.append(a_later_run(story, answers_for=known))
        await story.clock.sleep(3.0)
        story.switch.lamps["Argon"] = "on"

    story.play(script)
    assert story.burning() == ["Argon"]


def test_a_look_that_hangs_keeps_no_lamp_on(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder with the other guards' pages can't be read, or hangs, the lamps go off all the same."""
    let_go = threading.Event()

    def hang(_: Path) -> Iterator[dict[str, Any]]:
        let_go.wait(30)
        raise OSError("gone")

    monkeypatch.setattr("safelight.engine.guard.succession.guards", hang)
    clock = Clock()
    story = make(Switch(refusals=2), clock)

    async def script(story: Story, reader: asyncio.StreamReader) -> None:
        reader.feed_data(LEASE)
        await asyncio.wait([asyncio.ensure_future(clock.sleep(0.1))])
        reader.feed_eof()
        while story.switch.lamps["Neon"] == "on":
            await clock.sleep(0.01)
            assert clock.now() < 5, "the guard waits for the disk"
        let_go.set()
        story.guard.dismissed = True

    story.play(script)


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
    """Yield a journal that hangs until the test is over."""
    from safelight.engine.records import database  # noqa: PLC0415

    let_go = threading.Event()

    def hang(*_: Any, **__: Any) -> None:
        let_go.wait(30)
        raise OSError("gone")

    monkeypatch.setattr(database, "Journal", hang)
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
    monkeypatch.setattr(GuardConfig, "clock", property(lambda _: clock))
    order = GuardConfig("story", tmp_path, observatory, journal="sqlite:///nowhere.sqlite", speed=1000)
    story = Story(tmp_path, Switch(refusals=5), observatory, clock, order)

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
