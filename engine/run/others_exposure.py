"""Waiting for an exposure of another program, for a limited time and with reports, until the run has to stop."""

from collections.abc import Callable
from dataclasses import dataclass

from safelight.devices import DeviceError
from safelight.engine.events import Announcer
from safelight.states import Instrument, Occupied
from safelight.states.shutters import someone_elses

__all__ = ["Others"]

_LOOK_EVERY_S = 1.0
"""Interval at which the spectrographs are checked, s."""
_TELL_EVERY_S = 60.0
"""Interval of reports that the run still waits, s."""


@dataclass(frozen=True, slots=True)
class Others:
    """Other programs at the same spectrographs.

    Attributes:
        longest_s: longest wait, s.
        stopped: returns whether the run has to end early, which ends the wait.
    """

    instrument: Instrument
    longest_s: float
    tell: Announcer
    stopped: Callable[[], bool]

    async def gone(self) -> None:
        """Wait until no exposure of theirs is in the spectrographs. A failed read-back is left to the next state.

        Raises:
            Occupied: their exposure did not end in time.
        """
        began = told = self.instrument.clock.now()
        first = True
        while not self.stopped():
            theirs = await self._seen()
            now = self.instrument.clock.now()
            if theirs is None:
                self.tell("others.gone", waited_s=round(now - began, 3))
                return
            if now - began >= self.longest_s:
                raise Occupied(
                    f"{theirs}; it was waited for for {self.longest_s:g} s: see to it that it is read out or aborted, "
                    "or say --take-over to abort it"
                )
            if first or now - told >= _TELL_EVERY_S:
                self.tell("others.waiting", reason=theirs, waited_s=round(now - began, 3), longest_s=self.longest_s)
                first, told = False, now
            await self.instrument.clock.sleep(_LOOK_EVERY_S)

    async def _seen(self) -> str | None:
        try:
            return someone_elses(await self.instrument.devices.spectrographs.status(), self.instrument)
        except DeviceError:
            return None
