"""What every driver of each protocol must hold, whatever hardware is behind it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import (
    AltAz,
    DeviceFailed,
    Devices,
    ExposureOrder,
    FibreSelector,
    Lamps,
    Observatory,
    Spectrographs,
    Telescopes,
    Timekeeper,
    open_devices,
)
from safelight.devices.timing import separation_deg

Run = Callable[[Any], Any]

# Other families of drivers run these same functions with fixtures of their own: tests/clu, tests/dli.


@pytest.fixture
def pace() -> float:
    """How long exposures are here, and the looks in between: 1 in time that costs nothing."""
    return 1.0


@pytest.fixture
def arc(pace: float) -> ExposureOrder:
    """An exposure with light."""
    return ExposureOrder("arc", 10.0 * pace, "Argon-10s-001")


@pytest.fixture
def again(observatory: Observatory, clock: Timekeeper, home: Path) -> Callable[[], Devices]:
    """Opens the devices under test, as another process would."""
    return lambda: open_devices(observatory, clock=clock, home=home)


@pytest.fixture
def devices(again: Callable[[], Devices]) -> Devices:
    """The devices under test."""
    return again()


def test_protocols(devices: Devices) -> None:
    """Each device fulfils its protocol."""
    assert isinstance(devices.lamps, Lamps)
    assert isinstance(devices.telescopes, Telescopes)
    assert isinstance(devices.spectrographs, Spectrographs)
    assert isinstance(devices.fibsel, FibreSelector)


def test_lamp_on_and_off(devices: Devices, run: Run) -> None:
    """A lamp commanded on reads back on, the others off; commanded off it reads back off."""

    async def scene() -> None:
        for lamp in devices.lamps.names:
            await devices.lamps.on(lamp)
            states = await devices.lamps.status()
            assert states == {name: "on" if name == lamp else "off" for name in devices.lamps.names}
            await devices.lamps.off(lamp)
            assert set((await devices.lamps.status()).values()) == {"off"}

    run(scene())


def test_off_is_harmless_when_off(devices: Devices, run: Run) -> None:
    """Off may be sent to a lamp that is off already, as often as one likes."""

    async def scene() -> None:
        for _ in range(3):
            await devices.lamps.off(devices.lamps.names[0])
        assert set((await devices.lamps.status()).values()) == {"off"}

    run(scene())


def test_all_off(devices: Devices, run: Run) -> None:
    """One command darkens all lamps."""

    async def scene() -> None:
        await asyncio.gather(*(devices.lamps.on(lamp) for lamp in devices.lamps.names))
        assert set((await devices.lamps.status()).values()) == {"on"}
        await devices.lamps.all_off()
        assert set((await devices.lamps.status()).values()) == {"off"}

    run(scene())


def test_what_others_switch(devices: Devices, again: Callable[[], Devices], run: Run) -> None:
    """Lamps that somebody else has lit are read as lit, and go off: a driver believes the switch, not its memory."""

    async def scene() -> None:
        other = again()
        lamps, lamp = devices.lamps, devices.lamps.names[0]
        try:
            await lamps.off(lamp)
            await other.lamps.on(lamp)
            assert (await lamps.status())[lamp] == "on"
            await lamps.off(lamp)
            assert (await other.lamps.status())[lamp] == "off"
            await other.lamps.on(lamp)
            await lamps.all_off()
            assert set((await other.lamps.status()).values()) == {"off"}
        finally:
            await other.close()

    run(scene())


def test_unknown_lamp(devices: Devices, run: Run) -> None:
    """A lamp that isn't there is refused, with the nearest name."""
    with pytest.raises(DeviceFailed, match="did you mean 'Argon'"):
        run(devices.lamps.on("Argn"))


def test_goto_arrives(devices: Devices, observatory: Observatory, run: Run) -> None:
    """Telescopes arrive within tolerance at a named position, and say so."""
    telescopes, model = devices.telescopes, observatory.telescopes
    assert telescopes is not None
    assert model is not None
    targets = observatory.targets("calibration")

    async def scene() -> None:
        await telescopes.goto(targets)
        status = await telescopes.status()
        assert set(status) == set(telescopes.names)
        for name, each in status.items():
            assert not each.slewing
            assert each.where is not None
            assert separation_deg(each.where, targets[name]) <= model.tolerance_deg

    run(scene())


def test_stop_stops(devices: Devices, run: Run, clock: Timekeeper, pace: float) -> None:
    """Stopped telescopes are not slewing, and stay where they are."""
    telescopes = devices.telescopes
    assert telescopes is not None

    async def scene() -> None:
        slew = asyncio.create_task(telescopes.goto({"sci": AltAz(80.0, 100.0)}))
        await clock.sleep(5.0 * pace)
        assert (await telescopes.status())["sci"].slewing
        slew.cancel()
        await asyncio.gather(slew, return_exceptions=True)
        await telescopes.stop()
        first = (await telescopes.status())["sci"]
        await clock.sleep(5.0 * pace)
        assert (await telescopes.status())["sci"] == first
        assert not first.slewing

    run(scene())


def test_mask_moves(devices: Devices, observatory: Observatory, run: Run) -> None:
    """The mask arrives at each fibre's motor position."""
    fibsel = devices.fibsel
    assert fibsel is not None
    assert observatory.fibsel is not None
    fibres = observatory.fibsel.fibres

    async def scene() -> None:
        for steps in fibres.values():
            await fibsel.move(steps)
            status = await fibsel.status()
            assert (status.steps, status.moving) == (steps, False)

    run(scene())


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


def test_abort(devices: Devices, clock: Timekeeper, arc: ExposureOrder, pace: float, run: Run, tmp_path: Path) -> None:
    """A cancelled exposure goes on with the shutter open until abort, which leaves all idle and closed."""
    specs = devices.spectrographs

    async def scene() -> None:
        exposing = asyncio.create_task(specs.expose(arc))
        await clock.sleep(5.0 * pace)
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


def test_one_exposure_at_a_time(devices: Devices, clock: Timekeeper, arc: ExposureOrder, pace: float, run: Run) -> None:
    """A second exposure is refused during one, and while its charge waits."""
    specs = devices.spectrographs

    async def scene() -> None:
        exposing = asyncio.create_task(specs.expose(arc))
        await clock.sleep(5.0 * pace)
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
        exposing = asyncio.create_task(specs.expose(ExposureOrder("dark", 10.0 * pace, "dark-10s-001")))
        await clock.sleep(5.0 * pace)
        during = await specs.status()
        await exposing
        assert {(each.activity, each.shutter) for each in during.values()} == {("integrating", "closed")}

    run(scene())
