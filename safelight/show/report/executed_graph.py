"""Graph of a run as executed."""

from safelight.engine.planning.plan import Plan
from safelight.show.drawing.colours import Theme
from safelight.show.drawing.pictures import Detail, Drawn, picture_of_run
from safelight.show.drawing.state_marks import Mark, marks
from safelight.show.history.recorded_plan import only_segment, pinned_plan, segment_plan
from safelight.show.history.run_history import RunHistory
from safelight.text import counted

__all__ = ["history_html", "marks_of", "picture_of_history", "picture_of_segment"]


def marks_of(told: RunHistory) -> dict[str, Mark]:
    """Return state id -> its outcome."""
    return marks(told.segments, told.states, going_on=told.owner is not None)


def history_html(history: RunHistory) -> str:
    """Draw the graph of a run for a notebook."""
    return picture_of_history(history, pinned_plan(history.page)).svg


def picture_of_history(told: RunHistory, plan: Plan, detail: Detail = "blocks", theme: Theme = "auto") -> Drawn:
    """Return the graph of the whole sequence, coloured with the outcomes.

    Args:
        told: the run.
        plan: plan of its whole sequence.
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


def picture_of_segment(told: RunHistory, number: int, detail: Detail = "blocks", theme: Theme = "auto") -> Drawn:
    """Return the graph of one segment, coloured with its outcomes.

    Args:
        told: the whole run.
        number: the segment's number.
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
