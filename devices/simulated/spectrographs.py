"""Simulated spectrographs: one exposure at a time, a charge that waits, pixels that show what happened."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from safelight.devices.errors import DeviceFailed
from safelight.devices.protocols import ExposureOrder, SpectrographStatus
from safelight.devices.simulated.bench import Bench
from safelight.devices.simulated.detector import Charge, Detectors
from safelight.devices.simulated.line import Command, Line, Units
from safelight.devices.simulated.statefile import CorruptStateError
from safelight.devices.simulated.switch import Switch
from safelight.devices.timing import expose_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from safelight.devices.drivers import Site

__all__ = ["SimulatedSpectrographs"]


@cache
def _load_early() -> None:
    """Load numpy and astropy beside the first integration, so that its read-out does not take that long more."""
    Thread(target=import_module, args=("safelight.devices.simulated.fits",), daemon=True).start()


class SimulatedSpectrographs:
    """The simulated spectrographs (`Spectrographs`)."""

    def __init__(self, site: Site) -> None:
        self._model = site.observatory.spectrographs
        self._clock = site.clock
        self._detectors = Detectors(site)
        self._switch = Switch(site)
        self._bench = Bench(site)
        self._line = Line("spectrographs", self._model.units, site.faults, site.clock)
        self._believed: dict[str, SpectrographStatus] = {}
        self._written: dict[int, str] = {}

    @property
    def names(self) -> Units:
        """The spectrographs, as the observatory document names them."""
        return self._model.units

    @property
    def cameras(self) -> Units:
        """Every camera of every spectrograph: b1, r1, z1, b2, ..."""
        return tuple(camera for unit in self.names for camera in self._cameras_of(unit))

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate. Cancelled, the detectors go on until the time is over or `abort` comes."""
        self._require("idle", "expose")
        _load_early()
        number = await self._clock.in_thread(self._detectors.claim)
        self._written = {number: order.name}
        self._believe("holding", number)
        await self._line.send(
            Command(
                "expose",
                self.names,
                expose_s(order.exposure_s, self._model.lead_s, self._model.tail_s),
                lambda obey, _lie: self._integrated(obey, number),
                begin=lambda units: self._integrate(units, order, number),
                together=True,
            )
        )
        return number

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Read out and write; broken off, the charge is lost and the spectrographs need a reset."""
        charges = self._held()
        files = await self._line.send(
            Command(
                "read_out",
                self.names,
                self._model.readout_s,
                lambda obey, lie: self._write(obey, lie, charges, header, folder),
                begin=self._detectors.start_reading,
                cancelled=self._lose,
                together=True,
                in_thread=True,
            )
        )
        self._believe("idle", next(iter(charges.values())).exposure_no)
        return files

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """The files of that exposure in the folder, in the order of the cameras."""
        name = self._written.get(exposure_no)
        if name is not None:
            # No look through the folder: it grows with every frame of the run.
            expected = (folder / f"{exposure_no:08d}-{name}-{camera}.fits" for camera in self.cameras)
            return tuple(path for path in expected if path.exists())
        found = {path.stem.rpartition("-")[2]: path for path in folder.glob(f"{exposure_no:08d}-*.fits")}
        return tuple(found[camera] for camera in self.cameras if camera in found)

    async def abort(self) -> None:
        """Close the shutters and throw the charge away, when the command arrives."""
        await self._clear("abort", self._model.abort_s)

    async def reset(self) -> None:
        """Clear errors and charges, when the command arrives."""
        await self._clear("reset", self._model.reset_s)

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """What each spectrograph does now, read from the file."""
        return await self._line.send(Command("status", self.names, self._model.status_s, self._answer, reading=True))

    async def _clear(self, verb: str, takes_s: float) -> None:
        self._believe("idle", self._detectors.last_no())
        command: Command[None] = Command(verb, self.names, takes_s, lambda _obey, _lie: None, begin=self._empty)
        await self._line.send(command)

    def _cameras_of(self, unit: str) -> Units:
        place = self.names.index(unit) + 1
        return tuple(f"{camera}{place}" for camera in self._model.cameras)

    def _require(self, activity: str, verb: str) -> None:
        for name, status in self._detectors.status().items():
            if status.activity != activity:
                raise DeviceFailed(
                    f"is {status.activity}, not {activity}; read it out, abort or reset first",
                    device=f"spectrographs.{name}",
                    verb=verb,
                )

    def _held(self) -> dict[str, Charge]:
        self._require("holding", "read_out")
        return {name: each for name, each in self._detectors.charges().items() if each is not None}

    def _integrate(self, units: Units, order: ExposureOrder, number: int) -> None:
        if not units:
            return
        now = self._detectors.now()
        begins = now + self._model.lead_s
        charge = Charge(
            number,
            order.flavour,
            order.exposure_s,
            re.sub(r"[^A-Za-z0-9._+-]", "_", order.name),
            now,
            begins,
            begins + order.exposure_s,
            self._switch.serial(),
        )
        self._detectors.edit(lambda _name, _each: charge, units)

    def _integrated(self, units: Units, number: int) -> None:
        """Note what the switch did meanwhile; fails where somebody aborted the exposure."""
        if not units:
            return
        charges = self._charges()
        mine = [name for name in units if (each := charges[name]) is not None and each.exposure_no == number]
        if len(mine) < len(units):
            lost = next(name for name in units if name not in mine)
            raise DeviceFailed("the exposure was aborted", device=f"spectrographs.{lost}", verb="expose")
        serial, now = self._switch.serial(), self._detectors.now()

        def ended(_name: str, charge: Charge | None) -> Charge | None:
            over = charge is not None and now >= charge.ends_utc - 1e-3  # clocks round to microseconds
            return replace(charge, end_serial=serial) if charge and over else charge

        self._detectors.edit(ended, units)

    def _charges(self) -> dict[str, Charge | None]:
        try:
            return self._detectors.charges()
        except CorruptStateError:
            return dict.fromkeys(self.names)

    def _lose(self, units: Units) -> None:
        self._detectors.edit(lambda _name, charge: charge and charge.broken_off(), units)

    def _empty(self, units: Units) -> None:
        if units:
            self._detectors.edit(lambda _name, _charge: None, units)

    def _believe(self, activity: str, number: int) -> None:
        status = SpectrographStatus("holding" if activity == "holding" else "idle", "closed", number)
        self._believed = dict.fromkeys(self.names, status)

    def _answer(self, obey: Units, lie: Units) -> dict[str, SpectrographStatus]:
        real = self._detectors.status()
        number = self._detectors.last_no()
        answer = dict.fromkeys(self.names, SpectrographStatus("unknown", "unknown", number))
        answer |= {name: real[name] for name in obey}
        return answer | {name: self._believed.get(name, real[name]) for name in lie}

    def _settle(self, units: Units, read: Mapping[str, Charge], change: Callable[[Charge], Charge | None]) -> None:
        """Change what was read out, and nothing that was exposed since (after an abort)."""

        def settled(name: str, charge: Charge | None) -> Charge | None:
            same = charge is not None and charge.exposure_no == read[name].exposure_no
            return change(charge) if charge is not None and same else charge

        self._detectors.edit(settled, units)

    def _write(
        self,
        obey: Units,
        lie: Units,
        charges: Mapping[str, Charge],
        header: Mapping[str, object],
        folder: Path,
    ) -> tuple[Path, ...]:
        """Write the files of the units that obey; the lying ones only name theirs. Runs in a thread."""
        from safelight.devices.simulated.fits import Exposed, write_frames  # noqa: PLC0415  # numpy, astropy

        frames = [
            Exposed(charges[unit], unit, camera, self.cameras.index(camera))
            for unit in (*obey, *lie)
            for camera in self._cameras_of(unit)
        ]
        paths = {frame.camera: frame.path(folder) for frame in frames}
        real = [frame for frame in frames if frame.spectrograph in obey]
        if real:
            try:
                write_frames(self._bench, real, header, folder)
            except OSError as error:
                self._settle(obey, charges, lambda charge: replace(charge, reader=None))
                raise DeviceFailed(f"{folder}: {error}", device="spectrographs", verb="read_out") from error
            self._settle(obey, charges, lambda _charge: None)
        return tuple(paths[camera] for camera in self.cameras if camera in paths)
