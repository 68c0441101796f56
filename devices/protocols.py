"""Protocols of the five kinds of device, and of their clock.

Each protocol speaks of the whole set (all telescopes, all lamps on the switch, all spectrographs), because
that is what a frame needs. All verbs are coroutines that may be cancelled at any await; a cancelled verb
leaves the device in a state that its `status` reports truthfully. Drivers keep no deadline of their own on
motion or exposures (the states do), never retry, and raise nothing but `DeviceError`. An acknowledgement
proves nothing: the caller reads back what has acted.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

__all__ = [
    "AltAz",
    "CooledSpectrographs",
    "Devices",
    "DimmableLamps",
    "ExposureOrder",
    "FibreSelector",
    "FibreStatus",
    "LampMonitor",
    "LampState",
    "Lamps",
    "SelectorStatus",
    "Selectors",
    "SpectrographStatus",
    "Spectrographs",
    "TelescopeStatus",
    "Telescopes",
    "Timekeeper",
]

T = TypeVar("T")

LampState = Literal["on", "off", "unknown"]
"""State of a lamp as read back. Unreadable is `unknown`, never `off`."""


class Timekeeper(Protocol):
    """Clock that a driver is given (safelight.engine.clock has a real, a scaled and a virtual one)."""

    def now(self) -> float:
        """Return monotonic seconds of the observatory's time."""

    def utc(self) -> datetime:
        """Return the observatory's time, aware, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of the observatory's time."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError in the body after `seconds` of the observatory's time."""

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work (files, pixels) in a thread. A virtual clock stops meanwhile."""


@dataclass(frozen=True, slots=True)
class AltAz:
    """Direction in the horizontal frame, in degrees."""

    alt_deg: float
    az_deg: float


@dataclass(frozen=True, slots=True)
class TelescopeStatus:
    """One telescope as read back. `where` is None where it is unknown."""

    where: AltAz | None
    slewing: bool


@runtime_checkable
class Telescopes(Protocol):
    """Telescopes that feed the spectrographs."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the telescopes in the observatory document."""

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew each named telescope to its direction. Return when all have arrived, or raise DeviceError."""

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Return where each telescope is now."""

    async def stop(self) -> None:
        """Stop all motion, now."""


@runtime_checkable
class Lamps(Protocol):
    r"""Lamps, on one power switch or several.

    Only `on` and `off` switch a lamp. Both are acknowledged before they are read back.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the lamps in the observatory document."""

    async def on(self, lamp: str) -> None:
        """Command one lamp on. The command is always sent, even to a lamp that is believed to be on."""

    async def off(self, lamp: str) -> None:
        """Command one lamp off. The command is always sent, even to a lamp that is believed to be off."""

    async def all_off(self) -> None:
        """Command all lamps off with the switch's own single command, if it has one."""

    async def status(self) -> Mapping[str, LampState]:
        """Read every lamp back from the device, never from memory. A lamp that can't be read is `unknown`."""


@runtime_checkable
class DimmableLamps(Protocol):
    """Lamps of which some can be dimmed. A driver of `Lamps` may offer this in addition."""

    async def set_level(self, lamp: str, percent: float) -> None:
        """Set the output of one lamp, lit or not. This lights nothing."""

    async def levels(self) -> Mapping[str, float | None]:
        """Read the level of each lamp that can be dimmed, in percent, or None if it can't be read."""


@dataclass(frozen=True, slots=True)
class ExposureOrder:
    """Order to the spectrographs to integrate.

    Attributes:
        flavour: bias, dark, arc, flat or object; the shutter stays closed for bias and dark.
        exposure_s: integration time, s (0 for a bias).
        name: a readable name for the files (`LDLS-90s-001`), safe as a part of a file name.
        cameras: the cameras that expose and are read out. The others stay idle. Empty: all.
        camera_s: (camera, seconds) for cameras whose integration time differs from `exposure_s`, the longest.
    """

    flavour: str
    exposure_s: float
    name: str
    cameras: tuple[str, ...] = ()
    camera_s: tuple[tuple[str, float], ...] = ()

    @property
    def opens_shutter(self) -> bool:
        """Whether the shutter opens."""
        return self.flavour not in {"bias", "dark"}


