"""The simulated instrument keeps its state in files, takes its declared times, and survives its processes."""

import asyncio
import subprocess
import sys
import warnings
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
    Observatory,
    Timekeeper,
    open_devices,
)
from safelight.devices.simulated.state_file import StateFile
from safelight.devices.simulated.switch import SimulatedLamps
from safelight.devices.timing import expose_s, move_s, slew_s

Run = Callable[[Any], Any]

BIAS = ExposureOrder("bias", 0.0, "bias-001")


def test_times(devices: Devices, observatory: Observatory, clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """Every verb takes exactly the time that the document and the timing functions say."""
    lamps, specs = observatory.lamps, observatory.spectrographs
    telescopes, mask = observatory.telescopes, observatory.fibsel
    assert telescopes is not None
    assert mask is not None
    assert devices.telescopes is not None
    assert devices.fibsel is not None
    here, there = observatory.targets("park"), observatory.targets("calibration")
    slews = [slew_s(here[n], there[n], telescopes.slew_deg_per_s, telescopes.settle_s) for n in there]
    expected = [
        (lambda: devices.lamps.on("Argon"), lamps.on_s),
        (lambda: devices.lamps.off("Argon"), lamps.off_s),
        (devices.lamps.all_off, lamps.all_off_s),
        (devices.lamps.status, lamps.status_s),
        (lambda: devices.telescopes.goto(there), max(slews)),
        (lambda: devices.telescopes.goto(there), 0.0),
        (devices.telescopes.status, telescopes.status_s),
        (lambda: devices.fibsel.move(1650), move_s(0, 1650, mask.steps_per_s, mask.settle_s)),
        (lambda: devices.fibsel.move(1650), 0.0),
        (devices.fibsel.status, mask.status_s),
        (lambda: devices.spectrographs.expose(BIAS), expose_s(0.0, specs.lead_s, specs.tail_s)),
        (lambda: devices.spectrographs.read_out({}, tmp_path), specs.readout_s),
        (devices.spectrographs.abort, specs.abort_s),
        (devices.spectrographs.reset, specs.reset_s),
        (devices.spectrographs.status, specs.status_s),
    ]

    async def scene() -> None:
        for verb, takes_s in expected:
            began = clock.now()
            await verb()
            assert clock.now() - began == pytest.approx(takes_s, abs=1e-9)

    run(scene())


def test_cancelled_motions_stop_where_they_are(devices: Devices, clock: Timekeeper, run: Run) -> None:
    """A cancelled slew or move stops part of the way, and the next one goes on from there."""
    assert devices.telescopes is not None
    assert devices.fibsel is not None
    telescopes, fibsel = devices.telescopes, devices.fibsel

    async def scene() -> None:
        motions = [
            asyncio.create_task(fibsel.move(10_000)),
            asyncio.create_task(telescopes.goto({"sci": AltAz(0.0, 90.0)})),
        ]
        await clock.sleep(10.0)
        for motion in motions:
            motion.cancel()
        await asyncio.gather(*motions, return_exceptions=True)
        status, sci = await fibsel.status(), (await telescopes.status())["sci"]
        assert status.steps == pytest.approx(5000, abs=2)
        assert not status.moving
        assert sci.where is not None
        assert -60.0 < sci.where.alt_deg < 0.0
        began = clock.now()
        await fibsel.move(10_000)
        assert clock.now() - began == pytest.approx(10.0, abs=0.01)

    run(scene())


def test_outlives_the_process(
    observatory: Observatory, clock: Timekeeper, home: Path, run: Run, tmp_path: Path
) -> None:
    """Lamps, telescopes, mask and the waiting charge are found again by another connection."""
    first, second = (open_devices(observatory, clock=clock, home=home) for _ in range(2))

    async def scene() -> None:
        for devices in (first, second):
            assert devices.telescopes is not None
            assert devices.fibsel is not None
        await first.lamps.on("Neon")
        await first.telescopes.goto(observatory.targets("calibration"))
        await first.fibsel.move(215)
        exposing = asyncio.create_task(first.spectrographs.expose(ExposureOrder("arc", 30.0, "Neon")))
        await clock.sleep(10.0)
        exposing.cancel()
        await asyncio.gather(exposing, return_exceptions=True)
        assert (await second.lamps.status())["Neon"] == "on"
        assert (await second.telescopes.status())["sci"].where == observatory.targets("calibration")["sci"]
        assert (await second.fibsel.status()).steps == 215
        assert (await second.spectrographs.status())["sp1"].activity == "integrating"
        await clock.sleep(30.0)
        assert (await second.spectrographs.status())["sp1"].activity == "holding"
        assert len(await second.spectrographs.read_out({}, tmp_path)) == 9

    run(scene())


def test_aborted_by_another(observatory: Observatory, clock: Timekeeper, home: Path, run: Run) -> None:
    """An exposure that somebody else aborts ends as failed."""
    first, second = (open_devices(observatory, clock=clock, home=home) for _ in range(2))

    async def scene() -> None:
        exposing = asyncio.create_task(first.spectrographs.expose(ExposureOrder("arc", 30.0, "Neon")))
        await clock.sleep(10.0)
        await second.spectrographs.abort()
        with pytest.raises(DeviceFailed, match="aborted"):
            await exposing

    run(scene())


def test_broken_read_out(devices: Devices, clock: Timekeeper, run: Run, tmp_path: Path) -> None:
    """A readout that is interrupted loses the charge: error until reset, and no file."""
    specs = devices.spectrographs

    async def scene() -> None:
        number = await specs.expose(BIAS)
        reading = asyncio.create_task(specs.read_out({}, tmp_path))
        await clock.sleep(10.0)
        assert (await specs.status())["sp2"].activity == "reading"
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert (await specs.status())["sp2"].activity == "error"
        assert specs.files_of(number, tmp_path) == ()
        await specs.reset()
        assert (await specs.status())["sp2"].activity == "idle"

    run(scene())


def test_unwritable_folder(devices: Devices, run: Run, tmp_path: Path) -> None:
    """A folder that can't be written fails the readout, and the charge waits for another try."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    specs = devices.spectrographs

    async def scene() -> None:
        await specs.expose(BIAS)
        with pytest.raises(DeviceFailed):
            await specs.read_out({}, blocked)
        assert len(await specs.read_out({}, tmp_path)) == 9

    run(scene())


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"outlets": 3}', b"null", b"[" * 100_000])
def test_corrupt_switch(content: bytes, devices: Devices, home: Path, run: Run) -> None:
    """A spoiled switch file reads as unknown, and off repairs it lamp by lamp, all_off at once."""
    path = home / "simulated" / "switch.json"
    path.parent.mkdir(parents=True)

    async def scene() -> None:
        if content != b"null":  # null is no content, and no content is a new switch
            path.write_bytes(content)
            assert set((await devices.lamps.status()).values()) == {"unknown"}
        await devices.lamps.off("Argon")
        assert (await devices.lamps.status())["Argon"] == "off"
        path.write_bytes(content)
        await devices.lamps.all_off()
        assert set((await devices.lamps.status()).values()) == {"off"}

    run(scene())


def test_two_observatories_on_one_switch(
    devices: Devices, observatory: Observatory, clock: Timekeeper, home: Path, run: Run
) -> None:
    """Lamps of another observatory in the same state folder stay as they are, and those that were never lit are off."""
    units = {"ThAr": observatory.lamps.units["Neon"], "Argon": observatory.lamps.units["Argon"]}
    other = observatory.model_copy(update={"lamps": observatory.lamps.model_copy(update={"units": units})})
    others = open_devices(other, clock=clock, home=home)

    async def scene() -> None:
        await devices.lamps.on("Neon")
        assert await others.lamps.status() == {"ThAr": "off", "Argon": "off"}
        await others.lamps.on("ThAr")
        await others.lamps.off("Argon")
        seen = await devices.lamps.status()
        assert {lamp for lamp, state in seen.items() if state == "on"} == {"Neon"}
        assert set(seen.values()) == {"on", "off"}
        await devices.lamps.all_off()
        assert await others.lamps.status() == {"ThAr": "on", "Argon": "off"}

    run(scene())


def test_a_repaired_switch_knows_no_other_lamp(devices: Devices, home: Path, run: Run) -> None:
    """After a repair every lamp that has not been switched since is unknown, in whatever order they are switched."""
    path = home / "simulated" / "switch.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")

    async def scene() -> None:
        await devices.lamps.off("Argon")
        await devices.lamps.off("Neon")
        seen = await devices.lamps.status()
        assert {lamp for lamp, state in seen.items() if state == "off"} == {"Argon", "Neon"}
        assert set(seen.values()) == {"off", "unknown"}

    run(scene())


def test_switch_file_is_a_folder(devices: Devices, home: Path, run: Run) -> None:
    """Even a folder in the switch file's place is repaired by off."""
    (home / "simulated" / "switch.json").mkdir(parents=True)

    async def scene() -> None:
        assert set((await devices.lamps.status()).values()) == {"unknown"}
        await devices.lamps.all_off()
        assert set((await devices.lamps.status()).values()) == {"off"}

    run(scene())


def test_off_without_the_lock(devices: Devices, home: Path, run: Run) -> None:
    """Off works while another process, perhaps a stopped one, holds the lock."""

    async def scene() -> None:
        await devices.lamps.on("Argon")
        with StateFile(home / "simulated" / "switch.json", device="lamps").locked():
            await devices.lamps.off("Argon")
        assert (await devices.lamps.status())["Argon"] == "off"

    run(scene())


@pytest.mark.parametrize("name", ["detector.json", "telescopes.json", "fibsel.json", "counter.json"])
def test_other_corrupt_files(
    name: str, devices: Devices, observatory: Observatory, home: Path, run: Run, tmp_path: Path
) -> None:
    """Any other spoiled file costs at most a reset: no crash, no exposure number twice."""
    assert devices.telescopes is not None
    assert devices.fibsel is not None
    telescopes, fibsel = devices.telescopes, devices.fibsel

    async def use() -> int:
        await telescopes.goto(observatory.targets("calibration"))
        await fibsel.move(215)
        await devices.spectrographs.reset()
        number = await devices.spectrographs.expose(BIAS)
        await devices.spectrographs.read_out({}, tmp_path)
        return number

    async def scene() -> None:
        first = await use()
        (home / "simulated" / name).write_text("{spoiled")
        await devices.spectrographs.status()
        await telescopes.status()
        await fibsel.status()
        assert await use() > first

    run(scene())


def test_outlet_tells_since_when_and_who(
    devices: Devices, clock: Timekeeper, run: Run, observatory: Observatory
) -> None:
    """An outlet knows since when it is on, and which process lit it."""
    lamps = devices.lamps
    assert isinstance(lamps, SimulatedLamps)

    async def scene() -> None:
        await lamps.on("LDLS")
        outlet = lamps.outlets()["LDLS"]
        assert (outlet.state, outlet.since) == ("on", clock.utc())
        assert outlet.who.startswith("pid ")
        await clock.sleep(10.0)
        await lamps.on("LDLS")
        assert lamps.outlets()["LDLS"].since == outlet.since

    run(scene())


CLAIMS = """
import sys, pathlib
from safelight.devices import load_observatory
from safelight.devices.drivers import DriverSite
from safelight.devices.simulated.detector import Detectors
site = DriverSite(load_observatory("simulated"), None, pathlib.Path(sys.argv[1]))
print(*[Detectors(site).claim() for _ in range(40)])
"""


def test_processes_share_no_number(home: Path) -> None:
    """Processes that expose at the same time never get the same exposure number."""
    command = [sys.executable, "-c", CLAIMS, str(home)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    numbers = [int(word) for each in started for word in each.communicate(timeout=60)[0].split()]
    assert sorted(numbers) == list(range(1, 121))


HOSTILE = {
    "SIMPLE": False,
    "NAXIS": 7,
    "BZERO": 1.0,
    "EXPNO": 99,
    "": "no key",
    "END": "end",
    "OBSERVER": "Zoë 'the' Ñandú ☃\nline two\x00",
    "LONG": "x'" * 300,
    "LONGCOM": ("value", "c" * 300),
    "a long key with spaces": "y" * 200,
    "KEY TOO": "ok",
    "NOTNUM": float("nan"),
    "INFINITE": float("inf"),
    "HUGE": 10**40,
    "NONE": None,
    "LIST": [1, 2],
    "FLOAT": (1.25, "a float " * 20),
    "EMPTY": "",
    "AMP": "ends with &",
}


def test_hostile_header(devices: Devices, run: Run, tmp_path: Path) -> None:
    """No header value can break a file, and the detector's own facts stand."""

    async def scene() -> tuple[Path, ...]:
        await devices.spectrographs.expose(BIAS)
        return await devices.spectrographs.read_out(HOSTILE, tmp_path)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in run(scene()):
            with fits.open(path) as hdus:
                hdus.verify("exception")
                header = hdus[0].header
                assert (header["NAXIS"], header["EXPNO"], header["FLOAT"]) == (2, 1, 1.25)
                assert header["OBSERVER"] == "Zoe 'the' Nandu ? line two"
                assert header["LONG"] == "x'" * 300
                assert header["NOTNUM"] == "nan"
                assert header["AMP"] == "ends with &"
                assert hdus[0].data.shape == (128, 208)
