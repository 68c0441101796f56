"""Checks of exposures and shutters before a lamp is lit or a frame is begun.

An exposure of another program is never aborted. It is recognised by its number: ours are those that this process has
begun, and those in the journal that were never read out.
"""

import asyncio
from collections.abc import Mapping

from safelight.devices.errors import DeviceError
from safelight.devices.protocols import LampState, SpectrographStatus
from safelight.states.errors import Occupied, StateError
from safelight.states.instrument import Instrument
from safelight.states.paths import LampPaths

__all__ = ["CLOSED", "close_shutters", "darken", "not_closed", "note_shutters", "release", "someone_elses"]

_AT_WORK = frozenset({"integrating", "holding", "reading"})

_COMMANDED_S = 5.5
"""Time limit of an off command, s. A slow switch reports a timeout of its own after 4.9 s."""

_FRESH_S = 2.0
"""Time for which a read-back of the shutters stays valid, s. Between two frames they have just been read."""

CLOSED = frozenset({"closed", "none"})
"""States of a shutter in which a lamp may be lit. A detector without a shutter is idle at that time."""

Status = Mapping[str, SpectrographStatus]


def someone_elses(status: Status, instrument: Instrument) -> str | None:
    """Return, in words, the exposure of another program in the spectrographs, or None if there is none.

    Args:
        status: state of every spectrograph, as read back now.
        instrument: knows which numbers are ours, and whether a person has allowed to take over.
    """
    if instrument.take_over:
        return None
    for name, seen in status.items():
        if seen.activity in _AT_WORK and seen.exposure_no not in instrument.ours:
            return f"spectrograph {name} is {seen.activity} with exposure {seen.exposure_no}, begun by another program"
    return None


def not_closed(status: Status) -> str | None:
    """Return, in words, the first shutter that is neither read as closed nor absent, or None if there is none."""
    for name, seen in status.items():
        if seen.shutter not in CLOSED:
            return f"the shutter of spectrograph {name} is read as {seen.shutter}"
    return None


def note_shutters(status: Status, instrument: Instrument) -> None:
    """Note the time if all shutters have just been read as closed without a foreign exposure, or None if not."""
    free = not_closed(status) is None and someone_elses(status, instrument) is None
    instrument.shut_at = instrument.clock.now() if free else None


async def close_shutters(instrument: Instrument) -> None:
    """Read every shutter back and close those that are open, so that a lamp may be lit.

    This is skipped if it has just been done.

    Raises:
        Occupied: another program exposes.
        StateError: a shutter does not close, or a charge of ours waits behind it.
        DeviceError: the spectrographs do not answer.
    """
    if instrument.shut_at is not None and instrument.clock.now() - instrument.shut_at <= _FRESH_S:
        return
    spectrographs = instrument.devices.spectrographs
    status = await spectrographs.status()
    note_shutters(status, instrument)
    _demand_free(status, instrument)
    problem = not_closed(status)
    if problem is None:
        return
    if any(seen.activity in {"holding", "reading"} and _taken_here(seen, instrument) for seen in status.values()):
        raise StateError(f"no lamp is lit: {problem}, and it can't be closed before its frame has been read out")
    await release(instrument)
    problem = not_closed(await spectrographs.status())
    if problem is not None:
        raise StateError(f"no lamp is lit: {problem} after the close command")


async def release(instrument: Instrument) -> None:
    """Stop an exposure of ours, close the shutters, and throw the charge away. Leave foreign exposures alone.

    Raises:
        DeviceError: the spectrographs refuse, or do not answer.
    """
    instrument.shut_at = None
    spectrographs = instrument.devices.spectrographs
    try:
        status = await spectrographs.status()
    except DeviceError:
        # An exposure of ours is stopped all the same.
        status = {}
    if someone_elses(status, instrument) or _cant_tell(status, instrument):
        return
    await spectrographs.abort()
    await spectrographs.reset()


async def darken(lamps: tuple[str, ...], instrument: Instrument) -> dict[str, LampState]:
    """Command lamps off by every path at once. Return each as read back, `unknown` without an answer in time.

    Raises nothing. A failure here is left to the next read-back.
    """
    for lamp in lamps:
        instrument.note_off(lamp)
    paths = LampPaths.of(instrument.devices, instrument.clock, _COMMANDED_S)
    outcomes = await asyncio.gather(*map(paths.off, lamps))
    return {lamp: outcome.state for lamp, outcome in zip(lamps, outcomes, strict=True)}


def _demand_free(status: Status, instrument: Instrument) -> None:
    theirs = someone_elses(status, instrument)
    if theirs is not None:
        raise Occupied(theirs)


def _cant_tell(status: Status, instrument: Instrument) -> bool:
    """Return whether a spectrograph of unknown activity may hold an exposure that is not ours."""
    strange = (seen for seen in status.values() if seen.exposure_no not in instrument.ours)
    return not instrument.take_over and any(seen.activity == "unknown" for seen in strange)


def _taken_here(seen: SpectrographStatus, instrument: Instrument) -> bool:
    """Return whether this process has taken this exposure and will read it out."""
    return any(taken.exposure_no == seen.exposure_no for taken in instrument.taken.values())
