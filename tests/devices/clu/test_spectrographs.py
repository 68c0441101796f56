"""Healthy spectrographs behind unmodified actors: what they do when nothing goes wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from astropy.io import fits

from safelight.devices import DeviceFailed, Devices, ExposureOrder, Timekeeper, load_observatory, open_devices
from safelight.devices.clu.controller import Controller, Overheard
from safelight.devices.clu.doors import Doors
from safelight.engine.clock import Clock
from tests.devices.clu.bench import Bench
from tests.devices.clu.broker import RabbitNode
from tests.devices.clu.test_link import Actor, actor, link

T = TypeVar("T")
Run = Callable[[Any], Any]


@pytest.fixture
def pace() -> float:
    """Real actors take real time."""
    return 0.4


@pytest.fixture
def arc(pace: float) -> ExposureOrder:
    """Return an exposure with light."""
    return ExposureOrder("arc", 10.0 * pace, "Argon-10s-001")


@pytest.fixture
def clock() -> Clock:
    """Return the wall's time."""
    return Clock()


@pytest.fixture
def devices(bench: Bench, clock: Clock, tmp_path: Path) -> Devices:
    """Return the devices under test. Nobody has left a readout to its end before, which would have to be waited for."""
    opened = open_devices(bench.observatory(), clock=clock, home=tmp_path)
    spectrographs: Any = opened.spectrographs
    spectrographs._may_write = False
    return opened


