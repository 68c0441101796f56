"""Runs beside other people at unmodified actors: their exposures come home. And lamps that wait for shutters."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from safelight.devices.clu.link import Broker, Link
from safelight.engine.clock import Clock
from safelight.engine.guard.status_files import guards
from tests.devices.clu.bench import SPECTROGRAPHS, Bench
from tests.devices.clu.running import Night, now

LIT: Mapping[str, Any] = {
    "name": "lit",
    "lamps": [{"lamps": ["Argon"], "warmup": 2, "exposure_time": 8, "flavour": "arc", "fibre": "P1-3"}],
}


@pytest.fixture
def night(bench: Bench, tmp_path: Path) -> Iterator[Night]:
    """Yield a run on the bench. None of its processes is left to the next one."""
    made = Night(bench, tmp_path)
    yield made
    made.sweep_up()


@contextmanager
def somebody_exposes(bench: Bench, seconds: float) -> Iterator[list[str]]:
    """Another program exposes with all spectrographs and reads out, as LVM's own scripts do. How each has ended."""
    number = int((bench.data / "nextExposureNumber").read_text())
    ended: list[str] = []

    async def expose(link: Link, unit: str) -> None:
        words = ("--flat", "--no-readout", "-s", number, "--", f"{seconds:.1f}")
        try:
            await link.ask(f"lvmscp.{unit}", "expose", *words, device=unit, deadline_s=seconds + 60)
            await link.ask(f"lvmscp.{unit}", "read", device=unit, deadline_s=60)
            ended.append("done")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            ended.append(str(error))

    async def whole() -> None:
        link = Link(Broker(host="127.0.0.1", port=bench.broker.port), Clock())
        await asyncio.gather(*(expose(link, unit) for unit in SPECTROGRAPHS))
        await link.close()

    thread = Thread(target=lambda: asyncio.run(whole()))
    thread.start()
    try:
        yield ended
    finally:
        thread.join()


def shutters_open(bench: Bench) -> bool:
    """Return whether light falls onto every detector."""
    return all(shutter.open for shutter in bench.hardware.shutters.values())


def test_somebody_elses_exposure_comes_home(night: Night) -> None:
    """A run that is begun during somebody's exposure waits for it, says so, and takes its own frame afterwards."""
    written = night.written()
    with somebody_exposes(night.bench, 30.0) as ended:
        night.until(lambda: shutters_open(night.bench) or bool(ended), 60.0)
        assert not ended
        night.begin(LIT)
        assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
    assert ended == ["done"] * 3
    assert night.written() == written + 18
    waiting = [event for event in night.events if event["event"] == "others.waiting"]
    assert "begun by another program" in waiting[0]["reason"]
    night.assert_whole({"Argon-8s-001": {"Argon"}})


def test_a_shutter_that_was_left_open(night: Night) -> None:
    """A shutter that a crash has left open behind an idle detector is closed before the lamp is lit."""
    shutter = night.bench.hardware.shutters["sp2"]
    shutter.open = True
    night.begin(LIT)
    night.until_lit("Argon")
    assert shutter.moves[0][0] is False
    assert night.end() == 0, night.events[-5:]


def test_a_shutter_that_can_not_be_closed(night: Night) -> None:
    """Where it can't be closed no lamp is lit, and the run ends as faulted with the reason."""
    shutter = night.bench.hardware.shutters["sp2"]
    shutter.open = shutter.stuck = True
    night.begin(LIT, retries={"default": {"attempts": 2, "first_wait_s": 0.1, "factor": 1.0, "longest_wait_s": 0.1}})
    assert (night.end(), night.last["outcome"]) == (3, "faulted"), night.events[-5:]
    assert "shutter" in night.last["reason"]
    assert ("Argon", True) not in night.bench.hardware.switch.switched


def test_lamps_first_when_a_shutter_is_silent(night: Night) -> None:
    """A shutter motor that stops answering in an exposure: once it is seen, the lamp is off before anything slow."""
    night.begin(LIT | {"lamps": [LIT["lamps"][0] | {"exposure_time": 60}]})
    night.until_integrating()
    night.until(lambda: shutters_open(night.bench), 60.0, running=True)
    silent_at = now()
    night.bench.hardware.shutters["sp1"].silent = True
    night.until_dark(30.0)
    # The driver looks every 5 s, and an unanswered question takes 5.2 s; it is looked at twice before it counts.
    assert now() - silent_at < 20.0
    failed = '"event": "state.failed"'
    night.until(lambda: failed in night.log(), 30.0)
    night.kill()


def test_an_on_that_is_obeyed_late(night: Night) -> None:
    """A switch that lights a lamp long after the run has given up: its end names the lamp, and the guards darken it."""
    switch = night.bench.hardware.switch
    switch.late_on_s = 25.0
    night.begin(LIT, retries={"default": {"attempts": 1}})
    assert (night.end(), night.last["outcome"]) == (3, "faulted"), night.events[-5:]
    assert night.last["late"]["lamps"] == ["Argon"]
    night.until(lambda: ("Argon", True) in switch.switched, 120.0)
    night.until_dark(60.0)
    night.until(lambda: not list(guards(night.folder / "home")), 300.0)
    assert switch.lit() == set()
    assert switch.switched[-1] == ("Argon", False)
