"""Runs beside other people: what is not theirs is waited for. And lamps that go off before anything slow is done."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Devices, ExposureOrder, load_observatory, open_devices
from safelight.devices.simulated import Fault
from safelight.devices.simulated.spectrographs import SimulatedSpectrographs
from safelight.engine import Request, Runner, RunResult, VirtualClock, perform
from safelight.engine.resume.resumption import ResumeRequest, resume

BIAS = {"name": "one", "biases": {"count": 1}}
FLAT = {"name": "lit", "lamps": {"Neon": {"warmup": 30, "exposure_time": 20, "fibre": "P1-1"}}}
THEIRS = ExposureOrder("flat", 300.0, "theirs")


class Beside:
    """A run, and another program at the same spectrographs."""

    def __init__(self, folder: Path, observatory: Path) -> None:
        self.folder = folder
        self.observatory = observatory
        self.clock = VirtualClock()
        self.events: list[Mapping[str, Any]] = []
        self.theirs = False
        self.runner: Runner | None = None
        self.read: asyncio.Task[tuple[Path, ...]] | None = None
        self.request = Request(BIAS, observatory=observatory, home=folder / "home", frames=folder / "frames")

    def devices(self) -> Devices:
        """Return the other program's own."""
        return open_devices(load_observatory(self.observatory), clock=self.clock, home=self.folder / "home")

    async def begin_theirs(self, lamp: str | None = None) -> None:
        """Their exposure begins. It goes on in the spectrographs."""
        devices = self.devices()
        if lamp:
            await devices.lamps.on(lamp)
        exposing = asyncio.ensure_future(devices.spectrographs.expose(THEIRS))
        await self.clock.sleep(5)
        exposing.cancel()
        await asyncio.wait([exposing])

    async def read_out_theirs(self) -> tuple[Path, ...]:
        """Their readout, when it has come to its end."""
        devices = self.devices()
        while any(seen.activity == "integrating" for seen in (await devices.spectrographs.status()).values()):
            await self.clock.sleep(2)
        (self.folder / "theirs").mkdir(exist_ok=True)
        return await devices.spectrographs.read_out({}, self.folder / "theirs")

    async def run(self, sequence: Any, **changes: Any) -> RunResult:
        """Return a run in the same home, on the same clock."""
        request = replace(self.request, sequence=sequence, **changes)
        return await perform(
            request, clock=self.clock, listeners=[self.events.append], on_start=self.on_start, guarded=False
        )

    def on_start(self, runner: Runner) -> None:
        """Once a run has begun they read out, at the end of their exposure. Virtual time has one clock from there."""
        self.runner = runner
        if self.theirs:
            self.read = asyncio.ensure_future(self.read_out_theirs())

    def heard(self, event: str) -> list[Mapping[str, Any]]:
        """Return every event of that name."""
        return [said for said in self.events if said["event"] == event]

    def switched(self) -> list[tuple[str, bool]]:
        """Return every outlet that was switched, and how."""
        plain = json.loads((self.folder / "home" / "simulated" / "switch.json").read_bytes())
        return [(transition[2], transition[3]) for transition in plain["transitions"]]


@pytest.fixture
def beside(tmp_path: Path, small: Path) -> Beside:
    """Return a home with nothing in it."""
    return Beside(tmp_path, small)


