"""Spectrographs whose cameras count nothing themselves: exposures by a book, whose image is whose, and FITS files.

The camera reports what it does and what it holds. Whose exposure that is, is in the book of the state folder. A family
of drivers supplies the cameras.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import uuid4

from safelight.devices.command_context import CommandContext, bounded
from safelight.devices.concurrently import each_of, together
from safelight.devices.errors import DeviceBusy, DeviceFailed
from safelight.devices.files.exposure_book import ExposureBook
from safelight.devices.files.names import FileNames
from safelight.devices.protocols import SpectrographStatus

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from safelight.devices.drivers import DriverSite
    from safelight.devices.files.exposure_book import BookedExposure
    from safelight.devices.files.fits import Card
    from safelight.devices.protocols import ExposureOrder

__all__ = ["BookedCamera", "BookedSpectrographs", "Look", "camera_status", "utc_of"]

_LATE_S = 60.0
"""So long after its end an exposure that a camera is still at is not ours any more, s."""
_SKEW_S = 2.0
"""How far the clocks of camera and computer may differ where nothing else shows whose exposure it is, s."""
_LAMPLESS = frozenset({"bias", "dark"})


@dataclass(frozen=True, slots=True)
class Look:
    """What a camera says at one moment.

    Attributes:
        activity: `reading` includes the transfer to the server.
        ready: whether it has an image.
        mark: how the camera names the exposure of that image (its start, by its own clock); empty if it does not.
        lasted_s: how long it was, s.
    """

    activity: Literal["idle", "exposing", "reading", "error", "unknown"]
    ready: bool
    mark: str = ""
    lasted_s: float | None = None


class BookedCamera(Protocol):
    """One camera of a family."""

    async def shutter(self, context: CommandContext) -> Literal["own", "none", "ignored"]:
        """Return whether it can make darkness. `ignored`: it can't, and the document does not say so."""

    async def look(self, context: CommandContext) -> Look:
        """Ask the camera what it does and what it holds."""

    async def expose(self, order: ExposureOrder, context: CommandContext) -> Look:
        """Integrate to the end, and return what the camera holds then."""

    async def image(self, mark: str, context: CommandContext) -> tuple[NDArray[Any], list[Card]]:
        """Return pixels and header cards of the exposure that the camera holds."""

    async def abort(self, context: CommandContext) -> None:
        """Stop an exposure and clear an error. What is held is thrown away."""

    async def close(self) -> None:
        """Release the connections without stopping anything."""


