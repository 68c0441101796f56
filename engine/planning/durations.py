"""Durations of each kind of state on a given observatory. Pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from safelight.devices.observatory.observatory import Observatory
from safelight.devices.protocols import AltAz
from safelight.devices.timing import move_s, slew_s
from safelight.states.exposure import Exposure, Need, Opening

__all__ = ["Durations"]


@dataclass(frozen=True, slots=True)
class Durations:
    """Expected seconds, from the numbers of the observatory document."""

    observatory: Observatory

    @property
    def look_s(self) -> float:
        """Return the duration of one read-back of everything in parallel, s."""
        site = self.observatory
        times = [site.lamps.status_s, site.spectrographs.status_s]
        times += [site.telescopes.status_s] if site.telescopes else []
        times += [site.fibsel.status_s] if site.fibsel else []
        return max(*times, self.selectors_read_s)

    @property
    def selectors_read_s(self) -> float:
        """Return the duration of the read-back of selectors, 0 if there are none, s."""
        return self.observatory.selectors.status_s if self.observatory.selectors else 0.0

    @property
    def look_again_s(self) -> float:
        """Return the duration of the read-back of lamps, shutters and selectors right after an integration, s."""
        site = self.observatory
        return max(site.lamps.status_s, site.spectrographs.status_s, self.selectors_read_s)

    @property
    def lamp_off_s(self) -> float:
        """Return the duration of switching any number of lamps off and reading them back, s."""
        return self.observatory.lamps.off_s + self.observatory.lamps.status_s

    def slew_s(self, start: Mapping[str, AltAz], end: Mapping[str, AltAz]) -> float:
        """Return the slew time of the slowest telescope, 0 if all are already there, s."""
        telescopes = self.observatory.telescopes
        if telescopes is None:
            return 0.0
        speed, settle_s = telescopes.slew_deg_per_s, telescopes.settle_s
        return max((slew_s(start.get(name, to), to, speed, settle_s) for name, to in end.items()), default=0.0)

    def point_s(self, start: Mapping[str, AltAz], end: Mapping[str, AltAz]) -> float:
        """Return the duration of a slew and its read-back, s."""
        return self.slew_s(start, end) + (self.observatory.telescopes.status_s if self.observatory.telescopes else 0.0)

    def move_s(self, start_steps: int, end_steps: int) -> float:
        """Return the duration of a mask move, s."""
        fibsel = self.observatory.fibsel
        return move_s(start_steps, end_steps, fibsel.steps_per_s, fibsel.settle_s) if fibsel else 0.0

    def warmup_s(self, need: Need, on_time_s: Mapping[str, float]) -> float:
        """Return the time to light dark lamps and wait for cold ones. `on_time_s` is the on-time of each lit lamp, s.

        Where the light ends the warm-up it is the longest time.
        """
        lamps = self.observatory.lamps
        on_s = lamps.on_s if any(lamp not in on_time_s for lamp in need.lamps) else 0.0
        longest_s = need.warmup_s if need.steady is None else (need.steady.longest_s,) * len(need.lamps)
        waits = [
            (on_s if lamp not in on_time_s else 0.0) + warmup_s - on_time_s.get(lamp, 0.0)
            for lamp, warmup_s in zip(need.lamps, longest_s, strict=True)
        ]
        looked_s = 0.0 if need.steady is None else need.steady.looked_s(lamps.monitor.every_s if lamps.monitor else 0.0)
        return max(on_s + lamps.status_s, looked_s, *waits)

    def restrike_s(self, lamps: Iterable[str]) -> float:
        """Return for how long these lamps have to be off before they may be lit again, s."""
        return max((self.observatory.lamps.units[lamp].restrike_s for lamp in lamps), default=0.0)

    def move_of_s(self, selector: str) -> float:
        """Return the duration of a move of one selector, without its read-back, s."""
        model = self.observatory.selectors
        return model.units[selector].move_s + model.units[selector].settle_s if model else 0.0

    def configure_s(self, selectors: Iterable[str]) -> float:
        """Return the duration of moving these selectors in parallel and reading them back, s."""
        return max(map(self.move_of_s, selectors), default=0.0) + self.selectors_read_s

    def open_s(self, opening: Opening) -> float:
        """Return the time from the command to expose until its source shutter is read back as closed again, s."""
        move_s, read_s = self.move_of_s(opening.selector), self.configure_s((opening.selector,))
        return self.observatory.spectrographs.lead_s + move_s + opening.seconds + read_s

    def integrate_s(self, exposure: Exposure) -> float:
        """Return the time from the command to its answer, s: shutter, integration, shutter."""
        return self.observatory.spectrographs.lead_s + exposure.exposure_s + self.observatory.spectrographs.tail_s

    @property
    def longest_slew_s(self) -> float:
        """Return the duration of the longest slew, half around the sky, s."""
        telescopes = self.observatory.telescopes
        return 180.0 / telescopes.slew_deg_per_s + telescopes.settle_s if telescopes else 0.0

    @property
    def longest_move_s(self) -> float:
        """Return the duration of the longest mask move, its home at 0 included, s."""
        steps = (0, *self.observatory.fibsel.fibres.values()) if self.observatory.fibsel else (0,)
        return self.move_s(min(steps), max(steps))

    def ready_again_s(self, need: Need) -> float:
        """Return the longest correct duration of `ready`, when everything has to be corrected, s."""
        site = self.observatory
        detector_s = site.spectrographs.abort_s + site.spectrographs.reset_s
        mask_s = self.longest_move_s + (site.fibsel.arrival_s if site.fibsel else 0.0)
        warm_s = self.restrike_s(need.lamps) + self.warmup_s(need, {}) if need.lamps else 0.0
        setup_s = self.configure_s(name for name, _ in need.setup)
        cold_s = site.spectrographs.temperature.settle_s if site.spectrographs.temperature else 0.0
        longest_s = max(self.longest_slew_s, mask_s, warm_s, setup_s, cold_s)
        return self.lamp_off_s + detector_s + longest_s + 2 * self.look_s
