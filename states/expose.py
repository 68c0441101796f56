"""expose: integrate, close the shutter, and check that the lamps were as declared all the time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from safelight.devices.concurrently import side_by_side
from safelight.devices.errors import DeviceBusy, DeviceError
from safelight.devices.protocols import LampState, SelectorStatus, SpectrographStatus
from safelight.states.configure import misplaced, not_blocking, read_selectors
from safelight.states.errors import BadFrame, Occupied, Spoilt, StateError
from safelight.states.exposure import Exposure, Need, Taken, TakenFrame
from safelight.states.instrument import Instrument
from safelight.states.paths import lamps_now
from safelight.states.read_back import (
    all_named,
    exposing,
    read_temperatures,
    switched_meanwhile,
    switchings_of,
    too_warm,
    wrong_lamps,
)
from safelight.states.readout import keep_aside
from safelight.states.shutters import CLOSED, note_shutters, release

__all__ = ["Expose"]

T = TypeVar("T")

_ANSWER_S = 3.0
"""Time limit of a read-back after the exposure, s. It is short, so that the state's deadline can't cost the charge."""
_TRIES = 2
"""Number of tries of a read-back."""
_BETWEEN_S = 0.5
"""Pause between two tries, s."""
_UNREAD = "it was stopped before its lamps and shutters were read back"
"""Reason of a bad frame whose read-back had not ended. A run that is stopped does not wait for its readout."""


@dataclass(frozen=True, slots=True)
class Expose:
    """Integrate one frame. `ready` has read the instrument back right before."""

    kind: ClassVar[str] = "expose"
    exposure: Exposure

    async def act(self, instrument: Instrument) -> None:
        """Integrate and watch the lamps meanwhile, then read lamps and shutters back.

        Raises:
            Occupied: if another program was faster; nothing was begun.
            Spoilt: if it was interrupted, because a lamp has spoilt it.
            BadFrame: if a lamp went out or came on, a shutter did not close, or this is unknown.
            StateError: if a spectrograph holds no charge: it did not integrate, although it said so.
        """
        exposure = instrument.chosen(self.exposure)
        if exposure is not self.exposure:
            await Expose(exposure).act(instrument)
            return
        frame = exposure.frame
        instrument.taken.pop(frame, None)
        instrument.faults.pop(frame, None)
        instrument.dwells.pop(frame, None)
        instrument.sweep_left.pop(frame, None)
        instrument.closed_at.pop(frame, None)
        instrument.timed_s.pop(frame, None)
        seen = instrument.seen[frame]
        started = instrument.clock.utc()
        flickers: dict[str, str] = {}
        before = await switchings_of(instrument.devices.lamps)
        exposure_no = await self._expose(seen.exposure_no + 1, instrument, flickers)
        after = await switchings_of(instrument.devices.lamps)
        flickers |= {
            lamp: why
            for lamp, why in switched_meanwhile(self._need_meanwhile, before, after).items()
            if lamp not in flickers
        }
        instrument.closed_at[frame] = instrument.clock.now()
        instrument.taken[frame] = Taken(
            exposure_no=exposure_no,
            attempt=instrument.attempts.get(frame, 1),
            started=started,
            lamps=tuple((lamp, "on" if lamp in dict(self.exposure.timed) else state) for lamp, state in seen.lamps),
            warm_s=seen.warm_s,
            pointing=seen.pointing,
            fibre_steps=seen.fibre_steps,
            setup=seen.setup,
            levels=seen.levels,
            detector_c=seen.detector_c,
        )
        instrument.faults[frame] = _UNREAD
        try:
            wrong = [*flickers.values(), *await self._wrong_at_the_end(instrument)]
        except StateError:
            del instrument.faults[frame]
            raise
        del instrument.faults[frame]
        if wrong:
            instrument.faults[frame] = "; ".join(wrong)
            raise BadFrame(frame, "; ".join(wrong))

    async def _expose(self, number: int, instrument: Instrument, flickers: dict[str, str]) -> int:
        """Expose and return the exposure's number. It counts as ours from the moment of the request."""
        instrument.ours.add(number)
        instrument.shut_at = None
        try:
            exposure_no = await self._integrate(instrument, flickers)
        except DeviceBusy as error:
            instrument.ours.discard(number)
            raise Occupied(f"{error.device} {error.reason}") from None
        instrument.ours.add(exposure_no)
        return exposure_no

    # ---- while it lasts

    @property
    def _need_meanwhile(self) -> Need:
        """Need of the frame during its integration, in which timed lamps may be on."""
        need = self.exposure.need
        return replace(need, tolerated=(*need.tolerated, *dict(self.exposure.timed)))

    async def _integrate(self, instrument: Instrument, flickers: dict[str, str]) -> int:
        """Integrate and return the exposure's number. Lamps that were not as declared meanwhile go into `flickers`."""
        if not instrument.lamp_watch_s:
            return await instrument.devices.spectrographs.expose(self.exposure.order)
        began = instrument.clock.now()
        exposing = asyncio.create_task(instrument.devices.spectrographs.expose(self.exposure.order))
        looking = asyncio.create_task(self._watch_lamps(instrument, flickers))
        try:
            await asyncio.wait([exposing, looking], return_when=asyncio.FIRST_COMPLETED)
            if exposing.done() or looking.exception() is not None:
                return await exposing
            after_s = instrument.clock.now() - began
            raise Spoilt(
                f"{looking.result()}: {self.exposure.frame} was interrupted after {after_s:.0f} s "
                f"of {self.exposure.exposure_s:g} s"
            )
        finally:
            looking.cancel()
            exposing.cancel()
            await asyncio.wait([looking, exposing])

    async def _watch_lamps(self, instrument: Instrument, flickers: dict[str, str]) -> str:
        """Check the lamps at intervals. Return, in words, a fault that is seen twice, which spoils the exposure.

        A switch that does not answer proves nothing. The check at the end decides.
        """
        while True:
            await instrument.clock.sleep(instrument.lamp_watch_s)
            wrong = await self._wrong_meanwhile(instrument)
            flickers |= wrong
            if not wrong or not instrument.break_off_spoilt:
                continue
            still = await self._wrong_meanwhile(instrument)
            sure = [words for lamp, words in wrong.items() if lamp in still]
            if sure:
                return "; ".join(sure)

    async def _wrong_meanwhile(self, instrument: Instrument) -> dict[str, str]:
        """Return, in words, each lamp that is read as on and should be off, or the reverse."""
        with suppress(DeviceError, TimeoutError):
            lamps = all_named(instrument, await lamps_now(instrument.devices, instrument.clock))
            open_shutter = await self._not_blocked(instrument)
            foreign, dark = wrong_lamps(self._need_meanwhile, lamps)
            came_on = {lamp: f"lamp {lamp} came on during the exposure" for lamp in foreign if lamps[lamp] == "on"}
            went_out = {
                lamp: f"lamp {lamp} went out during the exposure{instrument.blame(lamp)}"
                for lamp in dark
                if lamps[lamp] == "off"
            }
            return came_on | went_out | open_shutter
        return {}

    async def _not_blocked(self, instrument: Instrument) -> dict[str, str]:
        """Return, in words, each lamp whose source shutter is not read back as blocking."""
        shields = self.exposure.need.shields
        status = await read_selectors(instrument) if shields else {}
        problems = {each[0]: not_blocking((each,), status) for each in shields}
        return {lamp: f"during the exposure {problem}" for lamp, problem in problems.items() if problem}

    # ---- when it is over

    async def _wrong_at_the_end(self, instrument: Instrument) -> list[str]:
        """Return, in words, everything that is not as declared, including what can't be read.

        A charge is in the spectrographs, so nothing is raised for a lamp that does not answer.
        """
        devices = instrument.devices
        async with side_by_side() as group:
            lamps_task = group.create_task(self._read_back(lambda: lamps_now(devices, instrument.clock), instrument))
            status_task = group.create_task(self._read_back(devices.spectrographs.status, instrument))
            setup_task = group.create_task(self._read_back(lambda: read_selectors(instrument), instrument))
            cold_task = group.create_task(self._read_back(lambda: read_temperatures(instrument), instrument))
        status = status_task.result()
        wrong = [*self._wrong_lamps(lamps_task.result(), instrument), *self._wrong_shutters(status, instrument)]
        wrong += self._wrong_setup(setup_task.result(), instrument)
        if instrument.set_point_c is not None:
            warm = too_warm(cold_task.result(), instrument)
            wrong += [f"at the end {warm}"] if warm else []
        if status:
            note_shutters(status, instrument)
        return wrong

    @staticmethod
    async def _read_back(read: Callable[[], Awaitable[Mapping[str, T]]], instrument: Instrument) -> Mapping[str, T]:
        """Return what is read, after a second try if needed. Return nothing where no answer comes in time."""
        for number in range(_TRIES):
            if number:
                await instrument.clock.sleep(_BETWEEN_S)
            with suppress(DeviceError, TimeoutError):
                async with instrument.clock.timeout(_ANSWER_S):
                    return await read()
        return {}

    def _wrong_lamps(self, lamps: Mapping[str, LampState], instrument: Instrument) -> list[str]:
        if not lamps:
            return ["the lamps could not be read back at the end"]
        foreign, dark = wrong_lamps(self.exposure.need, all_named(instrument, lamps))
        wrong = [f"lamp {lamp} was not off at the end" for lamp in foreign]
        return wrong + [f"lamp {lamp} was not lit at the end{instrument.blame(lamp)}" for lamp in dark]

    def _wrong_setup(self, status: Mapping[str, SelectorStatus], instrument: Instrument) -> list[str]:
        """Return, in words, a selector that is not where it was when the exposure began."""
        asked = {name for name, _ in self.exposure.need.setup}
        seen = instrument.seen[self.exposure.frame].setup if asked else ()
        problem = not_blocking(self.exposure.need.shields, status)
        problem = problem or misplaced(tuple(each for each in seen if each[0] in asked), status, {})
        return [f"at the end {problem}"] if problem else []

    def _wrong_shutters(self, status: Mapping[str, SpectrographStatus], instrument: Instrument) -> list[str]:
        """Return each shutter that is not closed. Raise if a spectrograph holds no charge to read out."""
        if not status:
            return ["the spectrographs could not be read back at the end"]
        units = exposing(self.exposure, status, instrument)
        for name in units:
            seen = status[name]
            if seen.activity not in {"holding", "unknown"}:
                words = f"after the exposure spectrograph {name} is {seen.activity}: it holds no charge to read out"
                raise StateError(words)
        wrong = [
            f"spectrograph {name} did not report at the end what it holds"
            for name, seen in status.items()
            if seen.activity == "unknown" and name in units
        ]
        return wrong + [
            f"the shutter of {name} was {seen.shutter} at the end"
            for name, seen in status.items()
            if seen.shutter not in CLOSED
        ]

    async def clean_up(self, instrument: Instrument, *, again: bool) -> TakenFrame | None:
        """Read a bad frame out and keep it aside as evidence. Abort anything else and throw its charge away."""
        reason = instrument.faults.get(self.exposure.frame)
        if reason is not None and (again or reason != _UNREAD):
            return await keep_aside(self.exposure, instrument)
        await release(instrument)
        return None