class BookedSpectrographs:
    """Cameras that expose together.

    Args:
        site: the observatory, its clock and its state folder.
        cameras: camera, as in file names -> what it is.
        deadline_s: how long a look at one camera may take, s.
    """

    def __init__(self, site: DriverSite, cameras: Mapping[str, BookedCamera], deadline_s: float) -> None:
        self._site, self._clock, self._model = site, site.clock, site.observatory.spectrographs
        self._cameras, self._deadline_s = dict(cameras), deadline_s
        self._files = FileNames(site.observatory.frames, self.cameras)
        self._loaded = False
        self._book = ExposureBook(site.home / "exposures" / f"{site.observatory.name}.json")

    @property
    def names(self) -> tuple[str, ...]:
        """The spectrographs, as the observatory document names them."""
        return self._model.names

    @property
    def cameras(self) -> tuple[str, ...]:
        """Every camera of every spectrograph, as in file names."""
        return self._model.every_camera

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate with the cameras. Cancelled, they continue until their time is over or `abort` comes."""
        for name, seen in (await self._look("expose")).items():
            if seen.activity != "idle":
                busy = seen.activity in {"integrating", "holding", "reading"}
                raise (DeviceBusy if busy else DeviceFailed)(
                    f"is {seen.activity}, not idle; read it out, abort or reset first",
                    device=f"spectrographs.{name}",
                    verb="expose",
                )
        booked = await self._clock.in_thread(partial(self._book.begin, order, self._clock.utc().timestamp()))
        taking = booked.takes(self.cameras)
        works: list[Coroutine[Any, Any, Look]] = [
            self._cameras[name].expose(replace(order, exposure_s=booked.seconds_of(name)), _asker(name, "expose"))
            for name in taking
        ]
        marks = {name: look.mark for name, look in zip(taking, await together(*works), strict=True)}
        await self._clock.in_thread(partial(self._book.hold, booked.number, marks))
        return booked.number

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Take the image of each camera and write the files, all of them or none."""
        booked = await self._held()
        taking = booked.takes(self.cameras)
        works = [self._cameras[name].image(booked.marks.get(name, ""), _asker(name, "read_out")) for name in taking]
        images = dict(zip(taking, await together(*works), strict=True))
        files = await self._clock.in_thread(partial(self._write, booked, images, header, folder))
        await self._clock.in_thread(partial(self._book.end, booked.number))
        return files

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """Return the files of an exposure that are in the folder, in the order of the cameras."""
        return self._files.files_of(exposure_no, folder)

    async def abort(self) -> None:
        """Stop every camera. What they held is thrown away."""
        await self._stop("abort")

    async def reset(self) -> None:
        """Stop every camera, and clear its error. What they held is thrown away."""
        await self._stop("reset")

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Ask every camera what it does now.

        Raises:
            DeviceError: a camera does not answer.
        """
        return await self._look("status")

    async def close(self) -> None:
        """Release the connections without stopping anything."""
        for camera in self._cameras.values():
            await camera.close()

    # ---- what the cameras are at

    async def _look(self, verb: str) -> dict[str, SpectrographStatus]:
        if not self._loaded:
            # Slow to import. Not while a lamp is on, and never in the way of a heartbeat.
            await self._clock.in_thread(_load)
            self._loaded = True
        booked = await self._clock.in_thread(self._book.last)
        works = [self._status_of(name, booked, verb) for name in self._cameras]
        seen = dict(zip(self._cameras, await each_of(works), strict=True))
        # One that did not take part in the last exposure is idle, while others hold theirs.
        taking = self.cameras if booked is None or booked.state == "done" else booked.takes(self.cameras)
        found = {}
        for unit in self.names:
            own = self._model.cameras_of(unit)
            at_work = {seen[each].activity for each in own if each not in taking} - {"idle"}
            asked = [each for each in own if each in taking] if not at_work else []
            found[unit] = _together([seen[each] for each in asked or own])
        return found

    async def _status_of(self, name: str, booked: BookedExposure | None, verb: str) -> SpectrographStatus:
        camera, context = self._cameras[name], _asker(name, verb)
        async with bounded(self._clock, self._deadline_s, context):
            shutter = await camera.shutter(context)
            look = await camera.look(context)
        seen = camera_status(look, booked, name, self._clock.utc().timestamp(), shutter=shutter == "own")
        return replace(seen, shutter="none") if shutter == "none" and seen.activity != "unknown" else seen

    async def _held(self) -> BookedExposure:
        """Return the exposure that all its cameras hold.

        Raises:
            DeviceFailed: they hold none of ours.
        """
        seen = await self._look("read_out")
        booked = await self._clock.in_thread(self._book.last)
        if booked is None:
            raise DeviceFailed("nothing was exposed", device="spectrographs", verb="read_out")
        taking = set(booked.takes(self.cameras))
        for name, each in seen.items():
            if taking & set(self._model.cameras_of(name)) and each.activity != "holding":
                words = f"is {each.activity}, and holds no charge of ours"
                raise DeviceFailed(words, device=f"spectrographs.{name}", verb="read_out")
        return booked

    async def _stop(self, verb: str) -> None:
        await each_of([camera.abort(_asker(name, verb)) for name, camera in self._cameras.items()])
        booked = await self._clock.in_thread(self._book.last)
        if booked is not None:
            await self._clock.in_thread(partial(self._book.end, booked.number))

    # ---- files

    def _write(
        self,
        booked: BookedExposure,
        images: Mapping[str, tuple[NDArray[Any], list[Card]]],
        header: Mapping[str, object],
        folder: Path,
    ) -> tuple[Path, ...]:
        """Write one file for each camera. Runs in a thread."""
        from safelight.devices.files.fits import fits_bytes, safe_cards  # noqa: PLC0415 - numpy and astropy are slow
        from safelight.devices.files.whole_files import write_whole  # noqa: PLC0415

        cards = safe_cards({"OBSERVAT": (self._site.observatory.name, "observatory document")} | dict(header))
        begun = datetime.fromtimestamp(booked.ordered_utc, UTC)
        name = re.sub(r"[^A-Za-z0-9._+-]", "_", booked.name)

        def content(unit: str, camera: str) -> bytes:
            pixels, own = images[camera]
            facts = [*_facts(booked, unit, camera), *own]
            plain = {keyword: (value, comment) for keyword, value, comment in facts}
            return fits_bytes(pixels, [*safe_cards(plain), *cards])

        paths = {
            folder / self._files.name(booked.number, name, camera, begun): partial(content, unit, camera)
            for unit in self.names
            for camera in self._model.cameras_of(unit)
            if camera in images
        }
        try:
            # A try that was given up may still be writing in its thread.
            write_whole(paths, f".{uuid4().hex[:8]}")
        except OSError as error:
            raise DeviceFailed(f"{folder}: {error}", device="spectrographs", verb="read_out") from error
        return tuple(paths)


def _load() -> None:
    """Import what writes FITS files."""
    import_module("safelight.devices.files.fits")


def camera_status(
    look: Look, booked: BookedExposure | None, camera: str, now_utc: float, *, shutter: bool
) -> SpectrographStatus:
    """Return what a camera is at, and whose exposure it is.

    Args:
        look: what the camera says.
        booked: the last exposure of ours.
        camera: its name.
        now_utc: seconds of UTC.
        shutter: whether it has one. Without one it counts as closed while nothing is integrated.
    """
    number = 0 if booked is None else booked.number
    in_time = booked is not None and now_utc < booked.ordered_utc + booked.exposure_s + _LATE_S
    ours = booked is not None and booked.state != "done" and in_time
    if look.activity == "exposing":
        dark = ours and booked is not None and not booked.opens_shutter and shutter
        known = "open" if ours or not shutter else "unknown"
        return SpectrographStatus("integrating", "closed" if dark else known, number if ours else 0)  # type: ignore[arg-type]
    if look.activity == "idle":
        holding = look.ready and booked is not None and _is_ours(look, booked, camera)
        return SpectrographStatus("holding" if holding else "idle", "closed", number)
    if look.activity == "reading":
        return SpectrographStatus("holding" if ours else "reading", "closed", number if ours else 0)
    return SpectrographStatus(look.activity, "unknown", number)


def _is_ours(look: Look, booked: BookedExposure, camera: str) -> bool:
    """Return whether the image that a camera holds is of the last exposure of ours, which was not read out yet."""
    if booked.state == "done":
        return False
    seconds = booked.seconds_of(camera)
    wrong_s = 0.0 if look.lasted_s is None else abs(look.lasted_s - seconds)
    if booked.flavour != "bias" and wrong_s > 0.01 * seconds + 0.05:
        return False
    if booked.state == "held":
        return look.mark == booked.marks.get(camera, "")
    # Its process died during the exposure. Only the time of its start can tell.
    began = utc_of(look.mark)
    return began is not None and abs(began - booked.ordered_utc) <= min(_SKEW_S, max(0.5 * seconds, 0.1))


def utc_of(mark: str) -> float | None:
    """Return a time of ISO 8601 as seconds of UTC, or None for what is none."""
    try:
        time = datetime.fromisoformat(mark)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _together(seen: Iterable[SpectrographStatus]) -> SpectrographStatus:
    """Return the status of a spectrograph: that of its cameras if they agree, else the worst."""
    each = list(seen)
    worst = ("error", "unknown", "integrating", "reading", "holding", "idle")
    activity = min((one.activity for one in each), key=worst.index)
    if activity == "holding" and any(one.activity == "idle" for one in each):
        activity = "error"
    shutter = min((one.shutter for one in each), key=("open", "unknown", "none", "closed").index)
    numbers = {one.exposure_no for one in each}
    return SpectrographStatus(activity, shutter, min(numbers))


def _facts(booked: BookedExposure, unit: str, camera: str) -> list[Card]:
    """Return what the driver itself knows of a frame. The caller's header doesn't override it."""
    lamps_seen = "OPEN" if booked.flavour not in _LAMPLESS else "CLOSED"
    return [
        ("EXPNO", booked.number, "exposure number"),
        ("SPEC", unit, "spectrograph"),
        ("CAMERA", camera, "camera"),
        ("EXPTIME", booked.seconds_of(camera), "[s] integration time asked for"),
        ("SHUTTER", lamps_seen, "shutter during integration, as ordered"),
    ]


def _asker(camera: str, verb: str) -> CommandContext:
    return CommandContext(f"spectrographs.{camera}", verb)
