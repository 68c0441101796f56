"""Cooler of the simulated detectors, whose temperature follows its set-point at a finite speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.simulated.state_file import CorruptStateError, StateFile

if TYPE_CHECKING:
    from safelight.devices.drivers import DriverSite
    from safelight.devices.simulated.layout import Optics

__all__ = ["Cooler"]

_DOUBLES_C = 6.0
"""Increase in temperature that doubles the dark current, degrees: a rule of thumb for silicon detectors."""


class Cooler:
    """File of the cooler. Without a `temperature` in the document there is no cooler."""

    def __init__(self, site: DriverSite, optics: Optics) -> None:
        self._model = site.observatory.spectrographs.temperature
        self._optics = optics
        self._clock = site.clock
        self._file = StateFile(site.home / "simulated" / "cooler.json", device="spectrographs")

    def cool(self, set_point_c: float) -> None:
        """Set the temperature to be reached."""
        now = self._clock.utc().timestamp()
        here_c = self.temperature_c(now)
        if here_c is not None:
            with self._file.locked():
                self._file.write({"from_c": here_c, "since": now, "set_c": set_point_c})

    def temperature_c(self, utc: float | None = None) -> float | None:
        """Return the detectors' temperature, degrees Celsius, or None without a cooler."""
        if self._model is None:
            return None
        plain = self._plain()
        if plain is None:
            return self._model.set_point_c if self._optics.start_c is None else self._optics.start_c
        now = self._clock.utc().timestamp() if utc is None else utc
        way_c = float(plain["set_c"]) - float(plain["from_c"])
        done_c = self._optics.cooling_c_per_s * max(0.0, now - float(plain["since"]))
        return float(plain["from_c"]) + max(-done_c, min(done_c, way_c))

    def dark_factor(self, utc: float) -> float:
        """Return the dark current relative to that at the set-point of the document."""
        here_c = self.temperature_c(utc)
        return (
            1.0 if here_c is None or self._model is None else 2.0 ** ((here_c - self._model.set_point_c) / _DOUBLES_C)
        )

    def _plain(self) -> Any:
        try:
            plain = self._file.read()
        except CorruptStateError:
            return None
        return plain if isinstance(plain, dict) and {"from_c", "since", "set_c"} <= plain.keys() else None
