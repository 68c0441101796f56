"""Order of frames that a sequence leaves free: frames in the dark fill the warm-ups of lamps. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from safelight.devices.observatory.source_shutters import Shields
from safelight.engine.planning.durations import Durations
from safelight.states.exposure import Exposure

__all__ = ["Arrangement", "arranged", "can_move"]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Frames in a new order.

    Attributes:
        exposures: all frames, except those in `fills`.
        fills: frame -> the frames that are taken during its warm-up, between the frame before and itself.
    """

    exposures: tuple[Exposure, ...]
    fills: Mapping[str, tuple[Exposure, ...]]


@dataclass(slots=True)
class _Gap:
    """Warm-up that other frames may fill. `room_s` is the time that is left in it."""

    coming: Exposure
    room_s: float
    shields: Shields
    tight: bool
    frames: list[Exposure] = field(default_factory=list)

    @property
    def behind_shutters(self) -> bool:
        """True if all lamps warm up behind source shutters, so that others may be lit meanwhile."""
        return all(lamp in self.shields for lamp in self.coming.need.lamps)

    def takes(self, exposure: Exposure) -> bool:
        """Return whether a frame may be taken during the warm-up.

        Its own set-up blocks the lamps, or it needs no other set-up than the one that the gap ends with.
        """
        own = dict(exposure.need.setup)
        if self.behind_shutters:
            blocked = (self._blocked(lamp, own) for lamp in self.coming.need.lamps)
            return self.tight or all(blocked)
        setup = dict(self.coming.need.setup)
        return all(setup.get(name) == position for name, position in exposure.need.setup)

    def _blocked(self, lamp: str, setup: Mapping[str, str]) -> bool:
        return any(setup.get(name) in blocking for name, blocking in self.shields[lamp].items())


def can_move(exposure: Exposure) -> bool:
    """Return whether a frame may be taken at another place: no light, no wait before it, and any pointing."""
    return exposure.need.undemanding and not exposure.order.opens_shutter and not exposure.wait_s


def arranged(exposures: Sequence[Exposure], durations: Durations) -> Arrangement:
    """Return the frames in an order in which biases and darks fill warm-ups.

    Each goes into the first warm-up that is long enough, the longest frame first. Of the others, one may exceed each
    warm-up that is left. Frames never move across a wait, and frames with light keep their order. Of lamps that warm up
    behind source shutters the first one counts: the others warm up meanwhile.
    """
    order: list[Exposure] = []
    fills: dict[str, tuple[Exposure, ...]] = {}
    for segment in _segments(exposures):
        gaps = list(_gaps(order[-1:], segment, durations))
        moved = _moved(segment, gaps, durations)
        for gap in gaps:
            fills[gap.coming.frame] = tuple(exposure for exposure in segment if exposure in gap.frames)
        order += (exposure for exposure in segment if exposure.frame not in moved)
        for gap in gaps:
            if gap.behind_shutters:
                # Ordinary frames: their set-up blocks the lamps.
                at = order.index(gap.coming)
                order[at:at] = fills.pop(gap.coming.frame)
    first = next((exposure for exposure in order if exposure.need.lamps), None)
    if first is not None and all(map(can_move, order[: order.index(first)])):
        # Before the first lamp, they are frames like others that come before it.
        at = order.index(first)
        order[at:at] = fills.pop(first.frame, ())
    return Arrangement(tuple(order), {frame: each for frame, each in fills.items() if each})


def _segments(exposures: Sequence[Exposure]) -> Iterator[list[Exposure]]:
    """Yield the frames between waits."""
    segment: list[Exposure] = []
    for exposure in exposures:
        if exposure.wait_s and segment:
            yield segment
            segment = []
        segment.append(exposure)
    if segment:
        yield segment


def _gaps(before: Sequence[Exposure], segment: Sequence[Exposure], durations: Durations) -> Iterator[_Gap]:
    """Yield the warm-ups of a segment."""
    lit: tuple[str, ...] = before[0].need.lamps if before else ()
    site = durations.observatory
    shields, tight = site.shields, site.spectrographs.light_tight_shutter
    readout_s, shielded = site.spectrographs.readout_s, False
    for exposure in (each for each in segment if not can_move(each)):
        # A lamp that stays lit would be switched off for the frames in between.
        if exposure.need.lamps and not set(exposure.need.lamps) & set(lit) and not exposure.wait_s:
            gap = _Gap(exposure, durations.warmup_s(exposure.need, {}) - readout_s, shields, tight)
            if not shielded if gap.behind_shutters else tight:
                yield gap
            shielded = shielded or gap.behind_shutters
        lit = exposure.need.lamps


def _moved(segment: Sequence[Exposure], gaps: Sequence[_Gap], durations: Durations) -> set[str]:
    """Put frames into gaps. Return those that were moved."""
    readout_s = durations.observatory.spectrographs.readout_s
    taken_s = {each.frame: durations.integrate_s(each) + readout_s for each in segment if can_move(each)}
    free = sorted((each for each in segment if can_move(each)), key=lambda each: -taken_s[each.frame])
    moved: set[str] = set()
    for fits in (True, False):
        for exposure in (each for each in free if each.frame not in moved):
            long_s = taken_s[exposure.frame] if fits else 0.0
            found = [gap for gap in gaps if gap.takes(exposure) and gap.room_s > 0.0 and gap.room_s >= long_s]
            if found:
                gap = found[0] if fits else max(found, key=lambda gap: gap.room_s)
                gap.frames.append(exposure)
                gap.room_s -= taken_s[exposure.frame]
                moved.add(exposure.frame)
    return moved
