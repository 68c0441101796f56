"""Hartmann doors, relays and local mode: what gort demands of LVM before it exposes is demanded here."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import DeviceFailed, ExposureOrder, Observatory
from safelight.engine.clock import Clock
from tests.devices.clu.bench import Bench
from tests.devices.clu.conftest import connected

Run = Callable[[Any], Any]

CLOCK = Clock()
ARC = ExposureOrder("arc", 0.5, "arc-1")


def demanding(bench: Bench, wish: str) -> Observatory:
    """Return the bench's observatory with another wish for closed doors."""
    plain = bench.observatory().model_dump(mode="json")
    plain["spectrographs"]["options"]["hartmann"] = wish
    return Observatory.model_validate(plain)


def test_closed_door_is_opened_before_light(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A door that somebody has left closed is opened and read back before the frame, and the header says so."""
    left, _ = bench.hardware.doors["sp2"]
    left.open = False

    async def scene() -> tuple[Path, ...]:
        async with connected(bench, tmp_path) as devices:
            await devices.spectrographs.expose(ARC)
            return await devices.spectrographs.read_out({}, tmp_path)

    files = run(scene())
    assert left.open
    assert {fits.getheader(path)["HARTMANN"] for path in files} == {"0 0"}


@pytest.mark.parametrize(("wish", "moves"), [("open", False), ("demand", True)], ids=["stuck door", "only demanded"])
def test_closed_door_fails_the_frame(bench: Bench, tmp_path: Path, run: Run, wish: str, *, moves: bool) -> None:
    """A door that stays closed fails a frame with light, by its name. No shutter opens, and a dark goes on."""
    _, right = bench.hardware.doors["sp3"]
    right.open, right.stuck = False, not moves
    observatory = demanding(bench, wish)

    async def scene() -> None:
        async with connected(bench, tmp_path, spectrographs=observatory.spectrographs) as devices:
            with pytest.raises(DeviceFailed, match=r"sp3.*left open and right closed"):
                await devices.spectrographs.expose(ARC)
            await devices.spectrographs.expose(ExposureOrder("dark", 0.5, "dark-1"))
            await devices.spectrographs.abort()

    run(scene())
    assert not right.open
    assert not any(shutter.moves for shutter in bench.hardware.shutters.values())


def test_door_without_power_is_told(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A door whose relay is off can't be read: it is never taken for open, and the reason names the power."""
    bench.hardware.wagos["sp1"].coils[514] = False

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            with pytest.raises(DeviceFailed, match=r"sp1.*left without power"):
                await devices.spectrographs.expose(ARC)

    run(scene())


def test_door_that_closes_meanwhile_spoils_the_exposure(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A door that somebody closes while light falls through ends the exposure as failed. An abort leaves all idle."""
    left, _ = bench.hardware.doors["sp1"]

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            exposing = asyncio.create_task(devices.spectrographs.expose(ExposureOrder("flat", 30.0, "flat-1")))
            while not all(shutter.open for shutter in bench.hardware.shutters.values()):
                await CLOCK.sleep(0.1)
            left.open = False
            with pytest.raises(DeviceFailed, match="Hartmann door is closed: left"):
                await exposing
            await devices.spectrographs.abort()
            status = await devices.spectrographs.status()
            assert {(seen.activity, seen.shutter) for seen in status.values()} == {("idle", "closed")}

    run(scene())
    assert not any(shutter.open for shutter in bench.hardware.shutters.values())


@pytest.mark.parametrize(("labels", "words"), [("LOCAL,DOOR_CLOSED", "local mode"), ("UNKNOWN", "does not report")])
def test_no_telescope_moves_in_local_mode(bench: Bench, tmp_path: Path, run: Run, labels: str, words: str) -> None:
    """While the enclosure is in local mode, or can't tell, no telescope is moved."""
    bench.hardware.plc.labels = labels
    before = {name: telescope.where for name, telescope in bench.hardware.telescopes.items()}

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            assert devices.telescopes is not None
            with pytest.raises(DeviceFailed, match=words):
                await devices.telescopes.goto(bench.observatory().targets("calibration"))

    run(scene())
    assert {name: telescope.where for name, telescope in bench.hardware.telescopes.items()} == before
