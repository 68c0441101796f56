"""adopt: take over an exposure that outlived its runner, and wait for its charge or its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ClassVar

from safelight.devices.protocols import AltAz, LampState, SpectrographStatus
from safelight.states.errors import StateError
from safelight.states.exposure import LATER, Exposure, Places, Taken
from safelight.states.instrument import Instrument
from safelight.states.paths import lamps_now
from safelight.states.read_back import all_named, exposing, wrong_lamps
from safelight.states.shutters import CLOSED, release

__all__ = ["Adopt"]

_LOOK_EVERY_S = 1.0
"""Interval at which a running integration or readout is checked, s."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Wait for one exposure that is in the spectrographs.

    Attributes:
        exposure_no: the spectrographs' number for it.
        attempt: number of the try, 1 for the first.
        started: UTC, ISO 8601.
        lamps: every lamp, as read back right before it began.
        warm_s: how long each of its lamps had been on, s.
        pointing: telescope, altitude and azimuth in degrees, as read back.
        fibre_steps: the mask, motor steps.
        setup: every selector, as read back.
        levels: every lamp that can be dimmed, in percent, as read back.
        detector_c: the warmest detector, degrees Celsius.
    """

    kind: ClassVar[str] = "adopt"
    exposure: Exposure
    exposure_no: int
    attempt: int
    started: str
    lamps: tuple[tuple[str, LampState], ...] = ()
    warm_s: tuple[tuple[str, float], ...] = ()
    pointing: tuple[tuple[str, float, float], ...] = ()
    fibre_steps: int | None = None
    setup: Places = field(default=(), metadata={LATER: True})
    levels: tuple[tuple[str, float], ...] = field(default=(), metadata={LATER: True})
    detector_c: float | None = field(default=None, metadata={LATER: True})

    async def act(self, instrument: Instrument) -> None:
        """Wait until the exposure has ended. Its charge must then be waiting, or all its files be there.

        Raises:
            StateError: if something else is in the spectrographs, or a lamp is on that should be off.
        """
        spectrographs = instrument.devices.spectrographs
        status = await spectrographs.status()
        integrating = any(seen.activity == "integrating" for seen in status.values())
        while any(seen.activity in {"integrating", "reading"} for seen in status.values()):
            await instrument.clock.sleep(_LOOK_EVERY_S)
            status = await spectrographs.status()
        if integrating:
            await self._demand_darkness(instrument)
        if not await instrument.clock.in_thread(partial(self._is_there, instrument)):
            self._demand_charge(status, instrument)
        self._note(instrument)

    async def _demand_darkness(self, instrument: Instrument) -> None:
        """Refuse the exposure if any lamp is on that should be off: its end was not watched."""
        foreign, _ = wrong_lamps(
            self.exposure.need, all_named(instrument, await lamps_now(instrument.devices, instrument.clock))
        )
        if foreign:
            lamps = ", ".join(foreign)
            raise StateError(f"{self.exposure.frame} can't be used: not read as off at its end: {lamps}")

    def _is_there(self, instrument: Instrument) -> bool:
        """Return whether the dead runner's own readout has brought every file."""
        spectrographs = instrument.devices.spectrographs
        there = spectrographs.files_of(self.exposure_no, instrument.folder)
        return len(there) == self.exposure.files(spectrographs.cameras)

    def _demand_charge(self, status: Mapping[str, SpectrographStatus], instrument: Instrument) -> None:
        for name in exposing(self.exposure, status, instrument):
            seen = status[name]
            if seen.activity != "holding" or seen.exposure_no != self.exposure_no or seen.shutter not in CLOSED:
                raise StateError(
                    f"spectrograph {name} should hold exposure {self.exposure_no} of {self.exposure.frame}, and is "
                    f"{seen.activity} with exposure {seen.exposure_no} and its shutter {seen.shutter}"
                )

    def _note(self, instrument: Instrument) -> None:
        """Note the exposure as if this process had taken it."""
        instrument.ours.add(self.exposure_no)
        instrument.taken[self.exposure.frame] = Taken(
            exposure_no=self.exposure_no,
            attempt=self.attempt,
            started=datetime.fromisoformat(self.started),
            lamps=self.lamps,
            warm_s=self.warm_s,
            pointing=tuple((name, AltAz(alt_deg, az_deg)) for name, alt_deg, az_deg in self.pointing),
            fibre_steps=self.fibre_steps,
            setup=self.setup,
            levels=self.levels,
            detector_c=self.detector_c,
        )

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """Throw the exposure away, on the way out."""
        if not again:
            await release(instrument)
