"""The simulated detectors' file: which spectrograph integrates, holds a charge, or is read out.

`home/simulated/detector.json` outlives the process: a detector that integrates when its process dies goes on
until the time is over and then holds its charge, which another process can read out. Exposure numbers come
from `counter.json`, which survives a power cut: no two exposures ever share one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from safelight.devices.protocols import ExposureOrder, SpectrographStatus
from safelight.devices.simulated.statefile import CorruptStateError, StateFile, alive, whoami

if TYPE_CHECKING:
    from collections.abc import Callable

    from safelight.devices.drivers import Site
    from safelight.devices.simulated.line import Units

__all__ = ["Charge", "Detectors"]

Activity = Literal["idle", "integrating", "holding", "reading", "error", "unknown"]

_JUMP_S = 1.0  # a command this far in the future was given by a clock that ran ahead
_MINUTES_TO_2000 = 15_778_080  # of UTC since 1970


@dataclass(frozen=True, slots=True)
class Charge:
    """What one spectrograph integrates or holds. Times are seconds of UTC.

    Attributes:
        exposure_no: its number.
        flavour: as ordered.
        exposure_s: as ordered, s.
        name: as ordered.
        ordered_utc: when the command came.
        begins_utc: when integration begins (the shutter opens).
        ends_utc: when integration ends (the shutter closes).
        serial: of the power switch's last transition when the command came.
        end_serial: the same when integration had ended; None while it lasts, or when its process died.
        reader: the process that reads it out; `lost` when that was broken off.
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

    @property
    def order(self) -> ExposureOrder:
        """What was ordered."""
        return ExposureOrder(self.flavour, self.exposure_s, self.name)

    def activity(self, now: float) -> Activity:
        """What the spectrograph does with it at that time."""
        if self.reader is not None:
            return "reading" if alive(self.reader) else "error"
        over = self.end_serial is not None or now >= self.ends_utc or now < self.ordered_utc - _JUMP_S
        return "holding" if over else "integrating"

    def shutter(self, now: float) -> Literal["open", "closed"]:
        """Whether the shutter is open at that time."""
        lit = self.order.opens_shutter and self.begins_utc <= now < self.ends_utc
        return "open" if lit and self.activity(now) == "integrating" else "closed"

    def broken_off(self) -> Charge:
        """The same, its read-out broken off: lost, until a reset."""
        return replace(self, reader="lost")


class Detectors:
    """The detectors' file of one observatory."""

    def __init__(self, site: Site) -> None:
        self.names = site.observatory.spectrographs.units
        self._clock = site.clock
        folder = site.home / "simulated"
        self._file = StateFile(folder / "detector.json", device="spectrographs")
        self._counter = StateFile(folder / "counter.json", device="spectrographs")

    def now(self) -> float:
        """Seconds of UTC."""
        return self._clock.utc().timestamp()

    def charges(self) -> dict[str, Charge | None]:
        """What each spectrograph integrates or holds.

        Raises:
            CorruptStateError: the file can't be understood.
        """
        plain = self._file.read() or {}
        try:
            units = plain.get("units", {})
            return {name: _charge(units.get(name)) for name in self.names}
        except (AttributeError, TypeError) as error:
            raise CorruptStateError(str(error)) from error

    def edit(self, change: Callable[[str, Charge | None], Charge | None], units: Units) -> None:
        """Change what some spectrographs hold; a file that can't be understood begins anew."""
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
        """The next exposure number, this caller's alone; on disk before it is used."""
        with self._counter.locked():
            number = self.last_no() + 1
            self._counter.write({"exposure_no": number}, durable=True)
            return number

    def last_no(self) -> int:
        """The last number that was claimed; far above all that were where the files are spoiled."""
        numbers = [_number(file) for file in (self._counter, self._file)]
        if numbers[0] is None:
            return numbers[1] or int(self.now() // 60) - _MINUTES_TO_2000
        return max(number for number in numbers if number is not None)

    def status(self) -> dict[str, SpectrographStatus]:
        """What each spectrograph does now, read from the file."""
        last = self.last_no()
        try:
            charges = self.charges()
        except CorruptStateError:
            return dict.fromkeys(self.names, SpectrographStatus("unknown", "unknown", last))
        now = self.now()
        return {name: _status(each, now, last) for name, each in charges.items()}

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
    """The number in a file: 0 where there is no file yet, None where it can't be understood."""
    try:
        plain = file.read()
        return 0 if plain is None else int(plain["exposure_no"])
    except (CorruptStateError, KeyError, TypeError, ValueError):
        return None
