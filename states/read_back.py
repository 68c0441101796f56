"""Read-back of the whole instrument at once, and its comparison with the needs of a frame.

A lamp that was on for seconds between two read-backs spoils a dark although each of them says off. So the switch is
also asked how often it has switched each lamp.
"""

from collections.abc import Mapping
from typing import Any

from safelight.devices.concurrently import side_by_side
from safelight.devices.errors import DeviceError
from safelight.devices.protocols import (
    CooledSpectrographs,
    DimmableLamps,
    FibreStatus,
    Lamps,
    LampState,
    SpectrographStatus,
    TelescopeStatus,
)
from safelight.states.configure import out_of_place, read_selectors
from safelight.states.exposure import AS_FOUND, Exposure, Need, ReadBack
from safelight.states.instrument import Instrument
from safelight.states.paths import lamps_now
from safelight.states.point import astray, unsteady
from safelight.states.shutters import CLOSED, not_closed, note_shutters, someone_elses

__all__ = [
    "Switchings",
    "all_named",
    "exposing",
    "read_instrument",
    "read_temperatures",
    "switched_meanwhile",
    "switchings_of",
    "too_warm",
    "wrong_lamps",
]

_CLOCK_GRAIN_S = 0.05
"""Resolution of the clock, s. A sleep may end that much early, which no lamp notices."""


async def read_instrument(need: Need, instrument: Instrument) -> ReadBack:
    """Read lamps, telescopes, mask and spectrographs, all at once.

    Raises:
        DeviceError: if one does not answer.
    """
    devices = instrument.devices
    async with side_by_side() as group:
        lamps_task = group.create_task(lamps_now(devices, instrument.clock))
        telescopes_task = group.create_task(devices.telescopes.status()) if devices.telescopes else None
        spectrographs_task = group.create_task(devices.spectrographs.status())
        mask_task = group.create_task(devices.fibsel.status()) if devices.fibsel else None
        setup_task = group.create_task(read_selectors(instrument))
        levels_task = group.create_task(_read_levels(need, instrument))
        cold_task = group.create_task(read_temperatures(instrument))
    selectors, levels, detectors_c = setup_task.result(), levels_task.result(), cold_task.result()
    lamps = all_named(instrument, lamps_task.result())
    telescopes = telescopes_task.result() if telescopes_task else {}
    mask = mask_task.result() if mask_task else None
    spectrographs = spectrographs_task.result()
    note_shutters(spectrographs, instrument)
    warm_s = tuple((lamp, instrument.on_time_s(lamp)) for lamp in need.lamps)
    foreign, dark = wrong_lamps(need, lamps)
    cold = tuple(
        lamp
        for (lamp, on_time_s), warmup_s in zip(warm_s, need.warmup_s, strict=True)
        if on_time_s < warmup_s - _CLOCK_GRAIN_S and lamp not in dark
    )
    return ReadBack(
        lamps=tuple(lamps.items()),
        warm_s=warm_s,
        foreign=foreign,
        dark=dark + cold,
        astray=_astray(need, telescopes, instrument),
        mask=_off_fibre(need, mask, instrument),
        busy=_busy(spectrographs),
        pointing=tuple((name, seen.where) for name, seen in telescopes.items() if seen.where),
        fibre_steps=mask.steps if mask else None,
        exposure_no=max((seen.exposure_no for seen in spectrographs.values()), default=0),
        theirs=someone_elses(spectrographs, instrument),
        closed=not_closed(spectrographs) is None,
        setup=tuple((name, seen.position) for name, seen in selectors.items() if seen.position is not None),
        misplaced=out_of_place(need, selectors, instrument.found),
        levels=tuple((lamp, level) for lamp, level in levels.items() if level is not None),
        dimmed=_dimmed(need, levels, instrument),
        detector_c=max((each for each in detectors_c.values() if each is not None), default=None),
        warm=None if instrument.set_point_c is None else too_warm(detectors_c, instrument),
    )


async def _read_levels(need: Need, instrument: Instrument) -> Mapping[str, float | None]:
    """Read the levels of lamps, if the frame needs one."""
    lamps = instrument.devices.lamps
    return await lamps.levels() if need.levels and isinstance(lamps, DimmableLamps) else {}


def _dimmed(need: Need, levels: Mapping[str, float | None], instrument: Instrument) -> str | None:
    """Return, in words, the first lamp that is not at its level, or None if all are."""
    for lamp, percent in need.levels:
        seen = levels.get(lamp)
        if seen is None:
            return f"the level of lamp {lamp} can't be read"
        if abs(seen - percent) > instrument.tolerances.level:
            return f"lamp {lamp} should be at {percent:g} percent and is at {seen:g}"
    return None


