"""The runner under attack: interrupts in its own steps, a broken machine, commands that don't let go, bad frames."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import LampState, load_observatory
from safelight.devices.simulated.faults import Fault
from safelight.devices.simulated.measure import measure
from safelight.devices.simulated.switch import SimulatedLamps
from safelight.engine import Request, Runner, RunResult, VirtualClock, perform
from safelight.engine.run.statechart import Statechart
from tests.matrix.bench import outlets

ONE_LAMP: Mapping[str, Any] = {
    "name": "one-lamp",
    "lamps": [{"lamps": ["Neon"], "warmup": 10, "exposure_time": 60, "fibre": "P1-12"}],
}
SWEEP: Mapping[str, Any] = {
    "name": "sweep",
    "lamps": [{"lamps": ["Quartz"], "exposure_time": 60, "fibsel": {"positions": ["P1-2", "P1-1", "P1-12"]}}],
}

Listener = Callable[[Mapping[str, Any], Runner], None]
Play = Callable[..., RunResult]


@pytest.fixture
def play(tmp_path: Path, observatory: Path) -> Play:
    """Run a sequence in virtual time, without guards."""

    def go(
        sequence: Mapping[str, Any],
        listener: Listener = lambda said, runner: None,  # noqa: ARG005
        faults: tuple[Mapping[str, Any], ...] = (),
        clock: VirtualClock | None = None,
    ) -> RunResult:
        runners: list[Runner] = []
        request = Request(
            sequence,
            observatory=observatory,
            home=tmp_path / "home",
            frames=tmp_path / "frames",
            faults=tuple(Fault.model_validate(dict(fault)) for fault in faults),
        )
        listeners = [lambda said: listener(said, runners[0]) if runners else None]
        return asyncio.run(
            perform(request, clock=clock or VirtualClock(), listeners=listeners, on_start=runners.append, guarded=False)
        )

    return go


def begins(said: Mapping[str, Any], kind: str) -> bool:
    """Return whether a state of that kind begins now."""
    return bool(said["event"] == "state.started" and said["kind"] == kind)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", ["lamp-off", "lamp-warmup", "expose", "readout"])
def test_interrupted_inside_a_step(play: Play, tmp_path: Path, kind: str, error: type[BaseException]) -> None:
    """A KeyboardInterrupt that hits the runner's own code ends as an abort: lamps off, whoever has raised it."""
    raised: list[str] = []

    def interrupt(said: Mapping[str, Any], runner: Runner) -> None:
        if begins(said, kind) and not raised:
            raised.append(said["state"])
            raise error

    result = play(ONE_LAMP, interrupt)
    assert raised
    assert result.outcome == "aborted"
    assert set(outlets(tmp_path / "home").values()) == {"off"}


