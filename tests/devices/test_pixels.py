"""The simulator's pixels show what really happened, whatever was commanded or recorded."""

import asyncio
from collections.abc import Callable
from math import exp
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import Devices, ExposureOrder, Observatory, Timekeeper, open_devices
from safelight.devices.simulated.measure import Measured, measure

Run = Callable[[Any], Any]


async def take(devices: Devices, flavour: str, exposure_s: float, folder: Path) -> list[Measured]:
    """One exposure, measured on b1, r1 and z1."""
    await devices.spectrographs.expose(ExposureOrder(flavour, exposure_s, "test"))
    files = await devices.spectrographs.read_out({}, folder)
    return [measure(path) for path in files[:3]]


async def point(devices: Devices, observatory: Observatory) -> None:
    """Point all telescopes to the screen."""
    assert devices.telescopes is not None
    await devices.telescopes.goto(observatory.targets("calibration"))


def lit(seen: Measured, above_s: float = 1.0) -> set[str]:
    """Return the lamps that shone."""
    return {lamp for lamp, seconds in seen.lamps.items() if seconds > above_s}


def test_bias_and_dark(devices: Devices, run: Run, tmp_path: Path) -> None:
    """A bias has no dark current, a dark's level tells its seconds, and neither sees a lamp."""

    async def scene() -> None:
        for flavour, seconds in (("bias", 0.0), ("dark", 90.0), ("dark", 900.0)):
            for seen in await take(devices, flavour, seconds, tmp_path):
                assert seen.bias_adu == pytest.approx(1000.0, abs=0.5)
                assert seen.dark_s == pytest.approx(seconds, abs=1.5)
                assert lit(seen) == set()

    run(scene())


@pytest.mark.parametrize("lamp", ["Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon"])
def test_each_lamp_on_each_camera(
    lamp: str, devices: Devices, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path
) -> None:
    """Every warm lamp is recognised, alone, on b, r and z, with the light of its seconds."""

    async def scene() -> None:
        await point(devices, observatory)
        await devices.lamps.on(lamp)
        await clock.sleep(observatory.lamps.units[lamp].warmup_s)
        for seen in await take(devices, "arc", 30.0, tmp_path):
            assert lit(seen) == {lamp}
            assert seen.lamps[lamp] == pytest.approx(30.0, rel=0.03)

    run(scene())


def test_lamps_together(
    devices: Devices, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path
) -> None:
    """Lamps lit together are all recognised."""

    async def scene() -> None:
        await point(devices, observatory)
        arcs = ("HgNe", "Neon", "Argon", "Xenon")
        await asyncio.gather(*(devices.lamps.on(lamp) for lamp in arcs))
        await clock.sleep(180.0)
        for seen in await take(devices, "arc", 50.0, tmp_path):
            assert lit(seen) == set(arcs)

    run(scene())


def test_cold_lamp_is_fainter(
    devices: Devices, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path
) -> None:
    """A lamp exposed right after it was lit gives the light of its rising output."""

    async def scene() -> None:
        await point(devices, observatory)
        await devices.lamps.on("Argon")
        seen = (await take(devices, "arc", 20.0, tmp_path))[0]
        tau, lead = 120.0 / 5, observatory.spectrographs.lead_s
        expected = 20.0 - tau * (exp(-lead / tau) - exp(-(lead + 20.0) / tau))
        assert seen.lamps["Argon"] == pytest.approx(expected, rel=0.05)

    run(scene())


