"""Shortest possible time in which any schedule could take these frames. Pure, and independent of the compiler.

It uses only physics and promises. The spectrographs integrate, then read out. A lamp is on for its warm-up before
its frame, and never while another frame integrates, unless its source shutter may block it meanwhile: then it may be
on from the beginning. It goes off after its last integration and its minimum on-time,
before the readout, and may have to stay off for a time. The telescopes, the mask and the selectors must have arrived,
and selectors move while nothing integrates. The waits of a sequence pass with all lamps off. Without a shutter no lamp
is lit during a readout. A run begins and ends with all lamps read back as off. Everything that may run in parallel
does, and read-backs between frames take no time.
"""

from collections.abc import Collection, Sequence

from safelight.devices.observatory.observatory import Observatory
from safelight.engine.planning.durations import Durations
from safelight.engine.planning.free_order import can_move
from safelight.engine.planning.schedule import Slot
from safelight.engine.planning.setups import Setups
from safelight.engine.planning.start_position import StartPosition
from safelight.states import AS_FOUND, Expose, Exposure
from safelight.states.exposure import Places

__all__ = ["bound_s", "excess_of"]

_SILENT = 0.0005
"""Part of the total that needs no reason."""


def bound_s(
    exposures: Sequence[Exposure],
    observatory: Observatory,
    start: StartPosition = StartPosition(),
    *,
    park_after: bool = False,
    closing: Places = (),
    free: bool = False,
) -> float:
    """Return the lower bound on the duration of any schedule, s.

    Args:
        exposures: in the order in which they are taken.
        observatory: its numbers.
        start: the present state of the instrument.
        park_after: whether the telescopes are parked at the end.
        closing: (selector, position) to be set at the end.
        free: whether biases and darks may be taken in any order. The bound is then the longer one of two: that of the
            frames that keep their order alone, and the time of the detectors for all frames. Selectors that move for
            longer than a readout lengthen that time, because nothing integrates meanwhile.
    """
    course = _Course(observatory, start)
    fixed = [exposure for exposure in exposures if not (free and can_move(exposure))]
    for place, exposure in enumerate(fixed):
        following = fixed[place + 1] if place + 1 < len(fixed) else None
        course.take(exposure, following.need.lamps if following and not following.wait_s else ())
    lamp_off_s = course.durations.lamp_off_s
    ends_s = max(course.end_s(park_after=park_after), course.closed_s(closing)) + lamp_off_s
    if not free:
        return ends_s
    readout_s = observatory.spectrographs.readout_s
    detectors_s = sum(course.durations.integrate_s(exposure) + readout_s for exposure in exposures)
    return max(ends_s, detectors_s + course.moved_s + 2 * lamp_off_s)


def excess_of(
    slots: Sequence[Slot], critical: Collection[str], observatory: Observatory, over_s: float
) -> tuple[tuple[str, float], ...]:
    """Return why a schedule is longer than the bound: reasons with their seconds, which add up to `over_s`.

    The bound counts no read-back between frames, no rest of a lamp, and no detour for what can't be in parallel.

    Args:
        slots: the schedule.
        critical: ids of the states that decide how long it takes.
        observatory: its numbers.
        over_s: what it takes in addition to the bound, s.
    """
    durations = Durations(observatory)
    decisive = [slot for slot in slots if slot.state.id in critical and slot.state.id not in _COUNTED]
    looks_s = {"expose": durations.look_again_s, "lamp-off": observatory.lamps.status_s}
    looked_s = sum(slot.duration_s for slot in decisive if slot.state.kind == "ready")
    looked_s = min(over_s, looked_s + sum(looks_s.get(slot.state.kind, 0.0) for slot in decisive))
    works = (slot.state.work for slot in slots)
    asked_s = {f"wait-dark/{work.exposure.frame}": work.exposure.wait_s for work in works if isinstance(work, Expose)}
    waits = [slot for slot in decisive if slot.state.kind == "wait-dark"]
    rests = any(slot.duration_s > asked_s.get(slot.state.id, 0.0) for slot in waits)
    other = "lamps have to be off for a while before they are lit again" if rests else "not all can be done in parallel"
    found = (("read-backs before and after each frame", looked_s), (other, over_s - looked_s))
    return tuple((why, seconds) for why, seconds in found if seconds > _SILENT * slots[-1].end_s)


_COUNTED = ("lamp-off/all", "safing")
"""States whose read-back the bound counts."""