@dataclass(frozen=True, slots=True)
class SpectrographStatus:
    """One spectrograph as read back.

    Attributes:
        activity: `idle`, `integrating`, `holding` (integrated, not read out yet), `reading` or `error`.
        shutter: `open`, `closed`, `none` where there is no shutter, or `unknown`.
        exposure_no: number of the current or last exposure.
    """

    activity: Literal["idle", "integrating", "holding", "reading", "error", "unknown"]
    shutter: Literal["open", "closed", "none", "unknown"]
    exposure_no: int


@runtime_checkable
class Spectrographs(Protocol):
    """All spectrographs, exposed together. One exposure gives one file for each spectrograph and camera."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spectrographs in the observatory document."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Every camera of every spectrograph, as in file names (`b1`, `r1`, `z1`, `b2`, ...)."""

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate, and close the shutter. Return the exposure number. The charge waits for `read_out`.

        A failure is raised as soon as it is seen, before anything slow is done about it. The caller switches lamps off
        first, and then calls `abort`. With `DeviceBusy` they were busy already, and nothing was begun.
        """

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Read the waiting charge and write one FITS file per camera into the folder.

        Each file is written to a temporary name, fsynced, renamed, and the folder fsynced: a file that has
        its name is whole. Header values are str, bool, int, float, or (value, comment).
        """

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """Return the files of that exposure that are in the folder now, even if another process wrote them."""

    async def abort(self) -> None:
        """Stop an integration or readout, close the shutter, and throw the charge away."""

    async def reset(self) -> None:
        """Clear an error and any waiting charge. Afterwards every spectrograph is idle."""

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Return what each spectrograph does now."""


@runtime_checkable
class CooledSpectrographs(Protocol):
    """Spectrographs with cooled detectors. A driver of `Spectrographs` may offer this in addition."""

    async def cool(self, set_point_c: float) -> None:
        """Set the temperature of every detector, degrees Celsius. Return at once, before it is reached."""

    async def temperatures(self) -> Mapping[str, float | None]:
        """Read the temperature of each spectrograph's detectors, degrees Celsius, or None if it can't be read."""


@dataclass(frozen=True, slots=True)
class SelectorStatus:
    """Read-back state of a selector. `position` is None between two positions, or if it is unknown."""

    position: str | None
    moving: bool


@runtime_checkable
class Selectors(Protocol):
    """Devices with named positions: slits, gratings, filters, mirrors, caps."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the selectors in the observatory document."""

    async def move(self, targets: Mapping[str, str]) -> None:
        """Move each named selector to its position, all in parallel. Return when all report that they have arrived."""

    async def status(self) -> Mapping[str, SelectorStatus]:
        """Return where each selector is now, read from the device and not from a cache."""

    async def stop(self) -> None:
        """Stop all motion, now."""


@dataclass(frozen=True, slots=True)
class FibreStatus:
    """Fibre mask as read back. `steps` is None where it is unknown."""

    steps: int | None
    moving: bool


@runtime_checkable
class FibreSelector(Protocol):
    """Motor of the mask that lets light into one fibre."""

    async def move(self, steps: int) -> None:
        """Move to an absolute motor position. Return when the motor reports arrival."""

    async def status(self) -> FibreStatus:
        """Return the position of the mask now, in motor steps, read from the motor and not from a cache."""

    async def stop(self) -> None:
        """Stop the motor, now."""


@runtime_checkable
class LampMonitor(Protocol):
    """Photodiode, or something like it, that sees the light of the lamps."""

    async def read(self) -> float:
        """Return how bright it is now, in any unit that rises with the light."""


async def _nothing_to_close() -> None:
    """Do nothing, for devices without a connection."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Connected devices. Each kind but `lamps` and `spectrographs` is None where there is none.

    Attributes:
        second_lamps: an independent way to switch the same lamps off (a direct line to the power switch).
        close: releases the connections without switching anything.
    """

    telescopes: Telescopes | None
    lamps: Lamps
    spectrographs: Spectrographs
    fibsel: FibreSelector | None
    second_lamps: Lamps | None = None
    close: Callable[[], Awaitable[None]] = _nothing_to_close
    selectors: Selectors | None = None
    lamp_monitor: LampMonitor | None = None