def test_telescope_elsewhere(devices: Devices, clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """Telescopes that don't look at the screen see no lamp."""

    async def scene() -> None:
        await devices.lamps.on("Quartz")
        await clock.sleep(120.0)
        for seen in await take(devices, "flat", 60.0, tmp_path):
            assert lit(seen) == set()

    run(scene())


def test_sweep(devices: Devices, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """Each fibre of a sweep is lit for its time on target, and no other fibre is."""
    fibsel = devices.fibsel
    assert fibsel is not None
    assert observatory.fibsel is not None
    fibres = observatory.fibsel.fibres
    dwell = {"P1-2": 20.0, "P1-1": 10.0, "P1-12": 5.0}

    async def sweep() -> None:
        await clock.sleep(observatory.spectrographs.lead_s)
        for name, seconds in dwell.items():
            await fibsel.move(fibres[name])
            await clock.sleep(seconds)
        await fibsel.move(fibres["P2-12"])

    async def scene() -> None:
        await point(devices, observatory)
        await devices.lamps.on("LDLS")
        await fibsel.move(fibres["P1-2"])
        await clock.sleep(1000.0)
        seen, _ = await asyncio.gather(take(devices, "flat", 41.0, tmp_path), sweep())
        for name, seconds in seen[0].fibres.items():
            assert seconds == pytest.approx(dwell.get(name, 0.0), abs=0.7), name

    run(scene())


def test_lamp_goes_out(
    devices: Devices,
    observatory: Observatory,
    clock: Timekeeper,
    run: Run,
    tmp_path: Path,
    home: Path,
) -> None:
    """A lamp that another process switches off, or on, during the exposure gives the light of its time."""
    other = open_devices(observatory, clock=clock, home=home)

    async def meddle() -> None:
        await clock.sleep(observatory.spectrographs.lead_s + 15.0)
        await other.lamps.off("Argon")
        await other.lamps.on("Neon")

    async def scene() -> None:
        await point(devices, observatory)
        await devices.lamps.on("Argon")
        await clock.sleep(1000.0)
        seen = (await asyncio.gather(take(devices, "arc", 60.0, tmp_path), meddle()))[0][0]
        assert seen.lamps["Argon"] == pytest.approx(15.0, abs=0.5)
        # Lit 0.4 s after the meddling began, and cold.
        assert seen.lamps["Neon"] == pytest.approx(44.6 - 24 * (1 - exp(-44.6 / 24)), abs=1.0)

    run(scene())


def test_what_comes_after_does_not_matter(
    devices: Devices, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path
) -> None:
    """What is switched or moved while the charge waits or is read out leaves no trace in it."""
    assert devices.fibsel is not None
    assert devices.telescopes is not None
    fibsel, telescopes = devices.fibsel, devices.telescopes

    async def scene() -> None:
        await point(devices, observatory)
        await fibsel.move(1650)
        await devices.lamps.on("Argon")
        await clock.sleep(1000.0)
        await devices.spectrographs.expose(ExposureOrder("arc", 30.0, "test"))
        await devices.lamps.off("Argon")
        for lamp in ("LDLS", "Quartz"):
            await devices.lamps.on(lamp)
        await fibsel.move(215)
        await telescopes.goto(observatory.targets("park"))
        seen = measure((await devices.spectrographs.read_out({}, tmp_path))[0])
        assert lit(seen) == {"Argon"}
        assert seen.lamps["Argon"] == pytest.approx(30.0, rel=0.03)
        assert {name for name, seconds in seen.fibres.items() if seconds > 1} == {"P1-1"}

    run(scene())


def test_foreign_clock(observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path, home: Path) -> None:
    """A lamp lit by a process whose clock runs ahead counts as warm."""
    ahead = type(clock)()
    devices, other = (open_devices(observatory, clock=each, home=home) for each in (clock, ahead))

    async def scene() -> None:
        await ahead.sleep(5000.0)
        await other.lamps.on("Xenon")
        await point(devices, observatory)
        seen = (await take(devices, "arc", 30.0, tmp_path))[0]
        assert seen.lamps["Xenon"] == pytest.approx(30.0, rel=0.03)

    run(scene())


def test_same_exposure_same_pixels(observatory: Observatory, run: Run, tmp_path: Path, clock: Timekeeper) -> None:
    """The noise comes from the exposure number: a second instrument gives the same files."""

    async def scene(place: str) -> list[bytes]:
        devices = open_devices(observatory, clock=type(clock)(), home=tmp_path / place)
        await devices.spectrographs.expose(ExposureOrder("dark", 5.0, "dark"))
        return [path.read_bytes() for path in await devices.spectrographs.read_out({}, tmp_path / f"{place}-f")]

    assert run(scene("a")) == run(scene("b"))


def test_real_size(observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path, home: Path) -> None:
    """By option the images have the real size."""
    options = observatory.spectrographs.options | {"image": [4080, 4120]}
    specs = observatory.spectrographs.model_copy(update={"options": options, "cameras": ("b",), "units": ("sp1",)})
    large = observatory.model_copy(update={"spectrographs": specs})
    devices = open_devices(large, clock=clock, home=home)

    async def scene() -> None:
        await point(devices, large)
        await devices.lamps.on("Quartz")
        await clock.sleep(120.0)
        await devices.spectrographs.expose(ExposureOrder("flat", 20.0, "large"))
        (path,) = await devices.spectrographs.read_out({}, tmp_path)
        seen = measure(path, large)
        assert seen.lamps["Quartz"] == pytest.approx(20.0, rel=0.03)
        assert path.stat().st_size > 4080 * 4120 * 2

    run(scene())