@pytest.fixture
def run(devices: Devices) -> Callable[[Awaitable[T]], T]:
    """Run a coroutine to its end, leave the spectrographs idle, and close the connections."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            try:
                return await work
            finally:
                if any(seen.activity != "idle" for seen in (await devices.spectrographs.status()).values()):
                    await devices.spectrographs.abort()
                await devices.close()
                assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was leaked"

        return asyncio.run(whole())

    return runner


async def integrating(specs: Any, clock: Timekeeper) -> dict[str, Any]:
    """Wait until all integrate, however busy the machine is. Return what they said then."""
    for _ in range(150):
        seen: dict[str, Any] = await specs.status()
        if {each.activity for each in seen.values()} == {"integrating"}:
            return seen
        await clock.sleep(0.2)
    raise AssertionError(f"never integrating: {seen}")


def test_exposure(devices: Devices, arc: ExposureOrder, run: Run, tmp_path: Path) -> None:
    """An exposure holds its charge until it is read out into whole files with the given header."""
    specs = devices.spectrographs

    async def scene() -> None:
        number = await specs.expose(arc)
        held = await specs.status()
        assert {each.activity for each in held.values()} == {"holding"}
        assert {each.shutter for each in held.values()} == {"closed"}
        assert {each.exposure_no for each in held.values()} == {number}
        files = await specs.read_out({"FRAMEID": ("arc-1", "frame"), "SEQNAME": "arcs", "N": 3, "T": True}, tmp_path)
        assert files == specs.files_of(number, tmp_path)
        assert len(files) == len(specs.cameras)
        assert all(f"-{camera}" in path.name for path, camera in zip(files, specs.cameras, strict=True))
        for path in files:
            with fits.open(path) as hdus:
                hdus.verify("exception")
                header = hdus[0].header
                assert (header["FRAMEID"], header["SEQNAME"], header["N"], header["T"]) == (
                    "arc-1",
                    "arcs",
                    3,
                    True,
                )
                assert hdus[0].data.dtype.name == "uint16"
        assert {each.activity for each in (await specs.status()).values()} == {"idle"}

    run(scene())


def test_numbers_rise(devices: Devices, run: Run, tmp_path: Path) -> None:
    """Exposure numbers rise, aborted exposures included."""
    specs = devices.spectrographs

    async def scene() -> list[int]:
        numbers = []
        for _ in range(3):
            numbers.append(await specs.expose(ExposureOrder("bias", 0.0, "bias-001")))
            await specs.abort()
        return numbers

    numbers = run(scene())
    assert numbers == sorted(set(numbers))


def test_abort(devices: Devices, clock: Timekeeper, pace: float, run: Run, tmp_path: Path) -> None:
    """A cancelled exposure goes on with the shutter open until abort, which leaves all idle and closed."""
    specs = devices.spectrographs

    async def scene() -> None:
        exposing = asyncio.create_task(specs.expose(ExposureOrder("arc", 60.0, "Argon-60s-001")))
        await integrating(specs, clock)
        await clock.sleep(5.0 * pace)  # the shutters open
        exposing.cancel()
        await asyncio.gather(exposing, return_exceptions=True)
        during = await specs.status()
        assert {(each.activity, each.shutter) for each in during.values()} == {("integrating", "open")}
        await specs.abort()
        after = await specs.status()
        assert {(each.activity, each.shutter) for each in after.values()} == {("idle", "closed")}
        with pytest.raises(DeviceFailed):
            await specs.read_out({}, tmp_path)

    run(scene())


def test_one_exposure_at_a_time(devices: Devices, clock: Timekeeper, run: Run) -> None:
    """A second exposure is refused during one, and while its charge waits."""
    specs = devices.spectrographs

    async def scene() -> None:
        exposing = asyncio.create_task(specs.expose(ExposureOrder("arc", 15.0, "Argon-15s-001")))
        await integrating(specs, clock)
        with pytest.raises(DeviceFailed, match="integrating"):
            await specs.expose(arc)
        await exposing
        with pytest.raises(DeviceFailed, match="holding"):
            await specs.expose(arc)
        await specs.reset()
        assert {each.activity for each in (await specs.status()).values()} == {"idle"}

    run(scene())


def test_dark_keeps_shutter_closed(devices: Devices, clock: Timekeeper, pace: float, run: Run) -> None:
    """The shutter stays closed during a dark."""
    specs = devices.spectrographs

    async def scene() -> None:
        exposing = asyncio.create_task(specs.expose(ExposureOrder("dark", 15.0, "dark-15s-001")))
        await integrating(specs, clock)
        await clock.sleep(5.0 * pace)
        during = await specs.status()
        await exposing
        assert {(each.activity, each.shutter) for each in during.values()} == {("integrating", "closed")}

    run(scene())


def test_an_actor_that_is_slow_to_begin(bench: Bench, clock: Clock, tmp_path: Path) -> None:
    """An integration that begins late is waited for: its detector was idle until then, and not interrupted."""
    for archon in bench.hardware.archons.values():
        archon.late_s = 4.0

    async def scene() -> None:
        opened = open_devices(bench.observatory(deadline_s=30.0), clock=clock, home=tmp_path)
        specs: Any = opened.spectrographs
        specs._may_write = False
        try:
            await specs.expose(ExposureOrder("bias", 0.0, "bias-001"))
            assert {each.activity for each in (await specs.status()).values()} == {"holding"}
            await specs.abort()
        finally:
            await opened.close()

    asyncio.run(scene())


class NeverBegins(Actor):
    """An actor of a detector that takes the command to expose and stays idle."""

    async def hear(self, message: Any) -> None:
        """Answer what is asked, and say of the exposure only that it was taken."""
        status = {"status": {"status_names": ["IDLE", "POWERON"]}}
        asks = json.loads(message.body)["command_string"].startswith("status")
        self.replies = [(":", status)] if asks else [(">", {})]
        await super().hear(message)


def test_an_integration_that_never_begins(node: RabbitNode, clock: Clock) -> None:
    """A detector that is still idle after the time for a command has not begun, and that is said."""

    async def scene() -> str:
        async with actor(node, kind=NeverBegins), link(node, deadline_s=2.0) as ours:
            model = load_observatory("lvm").spectrographs
            doors = Doors("sp1", "box", ours, "ignore")
            controller = Controller("sp1", "actor", "box", ours, clock, model, 1.0, Overheard("sp1"), doors)
            with pytest.raises(DeviceFailed) as raised:
                await controller.expose(ExposureOrder("bias", 0.0, "bias-001"), 1)
            return str(raised.value)

    assert "has not begun to integrate" in asyncio.run(scene())
