"""The four kinds of device, as the rest of safelight sees them, and the time they live in.

Each protocol speaks of the whole set (all telescopes, all lamps on the switch, all spectrographs), because
that is what a frame needs. All verbs are coroutines that may be cancelled at any await; a cancelled verb
leaves the device in a state that its `status` tells truthfully. Drivers keep no deadline of their own on
motion or exposures (the states do), never retry, and raise nothing but `DeviceError`. An acknowledgement is
not a proof: what acts is read back by whoever asked.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

__all__ = [
    "AltAz",
    "Devices",
    "ExposureOrder",
    "FibreSelector",
    "FibreStatus",
    "LampState",
    "Lamps",
    "SpectrographStatus",
    "Spectrographs",
    "TelescopeStatus",
    "Telescopes",
    "Timekeeper",
]

T = TypeVar("T")

LampState = Literal["on", "off", "unknown"]
"""A lamp as read back. Unreadable is `unknown`, never `off`."""


class Timekeeper(Protocol):
    """The clock that a driver is given (safelight.engine.clock has a real, a scaled and a virtual one)."""

    def now(self) -> float:
        """Monotonic seconds of the observatory's time."""

    def utc(self) -> datetime:
        """The observatory's time, aware, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of the observatory's time."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raise TimeoutError in the body after so many seconds of the observatory's time."""

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work (files, pixels) in a thread; a virtual clock stands still meanwhile."""


@dataclass(frozen=True, slots=True)
class AltAz:
    """A direction in the horizontal frame, in degrees."""

    alt_deg: float
    az_deg: float


@dataclass(frozen=True, slots=True)
class TelescopeStatus:
    """One telescope as read back; `where` is None where it can't tell."""

    where: AltAz | None
    slewing: bool


@runtime_checkable
class Telescopes(Protocol):
    """The telescopes that feed the spectrographs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The telescopes, as the observatory document names them."""

    async def goto(self, targets: Mapping[str, AltAz]) -> None:
        """Slew each named telescope to its direction; returns when all have arrived or raises DeviceError."""

    async def status(self) -> Mapping[str, TelescopeStatus]:
        """Where each telescope is now."""

    async def stop(self) -> None:
        """Stop all motion, now."""


@runtime_checkable
class Lamps(Protocol):
    """The lamps, on one power switch or several.

    `on` and `off` are the only commands that light or darken; both are acknowledged before they are proved.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The lamps, as the observatory document names them."""

    async def on(self, lamp: str) -> None:
        """Command one lamp on. Always sent, whatever is believed of its state."""

    async def off(self, lamp: str) -> None:
        """Command one lamp off. Always sent, whatever is believed of its state."""

    async def all_off(self) -> None:
        """Command all lamps off with the switch's own single command where it has one."""

    async def status(self) -> Mapping[str, LampState]:
        """Read every lamp back from the device, never from memory. A lamp that can't be read is `unknown`."""


@dataclass(frozen=True, slots=True)
class ExposureOrder:
    """What the spectrographs are asked to integrate.

    Attributes:
        flavour: bias, dark, arc, flat or object; the shutter stays closed for bias and dark.
        exposure_s: integration time, s (0 for a bias).
        name: a readable name that the files carry (`LDLS-90s-001`), safe as a part of a file name.
    """

    flavour: str
    exposure_s: float
    name: str

    @property
    def opens_shutter(self) -> bool:
        """Whether light is let in."""
        return self.flavour not in {"bias", "dark"}


@dataclass(frozen=True, slots=True)
class SpectrographStatus:
    """One spectrograph as read back.

    Attributes:
        activity: `idle`, `integrating`, `holding` (integrated, not read out yet), `reading` or `error`.
        shutter: `open`, `closed` or `unknown`.
        exposure_no: number of the current or last exposure.
    """

    activity: Literal["idle", "integrating", "holding", "reading", "error", "unknown"]
    shutter: Literal["open", "closed", "unknown"]
    exposure_no: int


@runtime_checkable
class Spectrographs(Protocol):
    """All spectrographs, exposed together: one exposure gives one file for each spectrograph and camera."""

    @property
    def names(self) -> tuple[str, ...]:
        """The spectrographs, as the observatory document names them."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """Every camera of every spectrograph, as in file names (`b1`, `r1`, `z1`, `b2`, ...)."""

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate, shutter closed again; returns the exposure number. The charge waits for `read_out`."""

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Read the waiting charge and write one FITS file per camera into the folder.

        Each file is written to a temporary name, fsynced, renamed, and the folder fsynced: a file that has
        its name is whole. Header values are str, bool, int, float, or (value, comment).
        """

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """The files of that exposure that are in the folder now, whoever wrote them."""

    async def abort(self) -> None:
        """Stop an integration or read-out, close the shutter, throw the charge away."""

    async def reset(self) -> None:
        """Clear an error and any waiting charge; afterwards every spectrograph is idle."""

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """What each spectrograph does now."""


@dataclass(frozen=True, slots=True)
class FibreStatus:
    """The fibre mask as read back; `steps` is None where it can't tell."""

    steps: int | None
    moving: bool


@runtime_checkable
class FibreSelector(Protocol):
    """The motor that turns the mask which lets light into one fibre."""

    async def move(self, steps: int) -> None:
        """Move to an absolute motor position; returns when it says it has arrived."""

    async def status(self) -> FibreStatus:
        """Where the mask is now, in motor steps, read from the motor and not from a cache."""

    async def stop(self) -> None:
        """Stop the motor, now."""


async def _nothing_to_close() -> None:
    """Devices without a connection."""


@dataclass(frozen=True, slots=True)
class Devices:
    """The connected devices; `telescopes`, `fibsel`, `second_lamps` are None where there are none.

    Attributes:
        second_lamps: an independent way to switch the same lamps off (a direct line to the power switch).
        close: releases the connections; switches nothing.
    """

    telescopes: Telescopes | None
    lamps: Lamps
    spectrographs: Spectrographs
    fibsel: FibreSelector | None
    second_lamps: Lamps | None = None
    close: Callable[[], Awaitable[None]] = _nothing_to_close
