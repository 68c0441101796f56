"""adopt: take over an exposure that outlived its runner; wait until its charge is there, or its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import ClassVar

from safelight.devices.protocols import AltAz, LampState, SpectrographStatus
from safelight.states.errors import StateError
from safelight.states.exposure import Exposure, Taken
from safelight.states.instrument import Instrument
from safelight.states.look import all_named, wrong_lamps

__all__ = ["Adopt"]

_LOOK_EVERY_S = 1.0
"""How often a running integration or read-out is looked at, s."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Wait for one exposure that is in the spectrographs.

    Attributes:
        exposure_no: the spectrographs' number for it.
        attempt: which try of the frame it was.
        started: UTC, ISO 8601.
        lamps: every lamp, as read back right before it began.
        warm_s: how long each of its lamps had burnt.
        pointing: telescope, altitude and azimuth in degrees, as read back.
        fibre_steps: the mask, motor steps.
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

    async def act(self, instrument: Instrument) -> None:
        """Wait while it integrates or is read out; then its charge must be waiting, or all its files be there.

        Raises:
            StateError: if something else is in the spectrographs, or a lamp burns that should not.
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
            self._demand_charge(status)
        self._note(instrument)

    async def _demand_darkness(self, instrument: Instrument) -> None:
        """An integration that nobody has watched to its end is taken over only where nothing shone on it."""
        foreign, _ = wrong_lamps(self.exposure.need, all_named(instrument, await instrument.devices.lamps.status()))
        if foreign:
            lamps = ", ".join(foreign)
            raise StateError(f"{self.exposure.frame} can't be used: not read as off at its end: {lamps}")

    def _is_there(self, instrument: Instrument) -> bool:
        """Whether the dead runner's own read-out has brought every file."""
        spectrographs = instrument.devices.spectrographs
        return len(spectrographs.files_of(self.exposure_no, instrument.folder)) == len(spectrographs.cameras)

    def _demand_charge(self, status: Mapping[str, SpectrographStatus]) -> None:
        for name, seen in status.items():
            if seen.activity != "holding" or seen.exposure_no != self.exposure_no or seen.shutter != "closed":
                raise StateError(
                    f"spectrograph {name} should hold exposure {self.exposure_no} of {self.exposure.frame}, and is "
                    f"{seen.activity} with exposure {seen.exposure_no} and its shutter {seen.shutter}"
                )

    def _note(self, instrument: Instrument) -> None:
        """As if this process had exposed it."""
        instrument.taken[self.exposure.frame] = Taken(
            exposure_no=self.exposure_no,
            attempt=self.attempt,
            started=datetime.fromisoformat(self.started),
            lamps=self.lamps,
            warm_s=self.warm_s,
            pointing=tuple((name, AltAz(alt_deg, az_deg)) for name, alt_deg, az_deg in self.pointing),
            fibre_steps=self.fibre_steps,
        )

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:
        """On the way out, throw it away."""
        if not again:
            await instrument.devices.spectrographs.abort()
            await instrument.devices.spectrographs.reset()
