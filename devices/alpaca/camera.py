"""One Alpaca camera: exposures, aborts, cooling, images."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.alpaca.image_bytes import image_in, image_in_json
from safelight.devices.alpaca.server import NOT_IMPLEMENTED, AlpacaDevice, AlpacaServer, Refused
from safelight.devices.booked_cameras import Look
from safelight.devices.command_context import CommandContext
from safelight.devices.errors import DeviceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from safelight.devices.alpaca.options import CameraOptions, SpectrographsOptions
    from safelight.devices.files.fits import Card
    from safelight.devices.protocols import ExposureOrder, Timekeeper

__all__ = ["AlpacaCamera"]

_ACTIVITIES: tuple[Literal["idle", "exposing", "reading", "error"], ...] = (
    "idle",
    "exposing",  # waiting
    "exposing",
    "reading",
    "reading",  # download
    "error",
)
"""What each `CameraState` of the Camera interface means, from 0."""
_SURE_S = 0.05
_SURE = 0.999
"""An image that is ready before this part of its time, less `_SURE_S`, is that of another exposure."""
_BEGINS_S = 2.0
"""After so long a camera that was started must be at it, s."""


class AlpacaCamera:
    """One camera.

    Args:
        options: which one it is, and how it is set.
        common: what all cameras have in common.
        address: `HOST:PORT` of its server.
        clock: all waiting goes through it.
    """

    def __init__(self, options: CameraOptions, common: SpectrographsOptions, address: str, clock: Timekeeper) -> None:
        self._options, self._common, self._clock = options, common, clock
        self._server = AlpacaServer(address, clock, common.deadline_s)
        # An image takes long. Whatever else is asked does not wait for it.
        self._images = AlpacaServer(address, clock, common.deadline_s)
        self._device = AlpacaDevice("camera", options.device)
        self._shutter: bool | None = None if options.shutter == "ask" else options.shutter == "own"

    # ---- reading

    async def look(self, context: CommandContext) -> Look:
        """Ask the camera what it does and what it holds.

        Raises:
            DeviceError: no answer, or one that makes no sense.
        """
        state = await self._get("camerastate", context)
        ready = await self._get("imageready", context)
        if isinstance(state, bool) or not isinstance(state, int) or not isinstance(ready, bool):
            raise context.unknown(f"the camera says that it is in state {state!r}, image ready {ready!r}")
        activity = _ACTIVITIES[state] if 0 <= state < len(_ACTIVITIES) else "unknown"
        if not ready:
            return Look(activity, ready)
        mark = await self._optional("lastexposurestarttime", context)
        lasted = await self._optional("lastexposureduration", context)
        known = isinstance(lasted, int | float) and not isinstance(lasted, bool)
        return Look(activity, ready, str(mark or ""), float(lasted) if known else None)

    async def shutter(self, context: CommandContext) -> Literal["own", "ignored"]:
        """Return whether it can make darkness by itself."""
        if self._shutter is None:
            answer = await self._get("hasshutter", context)
            if not isinstance(answer, bool):
                raise context.unknown(f"the camera says of its shutter: {answer!r}")
            self._shutter = answer
        return "own" if self._shutter else "ignored"

    # ---- exposing

    async def expose(self, order: ExposureOrder, context: CommandContext) -> Look:
        """Integrate to the end, and return what the camera holds then.

        It returns when the image is ready: only then the camera says when its exposure began.

        Raises:
            DeviceError: a refusal, a failure, or an image that is not of this exposure.
        """
        before = await self.look(context)
        seconds = await self._seconds(order, context)
        await self._set_up(context)
        began = self._clock.now()
        duration: dict[str, Any] = {"Duration": seconds, "Light": order.opens_shutter}
        await self._server.put(self._device, "startexposure", context, **duration)
        found = await self._ended(began, seconds, context)
        if found.ready and found.mark and found.mark == before.mark:
            raise context.unknown("the image is that of the exposure before: this one was not taken")
        return found

    async def abort(self, context: CommandContext) -> None:
        """Stop an exposure, and return once the camera says that it has stopped. Overtakes.

        Raises:
            DeviceError: it does not stop, or does not answer.
        """
        try:
            await self._server.order(self._device, "abortexposure", context, overtakes=True)
        except Refused as refused:
            if refused.number != NOT_IMPLEMENTED:
                raise context.unknown(
                    f"abortexposure was answered with {refused.number:#x}: {refused.message}"
                ) from None
            await self._server.put(self._device, "stopexposure", context, overtakes=True)
        end = self._clock.now() + self._common.deadline_s
        while True:
            state = await self._get("camerastate", context, overtakes=True)
            if state == 0:
                return
            if self._clock.now() > end:
                raise context.unknown(f"after an abort the camera is in state {state}, not idle")
            await self._clock.sleep(_SURE_S)

    async def _ended(self, began: float, seconds: float, context: CommandContext) -> Look:
        """Ask again and again until the exposure is over.

        A server that does not answer for a moment costs no exposure.
        """
        silent_since: float | None = None
        while True:
            try:
                found = await self.look(context)
            except DeviceError:
                elapsed_s = self._clock.now() - began
                silent_since = elapsed_s if silent_since is None else silent_since
                if elapsed_s - silent_since > self._common.deadline_s:
                    raise
            else:
                silent_since, elapsed_s = None, self._clock.now() - began
                if self._is_over(found, elapsed_s, seconds, context):
                    return found
            left_s = max(seconds - elapsed_s, 0.1)
            await self._clock.sleep(min(left_s, self._common.look_every_s))

    @staticmethod
    def _is_over(found: Look, elapsed_s: float, seconds: float, context: CommandContext) -> bool:
        """Whether the exposure has come to its end.

        Args:
            found: what the camera says.
            elapsed_s: from before it was started until the answer was there, s.
            seconds: how long it integrates, s.
            context: for errors.

        Raises:
            DeviceError: it failed, was stopped by another client, or is another one.
        """
        if found.activity == "error":
            raise context.failed("the camera reports an error")
        too_early = elapsed_s < _SURE * seconds - _SURE_S
        if found.ready:
            if too_early:
                words = f"an image is ready after {elapsed_s:.2f} s of {seconds:g} s: it is that of another exposure"
                raise context.unknown(words)
            if found.lasted_s is not None and abs(found.lasted_s - seconds) > 0.01 * seconds + _SURE_S:
                raise context.unknown(f"the image was exposed for {found.lasted_s:g} s, and ordered were {seconds:g} s")
            return True
        if found.activity == "idle":
            if elapsed_s > _BEGINS_S:
                raise context.failed("the camera has stopped without an image: somebody has aborted the exposure")
            return False
        return False

    async def _seconds(self, order: ExposureOrder, context: CommandContext) -> float:
        """Return how long to integrate. A bias is the shortest that the camera can.

        Raises:
            DeviceFailed: the camera can't expose for so long or so short.
        """
        least, most = await self._get("exposuremin", context), await self._get("exposuremax", context)
        if order.flavour == "bias":
            return max(float(least), order.exposure_s)
        if not float(least) <= order.exposure_s <= float(most):
            words = f"the camera exposes for {least:g} s to {most:g} s, and ordered were {order.exposure_s:g} s"
            raise context.failed(words)
        return order.exposure_s

    async def _set_up(self, context: CommandContext) -> None:
        """Set what the document says, anew before each exposure: other programs use the camera too.

        Raises:
            DeviceError: the camera refuses, or the detector is not as cold as it has to be.
        """
        options = self._options
        wanted: list[tuple[str, str, Any]] = []
        if options.binning is not None:
            wanted += [("binx", "BinX", options.binning), ("biny", "BinY", options.binning)]
            for size, ordered in (("cameraxsize", "NumX"), ("cameraysize", "NumY")):
                wanted.append((ordered.lower(), ordered, int(await self._get(size, context)) // options.binning))
        if options.gain is not None:
            wanted.append(("gain", "Gain", options.gain))
        if options.readout_mode is not None:
            wanted.append(("readoutmode", "ReadoutMode", options.readout_mode))
        for method, parameter, value in wanted:
            if await self._get(method, context) == value:
                continue
            await self._server.put(self._device, method, context, **{parameter: value})
            found = await self._get(method, context)
            if found != value:
                raise context.failed(f"{method} was set to {value}, and is read back as {found}")
        if options.cool_to_c is not None:
            await self._cool(options.cool_to_c, context)

    async def _cool(self, to_c: float, context: CommandContext) -> None:
        await self._server.put(self._device, "setccdtemperature", context, SetCCDTemperature=to_c)
        await self._server.put(self._device, "cooleron", context, CoolerOn=True)
        at_c = await self._get("ccdtemperature", context)
        if not abs(float(at_c) - to_c) <= self._options.cool_within_c:
            words = (
                f"the detector is at {at_c:.1f} C, and has to be within {self._options.cool_within_c:g} of {to_c:g} C"
            )
            raise context.failed(f"{words}; its cooler is on now: wait, and try again")

    # ---- the image

    async def image(self, mark: str, context: CommandContext) -> tuple[NDArray[Any], list[Card]]:
        """Return pixels and header cards of the exposure that the camera holds.

        Args:
            mark: how the camera names it.
            context: for errors.

        Raises:
            DeviceError: no image, a damaged one, or one of another exposure.
        """
        end = self._clock.now() + self._common.download_s
        while not (found := await self.look(context)).ready:
            if found.activity in {"error", "idle"} or self._clock.now() > end:
                raise context.failed(f"the camera has no image; it is {found.activity}")
            await self._clock.sleep(_SURE_S)
        pixels = await self._pixels(context)
        columns, rows = await self._get("numx", context), await self._get("numy", context)
        if pixels.shape != (rows, columns):
            seen = f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise context.unknown(f"the image has {seen} pixels, and the camera is set to {columns} x {rows}")
        after = await self.look(context)
        # Some cameras hand out an image only once, and hold nothing afterwards.
        given_away = not after.ready and after.activity == "idle"
        if (after.mark != found.mark and not given_away) or (mark and found.mark != mark):
            raise context.unknown(f"the camera's image began at {after.mark}, and ours at {mark or found.mark}")
        return pixels, await self._cards(found, context)

    async def _pixels(self, context: CommandContext) -> NDArray[Any]:
        response = await self._images.image(self._device, context, self._common.download_s)
        if not response.is_success:
            raise context.unknown(f"the server answered imagearray with {response.status_code}")
        kind = response.headers.get("content-type", "")
        try:
            if kind.startswith("application/imagebytes"):
                return image_in(response.content)
            return await self._clock.in_thread(lambda: image_in_json(response.json()))
        except ValueError as error:
            raise context.unknown(f"the camera's image can't be used: {error}") from error

    async def _cards(self, found: Look, context: CommandContext) -> list[Card]:
        properties = [
            ("binx", "XBINNING", "pixels in one, along X"),
            ("biny", "YBINNING", "pixels in one, along Y"),
            ("gain", "GAIN", "as the camera counts it"),
            ("ccdtemperature", "CCD-TEMP", "[deg C] detector"),
            ("setccdtemperature", "SET-TEMP", "[deg C] set point"),
            ("sensorname", "DETECTOR", "as the camera names it"),
            ("name", "CAMNAME", "as the server names it"),
        ]
        cards: list[Card] = [("DATE-OBS", _fits_time(found.mark), "start of integration, by the camera")]
        if not found.mark:
            cards = []
        if found.lasted_s is not None:
            cards.append(("DARKTIME", found.lasted_s, "[s] integration time, by the camera"))
        for method, keyword, comment in properties:
            value = await self._optional(method, context)
            if value is not None and value != "":
                cards.append((keyword, value, comment))
        return cards

    async def close(self) -> None:
        """Release the connections without stopping anything."""
        await self._server.close()
        await self._images.close()

    async def _get(self, method: str, context: CommandContext, *, overtakes: bool = False) -> Any:
        return await self._server.get(self._device, method, context, overtakes=overtakes)

    async def _optional(self, method: str, context: CommandContext) -> Any:
        """Return a property that not every camera has, or None where it has none."""
        try:
            return await self._server.ask(self._device, method, context)
        except Refused:
            return None


def _fits_time(mark: str) -> str:
    """Return a time as FITS has it: UTC without a zone."""
    try:
        time = datetime.fromisoformat(mark)
    except ValueError:
        return mark
    return (time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time).isoformat(timespec="milliseconds")
