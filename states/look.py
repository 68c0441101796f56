"""Read the whole instrument back at once and compare it with what a frame needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.devices.protocols import AltAz, FibreStatus, LampState, SpectrographStatus
from safelight.states.exposure import Need
from safelight.states.instrument import Instrument
from safelight.states.point import astray
from safelight.states.together import side_by_side

__all__ = ["Seen", "all_named", "look", "wrong_lamps"]

_CLOCK_GRAIN_S = 0.05
"""A sleep may end early by the clock's resolution; no lamp is colder for it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One read-back of the instrument against a need; each difference in words, or None.

    Attributes:
        lamps: every lamp as read.
        warm_s: for each lamp of the need, seconds for which it has burnt.
        foreign: lamps that are not read as off and should be.
        dark: lamps that are not read as on, or not warm enough, and should be.
        pointing: each telescope's direction, where it can tell.
        fibre_steps: the mask, motor steps.
        exposure_no: the number of the last exposure.
    """

    lamps: tuple[tuple[str, LampState], ...]
    warm_s: tuple[tuple[str, float], ...]
    foreign: tuple[str, ...]
    dark: tuple[str, ...]
    astray: str | None
    mask: str | None
    busy: str | None
    pointing: tuple[tuple[str, AltAz], ...]
    fibre_steps: int | None
    exposure_no: int

    @property
    def problems(self) -> tuple[str, ...]:
        """Every difference between the need and what was read back, in words."""
        lamps = [f"lamp {lamp} is not read as off" for lamp in self.foreign]
        lamps += [f"lamp {lamp} is not lit, or not warm" for lamp in self.dark]
        return (*lamps, *(words for words in (self.astray, self.mask, self.busy) if words))


async def look(need: Need, instrument: Instrument) -> Seen:
    """Ask lamps, telescopes, mask and spectrographs, all at once.

    Raises:
        DeviceError: if one does not answer.
    """
    devices = instrument.devices
    async with side_by_side() as group:
        lamps_task = group.create_task(devices.lamps.status())
        telescopes_task = group.create_task(devices.telescopes.status()) if devices.telescopes else None
        spectrographs_task = group.create_task(devices.spectrographs.status())
        mask_task = group.create_task(devices.fibsel.status()) if devices.fibsel else None
    lamps = all_named(instrument, lamps_task.result())
    telescopes = telescopes_task.result() if telescopes_task else {}
    mask = mask_task.result() if mask_task else None
    targets = instrument.positions[need.position] if need.position else {}
    warm_s = tuple((lamp, instrument.burnt_s(lamp)) for lamp in need.lamps)
    foreign, dark = wrong_lamps(need, lamps)
    cold = tuple(
        lamp
        for (lamp, burnt_s), warmup_s in zip(warm_s, need.warmup_s, strict=True)
        if burnt_s < warmup_s - _CLOCK_GRAIN_S and lamp not in dark
    )
    return Seen(
        lamps=tuple(lamps.items()),
        warm_s=warm_s,
        foreign=foreign,
        dark=dark + cold,
        astray=astray(targets, telescopes, instrument.tolerances.pointing_deg),
        mask=_off_fibre(need, mask, instrument),
        busy=_busy(spectrographs_task.result()),
        pointing=tuple((name, seen.where) for name, seen in telescopes.items() if seen.where),
        fibre_steps=mask.steps if mask else None,
        exposure_no=max((seen.exposure_no for seen in spectrographs_task.result().values()), default=0),
    )


def all_named(instrument: Instrument, status: Mapping[str, LampState]) -> dict[str, LampState]:
    """Every lamp as read; one that the switch says nothing of is `unknown`, never taken for dark."""
    return {lamp: status.get(lamp, "unknown") for lamp in instrument.devices.lamps.names}


def wrong_lamps(need: Need, lamps: Mapping[str, LampState]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lamps that are not read as off and should be, and those not read as on that should be."""
    allowed = need.lamps + need.tolerated
    foreign = tuple(lamp for lamp, state in lamps.items() if lamp not in allowed and state != "off")
    dark = tuple(lamp for lamp in need.lamps if lamps.get(lamp) != "on")
    return foreign, dark


def _off_fibre(need: Need, mask: FibreStatus | None, instrument: Instrument) -> str | None:
    if need.fibre is None:
        return None
    wanted = instrument.fibres[need.fibre]
    steps = mask.steps if mask else None
    if mask and steps is not None and not mask.moving and abs(steps - wanted) <= instrument.tolerances.fibre_steps:
        return None
    return f"the mask should stand at {need.fibre} ({wanted} steps) and reads {steps}"


def _busy(spectrographs: Mapping[str, SpectrographStatus]) -> str | None:
    for name, seen in spectrographs.items():
        if seen.activity != "idle" or seen.shutter != "closed":
            return f"spectrograph {name} is {seen.activity} with its shutter {seen.shutter}"
    return None
