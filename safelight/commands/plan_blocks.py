"""Table of `plan` with one row for each block of a sequence: the biases, the darks, each lamp."""

from collections import Counter
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from safelight.states import LampOff
from safelight.states.titles import title
from safelight.text import brief, clock_face

if TYPE_CHECKING:
    from rich.table import Table

    from safelight.engine import Plan
    from safelight.states import Exposure
    from safelight.states.graph import State

__all__ = ["block_rows", "block_table", "heading_of", "row_title"]

_HEADINGS = ("block", "frames", "exposures", "starts at", "lasts")
_BETWEEN = frozenset({"fibsel-step", "configure", "wait", "wait-dark", "lamp-warmup"})
"""Kinds of states that belong to no frame, and to a block if they are between two of its frames."""
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

    Set-up and readout of a frame belong to its block, and so do moves, rests and warm-ups between its frames. What else
    belongs to no frame has a row of its own.
    """
    groups = _groups(plan)
    block_of = {exposure.frame: number for number, group in enumerate(groups) for exposure in group}
    later = {exposure.frame for group in groups for exposure in group[1:]}
    lamps_of = {exposure.frame: set(exposure.lamps) for group in groups for exposure in group[:-1]}
    spans: dict[int, tuple[float, float]] = {}
    lit = Counter(range(len(groups)))
    rows: list[Row] = []
    for slot in plan.schedule.slots:
        work, (_, _, rest) = slot.state.work, slot.state.id.partition("/")
        number, frame = block_of.get(slot.state.frame or "", -1), rest.partition("/")[0]
        if number >= 0:
            start_s, end_s = spans.get(number, (slot.start_s, slot.end_s))
            spans[number] = (min(start_s, slot.start_s), max(end_s, slot.end_s))
        elif isinstance(work, LampOff) and lamps_of.get(frame, set()) & set(work.lamps):
            lit[block_of[frame]] += 1
        elif slot.state.kind not in _BETWEEN or frame not in later:
            rows.append((row_title(slot.state), "", "", slot.start_s, slot.end_s))
    rows += [(*_words(groups[number], lit[number]), *span) for number, span in spans.items()]
    return sorted(rows, key=lambda row: (row[3], row[4]))


def _groups(plan: "Plan") -> list[list["Exposure"]]:
    """Return the exposures of each block: the same lamps, the same flavour, and no wait of the sequence in between."""
    exposures = plan.graph.exposures
    waits = accumulate(exposure.wait_s > 0.0 for exposure in exposures)
    parts = zip(exposures, waits, strict=True)
    grouped = groupby(parts, key=lambda part: (part[0].lamps, part[0].flavour, part[1]))
    return [[exposure for exposure, _ in group] for _, group in grouped]


def _words(group: list["Exposure"], lit: int) -> tuple[str, str, str]:
    """Return name, number of frames and exposure times of a block whose lamps are lit so often."""
    first = group[0]
    name = f"{'+'.join(first.lamps)} ({first.flavour})" if first.lamps else first.flavour
    again = f", lit {lit} times" if lit > 1 else ""
    return name + again, str(len(group)), _times([exposure.exposure_s for exposure in group])


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
