"""Reports of runs from the journal and the frames, as one file for people."""

from typing import Literal

from safelight.show.history.recorded_plan import pinned_plan
from safelight.show.history.run_history import RunHistory
from safelight.show.report.executed_graph import marks_of, picture_of_history, picture_of_segment
from safelight.show.report.html import to_html
from safelight.show.report.markdown import to_markdown
from safelight.show.report.sections import sections

__all__ = ["marks_of", "picture_of_history", "picture_of_segment", "pinned_plan", "report_on"]


def report_on(told: RunHistory, form: Literal["html", "md"] = "html") -> str:
    """Return a report that explains a whole run.

    Args:
        told: history of the run; pixels and headers are read from its folder.
        form: `html`: one file with everything in it; `md`: words and tables.
    """
    title = f"{told.page.sequence} on {told.page.observatory}: run {told.page.run}"
    return (to_html if form == "html" else to_markdown)(title, sections(told))
