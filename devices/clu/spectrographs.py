"""Spectrographs behind actors of the kinds `lvmscp` and `lvmieb` (`Spectrographs`)."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from safelight.devices.clu.controller import Controller, Overheard
from safelight.devices.clu.doors import Door, Doors, Wish, as_card
from safelight.devices.clu.exposure_folder import ExposureFolder
from safelight.devices.clu.link import Broker, Link
from safelight.devices.concurrently import each_of, together
from safelight.devices.errors import DeviceBusy, DeviceFailed
from safelight.devices.observatory.driver_options import Wait, read_options
from safelight.devices.protocols import ExposureOrder, SpectrographStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import datetime

    from safelight.devices.drivers import DriverSite

__all__ = ["CluSpectrographs"]

T = TypeVar("T")

_TORN, _TORN_S = 20, 0.05

_OLD_S = 60.0
"""Age after which an unchanged file counts as complete, s. It allows for a difference between two clocks."""

_LONGEST = 68
"""Longest text in one card, characters (FITS standard 4.0, section 4.2.1.1)."""


class _SpectrographOptions(BaseModel):
    """Model of the `options` of the spectrographs.

    Attributes:
        data_root: the actors' `files.data_dir`, as this computer sees it.
        counter: the file in it with the next exposure number.
        detectors: spectrograph -> the actor of its detectors (`lvmscp.<unit>`).
        boxes: spectrograph -> the actor of its shutter (`lvmieb.<unit>`).
        look_every_s: interval at which shutter and detector are checked during an integration, s.
        hartmann: `open` opens closed Hartmann doors before a frame with light, `demand` fails that frame, `ignore`
            does not read them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Broker = Broker()
    data_root: Path
    counter: str = "nextExposureNumber"
    detectors: dict[str, str] = Field(default_factory=dict)
    boxes: dict[str, str] = Field(default_factory=dict)
    look_every_s: Wait = 5.0
    hartmann: Wish = "demand"


