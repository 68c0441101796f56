"""Short titles of states, and the needs of each. Pure functions."""

from collections.abc import Mapping

from safelight.states import (
    AS_FOUND,
    Configure,
    Expose,
    Exposure,
    FibselStep,
    LampOff,
    LampWarmup,
    Park,
    Point,
    Ready,
    State,
    TimedLamp,
    TimedShutter,
    Wait,
    WaitDark,
    Work,
)
from safelight.text import counted

__all__ = ["is_ahead", "needs", "title"]


def is_ahead(state: State) -> bool:
    """Return whether a state lights a lamp ahead of its frame, or waits for that: it warms up while others run."""
    return "/ahead-" in state.id


def title(state: State) -> str:
    """Return the title of a state, such as `expose bias-001` or `warm up LDLS`."""
    said = _of_work(state)
    if said is not None:
        return said
    words = {
        "expose": "expose",
        "readout": "read out",
        "ready": "check",
        "wait": "wait before warm-up",
        "adopt": "take over",
    }
    return f"{words.get(state.kind, state.kind)} {state.frame or ''}".rstrip()


def _of_work(state: State) -> str | None:  # noqa: PLR0911 - one for each kind
    """Return the title of a state whose work says what it does, or None for states that are named by their frame."""
    work = state.work
    if isinstance(work, LampWarmup):
        verb = "light" if is_ahead(state) else "warm up"
        return f"{verb} {'+'.join(work.lamps)}"
    if isinstance(work, TimedLamp):
        return f"light {work.lamp} for {work.lit_s:g} s"
    if isinstance(work, TimedShutter):
        return f"let {work.opening.lamp} through for {work.opening.seconds:g} s"
    if isinstance(work, LampOff):
        return "all lamps off" if state.id in ("safing", "lamp-off/all") else f"lamp off {'+'.join(work.lamps)}"
    if isinstance(work, Point):
        return f"point {_to(work.position)}"
    if isinstance(work, Configure):
        return f"set {', '.join(f'{name} {_at(place)}' for name, place in work.setup)}"
    if isinstance(work, WaitDark):
        return f"wait {work.seconds:g} s, lamps off"
    if isinstance(work, Park):
        return "park"
    if isinstance(work, FibselStep):
        return f"mask {_to(work.fibre)}" if work.frame is None else f"light {work.fibre}"
    return None


def needs(work: Work | None, where: Mapping[str, str] = {}) -> str:  # noqa: PLR0911 - one for each kind
    """Return the needs of a state in a few words, or empty where its title is enough.

    Args:
        work: the state's action.
        where: named position -> its title; the name itself is used where it is missing.
    """
    if isinstance(work, Expose):
        return _exposure(work.exposure)
    if isinstance(work, Ready):
        need = work.need
        place = [_place(need.position, where)] if need.position else []
        lit = [f"{'+'.join(need.lamps)} lit" if need.lamps else "no lamp lit"]
        levels = [f"{lamp} at {percent:g} percent" for lamp, percent in need.levels]
        setup = [f"{name} {_at(where_)}" for name, where_ in need.setup]
        behind = "+".join(dict.fromkeys(lamp for lamp, _, _ in need.shields))
        warming = [f"{behind} behind a shutter"] if behind else []
        return ", ".join([*lit, *levels, *setup, *warming, *place, *_fibre(need.fibre)])
    if isinstance(work, LampWarmup):
        until = "" if work.steady is None else f", until the light is steady, for {work.steady.longest_s:g} s at most"
        behind = "".join(f", behind {selector} {position}" for _, selector, position in work.shields)
        return f"for {max(work.warmup_s):g} s at least{until}{behind}"
    if isinstance(work, TimedShutter):
        opening = work.opening
        return f"{opening.selector} {_at(opening.closed)} to {_at(opening.opened)} and back"
    if isinstance(work, Wait):
        return "until the lamp is needed"
    if isinstance(work, FibselStep) and work.frame is not None:
        return f"{work.dwell_s:.1f} s on target"
    return ""


def _exposure(exposure: Exposure) -> str:
    light = "+".join(exposure.lamps) or "no lamp"
    counts = exposure.counts
    at_most = "" if counts is None else f"{counts.adu:g} ADU in at most "
    seconds = f"{at_most}{exposure.exposure_s:g} s"
    fibres = [counted(len(exposure.sweep), "fibre") + " in turn"] if exposure.sweep else _fibre(exposure.need.fibre)
    return ", ".join([f"{exposure.flavour} {seconds}" if exposure.exposure_s else exposure.flavour, light, *fibres])


def _fibre(fibre: str | None) -> list[str]:
    if fibre == AS_FOUND:
        return ["mask as found"]
    return [] if fibre is None else [f"fibre {fibre}"]


def _at(place: str) -> str:
    """Format the position of a selector."""
    return "as found" if place == AS_FOUND else place


def _to(place: str) -> str:
    """Return the words for a fibre or position to go to."""
    return "back to where it was found" if place == AS_FOUND else f"to {place}"


def _place(position: str, where: Mapping[str, str]) -> str:
    return "telescopes as found" if position == AS_FOUND else where.get(position, position)
