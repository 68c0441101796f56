"""The picture of a graph, of a plan, of a run: what is drawn, with the words that stand on it; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

from safelight.engine.drawing.colours import Theme
from safelight.engine.drawing.flow import flow
from safelight.engine.drawing.fold import Folded, fold, unfolded
from safelight.engine.drawing.happened import Mark, besides, marks_of_folded
from safelight.engine.drawing.png import png
from safelight.engine.drawing.timeline import timeline
from safelight.engine.plan import Plan
from safelight.engine.schedule import Slot
from safelight.engine.wording import brief, clock_face, counted
from safelight.states import StateGraph

__all__ = ["Detail", "Drawn", "folded_as", "picture_of", "picture_of_plan", "picture_of_run", "timeline_of"]

Detail = Literal["blocks", "states"]
_LINE = 42
"""Letters of a note on one line."""
_BESIDES = 6
"""So many set-ups of a resume are named."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture; a notebook shows it by itself."""

    svg: str

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, px."""
        found = re.search(r'width="(\d+)" height="(\d+)"', self.svg)
        return (float(found[1]), float(found[2])) if found else (0.0, 0.0)

    def png(self) -> bytes:
        """The same as PNG.

        Raises:
            DrawingError: what draws it is not installed.
        """
        return png(self.svg, *self.size)

    def _repr_svg_(self) -> str:
        return self.svg


def folded_as(graph: StateGraph, detail: Detail) -> Folded:
    """The graph in that detail."""
    return fold(graph) if detail == "blocks" else unfolded(graph)


def picture_of(graph: StateGraph, detail: Detail = "states", theme: Theme = "auto") -> Drawn:
    """A graph.

    Args:
        graph: compiled.
        detail: `states`: every one; `blocks`: one box for each lamp, the biases, the darks.
        theme: `auto` follows the reader's choice of light or dark.
    """
    folded = folded_as(graph, detail)
    notes = {name: _content(folded, name) for name in folded.parts}
    return Drawn(flow(folded.graph, below=[counted(len(graph.exposures), "frame")], notes=notes, theme=theme))


def picture_of_plan(plan: Plan, detail: Detail = "states", theme: Theme = "auto", heading: str = "") -> Drawn:
    """A plan: its graph, with when each state begins and how long it lasts."""
    folded = folded_as(plan.graph, detail)
    slots = {slot.state.id: slot for slot in plan.schedule.slots}
    notes = {name: [*_content(folded, name), *_time(slots, parts)] for name, parts in folded.parts.items()}
    below = [
        f"{counted(len(plan.graph.exposures), 'frame')}, {clock_face(plan.total_s)}; graph {plan.graph.hash[:12]}",
        "in each box: when it begins, and how long it lasts if nothing goes wrong",
    ]
    heading = heading or f"{plan.document.name} on {plan.observatory.name}"
    return Drawn(flow(folded.graph, heading=heading, below=below, notes=notes, theme=theme))


def picture_of_run(
    plan: Plan, of_steps: Mapping[str, Mark], heading: str, below: Sequence[str], detail: Detail, theme: Theme = "auto"
) -> Drawn:
    """A run: the graph of the whole sequence, and what has come of each state.

    Args:
        plan: of the whole sequence, as the run was asked for.
        of_steps: from the journal.
        heading: which run.
        below: how it stands.
        detail: `states` or `blocks`.
        theme: `auto` follows the reader's choice of light or dark.
    """
    folded = folded_as(plan.graph, detail)
    notes = {name: _content(folded, name) for name in folded.parts}
    told = {name: mark for name, mark in marks_of_folded(folded, of_steps).items() if name in folded.graph.by_id}
    aside = besides((step for parts in folded.parts.values() for step in parts), of_steps)
    lines = [*below, "in each box: when it was done (UTC), and how long it took", *_aside(aside)]
    return Drawn(flow(folded.graph, heading=heading, below=lines, notes=notes, marks=told, theme=theme))


def timeline_of(plan: Plan, theme: Theme = "auto") -> Drawn:
    """A plan in time, with what its overlap saves."""
    return Drawn(timeline(plan, plan.serial_s, theme))


def _content(folded: Folded, name: str) -> list[str]:
    return wrap(folded.notes.get(name, ""), _LINE)


def _time(slots: Mapping[str, Slot], parts: Sequence[str]) -> list[str]:
    found = [slots[step] for step in parts if step in slots]
    if not found:
        return []
    start_s, end_s = min(slot.start_s for slot in found), max(slot.end_s for slot in found)
    return [f"at {clock_face(start_s)}, {brief(end_s - start_s)}"]


def _aside(aside: Sequence[str]) -> list[str]:
    if not aside:
        return []
    more = f", and {len(aside) - _BESIDES} more" if len(aside) > _BESIDES else ""
    return [f"besides, set up anew: {'; '.join(aside[:_BESIDES])}{more}"]
