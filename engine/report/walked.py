"""The graph of a run as it was walked."""

from safelight.engine.chronicle import Chronicle
from safelight.engine.drawing.colours import Theme
from safelight.engine.drawing.happened import Mark, marks
from safelight.engine.drawing.pictures import Detail, Drawn, picture_of_run
from safelight.engine.plan import Plan
from safelight.engine.report.segments import only_segment, segment_plan
from safelight.engine.wording import counted

__all__ = ["marks_of", "picture_of_chronicle", "picture_of_segment"]


def marks_of(told: Chronicle) -> dict[str, Mark]:
    """State id -> what has come of it."""
    return marks(told.segments, told.states, going_on=told.owner is not None)


def picture_of_chronicle(told: Chronicle, plan: Plan, detail: Detail = "blocks", theme: Theme = "auto") -> Drawn:
    """The graph of the whole sequence, coloured with what happened.

    Args:
        told: the run.
        plan: of its whole sequence.
        detail: `states` or `blocks`.
        theme: `auto` follows the reader's choice of light or dark.
    """
    page = told.page
    segments = f" in {counted(len(told.segments), 'segment')}" if len(told.segments) > 1 else ""
    good = f"{len(told.good)} of {page.frames_asked} frames are good"
    below = [f"{page.sequence} on {page.observatory}: {told.status}{segments}; {good}"]
    if len(told.segments) > 1:
        below.append("the whole sequence, whichever segment has done it; each segment has a graph of its own")
    return picture_of_run(plan, marks_of(told), page.run, below, detail, theme)


def picture_of_segment(told: Chronicle, number: int, detail: Detail = "blocks", theme: Theme = "auto") -> Drawn:
    """The graph of one segment, coloured with what happened in it.

    Args:
        told: the whole run.
        number: of the segment.
        detail: `states` or `blocks`.
        theme: `auto` follows the reader's choice of light or dark.

    Raises:
        RunRefused: there is no such segment.
        SafelightError: this version can't make its graph any more.
    """
    alone, plan, page = only_segment(told, number), segment_plan(told, number), told.page
    row = alone.segments[0]
    outcome = row["outcome"] or ("running" if alone.owner else "killed")
    left = counted(len(plan.graph.exposures), "frame")
    below = [
        f"{page.sequence} on {page.observatory}: {left} to take; {outcome}, {counted(len(alone.good), 'good frame')}"
    ]
    if row["observatory_hash"] != page.observatory_hash:
        below.append("the observatory's document had changed by then; drawn as it was when the run was made")
    heading = f"{page.run}, segment {number} of {len(told.segments)}"
    return picture_of_run(plan, marks_of(alone), heading, below, detail, theme)
