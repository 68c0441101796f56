"""expose: integrate, shutter closed again, and read the lamps back: were they as declared all the while?"""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from safelight.devices.errors import DeviceError
from safelight.states.errors import BadFrame, StateError
from safelight.states.exposure import Exposure, Taken, TakenFrame
from safelight.states.instrument import Instrument
from safelight.states.look import all_named, wrong_lamps
from safelight.states.readout import keep_aside
from safelight.states.together import side_by_side

__all__ = ["Expose"]


@dataclass(frozen=True, slots=True)
class Expose:
    """Integrate one frame; `ready` has read the instrument back right before."""

    kind: ClassVar[str] = "expose"
    exposure: Exposure

    async def act(self, instrument: Instrument) -> None:
        """Integrate, looking at the lamps meanwhile, then read lamps and shutter back.

        Raises:
            BadFrame: if a lamp went out or came on, or a shutter did not close.
            StateError: if a spectrograph holds no charge: it did not integrate, whatever it answered.
        """
        frame = self.exposure.frame
        instrument.taken.pop(frame, None)
        instrument.faults.pop(frame, None)
        instrument.dwells.pop(frame, None)
        instrument.sweep_left.pop(frame, None)
        instrument.closed_at.pop(frame, None)
        seen = instrument.seen[frame]
        started = instrument.clock.utc()
        flickers: dict[str, str] = {}
        exposure_no = await self._integrate(instrument, flickers)
        instrument.closed_at[frame] = instrument.clock.now()
        instrument.taken[frame] = Taken(
            exposure_no=exposure_no,
            attempt=instrument.attempts.get(frame, 1),
            started=started,
            lamps=seen.lamps,
            warm_s=seen.warm_s,
            pointing=seen.pointing,
            fibre_steps=seen.fibre_steps,
        )
        await self._look_again(instrument, flickers)

    async def _integrate(self, instrument: Instrument, flickers: dict[str, str]) -> int:
        """The number of the exposure; lamps that were not as declared while it lasted go into `flickers`."""
        if not instrument.lamp_watch_s:
            return await instrument.devices.spectrographs.expose(self.exposure.order)
        looking = asyncio.create_task(self._watch_lamps(instrument, flickers))
        try:
            return await instrument.devices.spectrographs.expose(self.exposure.order)
        finally:
            looking.cancel()
            await asyncio.wait([looking])

    async def _watch_lamps(self, instrument: Instrument, flickers: dict[str, str]) -> None:
        """Now and then; a switch that does not answer proves nothing, and the look at the end decides."""
        while True:
            await instrument.clock.sleep(instrument.lamp_watch_s)
            try:
                lamps = all_named(instrument, await instrument.devices.lamps.status())
            except (DeviceError, TimeoutError):
                continue
            foreign, dark = wrong_lamps(self.exposure.need, lamps)
            flickers |= {lamp: f"lamp {lamp} came on during the exposure" for lamp in foreign if lamps[lamp] == "on"}
            flickers |= {lamp: f"lamp {lamp} went out during the exposure" for lamp in dark if lamps[lamp] == "off"}

    async def _look_again(self, instrument: Instrument, flickers: dict[str, str]) -> None:
        async with side_by_side() as group:
            lamps_task = group.create_task(instrument.devices.lamps.status())
            status_task = group.create_task(instrument.devices.spectrographs.status())
        for name, seen in status_task.result().items():
            if seen.activity != "holding":
                raise StateError(
                    f"after the exposure spectrograph {name} is {seen.activity}: it holds no charge to read out"
                )
        foreign, dark = wrong_lamps(self.exposure.need, all_named(instrument, lamps_task.result()))
        wrong = list(flickers.values())
        wrong += [f"lamp {lamp} was not off at the end" for lamp in foreign]
        wrong += [f"lamp {lamp} was not lit at the end" for lamp in dark]
        wrong += [
            f"the shutter of {name} was {seen.shutter} at the end"
            for name, seen in status_task.result().items()
            if seen.shutter != "closed"
        ]
        if wrong:
            instrument.faults[self.exposure.frame] = "; ".join(wrong)
            raise BadFrame(self.exposure.frame, "; ".join(wrong))

    async def clean_up(self, instrument: Instrument, *, again: bool) -> TakenFrame | None:  # noqa: ARG002
        """Keep a bad frame aside, read out, as evidence; abort anything else and throw its charge away."""
        if self.exposure.frame in instrument.faults:
            return await keep_aside(self.exposure, instrument)
        await instrument.devices.spectrographs.abort()
        await instrument.devices.spectrographs.reset()
        return None
