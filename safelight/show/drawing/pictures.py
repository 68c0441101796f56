"""Pictures of graphs, plans and runs, with their words. Pure functions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

from safelight.engine.planning.plan import Plan
from safelight.engine.planning.schedule import Slot
from safelight.show.drawing.colours import Theme
from safelight.show.drawing.folding import Folded, fold_graph, unfolded
from safelight.show.drawing.graph_picture import draw_graph
from safelight.show.drawing.png import to_png
from safelight.show.drawing.state_marks import Mark, besides, marks_of_folded
from safelight.show.drawing.timeline_picture import draw_timeline
from safelight.states import StateGraph
from safelight.text import brief, clock_face, counted

__all__ = [
    "Detail",
    "Drawn",
    "folded_as",
    "graph_html",
    "picture_of",
    "picture_of_plan",
    "picture_of_run",
    "plan_html",
    "timeline_of",
]

Detail = Literal["blocks", "states"]
_MOST_STATES = 60
"""Number of states above which a notebook shows a graph in blocks."""
_LINE = 42
"""Longest line of a note, characters."""
_BESIDES = 6
"""Largest number of set-ups of a resume that are named."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Picture, which a notebook shows by itself."""

    svg: str

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, px."""
        found = re.search(r'width="(\d+)" height="(\d+)"', self.svg)
        return (float(found[1]), float(found[2])) if found else (0.0, 0.0)

    def png(self) -> bytes:
        """Return it as PNG.

        Raises:
            DrawingError: a package is not installed.
        """
        return to_png(self.svg, *self.size)

    def _repr_svg_(self) -> str:
        return self.svg


def graph_html(graph: StateGraph) -> str:
    """Draw a graph for a notebook."""
    return picture_of(graph, "blocks" if len(graph.states) > _MOST_STATES else "states").svg


def plan_html(plan: Plan) -> str:
    """Draw a plan in time for a notebook."""
    return timeline_of(plan).svg


def folded_as(graph: StateGraph, detail: Detail) -> Folded:
    """Return the graph in that detail."""
    return fold_graph(graph) if detail == "blocks" else unfolded(graph)


def picture_of(graph: StateGraph, detail: Detail = "states", theme: Theme = "auto") -> Drawn:
    """Return the picture of a graph.

    Args:
        graph: compiled.
        detail: `states`: every one; `blocks`: one box for each lamp, the biases, the darks.
        theme: `auto` follows the reader's choice of light or dark.
    """
    folded = folded_as(graph, detail)
    notes = {name: _content(folded, name) for name in folded.parts}
    return Drawn(draw_graph(folded.graph, below=[counted(len(graph.exposures), "frame")], notes=notes, theme=theme))


def picture_of_plan(plan: Plan, detail: Detail = "states", theme: Theme = "auto", heading: str = "") -> Drawn:
    """Return the picture of a plan: its graph, with the beginning and duration of each state."""
    folded = folded_as(plan.graph, detail)
    slots = {slot.state.id: slot for slot in plan.schedule.slots}
    notes = {name: [*_content(folded, name), *_time(slots, parts)] for name, parts in folded.parts.items()}
    below = [
        f"{counted(len(plan.graph.exposures), 'frame')}, {clock_face(plan.total_s)}; graph {plan.graph.hash[:12]}",
        "in each box: when it begins, and how long it lasts if nothing goes wrong",
    ]
    heading = heading or f"{plan.document.name} on {plan.observatory.name}"
    return Drawn(draw_graph(folded.graph, heading=heading, below=below, notes=notes, theme=theme))


def picture_of_run(
    plan: Plan, of_steps: Mapping[str, Mark], heading: str, below: Sequence[str], detail: Detail, theme: Theme = "auto"
) -> Drawn:
    """Return the picture of a run: the graph of the whole sequence, and the outcome of each state.

    Args:
        plan: plan of the whole sequence of the run.
        of_steps: outcomes from the journal.
        heading: the name of the run.
        below: its status.
        detail: `states` or `blocks`.
        theme: `auto` follows the reader's choice of light or dark.
    """
    folded = folded_as(plan.graph, detail)
    notes = {name: _content(folded, name) for name in folded.parts}
    told = {name: mark for name, mark in marks_of_folded(folded, of_steps).items() if name in folded.graph.by_id}
    aside = besides((step for parts in folded.parts.values() for step in parts), of_steps)
    lines = [*below, "in each box: when it was done (UTC), and how long it took", *_aside(aside)]
    return Drawn(draw_graph(folded.graph, heading=heading, below=lines, notes=notes, marks=told, theme=theme))


def timeline_of(plan: Plan, theme: Theme = "auto") -> Drawn:
    """Return the timeline of a plan, with the time that its overlap saves."""
    return Drawn(draw_timeline(plan, plan.serial_s, theme))


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
    return [f"also set up again: {'; '.join(aside[:_BESIDES])}{more}"]
