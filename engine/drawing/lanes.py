"""A plan as lanes in time: telescopes, each lamp, mask, integration, read-out; and which of it decides. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from safelight.engine.drawing.fold import fold
from safelight.engine.drawing.tree import Item, items, leaves
from safelight.engine.plan import Plan
from safelight.engine.schedule import Slot
from safelight.engine.wording import brief, title
from safelight.states import Adopt, Expose, FibselStep, LampOff, LampWarmup, Park, Point, Readout, StateGraph

__all__ = ["Bar", "Lane", "blocks_in_time", "critical_path", "planned_lanes"]


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that lasts.

    Attributes:
        start_s: from the beginning, s.
        end_s: the same.
        look: its colour: `warm`, `lit`, `expose`, `readout`, `move`, `check`, `off`, `bad`.
        words: what it is.
        critical: the run would be shorter if it were.
    """

    start_s: float
    end_s: float
    look: str
    words: str = ""
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """What one part of the instrument does; `note` stands at its end."""

    name: str
    bars: tuple[Bar, ...]
    note: str = ""


def planned_lanes(plan: Plan) -> tuple[Lane, ...]:
    """Every lane that the plan uses; the time that decides is marked."""
    slots, decides = plan.schedule.slots, plan.critical
    lanes = [
        Lane("telescopes", tuple(_bars(slots, (Point, Park), "move", decides))),
        *_lamps(plan, decides),
        Lane("mask", tuple(_bars(slots, (FibselStep,), "move", decides))),
        Lane("integration", tuple(_bars(slots, (Expose, Adopt), "expose", decides))),
        Lane("read-out", tuple(_bars(slots, (Readout,), "readout", decides))),
    ]
    return tuple(lane for lane in lanes if lane.bars)


def _bars(slots: Sequence[Slot], works: tuple[type, ...], look: str, decides: Collection[str]) -> Iterator[Bar]:
    for slot in slots:
        if isinstance(slot.state.work, works):
            yield Bar(slot.start_s, slot.end_s, look, title(slot.state), slot.state.id in decides)


def _lamps(plan: Plan, decides: Collection[str]) -> Iterator[Lane]:
    """In the order in which they are lit."""
    bars = {lamp: tuple(_lamp_bars(plan, lamp, decides)) for lamp in plan.observatory.lamps.units}
    for lamp in sorted((lamp for lamp in bars if bars[lamp]), key=lambda lamp: bars[lamp][0].start_s):
        yield Lane(lamp, bars[lamp], f"{brief(plan.schedule.lamp_on_s.get(lamp, 0.0))} on")


def _lamp_bars(plan: Plan, lamp: str, decides: Collection[str]) -> Iterator[Bar]:
    """Warming from the command on, then lit until it is off."""
    warm_s: float | None = None
    for slot in plan.schedule.slots:
        work = slot.state.work
        if isinstance(work, LampWarmup) and lamp in work.lamps:
            if warm_s is not None and warm_s < slot.start_s:
                yield Bar(warm_s, slot.start_s, "lit", f"{lamp} lit")
            yield Bar(slot.start_s, slot.end_s, "warm", f"{lamp} warms up", slot.state.id in decides)
            warm_s = slot.end_s
        elif isinstance(work, LampOff) and lamp in work.lamps and warm_s is not None:
            yield Bar(warm_s, slot.start_s + plan.observatory.lamps.off_s, "lit", f"{lamp} lit")
            warm_s = None


def critical_path(graph: StateGraph, slots: Sequence[Slot]) -> frozenset[str]:
    """The states that decide how long the run takes: of lanes beside each other, those of the longest."""
    ends = {slot.state.id: slot.end_s for slot in slots}
    return frozenset({"safing", *_deciding(items(graph, graph.initial), ends)})


def _deciding(series: Sequence[Item], ends: dict[str, float]) -> Iterator[str]:
    for item in series:
        if not item.lanes:
            yield item.state.id
            continue
        yield from _deciding(max(item.lanes, key=lambda lane: _ends_s(lane, ends)), ends)


def _ends_s(lane: Sequence[Item], ends: dict[str, float]) -> float:
    return max((ends[state.id] for item in lane for state in leaves(item)), default=0.0)


def blocks_in_time(plan: Plan) -> tuple[Bar, ...]:
    """Each block of frames, from its first integration to the end of its last."""
    folded = fold(plan.graph)
    slots = {slot.state.id: slot for slot in plan.schedule.slots}
    found = []
    for name, parts in folded.parts.items():
        mine = [slots[step] for step in parts if isinstance(slots[step].state.work, Expose | Adopt)]
        if mine:
            found.append(Bar(mine[0].start_s, mine[-1].end_s, "expose", name))
    return tuple(found)
