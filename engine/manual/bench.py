"""Manual control of the instrument: read lamps, switch them, point, move the mask, take one frame.

The actions are those of the states, with their read-backs and deadlines. Nothing is retried, as a person is present.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from safelight.devices import AltAz, DeviceError, LampState, ObservatoryError, load_observatory, open_devices
from safelight.devices.observatory.observatory import Observatory
from safelight.devices.observatory.yaml_document import nearest
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock
from safelight.engine.default_observatory import choose_observatory, source_of
from safelight.engine.guard.safing import Safing, safing_for, uncancelled
from safelight.engine.home import default_home
from safelight.engine.planning.durations import Durations
from safelight.engine.run.instrument import instrument_of
from safelight.engine.run.preflight import clock_at
from safelight.states import FibselStep, Instrument, LampWarmup, Point, StateError, TakenFrame, Work

__all__ = ["SLOWER_PATH_S", "ManualBench", "known", "open_bench"]

SLOWER_PATH_S = 5.0
"""Longest wait for a path to the lamps while another one reads them as off, s. A slow switch answers after 4.9 s."""
_CLOSE_S = 2.0
"""Time limit for closing the connections, s of wall time."""


def known(word: str, names: Iterable[str], what: str) -> str:
    """Return the name as the observatory spells it, in any case.

    Raises:
        ObservatoryError: there is no such name; the message gives the nearest.
    """
    names = tuple(names)
    for name in names:
        if name.casefold() == word.casefold():
            return name
    raise ObservatoryError(f"no {what} {word!r}; {nearest(word, names)}")


@dataclass(frozen=True, slots=True)
class ManualBench:
    """Instrument under manual control.

    Attributes:
        source: the observatory's shipped name, or the path of its document.
        heard: called with a lamp and what safing did or read.
        early: called with a lamp that one path reads as off while another one is still waited for, and with the seconds
            that are left for that.
    """

    observatory: Observatory
    instrument: Instrument
    source: str
    heard: Callable[[str, str], None] = lambda lamp, words: None  # noqa: ARG005
    early: Callable[[str, float], None] = lambda lamp, left_s: None  # noqa: ARG005

    # ---- lamps

    async def lamps(self) -> dict[str, LampState]:
        """Return every lamp as read back now. What can't be read is `unknown`. Raises nothing."""
        return await self._safing().read_all()

    async def light(self, lamp: str) -> float:
        """Light one lamp and read it back. Return its maximum on-time, s.

        Raises:
            ObservatoryError: there is no such lamp.
            DeviceError, StateError, TimeoutError: it is not confirmed lit, and has been commanded off again.
        """
        name = known(lamp, self.instrument.devices.lamps.names, "lamp")
        lamps = self.observatory.lamps
        await self.bounded(LampWarmup((name,), (0.0,)), lamps.on_s + lamps.status_s)
        return self.instrument.longest_on_s[name]

    async def darken(self, lamp: str | None = None) -> dict[str, LampState]:
        """Switch one lamp off, or all of them, by safing. Return their last read-back states. Can't be interrupted.

        Raises:
            ObservatoryError: there is no such lamp.
        """
        safing = self._safing()
        if lamp is None:
            return await uncancelled(safing.all_lamps())
        name = known(lamp, self.instrument.devices.lamps.names, "lamp")
        return {name: await uncancelled(self._darken_one(name, safing))}

    async def _darken_one(self, lamp: str, safing: Safing) -> LampState:
        """Send one lamp's own off command, then use the second path. No other lamp is touched."""
        state = await safing.one_lamp(lamp)
        if state == "off" or safing.second is None:
            return state
        state = await replace(safing, lamps=safing.second, second=None).one_lamp(lamp)
        # If the two paths disagree, the lamp is not confirmed off.
        return "unknown" if state == "off" and (await safing.read_all())[lamp] == "on" else state

    def _safing(self) -> Safing:
        devices = self.instrument.devices
        clock = self.instrument.clock
        safing = safing_for(self.observatory, devices.lamps, devices.second_lamps, clock, self.heard)
        return replace(safing, early=self.early, grace_s=min(SLOWER_PATH_S, safing.try_s))

    # ---- telescopes and mask

    async def point(self, position: str) -> dict[str, AltAz]:
        """Slew to a named position. Return the read-back direction of each telescope.

        Raises:
            ObservatoryError: there is no such position.
            DeviceError, StateError, TimeoutError: they are not there.
        """
        name = known(position, self.instrument.positions, "position")
        telescopes = self.observatory.telescopes
        longest_s = 180.0 / telescopes.slew_deg_per_s + telescopes.settle_s if telescopes else 0.0
        await self.bounded(Point(name), longest_s)
        devices = self.instrument.devices.telescopes
        seen = await devices.status() if devices else {}
        return {telescope: status.where for telescope, status in seen.items() if status.where}

    async def turn_mask(self, fibre: str) -> int | None:
        """Move the mask to a fibre. Return its read-back position, motor steps.

        Raises:
            ObservatoryError: there is no such fibre.
            DeviceError, StateError, TimeoutError: it is not there.
        """
        name = known(fibre, self.instrument.fibres, "fibre")
        steps = (0, *self.instrument.fibres.values())
        await self.bounded(FibselStep(name), Durations(self.observatory).move_s(min(steps), max(steps)))
        fibsel = self.instrument.devices.fibsel
        return (await fibsel.status()).steps if fibsel else None

    # ---- execution

    async def bounded(self, work: Work, expected_s: float) -> TakenFrame | None:
        """Do a state's action within the deadline of its kind, and clean up if it fails.

        Args:
            work: the action.
            expected_s: how long it should take, s.

        Raises:
            DeviceError, StateError, TimeoutError: it did not.
            CancelledError: after the clean-up.
        """
        deadline_s = self.observatory.deadlines.deadline_s(work.kind, expected_s)
        try:
            async with self.instrument.clock.timeout(deadline_s):
                return await work.act(self.instrument)
        except BaseException as error:
            await uncancelled(self._clean_up(work, deadline_s))
            if isinstance(error, TimeoutError):
                raise StateError(f"{work.kind}: not done after {deadline_s:g} s") from None
            raise

    async def _clean_up(self, work: Work, deadline_s: float) -> None:
        try:
            async with self.instrument.clock.timeout(deadline_s):
                await work.clean_up(self.instrument, again=True)
        except Exception:  # noqa: BLE001 - the first failure is the one to report
            return


