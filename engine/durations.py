"""How long each kind of state takes on a given observatory, and when it counts as failed; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.devices.observatory import Observatory
from safelight.devices.protocols import AltAz
from safelight.devices.timing import move_s, slew_s
from safelight.states.exposure import Exposure, Need

__all__ = ["Durations", "Start"]


@dataclass(frozen=True, slots=True)
class Start:
    """Where the instrument stands before the run, for estimates only; None: parked, mask at zero."""

    pointing: Mapping[str, AltAz] | None = None
    fibre_steps: int | None = None

    def where(self, observatory: Observatory) -> dict[str, AltAz]:
        """Each telescope's direction; parked where nothing else is known."""
        if observatory.telescopes is None:
            return {}
        return observatory.targets(observatory.park_position) | dict(self.pointing or {})


@dataclass(frozen=True, slots=True)
class Durations:
    """Expected seconds, from the numbers of the observatory document."""

    observatory: Observatory

    @property
    def look_s(self) -> float:
        """One read-back of everything, side by side."""
        site = self.observatory
        times = [site.lamps.status_s, site.spectrographs.status_s]
        times += [site.telescopes.status_s] if site.telescopes else []
        times += [site.fibsel.status_s] if site.fibsel else []
        return max(times)

    @property
    def look_again_s(self) -> float:
        """The read-back of lamps and shutters right after an integration."""
        return max(self.observatory.lamps.status_s, self.observatory.spectrographs.status_s)

    @property
    def lamp_off_s(self) -> float:
        """Off and read back, any number of lamps."""
        return self.observatory.lamps.off_s + self.observatory.lamps.status_s

    def slew_s(self, start: Mapping[str, AltAz], end: Mapping[str, AltAz]) -> float:
        """The slowest telescope's way; 0 where all are there already, s."""
        telescopes = self.observatory.telescopes
        if telescopes is None:
            return 0.0
        speed, settle_s = telescopes.slew_deg_per_s, telescopes.settle_s
        return max((slew_s(start.get(name, to), to, speed, settle_s) for name, to in end.items()), default=0.0)

    def point_s(self, start: Mapping[str, AltAz], end: Mapping[str, AltAz]) -> float:
        """Slew and read back."""
        return self.slew_s(start, end) + (self.observatory.telescopes.status_s if self.observatory.telescopes else 0.0)

    def move_s(self, start_steps: int, end_steps: int) -> float:
        """The mask's way, s."""
        fibsel = self.observatory.fibsel
        return move_s(start_steps, end_steps, fibsel.steps_per_s, fibsel.settle_s) if fibsel else 0.0

    def warmup_s(self, need: Need, burnt_s: Mapping[str, float]) -> float:
        """Light what is dark, wait for what is cold; `burnt_s` tells how long each lit lamp has burnt, s."""
        lamps = self.observatory.lamps
        on_s = lamps.on_s if any(lamp not in burnt_s for lamp in need.lamps) else 0.0
        waits = [
            (on_s if lamp not in burnt_s else 0.0) + warmup_s - burnt_s.get(lamp, 0.0)
            for lamp, warmup_s in zip(need.lamps, need.warmup_s, strict=True)
        ]
        return max(on_s + lamps.status_s, *waits)

    def integrate_s(self, exposure: Exposure) -> float:
        """From the command to its answer: shutter, integration, shutter."""
        return self.observatory.spectrographs.lead_s + exposure.exposure_s + self.observatory.spectrographs.tail_s

    @property
    def longest_slew_s(self) -> float:
        """Half around the sky: what a slew from anywhere may take, s."""
        telescopes = self.observatory.telescopes
        return 180.0 / telescopes.slew_deg_per_s + telescopes.settle_s if telescopes else 0.0

    @property
    def longest_move_s(self) -> float:
        """From one end of the mask to the other, its home at 0 included, s."""
        steps = (0, *self.observatory.fibsel.fibres.values()) if self.observatory.fibsel else (0,)
        return self.move_s(min(steps), max(steps))

    def ready_again_s(self, need: Need) -> float:
        """The longest that `ready` may rightly take: everything has to be put right, s."""
        site = self.observatory
        detector_s = site.spectrographs.abort_s + site.spectrographs.reset_s
        mask_s = self.longest_move_s + (site.fibsel.arrival_s if site.fibsel else 0.0)
        warm_s = self.warmup_s(need, {}) if need.lamps else 0.0
        return self.lamp_off_s + detector_s + max(self.longest_slew_s, mask_s, warm_s) + 2 * self.look_s