def test_interrupted_inside_safing(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt inside an off command costs one try, not the lamp."""
    off = SimulatedLamps.off
    hit: list[str] = []

    async def interrupted(self: SimulatedLamps, lamp: str) -> None:
        if lamp == "Neon" and outlets(tmp_path / "home")["Neon"] == "on" and not hit:
            hit.append(lamp)
            raise KeyboardInterrupt
        await off(self, lamp)

    monkeypatch.setattr(SimulatedLamps, "off", interrupted)
    result = play(ONE_LAMP, lambda said, runner: runner.stop("abort", "now") if begins(said, "expose") else None)
    assert hit
    assert result.outcome == "aborted"
    assert set(outlets(tmp_path / "home").values()) == {"off"}


def test_a_machine_that_breaks_on_the_way_out(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statechart that fails in a way that nobody thought of keeps no lamp burning."""
    send = Statechart.send

    def broken(self: Statechart, event: str, source: str) -> None:
        if event == "abort":
            raise RuntimeError("a mistake in the library")
        send(self, event, source)

    monkeypatch.setattr(Statechart, "send", broken)
    result = play(ONE_LAMP, lambda said, runner: runner.stop("abort", "now") if begins(said, "expose") else None)
    assert result.outcome == "aborted"
    assert set(outlets(tmp_path / "home").values()) == {"off"}


def test_safing_that_is_cancelled_before_it_begins(play: Play, tmp_path: Path) -> None:
    """All tasks are cancelled in the moment in which safing is made, again and again: it begins all the same."""
    waves = 3

    def cancel_all() -> None:
        nonlocal waves
        waves -= 1
        for task in asyncio.all_tasks():
            task.cancel()
        if waves:
            asyncio.get_running_loop().call_soon(cancel_all)

    def stop(said: Mapping[str, Any], runner: Runner) -> None:
        if begins(said, "expose"):
            runner.stop("abort", "now")
        elif said["event"] == "safing.started":
            asyncio.get_running_loop().call_soon(cancel_all)

    with pytest.raises(asyncio.CancelledError):
        play(ONE_LAMP, stop)
    assert waves == 0
    assert set(outlets(tmp_path / "home").values()) == {"off"}


def test_a_safing_that_can_not_be_done(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where safing itself fails at every try, the run ends, and claims nothing of any lamp: unsafe."""
    monkeypatch.setattr("safelight.engine.guard.safing.Safing.all_lamps", _fail)
    result = play(ONE_LAMP, lambda said, runner: runner.stop("abort", "now") if begins(said, "expose") else None)
    assert result.outcome == "unsafe"
    assert set(result.lamps.values()) == {"unknown"}


async def _fail(_self: Any) -> dict[str, LampState]:
    raise ZeroDivisionError


def test_an_on_that_does_not_let_go(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that swallows its cancellation and lights the lamp behind safing's back: it is read again, and off."""
    on, off = SimulatedLamps.on, SimulatedLamps.off
    clock = VirtualClock()

    read_as_off, lit = asyncio.Event(), asyncio.Event()

    async def reluctant(self: SimulatedLamps, lamp: str) -> None:
        try:
            await clock.sleep(100)
        except asyncio.CancelledError:
            await read_as_off.wait()
            await on(self, lamp)
            lit.set()

    async def slow_for_one(self: SimulatedLamps, lamp: str) -> None:
        await off(self, lamp)
        if lamp == "Xenon" and not lit.is_set():
            await clock.sleep(3.0)
            read_as_off.set()
            await lit.wait()

    async def soon(runner: Runner) -> None:
        await clock.sleep(0.5)
        runner.stop("abort", "now")

    monkeypatch.setattr(SimulatedLamps, "on", reluctant)
    tasks: list[asyncio.Task[None]] = []

    def stop(said: Mapping[str, Any], runner: Runner) -> None:
        if begins(said, "lamp-warmup"):
            monkeypatch.setattr(SimulatedLamps, "off", slow_for_one)
            tasks.append(asyncio.get_running_loop().create_task(soon(runner)))

    result = play(ONE_LAMP, stop, clock=clock)
    assert result.outcome == "aborted"
    assert set(outlets(tmp_path / "home").values()) == {"off"}


# ---- frames that are not as declared


def test_a_switch_that_is_silent_about_a_lamp(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lamp that the switch says nothing of is not taken for dark: no frame is good beside it."""
    status = SimulatedLamps.status

    async def incomplete(self: SimulatedLamps) -> Mapping[str, LampState]:
        return {lamp: state for lamp, state in (await status(self)).items() if lamp != "Xenon"}

    def listener(said: Mapping[str, Any], runner: Runner) -> None:
        if begins(said, "ready"):
            monkeypatch.setattr(SimulatedLamps, "status", incomplete)

    result = play(ONE_LAMP, listener)
    assert result.frames == ()
    assert result.outcome == "unsafe"
    assert result.lamps["Xenon"] == "unknown"


def test_a_lamp_that_flickers(play: Play) -> None:
    """A lamp that goes out in mid-exposure and comes back before its end: the frame is taken again."""

    async def flicker(runner: Runner) -> None:
        clock, lamps = runner.instrument.clock, runner.instrument.devices.lamps
        await clock.sleep(20)
        await lamps.off("Neon")
        await clock.sleep(20)
        await lamps.on("Neon")

    tasks: list[asyncio.Task[None]] = []

    def listener(said: Mapping[str, Any], runner: Runner) -> None:
        if begins(said, "expose") and not tasks:
            tasks.append(asyncio.get_running_loop().create_task(flicker(runner)))

    result = play(ONE_LAMP, listener)
    (frame,) = result.frames
    assert frame.attempt == 2


def test_a_mask_that_is_late(play: Play, observatory: Path) -> None:
    """A sweep whose last fibre gets half of its light, because the mask answered late before, is no good frame."""
    late = {"device": "fibsel", "verb": "move", "nth": 3, "what": "timeout", "seconds": 9.0}
    result = play(SWEEP, faults=(late,))
    assert result.outcome == "done"
    fibres = measure(result.frames[0].files[0].path, load_observatory(observatory)).fibres
    assert min(fibres["P1-2"], fibres["P1-1"], fibres["P1-12"]) > 0.8 * max(fibres.values())


@pytest.mark.parametrize("nth", range(14, 21))
def test_a_switch_that_lies_in_everything(tmp_path: Path, observatory: Path, nth: int) -> None:
    """A switch whose firmware hangs, and which answers everything from memory, is found out by the second path."""
    import yaml  # noqa: PLC0415

    document = yaml.safe_load(observatory.read_text(encoding="utf-8"))
    document["lamps"]["second_path"] = {"driver": "simulated"}
    path = tmp_path / "two-paths.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    lies = Fault.model_validate({"device": "lamps", "verb": "*", "nth": nth, "what": "lie", "times": None})
    request = Request(ONE_LAMP, observatory=path, home=tmp_path / "home", frames=tmp_path / "frames", faults=(lies,))
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    burning = [lamp for lamp, state in outlets(tmp_path / "home").items() if state == "on"]
    transitions = json.loads((tmp_path / "home" / "simulated" / "switch.json").read_bytes())["transitions"]
    assert any(on for *_, on in transitions), "the lamp was never lit"
    assert not burning or result.outcome == "unsafe"
