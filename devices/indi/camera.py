"""One INDI camera: exposures, aborts, cooling, images."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.booked_cameras import Look
from safelight.devices.errors import BadImage
from safelight.devices.indi.course import EXPOSURE, SECONDS_LEFT, Course
from safelight.devices.indi.device import IndiDevice
from safelight.devices.indi.line import IndiLine
from safelight.devices.indi.properties import enable_blobs, get_properties, new_vector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from safelight.devices.command_context import CommandContext
    from safelight.devices.files.fits import Card
    from safelight.devices.indi.images import Image
    from safelight.devices.indi.options import IndiCameraOptions, IndiSpectrographsOptions
    from safelight.devices.indi.properties import Vector
    from safelight.devices.protocols import ExposureOrder, Timekeeper

__all__ = ["IndiCamera"]

_ABORT, _TEMPERATURE = "CCD_ABORT_EXPOSURE", "CCD_TEMPERATURE"
_FRAME_TYPES = {"bias": "FRAME_BIAS", "dark": "FRAME_DARK", "flat": "FRAME_FLAT"}
_SENT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("UPLOAD_MODE", ("UPLOAD_CLIENT", "UPLOAD_BOTH")),
    ("CCD_TRANSFER_FORMAT", ("FORMAT_FITS",)),
    ("CCD_COMPRESSION", ("INDI_DISABLED",)),
)
"""Settings of a driver -> the elements with which an image comes to us as plain FITS; the first is set."""
_ACTIVITIES: dict[str, Literal["idle", "exposing", "error"]] = {
    "Idle": "idle",
    "Ok": "idle",
    "Busy": "exposing",
    "Alert": "error",
}


class IndiCamera:
    """One camera.

    An exposure and its image use one connection. What is asked meanwhile uses another one, and does not wait for an
    image that is being sent.

    Args:
        options: which one it is, and how it is set.
        common: what all cameras have in common.
        clock: all waiting goes through it.
        shutter: whether it has one, as the document says: INDI does not know.
    """

    def __init__(
        self,
        options: IndiCameraOptions,
        common: IndiSpectrographsOptions,
        clock: Timekeeper,
        shutter: Literal["own", "none"],
    ) -> None:
        self._options, self._common, self._clock, self._shutter = options, common, clock, shutter
        lines = [IndiLine(common.host, common.port, clock, common.deadline_s) for _ in range(2)]
        settings = common.settings.get(options.device, {})
        self._exposing, self._asking = (IndiDevice(line, options.device, settings) for line in lines)
        self._image: Image | None = None
        self._at_work = False

    async def shutter(self, _asker: CommandContext) -> Literal["own", "none"]:
        """Return whether it has one, as the document says."""
        return self._shutter

    async def look(self, context: CommandContext) -> Look:
        """Ask the camera what it does. An image that it has sent is held by this process.

        Raises:
            DeviceError: no answer, or one that makes no sense.
        """
        await self._asking.connect(context)
        vector = await self._asking.read(EXPOSURE, context)
        activity: Any = _ACTIVITIES.get(vector.state, "unknown")
        if activity == "exposing" and vector.number(SECONDS_LEFT) == 0:
            activity = "reading"
        if activity == "idle" and self._at_work:
            activity = "reading"
        if self._image is None:
            return Look(activity, ready=False)
        return Look(activity, ready=True, mark=self._image.mark, lasted_s=self._image.lasted_s)

    # ---- exposing

    async def expose(self, order: ExposureOrder, context: CommandContext) -> Look:
        """Integrate to the end, and return what was sent.

        It returns when the image is here: only then it is certain that it is of this exposure.

        Raises:
            DeviceError: a refusal, a failure, a lost image, or one that is not of this exposure.
        """
        # Slow to import. Not while a lamp is on.
        from safelight.devices.indi.images import image_in  # noqa: PLC0415

        self._image, self._at_work = None, True
        try:
            seconds = await self._set_up(order, context)
            course = await self._taken(seconds, context)
            assert course.image is not None  # noqa: S101 - without one it has not ended
            try:
                image = await self._clock.in_thread(partial(image_in, course.image))
            except BadImage as error:
                raise context.unknown(f"the camera's image can't be used: {error}") from error
            await self._check(image, order, seconds, context)
        finally:
            self._at_work = False
        self._image = image
        return Look("idle", ready=True, mark=image.mark, lasted_s=image.lasted_s)

    async def _set_up(self, order: ExposureOrder, context: CommandContext) -> float:
        """Set what the order and the document say, anew before each exposure: other programs use the camera too.

        Returns:
            how long to integrate, s; a bias is the shortest that the camera can.

        Raises:
            DeviceError: the camera refuses, or can't expose for so long or so short.
        """
        device, options = self._exposing, self._options
        await device.connect(context)
        exposure = await device.learn(EXPOSURE, context)
        wanted: dict[str, dict[str, str | int | float]] = {}
        frame_type = _FRAME_TYPES.get(order.flavour, "FRAME_LIGHT")
        for name, elements in (("CCD_FRAME_TYPE", (frame_type,)), *_SENT):
            vector = device.line.known(device.name, name)
            if vector is not None and not set(elements) & set(vector.on):
                wanted[name] = {elements[0]: "On"}
        wanted |= self._full_frame()
        if options.binning is not None:
            wanted["CCD_BINNING"] = {"HOR_BIN": options.binning, "VER_BIN": options.binning}
        for name, values in (wanted | options.set).items():
            await device.set(name, values, context)
        least, most = exposure.least.get(SECONDS_LEFT, 0.0), exposure.most.get(SECONDS_LEFT, 0.0)
        if order.flavour == "bias":
            return max(least, order.exposure_s)
        if not least <= order.exposure_s or (most > least and order.exposure_s > most):
            words = f"the camera exposes for {least:g} s to {most:g} s, and ordered were {order.exposure_s:g} s"
            raise context.failed(words)
        return order.exposure_s

    def _full_frame(self) -> dict[str, dict[str, str | int | float]]:
        """Return what has to be written for the whole detector to be read out."""
        size = self._known("CCD_INFO")
        frame = self._known("CCD_FRAME")
        if size is None or frame is None:
            return {}
        columns, rows = size.number("CCD_MAX_X"), size.number("CCD_MAX_Y")
        if not columns or not rows:
            return {}
        return {"CCD_FRAME": {"X": 0, "Y": 0, "WIDTH": columns, "HEIGHT": rows}}

    async def _taken(self, seconds: float, context: CommandContext) -> Course:
        """Order an exposure, and return when its image is here.

        Raises:
            DeviceError: it was refused, failed, was aborted, or is another one.
        """
        line, name, common = self._exposing.line, self._exposing.name, self._common
        began = self._clock.now()
        course = Course(seconds, self._options.blob, lambda: self._clock.now() - began)

        def stopped() -> bool | None:
            over = course.end not in {None, "done"} or bool(course.wrong)
            return True if over or (course.end == "done" and course.image is not None) else None

        with line.heard_of(name, lambda news: course.hear(news, exists=line.known(name, EXPOSURE) is not None)):
            order = new_vector("number", name, EXPOSURE, {SECONDS_LEFT: f"{seconds:.9g}"})
            await line.tell(enable_blobs(name) + order, context)
            accepted = await line.until(lambda: course.begun or stopped() or None, common.deadline_s, context)
            if accepted is None:
                raise context.unknown(f"{name} has not begun to expose after {common.deadline_s:g} s")
            await line.until(stopped, seconds + common.download_s, context)
        self._judge(course, context)
        return course

    def _judge(self, course: Course, context: CommandContext) -> None:
        """Raise what went wrong in an exposure.

        Raises:
            DeviceError: anything did.
        """
        name = self._exposing.name
        if course.wrong:
            raise context.unknown(course.wrong)
        if course.end == "gone":
            raise context.unknown(f"the driver of {name} has ended during the exposure")
        if course.end == "aborted":
            raise context.failed("the camera has stopped without an image: somebody has aborted the exposure")
        if course.end == "failed":
            error = self._exposing.line.error_of(name, 0)
            raise context.failed(f"the exposure has failed; the last error of {name}: {error or 'none'}")
        if course.end is None:
            raise context.unknown(f"the exposure has not ended {self._common.download_s:g} s after its time")
        if course.image is None:
            words = f"no image came of the exposure in {self._common.download_s:g} s: is {self._options.blob} its BLOB?"
            raise context.failed(words)

    async def _check(self, image: Image, order: ExposureOrder, seconds: float, context: CommandContext) -> None:
        """Compare an image with what was ordered.

        Raises:
            DeviceUnknown: it is another one.
        """
        expected = {"bias": "bias", "dark": "dark", "flat": "flat"}.get(order.flavour, "light")
        if image.flavour and not image.flavour.startswith(expected):
            raise context.unknown(f"the image is a {image.flavour!r}, and ordered was a {expected!r}")
        if image.lasted_s is not None and abs(image.lasted_s - seconds) > 0.01 * seconds + 0.01:
            raise context.unknown(f"the image was exposed for {image.lasted_s:g} s, and ordered were {seconds:g} s")
        frame, binning = self._known("CCD_FRAME"), self._known("CCD_BINNING")
        if frame is None:
            return
        per_x, per_y = (1.0, 1.0) if binning is None else (binning.number("HOR_BIN"), binning.number("VER_BIN"))
        columns, rows = frame.number("WIDTH"), frame.number("HEIGHT")
        if columns and rows and image.pixels.shape != (rows // (per_y or 1), columns // (per_x or 1)):
            seen = f"{image.pixels.shape[1]} x {image.pixels.shape[0]}"
            raise context.unknown(f"the image has {seen} pixels, and the camera is set to {columns:g} x {rows:g}")

    def _known(self, name: str) -> Vector | None:
        return self._exposing.line.known(self._exposing.name, name)

    # ---- the image

    async def image(self, mark: str, context: CommandContext) -> tuple[NDArray[Any], list[Card]]:
        """Return pixels and header cards of the exposure that was sent.

        Raises:
            DeviceError: there is none, or it is of another exposure.
        """
        image = self._image
        if image is None or image.mark != mark:
            raise context.failed("the image of this exposure is not here: it was sent to a process that has ended")
        return image.pixels, image.cards()

    async def abort(self, context: CommandContext) -> None:
        """Stop an exposure, and return once the camera says that it does not expose.

        Raises:
            DeviceError: it does not stop, or does not answer.
        """
        device, line = self._exposing, self._exposing.line
        self._image = None
        await device.connect(context)
        before = line.serial
        stop = new_vector("switch", device.name, _ABORT, {"ABORT": "On"})
        await line.tell(stop + get_properties(device.name, EXPOSURE), context)

        def rests() -> Vector | None:
            heard = line.known(device.name, EXPOSURE)
            return heard if heard is not None and heard.serial > before and heard.state in {"Idle", "Ok"} else None

        if await line.until(rests, self._common.deadline_s, context) is None:
            heard = line.known(device.name, EXPOSURE)
            raise context.unknown(f"after an abort {EXPOSURE} is {'gone' if heard is None else heard.state}, not idle")
        self._image = None

    # ---- cooling

    async def cool(self, to_c: float, context: CommandContext) -> None:
        """Set the temperature of the detector. Return before it is reached.

        Raises:
            DeviceError: it can't be cooled, or does not answer.
        """
        device, line = self._asking, self._asking.line
        await device.connect(context)
        await device.read(_TEMPERATURE, context)
        before = line.serial
        order = new_vector("number", device.name, _TEMPERATURE, {f"{_TEMPERATURE}_VALUE": f"{to_c:g}"})
        await line.tell(order, context)

        def taken() -> Vector | None:
            heard = line.known(device.name, _TEMPERATURE)
            return heard if heard is not None and heard.serial > before else None

        heard = await line.until(taken, self._common.deadline_s, context)
        if heard is None or heard.state == "Alert":
            raise context.unknown(f"{device.name} does not take the temperature {to_c:g} C")

    async def temperature(self, context: CommandContext) -> float | None:
        """Return the temperature of the detector, degrees Celsius, or None where it can't be read.

        Raises:
            DeviceError: no answer.
        """
        await self._asking.connect(context)
        return (await self._asking.read(_TEMPERATURE, context)).number(f"{_TEMPERATURE}_VALUE")

    async def close(self) -> None:
        """Release the connections without stopping anything."""
        await self._exposing.line.close()
        await self._asking.line.close()