def document(small: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Return the small observatory with something else in its document."""
    plain = yaml.safe_load(small.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return path


@pytest.mark.parametrize("sequence", [BIAS, FLAT], ids=lambda sequence: sequence["name"])
def test_a_run_waits_before_it_begins(beside: Beside, sequence: Any) -> None:
    """Somebody's exposure under their lamp comes to its end, lamp and all. Then the run begins, and is done."""

    async def story() -> tuple[RunResult, tuple[Path, ...]]:
        beside.theirs = True
        await beside.begin_theirs(lamp="Xenon")
        result = await beside.run(sequence)
        assert beside.read is not None
        return result, await beside.read

    result, files = asyncio.run(story())
    assert (result.outcome, len(result.frames), result.bad) == ("done", 1, ())
    assert all(path.exists() for path in files)
    assert [said["event"] for said in beside.events if said["event"].startswith("others.")][-1] == "others.gone"
    waiting = beside.heard("others.waiting")
    assert len(waiting) >= 5
    assert "is integrating with exposure 1, begun by another program" in waiting[0]["reason"]
    told = [said["event"] for said in beside.events]
    assert told.index("others.gone") < told.index("state.started")
    assert not beside.heard("state.failed")


def test_a_run_waits_in_the_middle(beside: Beside) -> None:
    """An exposure that somebody begins during our warm-up is waited for in the dark. Ours is taken afterwards."""

    async def story() -> tuple[RunResult, tuple[Path, ...]]:
        run = asyncio.ensure_future(beside.run(FLAT))
        while not any(said["event"] == "state.started" and said["kind"] == "lamp-warmup" for said in beside.events):
            await beside.clock.sleep(1)
        await beside.clock.sleep(5)
        await beside.begin_theirs()
        files = await beside.read_out_theirs()
        return await run, files

    result, files = asyncio.run(story())
    assert (result.outcome, len(result.frames), result.bad) == ("done", 1, ())
    assert all(path.exists() for path in files)
    (darkened,) = beside.heard("lamps.darkened")
    assert darkened["lamps"] == {"Neon": "off"}
    assert [on for lamp, on in beside.switched() if lamp == "Neon"] == [True, False, True, False]


def test_nobody_waits_for_ever(beside: Beside, small: Path, tmp_path: Path) -> None:
    """Somebody's exposure that is longer than a run waits ends the run as faulted, and is left alone."""

    def impatient(plain: dict[str, Any]) -> None:
        plain["spectrographs"]["others_s"] = 60.0

    path = document(small, tmp_path / "impatient.yaml", impatient)

    async def story() -> tuple[RunResult, tuple[Path, ...]]:
        await beside.begin_theirs()
        result = await beside.run(BIAS, observatory=path)
        return result, await beside.read_out_theirs()

    result, files = asyncio.run(story())
    assert result.outcome == "faulted"
    assert "--take-over" in str(result.reason)
    assert all(path.exists() for path in files)


def test_a_wait_can_be_ended(beside: Beside) -> None:
    """Who waits can be stopped. The exposure that was waited for goes on."""

    async def story() -> tuple[RunResult, tuple[Path, ...]]:
        await beside.begin_theirs()
        run = asyncio.ensure_future(beside.run(BIAS))
        while not beside.heard("others.waiting"):
            await asyncio.wait([run], timeout=0.01)
        assert beside.runner is not None
        beside.runner.stop("abort", "by test")
        return await run, await beside.read_out_theirs()

    result, files = asyncio.run(story())
    assert result.outcome == "aborted"
    assert all(path.exists() for path in files)


def test_take_over(beside: Beside) -> None:
    """With --take-over it is aborted, and the run begins at once."""

    async def story() -> RunResult:
        await beside.begin_theirs()
        return await beside.run(BIAS, take_over=True)

    assert asyncio.run(story()).outcome == "done"
    assert not beside.heard("others.waiting")


def test_what_a_dead_run_left_is_not_somebody_elses(beside: Beside) -> None:
    """An exposure that a killed run of this journal has begun is known by its number: nobody waits for it."""

    async def begin() -> None:
        run = asyncio.ensure_future(beside.run(FLAT))
        while not any(said["event"] == "state.started" and said["kind"] == "expose" for said in beside.events):
            await beside.clock.sleep(1)
        await beside.clock.sleep(5)
        # As a kill -9 leaves it: the journal and the detectors' file as they are now.
        for name in ("journal.sqlite", "journal.sqlite-wal", "simulated/detector.json", "simulated/counter.json"):
            path = beside.folder / "home" / name
            if path.exists():
                (beside.folder / name.replace("/", "-")).write_bytes(path.read_bytes())
        run.cancel()
        await asyncio.wait([run])

    asyncio.run(begin())
    for name in ("journal.sqlite", "journal.sqlite-wal", "simulated/detector.json", "simulated/counter.json"):
        kept = beside.folder / name.replace("/", "-")
        target = beside.folder / "home" / name
        target.unlink(missing_ok=True)
        if kept.exists():
            target.write_bytes(kept.read_bytes())
    (beside.folder / "home" / "journal.sqlite-shm").unlink(missing_ok=True)
    beside.events.clear()

    async def again() -> RunResult:
        request = ResumeRequest(home=beside.folder / "home")
        return await resume(request, clock=beside.clock, listeners=[beside.events.append], guarded=False)

    result = asyncio.run(again())
    assert (result.outcome, len(result.frames)) == ("done", 1)
    assert not beside.heard("others.waiting")


# ---- lamps first


@pytest.mark.parametrize("what", ["error", "hang"])
def test_lamps_are_off_before_the_spectrographs_are_cleaned_up(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """An exposure that fails, its clean-up slow: the lamp was commanded off before that begins, and is lit again."""
    order: list[str] = []
    clear = SimulatedSpectrographs.abort

    async def slow(self: SimulatedSpectrographs) -> None:
        lit = [lamp for lamp, state in (await beside.devices().lamps.status()).items() if state == "on"]
        order.append(f"abort with {lit}")
        await beside.clock.sleep(28)
        await clear(self)

    monkeypatch.setattr(SimulatedSpectrographs, "abort", slow)
    fault = Fault.model_validate({"device": "spectrographs", "verb": "expose", "what": what, "seconds": 4.0})
    result = asyncio.run(beside.run(FLAT, faults=(fault,)))
    assert (result.outcome, len(result.frames)) == ("done", 1)
    assert order == ["abort with []"]
    assert [on for lamp, on in beside.switched() if lamp == "Neon"] == [True, False, True, False]
