"""File of the simulated detectors: which spectrograph integrates, holds a charge, or is read out.

`home/simulated/detector.json` outlives the process. A detector that integrates when its process dies continues
until the time is over and then holds its charge, which another process can read out. Exposure numbers come
from `counter.json`, which survives a power cut, so that no two exposures share one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.protocols import ExposureOrder, SpectrographStatus
from safelight.devices.simulated.state_file import CorruptStateError, StateFile, alive, whoami

if TYPE_CHECKING:
    from collections.abc import Callable

    from safelight.devices.drivers import DriverSite
    from safelight.devices.simulated.device_line import Units

__all__ = ["Charge", "Detectors"]

Activity = Literal["idle", "integrating", "holding", "reading", "error", "unknown"]

_JUMP_S = 1.0  # a command this far in the future came from a clock that was ahead
_MINUTES_TO_2000 = 15_778_080  # of UTC since 1970


@dataclass(frozen=True, slots=True)
class Charge:
    """Charge that one spectrograph integrates or holds. Times are seconds of UTC.

    Attributes:
        exposure_no: its number.
        flavour: as ordered.
        exposure_s: as ordered, s.
        name: as ordered.
        ordered_utc: when the command came.
        begins_utc: when integration begins (the shutter opens).
        ends_utc: when integration ends (the shutter closes).
        serial: number of the power switch's last transition when the command came.
        end_serial: the same when integration had ended; None while it lasts, or when its process died.
        reader: the process that reads it out; `lost` after an interrupted readout.
        cameras: those that expose; empty: all of every spectrograph.
        camera_s: camera -> its own integration time, s.
    """

    exposure_no: int
    flavour: str
    exposure_s: float
    name: str
    ordered_utc: float
    begins_utc: float
    ends_utc: float
    serial: int
    end_serial: int | None = None
    reader: str | None = None
    cameras: Sequence[str] = ()
    camera_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def order(self) -> ExposureOrder:
        """Return the order."""
        own = tuple(self.camera_s.items())
        return ExposureOrder(self.flavour, self.exposure_s, self.name, tuple(self.cameras), own)

    def takes(self, cameras: Sequence[str]) -> tuple[str, ...]:
        """Return those of the cameras that expose."""
        return tuple(camera for camera in cameras if not self.cameras or camera in self.cameras)

    def activity(self, now: float) -> Activity:
        """Return what the spectrograph does with it at that time."""
        if self.reader is not None:
            return "reading" if alive(self.reader) else "error"
        over = self.end_serial is not None or now >= self.ends_utc or now < self.ordered_utc - _JUMP_S
        return "holding" if over else "integrating"

    def shutter(self, now: float) -> Literal["open", "closed"]:
        """Return whether the shutter is open at that time."""
        lit = self.order.opens_shutter and self.begins_utc <= now < self.ends_utc
        return "open" if lit and self.activity(now) == "integrating" else "closed"

    def broken_off(self) -> Charge:
        """Return the same charge as lost, after an interrupted readout."""
        return replace(self, reader="lost")


class Detectors:
    """File of the detectors of one observatory."""

    def __init__(self, site: DriverSite) -> None:
        self.names = site.observatory.spectrographs.names
        self._without_shutter = site.observatory.spectrographs.shutter == "none"
        self._clock = site.clock
        folder = site.home / "simulated"
        self._file = StateFile(folder / "detector.json", device="spectrographs")
        self._counter = StateFile(folder / "counter.json", device="spectrographs")

    def now(self) -> float:
        """Return seconds of UTC."""
        return self._clock.utc().timestamp()

    def charges(self) -> dict[str, Charge | None]:
        """Return the charge that each spectrograph integrates or holds.

        Raises:
            CorruptStateError: the file is corrupt.
        """
        plain = self._file.read() or {}
        try:
            units = plain.get("units", {})
            return {name: _charge(units.get(name)) for name in self.names}
        except (AttributeError, TypeError) as error:
            raise CorruptStateError(str(error)) from error

    def edit(self, change: Callable[[str, Charge | None], Charge | None], units: Units) -> None:
        """Change the charges of some spectrographs. An unreadable file is replaced by an empty one."""
        with self._file.locked():
            try:
                charges = self.charges()
            except CorruptStateError:
                charges = dict.fromkeys(self.names)
            for name in units:
                charges[name] = change(name, charges[name])
            plain = {name: None if each is None else asdict(each) for name, each in charges.items()}
            self._file.write({"exposure_no": self.last_no(), "units": plain})

    def claim(self) -> int:
        """Claim the next exposure number for this caller alone. It is on disk before it is used."""
        with self._counter.locked():
            number = self.last_no() + 1
            self._counter.write({"exposure_no": number}, durable=True)
            return number

    def last_no(self) -> int:
        """Return the last claimed number. If the files are spoiled, it is far above any earlier one."""
        numbers = [_number(file) for file in (self._counter, self._file)]
        if numbers[0] is None:
            return numbers[1] or int(self.now() // 60) - _MINUTES_TO_2000
        return max(number for number in numbers if number is not None)

    def status(self) -> dict[str, SpectrographStatus]:
        """Return what each spectrograph does now, read from the file."""
        last = self.last_no()
        try:
            charges = self.charges()
        except CorruptStateError:
            return dict.fromkeys(self.names, SpectrographStatus("unknown", "unknown", last))
        now = self.now()
        found = {name: _status(each, now, last) for name, each in charges.items()}
        if self._without_shutter:
            return {name: replace(seen, shutter="none") for name, seen in found.items()}
        return found

    def start_reading(self, units: Units) -> None:
        """Mark the charges as being read out by this process."""
        self.edit(lambda _name, each: each and replace(each, reader=whoami()), units)


def _status(charge: Charge | None, now: float, last: int) -> SpectrographStatus:
    if charge is None:
        return SpectrographStatus("idle", "closed", last)
    return SpectrographStatus(charge.activity(now), charge.shutter(now), charge.exposure_no)


def _charge(plain: Any) -> Charge | None:
    return None if plain is None else Charge(**plain)


def _number(file: StateFile) -> int | None:
    """Return the number in a file: 0 if there is no file yet, None if it can't be understood."""
    try:
        plain = file.read()
        return 0 if plain is None else int(plain["exposure_no"])
    except (CorruptStateError, KeyError, TypeError, ValueError):
        return None
