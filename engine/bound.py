"""The shortest time in which any schedule could take these frames; pure, and independent of the compiler.

It knows only physics and promises: the spectrographs integrate, then read out; a lamp burns for its warm-up before
its frame and never while another frame integrates; it goes off right after its last integration, before the read-out;
the telescopes and the mask must have arrived; a run begins and ends with all lamps read back as off. Everything that
may go on at the same time does, and read-backs between frames cost nothing.
"""

from collections.abc import Sequence

from safelight.devices.observatory import Observatory
from safelight.engine.durations import Durations, Start
from safelight.states import Exposure

__all__ = ["bound_s"]


def bound_s(
    exposures: Sequence[Exposure],
    observatory: Observatory,
    start: Start = Start(),
    *,
    park_after: bool = False,
) -> float:
    """Seconds below which no schedule can come.

    Args:
        exposures: in the order in which they are taken.
        observatory: its numbers.
        start: where the instrument stands.
        park_after: whether the telescopes are parked at the end.
    """
    course = _Course(observatory, start)
    for place, exposure in enumerate(exposures):
        coming = exposures[place + 1].need.lamps if place + 1 < len(exposures) else ()
        course.take(exposure, coming)
    return course.end_s(park_after=park_after) + course.durations.lamp_off_s


class _Course:
    """The earliest moments, s from the beginning, frame by frame."""

    def __init__(self, observatory: Observatory, start: Start) -> None:
        self.observatory = observatory
        self.durations = Durations(observatory)
        self.pointing = start.where(observatory)
        self.steps = start.fibre_steps or 0
        self.position: str | None = None
        self.dark_s = self.mask_free_s = self.read_s = self.aimed_s = self.durations.lamp_off_s
        self.lit_s: dict[str, float] = {}

    def take(self, exposure: Exposure, coming: tuple[str, ...]) -> None:
        """One frame: as soon as detector, lamps, mask and telescopes allow."""
        self._aim(exposure)
        begin_s = max(self.read_s, self._warm_s(exposure), self._mask_s(exposure))
        if exposure.need.position:
            begin_s = max(begin_s, self.aimed_s)
        end_s = begin_s + self.durations.integrate_s(exposure)
        off = [lamp for lamp in self.lit_s if lamp not in coming]
        for lamp in off:
            del self.lit_s[lamp]
        self.read_s = end_s + (self.observatory.lamps.off_s if off else 0.0)
        if exposure.need.lamps or not self.observatory.spectrographs.light_tight_shutter:
            self.dark_s = self.read_s
        if exposure.need.lamps:
            self.mask_free_s = end_s
        self.read_s += self.observatory.spectrographs.readout_s

    def end_s(self, *, park_after: bool) -> float:
        """The last file is on disk, and the telescopes are parked where that was asked for."""
        if not park_after or self.position is None:
            return self.read_s
        park = self.observatory.targets(self.observatory.park_position)
        return max(self.read_s, self.dark_s + self.durations.slew_s(self.pointing, park))

    def _warm_s(self, exposure: Exposure) -> float:
        """When all lamps are warm; a lamp may be lit once the frame before has been integrated."""
        warm_s = self.dark_s
        for lamp, asked_s in zip(exposure.need.lamps, exposure.need.warmup_s, strict=True):
            self.lit_s.setdefault(lamp, self.dark_s + self.observatory.lamps.on_s)
            warm_s = max(warm_s, self.lit_s[lamp] + asked_s)
        return warm_s

    def _mask_s(self, exposure: Exposure) -> float:
        """When the mask stands at the frame's first fibre; after a sweep it stands at the last."""
        fibsel, fibre = self.observatory.fibsel, exposure.need.fibre
        if fibsel is None or fibre is None:
            return self.mask_free_s
        arrived_s = self.mask_free_s + self.durations.move_s(self.steps, fibsel.fibres[fibre])
        self.steps = fibsel.fibres[exposure.sweep[-1] if exposure.sweep else fibre]
        return arrived_s

    def _aim(self, exposure: Exposure) -> None:
        position = exposure.need.position
        if position is not None and position != self.position:
            target = self.observatory.targets(position)
            self.aimed_s += self.durations.slew_s(self.pointing, target)
            self.position, self.pointing = position, {**self.pointing, **target}
