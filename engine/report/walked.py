"""The graph of a run as it was walked."""

from safelight.engine.chronicle import Chronicle
from safelight.engine.drawing.colours import Theme
from safelight.engine.drawing.happened import Mark, marks
from safelight.engine.drawing.pictures import Detail, Drawn, picture_of_run
from safelight.engine.plan import Plan
from safelight.engine.wording import counted

__all__ = ["marks_of", "picture_of_chronicle"]


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
    return picture_of_run(plan, marks_of(told), page.run, below, detail, theme)