class _Course:
    """Earliest times of each step, s from the beginning, frame by frame."""

    def __init__(self, observatory: Observatory, start: StartPosition) -> None:
        self.observatory = observatory
        self.durations = Durations(observatory)
        self.pointing = start.where(observatory)
        self.start = start
        self.steps = start.fibre_steps or 0
        self.position = start.position
        self.dark_s = self.mask_free_s = self.read_s = self.aimed_s = self.durations.lamp_off_s
        self.lit_s: dict[str, float] = {}
        self.off_s: dict[str, float] = {}
        self.again_s: dict[str, float] = {}
        self.setups = Setups(observatory, start)
        self.free_s = self.dark_s
        self.shutterless = observatory.spectrographs.shutter == "none"
        self.shields = {} if self.shutterless else observatory.shields
        self.clear_s = dict.fromkeys(self.shields, self.dark_s)
        self.used_s: dict[str, float] = {}
        self.moved_s = 0.0

    def take(self, exposure: Exposure, coming: tuple[str, ...]) -> None:
        """Take one frame as soon as detector, lamps, mask and telescopes allow."""
        self._aim(exposure)
        self._shield(exposure)
        self._rest(exposure)
        if exposure.wait_s:
            self.dark_s = self.free_s + exposure.wait_s
            self.clear_s = dict.fromkeys(self.shields, self.dark_s)
        begin_s = max(self.read_s, self._warm_s(exposure), self._mask_s(exposure), self._set_s(exposure))
        if exposure.wait_s:
            begin_s = max(begin_s, self.dark_s)
        if exposure.need.position:
            begin_s = max(begin_s, self.aimed_s)
        end_s = begin_s + self.durations.integrate_s(exposure)
        self.used_s |= dict.fromkeys(exposure.need.lamps, end_s)
        going = (lamp for lamp in self.lit_s if (lamp not in coming or self.shutterless) and lamp not in self.shields)
        off = {lamp: self.lit_s.pop(lamp) for lamp in tuple(going)}
        lamps = self.observatory.lamps
        self.off_s |= {lamp: max(end_s, lit_s + lamps.units[lamp].min_on_s) for lamp, lit_s in off.items()}
        dark_s = max([end_s, *(self.off_s[lamp] for lamp in off)])
        self.read_s = dark_s + (lamps.off_s if off else 0.0)
        opened = exposure.order.opens_shutter
        if opened or not self.observatory.spectrographs.light_tight_shutter:
            self.dark_s = self.read_s
        if opened:
            self.mask_free_s = end_s
        self.free_s = self.read_s
        self.read_s += self.observatory.spectrographs.readout_s
        if self.shutterless:
            self.dark_s = self.free_s = self.read_s
        self.clear_s |= {lamp: self.dark_s for lamp in self.shields if not self._bears(exposure, lamp)}

    def _bears(self, exposure: Exposure, lamp: str) -> bool:
        """Return whether a lamp may be on behind its source shutter, or a tight one, while a frame integrates."""
        rivals = {*self.observatory.lamps.darkened_by(lamp), lamp}
        if rivals & set(exposure.lamps):
            return False
        if self.observatory.spectrographs.light_tight_shutter and not exposure.order.opens_shutter:
            return True
        setup = dict(exposure.need.setup)
        moving = {opening.selector for opening in exposure.openings}
        shields = ((name, blocking) for name, blocking in self.shields[lamp].items() if name not in moving)
        return any(setup.get(name) in (None, *blocking) for name, blocking in shields)

    def _shield(self, exposure: Exposure) -> None:
        """Switch lamps off that stayed on behind their source shutters, where a frame does not bear them."""
        for lamp in [lamp for lamp in self.lit_s if lamp in self.shields]:
            if exposure.wait_s or (lamp not in exposure.need.lamps and not self._bears(exposure, lamp)):
                self.off_s[lamp] = max(self.used_s[lamp], self.lit_s.pop(lamp))

    def _rest(self, exposure: Exposure) -> None:
        """Note when lamps that are off for a frame may be lit again. Behind a tight shutter they may have stayed on."""
        tight = self.observatory.spectrographs.light_tight_shutter and not self.shutterless
        if exposure.wait_s or exposure.order.opens_shutter or not tight:
            for lamp in [lamp for lamp in self.off_s if exposure.wait_s or lamp not in exposure.need.lamps]:
                self.again_s[lamp] = self.off_s.pop(lamp) + self.observatory.lamps.units[lamp].restrike_s

    def _set_s(self, exposure: Exposure) -> float:
        """Return when the selectors are where the frame needs them."""
        self.setups.change(exposure.need.setup)
        moving = self.setups.distant
        if not moving:
            return self.free_s
        move_s = self.durations.configure_s(moving)
        self.moved_s += max(0.0, move_s - self.observatory.spectrographs.readout_s)
        return self.free_s + move_s

    def closed_s(self, closing: Places) -> float:
        """Return when the selectors are at their last position."""
        self.setups.change(self.setups.at_the_end(closing))
        moving = self.setups.distant
        return self.free_s + self.durations.configure_s(moving) if moving else 0.0

    def end_s(self, *, park_after: bool) -> float:
        """Return when the last file is on disk, and the telescopes are parked if requested, s."""
        if not park_after or self.position in (None, AS_FOUND):
            return self.read_s
        park = self.observatory.targets(self.observatory.park_position)
        return max(self.read_s, self.dark_s + self.durations.slew_s(self.pointing, park))

    def _warm_s(self, exposure: Exposure) -> float:
        """Return when all lamps are warm, s. A lamp may be lit once the previous frame has been integrated."""
        warm_s = self.dark_s
        for lamp, asked_s in zip(exposure.need.lamps, exposure.need.warmup_s, strict=True):
            dark_s = self.clear_s.get(lamp, self.dark_s)
            lit_s = max(dark_s, self.again_s.pop(lamp, 0.0)) + self.observatory.lamps.on_s
            self.lit_s.setdefault(lamp, lit_s)
            warm_s = max(warm_s, self.lit_s[lamp] + asked_s)
        return warm_s

    def _mask_s(self, exposure: Exposure) -> float:
        """Return when the mask is at the frame's first fibre, s. After a sweep it is at the last."""
        fibsel, fibre = self.observatory.fibsel, exposure.need.fibre
        if fibsel is None or fibre is None:
            return self.mask_free_s
        target = self.start.steps_of(fibre, self.observatory)
        arrived_s = self.mask_free_s + self.durations.move_s(self.steps, target)
        self.steps = fibsel.fibres[exposure.sweep[-1]] if exposure.sweep else target
        return arrived_s

    def _aim(self, exposure: Exposure) -> None:
        position = exposure.need.position
        if position is not None and position != self.position:
            target = self.start.targets(position, self.observatory)
            self.aimed_s += self.durations.slew_s(self.pointing, target)
            self.position, self.pointing = position, {**self.pointing, **target}
