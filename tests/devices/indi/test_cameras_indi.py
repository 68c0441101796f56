"""Cameras behind an INDI server: their contract, and each trap of the protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import SubElement

import pytest
from astropy.io import fits

from safelight.devices import DeviceError, DeviceFailed, DeviceUnknown, ExposureOrder, Spectrographs, open_devices
from safelight.devices.indi.course import EXPOSURE, Course
from safelight.devices.indi.properties import Vector
from safelight.engine.clock import Clock
from safelight.testing import SpectrographContract, SpectrographStandIn, Stage, Trouble, Wire
from tests.devices.indi.ccd import SHAPE, Ccd
from tests.devices.indi.conftest import with_camera
from tests.devices.indi.indi_server import IndiServer

ARC = ExposureOrder("arc", 0.5, "arc-001")


class CameraStandIn(SpectrographStandIn):
    """A camera behind an INDI server. Its shutter is the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, camera: Ccd) -> None:
        self.camera = camera

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, or do nothing."""
        self.camera.refuses = trouble == "refused"
        self.camera.idle_hands = trouble == "not_done"

    def open_shutters(self) -> set[str]:
        """Return the spectrograph, if the shutter of its camera is open."""
        return {"sp1"} if self.camera.open else set()


class TestCamera(SpectrographContract):
    """A camera with a shutter."""

    exposure_s = 0.6
    long_s = 30.0
    bound_s = 6.0
    # The image was sent when the exposure ended.
    sends_nothing = frozenset({"read_out"})

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Spectrographs, SpectrographStandIn]]:
        """Return a camera with a wire to it."""
        camera = Ccd()
        server = IndiServer(camera)
        await server.start()
        try:
            async with Wire(server.port, slow_s=2.0) as wire:
                observatory = with_camera(wire.port)
                yield Stage(
                    open=lambda: open_devices(observatory, clock=Clock(), home=home).spectrographs,
                    hardware=CameraStandIn(camera),
                    wire=wire,
                )
        finally:
            await server.stop()


@asynccontextmanager
async def exposing(camera: Ccd, home: Path, **options: Any) -> AsyncIterator[Spectrographs]:
    """Open spectrographs on a camera."""
    server = IndiServer(camera)
    await server.start()
    devices = open_devices(with_camera(server.port, **options), clock=Clock(), home=home)
    try:
        yield devices.spectrographs
    finally:
        await devices.close()
        await server.stop()


def test_a_frame_is_as_declared(tmp_path: Path) -> None:
    """Whatever others have set: the whole detector, the type of frame, our header, and the camera's own cards."""
    camera = Ccd()

    async def scene() -> Path:
        chosen = {"b1": {"device": camera.name, "binning": 2, "set": {"CCD_GAIN": {"GAIN": 20}}}}
        async with exposing(camera, tmp_path, cameras=chosen) as specs:
            for flavour in ("bias", "dark", "flat"):
                await specs.expose(ExposureOrder(flavour, 0.0 if flavour == "bias" else 0.1, flavour))
                await specs.read_out({}, tmp_path)
            await specs.expose(ARC)
            (file,) = await specs.read_out({"OBJECT": "ThAr", "EXPNO": 99}, tmp_path)
            return file

    file = asyncio.run(scene())
    assert camera.exposures == [("FRAME_BIAS", 0.01), ("FRAME_DARK", 0.1), ("FRAME_FLAT", 0.1), ("FRAME_LIGHT", 0.5)]
    assert camera.switches["UPLOAD_MODE"]["UPLOAD_CLIENT"] == "On"
    assert camera.numbers["CCD_GAIN"] == {"GAIN": 20.0}
    with fits.open(file) as hdus:
        hdus.verify("exception")
        header = hdus[0].header
        assert hdus[0].data.shape == (SHAPE[0] // 2, SHAPE[1] // 2)
        assert hdus[0].data[1, 2] == SHAPE[1] // 2 + 2
    assert (header["EXPNO"], header["OBJECT"], header["SHUTTER"]) == (4, "ThAr", "OPEN")
    assert (header["DARKTIME"], header["CCD-TEMP"], header["CAMNAME"]) == (0.5, 4.0, camera.name)


def cut(camera: Ccd) -> None:
    """Make exposures shorter than ordered."""
    camera.cut_to_s = 0.2


def prolonged(camera: Ccd) -> None:
    """Make exposures longer than ordered."""
    camera.cut_to_s = 2.0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (cut, DeviceUnknown),
        (prolonged, DeviceUnknown),
        (lambda camera: setattr(camera, "sends", "nothing"), DeviceFailed),
        (lambda camera: setattr(camera, "sends", "half"), DeviceUnknown),
        (lambda camera: setattr(camera, "sends", "noise"), DeviceUnknown),
        (lambda camera: setattr(camera, "calls_it", "Dark"), DeviceUnknown),
    ],
    ids=["cut", "prolonged", "no image", "half an image", "no FITS", "another type of frame"],
)
def test_what_was_not_ordered_is_no_frame(
    fault: Callable[[Ccd], None], expected: type[DeviceError], tmp_path: Path
) -> None:
    """Another time than ordered, a lost or damaged image, and one of another type are errors, and no charge is held."""
    camera = Ccd()
    fault(camera)

    async def scene() -> str:
        async with exposing(camera, tmp_path, download_s=0.5) as specs:
            with pytest.raises(expected):
                await specs.expose(ARC)
            await specs.abort()
            return (await specs.status())["sp1"].activity

    assert asyncio.run(scene()) == "idle"


