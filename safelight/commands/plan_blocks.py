"""Table of `plan` with one row for each block of a sequence: the biases, the darks, each lamp."""

from itertools import groupby
from typing import TYPE_CHECKING

from safelight.states.titles import title
from safelight.text import brief, clock_face

if TYPE_CHECKING:
    from rich.table import Table

    from safelight.engine import Plan
    from safelight.states.graph import State

__all__ = ["block_rows", "block_table", "heading_of", "row_title"]

_HEADINGS = ("block", "frames", "exposures", "starts at", "lasts")
_MOVES = frozenset({"fibsel-step", "configure"})
_SOME = 3
"""Exposure times that are named; more are a span."""
Row = tuple[str, str, str, float, float]


def heading_of(plan: "Plan") -> str:
    """Return the line above every table of a plan."""
    return f"{plan.document.name} on {plan.observatory.name}"


def row_title(state: "State") -> str:
    """Return what the row of a state is called."""
    return "safing: all lamps off" if state.id == "safing" else title(state)


def block_rows(plan: "Plan") -> list[Row]:
    """Return name, frames, exposure times, start and end (s) of each block, in order of their starts.

    Set-up and readout of a frame belong to its block, and so do the moves between its frames. What else belongs to no
    frame has a row of its own.
    """
    block_of: dict[str, int] = {}
    later: set[str] = set()
    words: list[tuple[str, str, str]] = []
    groups = groupby(plan.graph.exposures, key=lambda exposure: (exposure.need.lamps, exposure.flavour))
    for number, ((lamps, flavour), group) in enumerate(groups):
        exposures = list(group)
        block_of |= {exposure.frame: number for exposure in exposures}
        later |= {exposure.frame for exposure in exposures[1:]}
        name = f"{'+'.join(lamps)} ({flavour})" if lamps else flavour
        words.append((name, str(len(exposures)), _times([exposure.exposure_s for exposure in exposures])))
    spans: dict[int, tuple[float, float]] = {}
    rows: list[Row] = []
    for slot in plan.schedule.slots:
        number = block_of.get(slot.state.frame or "", -1)
        if number < 0 and slot.state.kind in _MOVES and slot.state.id.split("/")[1] in later:
            continue  # a move between two frames of the block
        if number < 0:
            rows.append((row_title(slot.state), "", "", slot.start_s, slot.end_s))
            continue
        start_s, end_s = spans.get(number, (slot.start_s, slot.end_s))
        spans[number] = (min(start_s, slot.start_s), max(end_s, slot.end_s))
    rows += [(*words[number], *span) for number, span in spans.items()]
    return sorted(rows, key=lambda row: (row[3], row[4]))


def _times(seconds: list[float]) -> str:
    several = sorted(set(seconds))
    if len(several) > _SOME:
        return f"{brief(several[0])} to {brief(several[-1])}"
    return ", ".join(map(brief, several))


def block_table(plan: "Plan") -> "Table":
    """Return the table. Blocks overlap where readout runs in parallel with the next set-up."""
    from rich.text import Text  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.tables import table  # noqa: PLC0415

    blocks = table(heading_of(plan))
    for place, name in enumerate(_HEADINGS):
        blocks.add_column(name, justify="left" if place == 0 else "right", no_wrap=place > 0, overflow="fold")
    for name, frames, exposures, start_s, end_s in block_rows(plan):
        cells = (name, frames, exposures, clock_face(start_s), brief(end_s - start_s))
        blocks.add_row(*map(Text, cells), style="" if frames else "dim")
    return blocks
