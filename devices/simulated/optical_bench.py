"""Optical bench: connects lamps, telescopes, mask and shutter through their files.

Devices share nothing in memory, so a lamp that another process lit shines here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf
from typing import TYPE_CHECKING

from safelight.devices.simulated.cooler import Cooler
from safelight.devices.simulated.dimmers import Dimmers
from safelight.devices.simulated.fibsel import Mask
from safelight.devices.simulated.layout import layout_of
from safelight.devices.simulated.light_path import LightPath, SpectralShape
from safelight.devices.simulated.motion import Span, overlap
from safelight.devices.simulated.switch import SimulatedSwitch
from safelight.devices.simulated.telescopes import Mounts

if TYPE_CHECKING:
    from safelight.devices.drivers import DriverSite
    from safelight.devices.simulated.detector import Charge

__all__ = ["Light", "OpticalBench"]

_PLAIN = SpectralShape()

WARMUPS_PER_TAU = 5.0
"""Warm-up in units of tau. Output rises as 1 - exp(-t/tau), so that a lamp at its declared warm-up gives 99.3 %."""


@dataclass(frozen=True, slots=True)
class Light:
    """Light that one exposure collected.

    Attributes:
        dark_s: seconds of integration, shutter open or not, as of a detector at its set-point.
        lamps: by trace and lamp, equivalent seconds of full output.
        shape: effect of the selectors on spectra.
        temperature_c: of the detectors when it began; None where they have no cooler.
    """

    dark_s: float
    lamps: dict[str, dict[str, float]]
    shape: SpectralShape = _PLAIN
    temperature_c: float | None = None


class OpticalBench:
    """Bench of one observatory."""

    def __init__(self, site: DriverSite) -> None:
        observatory = site.observatory
        self.layout = layout_of(observatory)
        self._model = observatory.spectrographs
        self._lamps = observatory.lamps.units
        self._exclusive = {lamp: observatory.lamps.darkened_by(lamp) for lamp in self._lamps}
        self._path, self._dimmers = LightPath(site), Dimmers(site)
        self._cooler = Cooler(site, self.layout.optics)
        self._clock = site.clock
        self._switch = SimulatedSwitch(site)
        self._mask = None if observatory.fibsel is None else Mask(site, observatory.fibsel)
        self._mounts = None if observatory.telescopes is None else Mounts(site, observatory.telescopes)
        self._screen = {} if self._mounts is None else observatory.targets(observatory.default_position)

    @property
    def shutter(self) -> str:
        """Kind of shutter: own or none."""
        return self._model.shutter

    def light(self, charge: Charge, exposure_s: float | None = None) -> Light:
        """Return the light that reached each trace during an exposure.

        Args:
            charge: the exposure.
            exposure_s: integration time of a camera that differs from the others, s.
        """
        seconds = charge.exposure_s if exposure_s is None else exposure_s
        window = (charge.begins_utc, charge.begins_utc + seconds)
        dark_s = seconds * self._cooler.dark_factor(window[0])
        shape, here_c = self._path.shape(window[0]), self._cooler.temperature_c(window[0])
        passes = self._passes(charge)
        if not passes:
            return Light(dark_s, {}, shape, here_c)
        every = {lamp: self._switch.lit(lamp, window, (charge.serial, charge.end_serial)) for lamp in self._lamps}
        lit = {lamp: self._alone(lamp, every) for lamp in every}
        until = max(self._clock.utc().timestamp(), window[1])
        ways = {lamp: self._ways(lamp, window, until) for lamp, spans in lit.items() if spans}
        seen = self._seen(window, until)
        lamps = {
            trace.name: {
                lamp: passes * self._collected(lamp, spans, seen[trace.name], ways[lamp]) if spans else 0.0
                for lamp, spans in lit.items()
            }
            for trace in self.layout.traces
        }
        return Light(dark_s, lamps, shape, here_c)

    def _passes(self, charge: Charge) -> float:
        """Return the share of light that the shutter lets pass."""
        opened = charge.order.opens_shutter or self._model.shutter == "none"
        return 1.0 if opened else self.layout.optics.shutter_leak

    def _alone(self, lamp: str, lit: dict[str, list[Span]]) -> list[Span]:
        """Return the spans in which a lamp shone: not while another lamp of its exclusive group was on."""
        spans = lit[lamp]
        for other in self._exclusive[lamp]:
            for away in lit[other]:
                spans = [part for span in spans for part in _without(span, away)]
        return spans

    def _seen(self, window: Span, until: float) -> dict[str, list[Span]]:
        """Return the times at which each trace saw the screen. Each file is read once for each place."""
        mounts, mask, traces = self._mounts, self._mask, self.layout.traces
        pointed: dict[str | None, list[Span]] = {
            name: overlap([window], mounts.rests(name, self._screen[name], until))
            for name in {trace.telescope for trace in traces}
            if name is not None and mounts is not None
        }
        open_at: dict[int | None, list[Span]] = {
            steps: overlap([window], mask.rests(steps, until))
            for steps in {trace.steps for trace in traces}
            if steps is not None and mask is not None
        }
        return {
            trace.name: overlap(pointed.get(trace.telescope, [window]), open_at.get(trace.steps, [window]))
            for trace in traces
        }

    def _ways(self, lamp: str, window: Span, until: float) -> list[tuple[Span, float]]:
        """Return the spans of a window with the share of a lamp's full light that can reach the screen in each."""
        level = self._dimmers.at(lamp, window[0]) / 100.0 if lamp in self._dimmers.names else 1.0
        return [(span, share * level) for span, share in self._path.passing(lamp, window, until)]

    def _collected(self, lamp: str, lit: list[Span], seen: list[Span], ways: list[tuple[Span, float]]) -> float:
        tau = self._lamps[lamp].warmup_s / WARMUPS_PER_TAU
        return sum(
            share * (output_s(start - on[0], end - on[0], tau) if on[0] > -inf else end - start)
            for way, share in ways
            for on in lit
            for start, end in overlap(overlap([on], seen), [way])
        )


def _without(span: Span, away: Span) -> list[Span]:
    """Return the parts of a span outside another one."""
    parts = [(span[0], min(span[1], away[0])), (max(span[0], away[1]), span[1])]
    return [part for part in parts if part[1] > part[0]]


def output_s(start: float, end: float, tau: float) -> float:
    """Return the integral of 1 - exp(-t/tau) from start to end, in seconds since the lamp came on."""
    if tau == 0:
        return end - start
    return end - start - tau * (exp(-start / tau) - exp(-end / tau))
