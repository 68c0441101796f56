"""Simulated spectrographs: one exposure at a time, a waiting charge, and pixels that show what happened."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Literal

from safelight.devices.errors import DeviceBusy, DeviceFailed
from safelight.devices.files.names import FileNames
from safelight.devices.protocols import ExposureOrder, SpectrographStatus
from safelight.devices.simulated.cooler import Cooler
from safelight.devices.simulated.detector import Charge, Detectors
from safelight.devices.simulated.device_line import Command, DeviceLine, Units
from safelight.devices.simulated.faults import FaultBook
from safelight.devices.simulated.optical_bench import OpticalBench
from safelight.devices.simulated.state_file import CorruptStateError
from safelight.devices.simulated.switch import SimulatedSwitch
from safelight.devices.timing import expose_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from safelight.devices.drivers import DriverSite
    from safelight.devices.simulated.light_faults import LightFaults

__all__ = ["SimulatedSpectrographs"]


@cache
def _load_early() -> None:
    """Load numpy and astropy during the first integration, so that its readout does not take that much longer."""
    Thread(target=import_module, args=("safelight.devices.simulated.frame_writer",), daemon=True).start()


class SimulatedSpectrographs:
    """Simulated spectrographs (`Spectrographs`)."""

    def __init__(self, site: DriverSite) -> None:
        self._model = site.observatory.spectrographs
        self._origin = {
            "OBSERVAT": (site.observatory.name, "observatory document"),
            "INSTRUME": ("safelight simulator", "instrument"),
        }
        self._clock = site.clock
        self._detectors = Detectors(site)
        self._switch = SimulatedSwitch(site)
        self._bench = OpticalBench(site)
        self._cooler = Cooler(site, self._bench.layout.optics)
        self._line = DeviceLine("spectrographs", self._model.names, site.faults, site.clock)
        self._lamps = tuple(site.observatory.lamps.units)
        self._faults = tuple(site.faults)
        self._light_faults: LightFaults | None = None
        # Names are checked before anything moves; pixels are loaded later.
        FaultBook("light", self._lamps, self._faults)
        self._believed: dict[str, SpectrographStatus] = {}
        self._names = FileNames(site.observatory.frames, self.cameras)
        self._written: dict[int, Charge] = {}

    @property
    def names(self) -> Units:
        """Names of the spectrographs in the observatory document."""
        return self._model.names

    @property
    def cameras(self) -> Units:
        """Every camera of every spectrograph: b1, r1, z1, b2, ..."""
        return self._model.every_camera

    async def expose(self, order: ExposureOrder) -> int:
        """Integrate. If this is cancelled, the detectors continue until the time is over or `abort` comes."""
        self._require("idle", "expose")
        units = self._units_of(order.cameras)
        _load_early()
        number = await self._clock.in_thread(self._detectors.claim)
        self._written = {}
        self._believe("holding", number, units)
        await self._line.send(
            Command(
                "expose",
                units,
                expose_s(order.exposure_s, self._model.lead_s, self._model.tail_s),
                lambda obey, _lie: self._integrated(obey, number),
                begin=lambda units: self._integrate(units, order, number),
                together=True,
            )
        )
        return number

    async def read_out(self, header: Mapping[str, object], folder: Path) -> tuple[Path, ...]:
        """Read out and write. If this is interrupted, the charge is lost and the spectrographs need a reset."""
        charges = self._held()
        files = await self._line.send(
            Command(
                "read_out",
                tuple(charges),
                self._model.readout_s,
                lambda obey, lie: self._write(obey, lie, charges, header, folder),
                begin=self._detectors.start_reading,
                cancelled=self._lose,
                together=True,
                in_thread=True,
            )
        )
        self._believe("idle", next(iter(charges.values())).exposure_no, self.names)
        return files

    def files_of(self, exposure_no: int, folder: Path) -> tuple[Path, ...]:
        """Return the files of that exposure in the folder, in the order of the cameras."""
        charge = self._written.get(exposure_no)
        if charge is not None:
            # The folder is not listed: it grows with every frame of the run.
            expected = (folder / self._file(charge, camera) for camera in self.cameras)
            return tuple(path for path in expected if path.exists())
        return self._names.files_of(exposure_no, folder)

    def _file(self, charge: Charge, camera: str) -> str:
        begun = datetime.fromtimestamp(charge.begins_utc, UTC)
        return self._names.name(charge.exposure_no, charge.name, camera, begun)

    async def abort(self) -> None:
        """Close the shutters and throw the charge away, when the command arrives."""
        await self._clear("abort", self._model.abort_s)

    async def reset(self) -> None:
        """Clear errors and charges, when the command arrives."""
        await self._clear("reset", self._model.reset_s)

    async def status(self) -> Mapping[str, SpectrographStatus]:
        """Return what each spectrograph does now, read from the file."""
        return await self._line.send(Command("status", self.names, self._model.status_s, self._answer, reading=True))

    async def cool(self, set_point_c: float) -> None:
        """Set the detectors' temperature, which is reached later."""
        takes_s = self._model.status_s
        await self._line.send(
            Command("cool", self.names, takes_s, lambda obey, _lie: self._cooler.cool(set_point_c) if obey else None)
        )

    async def temperatures(self) -> Mapping[str, float | None]:
        """Read the temperature of each spectrograph's detectors."""
        return await self._line.send(
            Command("temperatures", self.names, self._model.status_s, self._degrees, reading=True)
        )

    def _degrees(self, obey: Units, lie: Units) -> dict[str, float | None]:
        here_c = self._cooler.temperature_c()
        wanted = self._model.temperature.set_point_c if self._model.temperature else None
        found: dict[str, float | None] = dict.fromkeys(self.names)
        return found | dict.fromkeys(obey, here_c) | dict.fromkeys(lie, wanted)

    def _units_of(self, cameras: Units) -> Units:
        """Return the spectrographs that have one of these cameras, or all if none is named."""
        return tuple(
            name for name in self.names if not cameras or any(c in cameras for c in self._model.cameras_of(name))
        )

    async def _clear(self, verb: str, takes_s: float) -> None:
        self._believe("idle", self._detectors.last_no(), self.names)
        command: Command[None] = Command(verb, self.names, takes_s, lambda _obey, _lie: None, begin=self._empty)
        await self._line.send(command)

    def _require(self, activity: str, verb: str, units: Units | None = None) -> None:
        for name, status in self._detectors.status().items():
            if status.activity != activity and (units is None or name in units):
                busy = verb == "expose" and status.activity in {"integrating", "holding", "reading"}
                raise (DeviceBusy if busy else DeviceFailed)(
                    f"is {status.activity}, not {activity}; read it out, abort or reset first",
                    device=f"spectrographs.{name}",
                    verb=verb,
                )

    def _held(self) -> dict[str, Charge]:
        charges = self._charges()
        chosen = [charge.cameras for charge in charges.values() if charge is not None and charge.cameras]
        units = self._units_of(tuple(chosen[0])) if chosen else self.names
        self._require("holding", "read_out", units)
        return {name: each for name in units if (each := charges[name]) is not None}

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
            cameras=order.cameras,
            camera_s=dict(order.camera_s),
        )
        self._written = {number: charge}
        self._detectors.edit(lambda _name, _each: charge, units)

    def _integrated(self, units: Units, number: int) -> None:
        """Note the switchings meanwhile. Fail if the exposure was aborted."""
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

    def _believe(self, activity: str, number: int, units: Units) -> None:
        shutter: Literal["none", "closed"] = "none" if self._model.shutter == "none" else "closed"
        status = SpectrographStatus("holding" if activity == "holding" else "idle", shutter, number)
        self._believed = dict.fromkeys(self.names, replace(status, activity="idle")) | dict.fromkeys(units, status)

    def _answer(self, obey: Units, lie: Units) -> dict[str, SpectrographStatus]:
        real = self._detectors.status()
        number = self._detectors.last_no()
        answer = dict.fromkeys(self.names, SpectrographStatus("unknown", "unknown", number))
        answer |= {name: real[name] for name in obey}
        return answer | {name: self._believed.get(name, real[name]) for name in lie}

    def _settle(self, units: Units, read: Mapping[str, Charge], change: Callable[[Charge], Charge | None]) -> None:
        """Change the charges that were read out, and none that was exposed since (after an abort)."""

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
        """Write the files of the obeying units. Units that report a wrong state only name theirs. Runs in a thread."""
        from safelight.devices.simulated.frame_writer import Exposed, write_frames  # noqa: PLC0415  # numpy, astropy
        from safelight.devices.simulated.light_faults import LightFaults  # noqa: PLC0415  # numpy

        self._light_faults = self._light_faults or LightFaults(self._lamps, self._faults)

        frames = [
            Exposed(charges[unit], unit, camera, self.cameras.index(camera), band, self._file(charges[unit], camera))
            for unit in (*obey, *lie)
            for band, camera in enumerate(self._model.cameras_of(unit))
            if camera in charges[unit].takes((camera,))
        ]
        paths = {frame.camera: frame.path(folder) for frame in frames}
        real = [frame for frame in frames if frame.spectrograph in obey]
        if real:
            try:
                write_frames(self._bench, self._light_faults, real, self._origin | dict(header), folder)
            except OSError as error:
                self._settle(obey, charges, lambda charge: replace(charge, reader=None))
                raise DeviceFailed(f"{folder}: {error}", device="spectrographs", verb="read_out") from error
            self._settle(obey, charges, lambda _charge: None)
        return tuple(paths[camera] for camera in self.cameras if camera in paths)