class CluSpectrographs:
    """All spectrographs, exposed together under one number of the actors' counter."""

    def __init__(self, site: DriverSite) -> None:
        self._model = site.observatory.spectrographs
        self._lamps = {lamp: site.observatory.lamps.keyword(lamp) for lamp in site.observatory.lamps.units}
        options = read_options(_SpectrographOptions, self._model.options, "spectrographs.options")
        self._clock = site.clock
        self._night = ExposureFolder(options.data_root.expanduser(), options.counter)
        actors = {
            unit: (options.detectors.get(unit, f"lvmscp.{unit}"), options.boxes.get(unit, f"lvmieb.{unit}"))
            for unit in self._model.names
        }
        overheard = {unit: Overheard(unit) for unit in actors}
        # CLU's name for this commander: a detector's actor, and the box that it speaks to.
        between = {f"{detector}.{box}": overheard[unit].hear for unit, (detector, box) in actors.items()}
        self._link = Link(options.broker, site.clock, between)
        self._units = {
            unit: Controller(
                unit,
                detector,
                box,
                self._link,
                site.clock,
                self._model,
                options.look_every_s,
                overheard[unit],
                Doors(unit, box, self._link, options.hartmann),
            )
            for unit, (detector, box) in actors.items()
        }
        self._exposing = False
        # An earlier process may have left a readout running.
        self._may_write = True
        self._mine = -1
        self._ended: dict[str, datetime] = {}
        self._doors: dict[str, dict[str, Door]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spectrographs in the observatory document."""
        return self._model.names

    @property
    def cameras(self) -> tuple[str, ...]:
        """Every camera of every spectrograph: b1, r1, z1, b2, ..."""
        return self._model.every_camera

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate with all. The first failure is raised at once, and the others continue until `abort`.

        Nothing slow is done here after a failure, because the caller has lamps to switch off first.
        """
        if self._exposing:
            raise DeviceFailed("is integrating; one exposure at a time", device="spectrographs", verb="expose")
        self._exposing = True
        try:
            await self._require_idle()
            self._doors = await self._require_doors(order)
            number = await self._last_no("expose") + 1
            self._mine, self._ended = number, {}
            ended = await together(*(unit.expose(order, number) for unit in self._units.values()))
            self._ended = dict(zip(self.names, ended, strict=True))
        finally:
            self._exposing = False
        return number

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Read out with all. The files stay where the actors write them, and are linked into the folder.

        An interrupted readout continues in the actors. `files_of` finds its files.
        """
        number = await self._last_no("read_out")
        self._may_write = True
        await each_of(unit.read(self._header(unit, header, number)) for unit in self._units.values())
        self._may_write = False
        links = await self._in_thread(partial(self._night.link, number, folder), "read_out")
        return tuple(links[camera] for camera in self.cameras if camera in links)

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """Return the links in the folder. Links that an interrupted readout did not make are made."""
        links = self._night.linked(exposure_no, folder)
        if len(links) < len(self.cameras) and folder.is_dir():
            try:
                links = self._night.link(exposure_no, folder)
            except OSError as error:
                raise DeviceFailed(f"{folder}: {error}", device="spectrographs", verb="files_of") from error
        return tuple(links[camera] for camera in self.cameras if camera in links)

    async def abort(self) -> None:
        """Stop all, close all shutters, read them back, and throw the charge away. A failure stops no other step."""
        self._may_write = False
        await each_of(unit.abort() for unit in self._units.values())

    async def reset(self) -> None:
        """Clear errors and charges."""
        self._may_write = False
        await each_of(unit.reset() for unit in self._units.values())

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Return what each spectrograph does now. Detector and shutter are read from different actors."""
        number = await self._last_no("status")
        may_write = self._may_write and not await self._in_thread(partial(self._settled, number), "status")
        found = await each_of(self._status_of(unit, number, may_write=may_write) for unit in self._units.values())
        if all(seen.activity == "idle" for seen in found):
            self._may_write = False
        return dict(zip(self.names, found, strict=True))

    async def close(self) -> None:
        """Release the connection. Stops nothing."""
        await self._link.close()

    def _settled(self, number: int) -> bool:
        return self._night.settled(number, self.cameras, self._clock.utc().timestamp() - _OLD_S)

    async def _status_of(self, unit: Controller, number: int, *, may_write: bool) -> SpectrographStatus:
        activity, shutter = await each_of(_both(unit, may_write=may_write))
        if activity == "holding" and shutter == "open" and number != self._mine:
            # The detector's time is over, but its actor still has to close the shutter.
            activity = "integrating"
        return SpectrographStatus(activity, shutter, number)

    async def _require_idle(self) -> None:
        """Refuse to start unless all are idle: a second exposure would break the first, and leave the shutter open."""
        for name, seen in (await self.status()).items():
            if seen.activity != "idle" or seen.shutter != "closed":
                busy = seen.activity in {"integrating", "holding", "reading"}
                raise (DeviceBusy if busy else DeviceFailed)(
                    f"is {seen.activity} with its shutter {seen.shutter}, not idle; read it out, abort or reset first",
                    device=f"spectrographs.{name}",
                    verb="expose",
                )

    async def _require_doors(self, order: ExposureOrder) -> dict[str, dict[str, Door]]:
        """Require open Hartmann doors for a frame with light. Return how they were read."""
        units = self._units.values()
        found = await each_of(unit.doors.require_open() for unit in units) if order.opens_shutter else []
        return dict(zip(self.names, found, strict=False))

    def _header(self, unit: Controller, header: Mapping[str, object], number: int) -> dict[str, object]:
        """Return the header with the cards that only the driver knows.

        A mapping under a camera's name is for that camera's file alone.
        """
        cards: dict[str, object] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in header.items()
        }
        cards["EXPNO"] = [number, "exposure number"]
        cards["LAMPS"] = [self._lit(header)[:_LONGEST], "lit, as read back before the exposure"]
        doors = as_card(self._doors.get(unit.unit, {})) if number == self._mine else None
        if doors is not None:
            cards["HARTMANN"] = [doors, "Hartmann doors left, right; 0: open"]
        cards |= self._ending(unit, number)
        for camera in self._model.cameras_of(unit.unit):
            cards[camera] = {"CAMERA": [camera, "camera"]}
        return cards

    def _lit(self, header: Mapping[str, object]) -> str:
        """Return the lamps that the header calls lit. Their own keywords get what the actor itself has read."""
        told = {key: value[0] if isinstance(value, tuple) else value for key, value in header.items()}
        return "+".join(lamp for lamp, keyword in self._lamps.items() if told.get(keyword) == "ON") or "none"

    def _ending(self, unit: Controller, number: int) -> dict[str, object]:
        """Return the end of the integration. The actor itself would give the time of the readout command."""
        ended = self._ended.get(unit.unit)
        if number == self._mine and ended is not None:
            return {"INTEND": [f"{ended:%Y-%m-%dT%H:%M:%S.%f}"[:-3], "End of the integration, shutter closed"]}
        cards: dict[str, object] = {"INTEND": [None, "Not seen: read out by another process"]}
        with suppress(OSError, ValueError):
            began = self._night.began(number)
            if began is not None:
                waited_s = self._clock.utc().timestamp() - began
                cards["DARKTIME"] = [round(waited_s, 1), "[s] until it was read out by another process"]
        return cards

    async def _last_no(self, verb: str) -> int:
        """Return the counter. The actors rewrite it in place, so that it may be empty for a moment."""
        for _ in range(_TORN):
            number = await self._in_thread(self._count, verb)
            if number is not None:
                return number
            await self._clock.sleep(_TORN_S)
        raise DeviceFailed(
            f"{self._night.root / self._night.counter} holds no number", device="spectrographs", verb=verb
        )

    def _count(self) -> int | None:
        with suppress(ValueError):
            return self._night.last_no()
        return None

    async def _in_thread(self, work: Callable[[], T], verb: str) -> T:
        try:
            return await self._clock.in_thread(work)
        except OSError as error:
            raise DeviceFailed(
                f"the actors' folder {self._night.root} can't be used here: {error}",
                device="spectrographs",
                verb=verb,
            ) from error


def _both(unit: Controller, *, may_write: bool) -> list[Coroutine[Any, Any, Any]]:
    return [unit.activity(may_write=may_write), unit.shutter()]