@asynccontextmanager
async def open_bench(
    observatory: str | Path | None = None,
    *,
    home: Path | None = None,
    speed: float | str = 1,
    frames: Path = Path("frames"),
    faults: tuple[Fault, ...] = (),
    heard: Callable[[str, str], None] = lambda lamp, words: None,  # noqa: ARG005
    early: Callable[[str, float], None] = lambda lamp, left_s: None,  # noqa: ARG005
) -> AsyncIterator[ManualBench]:
    """Open an instrument for the duration of the body.

    Args:
        observatory: a shipped name or the path of a document; None: that of the variable, or the default, or the
            simulated one.
        home: state folder; None: the user's.
        speed: 1 real, N times faster, `max` virtual.
        frames: where frames are written.
        faults: faults of a simulated instrument.
        heard: called with a lamp and what safing did or read.
        early: called with a lamp that one path reads as off while another one is still waited for, and with the seconds
            that are left for that.

    Raises:
        ObservatoryError, EngineError: before anything was touched.
    """
    source = choose_observatory(observatory, home).source
    model = load_observatory(source)
    clock = clock_at(speed, model)
    devices = open_devices(model, clock=clock, home=home or default_home(), faults=faults)
    instrument = instrument_of(model, devices, clock, frames)
    # A person who lights a lamp by hand checks the shutters, and may want them open.
    instrument.behind_shutters = False
    try:
        yield ManualBench(model, instrument, source_of(source), heard, early)
    finally:
        # A connection that fails to close, or hangs, does not change what was done and read back.
        with suppress(DeviceError, TimeoutError):
            async with Clock().timeout(_CLOSE_S):
                await devices.close()
