"""The optical bench: what connects lamps, telescopes, mask and shutter, from what their files say happened.

Nothing is passed on between devices in memory, so a lamp that another process lit shines here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf
from typing import TYPE_CHECKING

from safelight.devices.simulated.fibsel import Mask
from safelight.devices.simulated.layout import Trace, layout_of
from safelight.devices.simulated.switch import Switch
from safelight.devices.simulated.telescopes import Mounts
from safelight.devices.simulated.track import Span, overlap

if TYPE_CHECKING:
    from safelight.devices.drivers import Site
    from safelight.devices.simulated.detector import Charge

__all__ = ["Bench", "Light"]

WARMUPS_PER_TAU = 5.0
"""Output rises as 1 - exp(-t/tau); a lamp at its declared warm-up, five tau, gives 99.3 %."""


@dataclass(frozen=True, slots=True)
class Light:
    """What one exposure collected.

    Attributes:
        dark_s: seconds of integration, shutter open or not.
        lamps: by trace and lamp, seconds as of full output.
    """

    dark_s: float
    lamps: dict[str, dict[str, float]]


class Bench:
    """The bench of one observatory."""

    def __init__(self, site: Site) -> None:
        observatory = site.observatory
        self.layout = layout_of(observatory)
        self._lamps = observatory.lamps.units
        self._clock = site.clock
        self._switch = Switch(site)
        self._mask = None if observatory.fibsel is None else Mask(site, observatory.fibsel)
        self._mounts = None if observatory.telescopes is None else Mounts(site, observatory.telescopes)
        self._screen = {} if self._mounts is None else observatory.targets(observatory.default_position)

    def light(self, charge: Charge) -> Light:
        """What reached each trace during an exposure."""
        window = (charge.begins_utc, charge.ends_utc)
        if not charge.order.opens_shutter:
            return Light(charge.exposure_s, {})
        lit = {lamp: self._switch.lit(lamp, window, (charge.serial, charge.end_serial)) for lamp in self._lamps}
        lamps = {
            trace.name: {lamp: self._collected(lamp, spans, self._sees(trace, window)) for lamp, spans in lit.items()}
            for trace in self.layout.traces
        }
        return Light(charge.exposure_s, lamps)

    def _sees(self, trace: Trace, window: Span) -> list[Span]:
        """When a trace looked at the screen."""
        spans = [window]
        until = max(self._clock.utc().timestamp(), window[1])
        if trace.telescope is not None and self._mounts is not None:
            screen = self._screen[trace.telescope]
            spans = overlap(spans, self._mounts.rests(trace.telescope, screen, until))
        if trace.steps is not None and self._mask is not None:
            spans = overlap(spans, self._mask.rests(trace.steps, until))
        return spans

    def _collected(self, lamp: str, lit: list[Span], seen: list[Span]) -> float:
        tau = self._lamps[lamp].warmup_s / WARMUPS_PER_TAU
        return sum(
            output_s(start - on[0], end - on[0], tau) if on[0] > -inf else end - start
            for on in lit
            for start, end in overlap([on], seen)
        )


def output_s(start: float, end: float, tau: float) -> float:
    """The integral of 1 - exp(-t/tau) from start to end, in seconds since the lamp came on."""
    if tau == 0:
        return end - start
    return end - start - tau * (exp(-start / tau) - exp(-end / tau))