async def read_temperatures(instrument: Instrument) -> Mapping[str, float | None]:
    """Read the detectors' temperatures, if the observatory has a set-point."""
    spectrographs = instrument.devices.spectrographs
    if instrument.set_point_c is None or not isinstance(spectrographs, CooledSpectrographs):
        return {}
    return await spectrographs.temperatures()


def too_warm(detectors_c: Mapping[str, float | None], instrument: Instrument) -> str | None:
    """Return, in words, the first detector that is not at its temperature, or None if all are."""
    wanted_c, tolerance_c = instrument.set_point_c or 0.0, instrument.tolerances.detector_c
    if not detectors_c:
        return "the temperature of the detectors can't be read"
    for name, seen_c in detectors_c.items():
        if seen_c is None:
            return f"the temperature of {name} can't be read"
        if abs(seen_c - wanted_c) > tolerance_c:
            return f"the detector of {name} should be at {wanted_c:g} C and is at {seen_c:.1f} C"
    return None


def exposing(exposure: Exposure, status: Mapping[str, SpectrographStatus], instrument: Instrument) -> tuple[str, ...]:
    """Return the spectrographs that take part in an exposure, or all of them if it chooses no cameras."""
    if not exposure.cameras:
        return tuple(status)
    return tuple(
        name for name in status if set(instrument.cameras_of.get(name, exposure.cameras)) & set(exposure.cameras)
    )


def all_named(instrument: Instrument, status: Mapping[str, LampState]) -> dict[str, LampState]:
    """Return every lamp as read. A lamp that the switch does not mention is `unknown`, never off."""
    return {lamp: status.get(lamp, "unknown") for lamp in instrument.devices.lamps.names}


def wrong_lamps(need: Need, lamps: Mapping[str, LampState]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lamps that are not read as off and should be, and those not read as on that should be."""
    allowed = need.lamps + need.bearable
    foreign = tuple(lamp for lamp, state in lamps.items() if lamp not in allowed and state != "off")
    dark = tuple(lamp for lamp in need.lamps if lamps.get(lamp) != "on")
    return foreign, dark


def _astray(need: Need, status: Mapping[str, TelescopeStatus], instrument: Instrument) -> str | None:
    if need.position is None:
        return None
    if need.position == AS_FOUND and AS_FOUND not in instrument.positions:
        return unsteady(status)
    return astray(instrument.positions[need.position], status, instrument.tolerances.pointing_deg)


def _off_fibre(need: Need, mask: FibreStatus | None, instrument: Instrument) -> str | None:
    if need.fibre is None:
        return None
    if need.fibre == AS_FOUND and AS_FOUND not in instrument.fibres:
        return _unsteady(mask)
    wanted = instrument.fibres[need.fibre]
    steps = mask.steps if mask else None
    if mask and steps is not None and not mask.moving and abs(steps - wanted) <= instrument.tolerances.fibre_steps:
        return None
    return f"the mask should be at {need.fibre} ({wanted} steps) and reads {steps}"


def _unsteady(mask: FibreStatus | None) -> str | None:
    """Return why the mask can't be used where it is, or None if it can."""
    if mask is None or mask.steps is None:
        return "the mask does not report where it is, and no fibre is named: name one in the document"
    return "the mask still moves" if mask.moving else None


def _busy(spectrographs: Mapping[str, SpectrographStatus]) -> str | None:
    for name, seen in spectrographs.items():
        if seen.activity != "idle" or seen.shutter not in CLOSED:
            return f"spectrograph {name} is {seen.activity} with its shutter {seen.shutter}"
    return None


Switchings = Mapping[str, tuple[int, int]]
"""Lamp -> number of times that it was switched on, and off. A lamp without a count is missing."""


async def switchings_of(lamps: Lamps) -> Switchings:
    """Return the driver's counts, or empty where it can't count, or does not answer."""
    count: Any = getattr(lamps, "switchings", None)
    if count is None:
        return {}
    try:
        counts: Switchings = await count()
    except (DeviceError, TimeoutError):
        return {}
    return counts


def switched_meanwhile(need: Need, before: Switchings, after: Switchings) -> dict[str, str]:
    """Return, in words, each lamp that was switched during the exposure although it had to stay as it was.

    Args:
        need: what the exposure needs.
        before: the counts when it began.
        after: the counts when it had ended.
    """
    reasons = {}
    for lamp, (ons, offs) in after.items():
        if lamp not in before:
            continue
        if lamp in need.lamps and offs > before[lamp][1]:
            reasons[lamp] = f"lamp {lamp} was switched off during the exposure, as its switch reports"
        elif lamp not in (*need.lamps, *need.bearable) and ons > before[lamp][0]:
            reasons[lamp] = f"lamp {lamp} was switched on during the exposure, as its switch reports"
    return reasons
