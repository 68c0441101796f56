"""Frames of a sequence, each with everything it needs."""

from dataclasses import dataclass

__all__ = ["AS_FOUND", "Aim", "Frame", "Sweep", "Until"]

AS_FOUND = "as found"
"""Place of the mask or the telescopes when the first frame needs them. It is never the name of a fibre or position."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Mask that moves from fibre to fibre during one exposure.

    Attributes:
        fibres: in the order in which they are lit.
        dwell_s: seconds on target for each fibre, moves not counted; same length as `fibres`.
        asked_s: `time_per_position` of the document, s; None where it gives none.
    """

    fibres: tuple[str, ...]
    dwell_s: tuple[float, ...]
    asked_s: float | None = None


@dataclass(frozen=True, slots=True)
class Aim:
    """Counts from which an exposure time is found.

    Attributes:
        counts_adu: ADU above the bias.
        first_s: the first try, as long as no frame is known, s.
        least_s: the shortest exposure, s.
        tolerance: how far the counts may be off, as a fraction.
        tries: exposures at the most.
    """

    counts_adu: float
    first_s: float
    least_s: float
    tolerance: float
    tries: int


@dataclass(frozen=True, slots=True)
class Until:
    """End of a warm-up: when the light is steady.

    Attributes:
        fraction: largest change over the window, as a fraction of the light.
        window_s: in which the change is measured, s.
        longest_s: after which it ends in any case, s.
    """

    fraction: float
    window_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One exposure of a sequence.

    Attributes:
        id: never changes for a given sequence: `bias-001`, `dark-900s-001`, `LDLS-270s-002`,
            `HgNe+Neon-10s-001`.
        flavour: bias, dark, arc, flat or object.
        exposure_s: integration time, s; 0 for a bias; the longest one where it is found from counts.
        lamps: the lamps that are lit while it integrates, and no other; sorted by the observatory's order.
        warmup_s: how long each of `lamps` has been lit before the integration, s, at least; same length.
        position: the telescopes' named position, AS_FOUND where they stay, or None where pointing does not matter.
        fibre: the one fibre that the mask lights, AS_FOUND where nothing has moved it before, or None where it
            sweeps or does not matter.
        sweep: the mask's path during the exposure, or None.
        object: the FITS keyword OBJECT: the lamps' names joined by `+`, or `bias` or `dark`.
        header: extra FITS cards, as (keyword, value).
        setup: (selector, position) for each that has to be somewhere; the position is AS_FOUND where it stays.
        wait_s: how long all lamps are off before it, s.
        cameras: those that expose; empty: all.
        camera_s: (camera, seconds) for each that integrates for another time than `exposure_s`, the longest.
        levels: (lamp, percent) for each that is dimmed or could be.
        lit_for: (lamp, seconds) for each of `lamps` that is switched on for a part of the exposure only.
        opened_for: (lamp, seconds, selector, position) for each of `lamps` whose source shutter is opened for a part of
            the exposure: before and after it, the selector is where `setup` has it.
        until: what ends the warm-up of `lamps`, after `warmup_s` at the earliest; None: `warmup_s` alone.
        rest: (seconds on, seconds off) of its lamps, where the document gives a duty cycle.
        aim: the counts from which its exposure time is found; None where it is given.
    """

    id: str
    flavour: str
    exposure_s: float
    lamps: tuple[str, ...] = ()
    warmup_s: tuple[float, ...] = ()
    position: str | None = None
    fibre: str | None = None
    sweep: Sweep | None = None
    object: str = ""
    header: tuple[tuple[str, str | int | float | bool], ...] = ()
    setup: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0
    cameras: tuple[str, ...] = ()
    camera_s: tuple[tuple[str, float], ...] = ()
    levels: tuple[tuple[str, float], ...] = ()
    lit_for: tuple[tuple[str, float], ...] = ()
    opened_for: tuple[tuple[str, float, str, str], ...] = ()
    aim: Aim | None = None
    until: Until | None = None
    rest: tuple[float, float] | None = None