def test_a_time_out_of_range_is_refused(tmp_path: Path) -> None:
    """INDI would cut the time: an exposure that the camera can't take is refused, and nothing is exposed."""
    camera = Ccd()

    async def scene() -> None:
        async with exposing(camera, tmp_path) as specs:
            for seconds in (0.001, 7200.0):
                with pytest.raises(DeviceFailed):
                    await specs.expose(ExposureOrder("arc", seconds, "arc"))

    asyncio.run(scene())
    assert camera.exposures == []


@pytest.mark.parametrize("how", ["killed", "frozen", "server killed", "replaced"])
def test_trouble_in_mid_exposure(how: str, tmp_path: Path) -> None:
    """A driver that is killed or stops, a server that is killed, and another client's exposure: no frame, at once."""
    camera = Ccd()

    async def scene() -> None:
        server = IndiServer(camera)
        await server.start()
        devices = open_devices(with_camera(server.port, download_s=0.3), clock=Clock(), home=tmp_path)
        specs = devices.spectrographs
        try:
            work = asyncio.ensure_future(specs.expose(ExposureOrder("arc", 1.5, "arc")))
            while not camera.open:
                await Clock().sleep(0.01)
            if how == "killed":
                await camera.die()
            elif how == "frozen":
                camera.mute = True
            elif how == "server killed":
                await server.stop()
            else:
                order = Node("newNumberVector", device=camera.name, name=EXPOSURE)
                SubElement(order, "oneNumber", name="CCD_EXPOSURE_VALUE").text = "1.6"
                camera.handle(order)
            with pytest.raises(DeviceError):
                await work
            if how == "frozen":
                with pytest.raises(DeviceError):
                    await specs.status()
                camera.mute = False
            if how == "server killed":
                await server.start()
            await specs.reset()
            assert (await specs.status())["sp1"].activity == "idle"
        finally:
            await devices.close()
            await server.stop()

    asyncio.run(scene())


def test_temperatures(tmp_path: Path) -> None:
    """The set point reaches the camera, and its temperature is read from it."""
    camera = Ccd()

    async def scene() -> Any:
        async with exposing(camera, tmp_path) as specs:
            cooled: Any = specs
            before = await cooled.temperatures()
            await cooled.cool(-10.0)
            return before, await cooled.temperatures()

    assert asyncio.run(scene()) == ({"sp1": 4.0}, {"sp1": -10.0})


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([("Busy", 10.0, 0.0), ("Busy", 5.0, 5.0), ("Busy", 0.0, 10.0), ("Ok", 0.0, 11.0)], ("done", False)),
        ([("Busy", 10.0, 0.0), ("Busy", 9.0, 0.2), ("Ok", 0.0, 10.0)], ("done", False)),
        ([("Idle", 0.0, 0.0), ("Busy", 10.0, 0.1), ("Ok", 0.0, 10.0)], ("done", False)),
        ([("Ok", 0.0, 0.0), ("Busy", 10.0, 0.1), ("Ok", 0.0, 10.0)], ("done", False)),
        ([("Busy", 12.0, 0.0)], (None, True)),
        ([("Busy", 3.0, 0.0)], (None, True)),
        ([("Busy", 10.0, 0.0), ("Busy", 2.0, 8.0), ("Busy", 10.0, 9.0)], (None, True)),
        ([("Busy", 10.0, 0.0), ("Ok", 0.0, 5.0)], ("done", True)),
        ([("Busy", 10.0, 0.0), ("Idle", 0.0, 5.0)], ("aborted", False)),
        ([("Alert", 0.0, 0.1)], ("failed", False)),
    ],
)
def test_course(heard: list[tuple[str, float, float]], expected: tuple[str | None, bool]) -> None:
    """What a camera says of an exposure: seconds never rise, and never fall faster than the clock."""
    now = 0.0
    course = Course(10.0, "CCD1", lambda: now)
    for state, left_s, at_s in heard:
        now = at_s
        values = {"CCD_EXPOSURE_VALUE": str(left_s)}
        course.hear(Vector("D", EXPOSURE, "", "number", "", state, values, {}, {}), exists=True)
    assert (course.end, bool(course.wrong)) == expected
