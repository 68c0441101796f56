"""Plan as lanes in time: telescopes, each lamp, mask, integration and readout, with the critical path. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from safelight.engine.planning.plan import Plan
from safelight.engine.planning.schedule import Slot
from safelight.show.drawing.folding import fold_graph
from safelight.states import (
    Adopt,
    Configure,
    Expose,
    FibselStep,
    LampOff,
    LampWarmup,
    Park,
    Point,
    Readout,
    TimedLamp,
    TimedShutter,
    WaitDark,
)
from safelight.states.titles import is_ahead, title
from safelight.text import brief

__all__ = ["Bar", "Lane", "blocks_in_time", "planned_lanes"]


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of a lane.

    Attributes:
        start_s: start, from the beginning of the run, s.
        end_s: end, from the beginning of the run, s.
        look: its colour: `warm`, `lit`, `expose`, `readout`, `move`, `check`, `off`, `bad`.
        words: its description.
        critical: whether the run would be shorter if it were.
    """

    start_s: float
    end_s: float
    look: str
    words: str = ""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """Lane of one part of the instrument. `note` is at its end."""

    name: str
    bars: tuple[Bar, ...]
    note: str = ""


def planned_lanes(plan: Plan) -> tuple[Lane, ...]:
    """Return every lane of the plan. The critical times are marked."""
    slots, decides = plan.schedule.slots, plan.critical
    lanes = [
        Lane("telescopes", tuple(_bars(slots, (Point, Park), "move", decides))),
        *_lamps(plan, decides),
        Lane("mask", tuple(_bars(slots, (FibselStep,), "move", decides))),
        Lane("selectors", tuple(sorted(_selector_bars(slots, decides), key=lambda bar: bar.start_s))),
        Lane("waits", tuple(_bars(slots, (WaitDark,), "check", decides))),
        Lane("integration", tuple(_bars(slots, (Expose, Adopt), "expose", decides))),
        Lane("readout", tuple(_bars(slots, (Readout,), "readout", decides))),
    ]
    return tuple(lane for lane in lanes if lane.bars)


def _bars(slots: Sequence[Slot], works: tuple[type, ...], look: str, decides: Collection[str]) -> Iterator[Bar]:
    for slot in slots:
        if isinstance(slot.state.work, works):
            yield Bar(slot.start_s, slot.end_s, look, title(slot.state), slot.state.id in decides)


def _selector_bars(slots: Sequence[Slot], decides: Collection[str]) -> Iterator[Bar]:
    """Yield the moves of selectors, and the times in which one lets a lamp through."""
    yield from _bars(slots, (Configure,), "move", decides)
    yield from _bars(slots, (TimedShutter,), "lit", decides)


def _lamps(plan: Plan, decides: Collection[str]) -> Iterator[Lane]:
    """Yield the lamps in the order in which they are lit."""
    bars = {lamp: tuple(_lamp_bars(plan, lamp, decides)) for lamp in plan.observatory.lamps.units}
    for lamp in sorted((lamp for lamp in bars if bars[lamp]), key=lambda lamp: bars[lamp][0].start_s):
        yield Lane(lamp, bars[lamp], f"{brief(plan.schedule.lamp_on_s.get(lamp, 0.0))} on")


def _lamp_bars(plan: Plan, lamp: str, decides: Collection[str]) -> Iterator[Bar]:
    """Yield a bar for the warm-up from the command on, then one for the time until it is off."""
    warm_s: float | None = None
    ahead = False
    for slot in plan.schedule.slots:
        work = slot.state.work
        if isinstance(work, LampWarmup) and lamp in work.lamps:
            if warm_s is not None and warm_s < slot.start_s:
                look, words = ("warm", "warms up") if ahead else ("lit", "lit")
                yield Bar(warm_s, slot.start_s, look, f"{lamp} {words}")
            ahead = is_ahead(slot.state)
            yield Bar(slot.start_s, slot.end_s, "warm", f"{lamp} warms up", slot.state.id in decides)
            warm_s = slot.end_s
        elif isinstance(work, LampOff) and lamp in work.lamps and warm_s is not None:
            yield Bar(warm_s, slot.start_s + plan.observatory.lamps.off_s, "lit", f"{lamp} lit")
            warm_s = None
        elif isinstance(work, TimedLamp) and lamp == work.lamp:
            lit_s = slot.start_s + work.lead_s + plan.observatory.lamps.on_s
            yield Bar(lit_s, lit_s + work.lit_s, "lit", f"{lamp} lit", slot.state.id in decides)


def blocks_in_time(plan: Plan) -> tuple[Bar, ...]:
    """Return each block of frames, from its first integration to the end of its last."""
    folded = fold_graph(plan.graph)
    slots = {slot.state.id: slot for slot in plan.schedule.slots}
    found = []
    for name, parts in folded.parts.items():
        mine = [slots[step] for step in parts if isinstance(slots[step].state.work, Expose | Adopt)]
        if mine:
            found.append(Bar(mine[0].start_s, mine[-1].end_s, "expose", name))
    return tuple(found)
