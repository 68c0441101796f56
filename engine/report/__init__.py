"""Reports of runs: what the journal and the frames tell, as one file for people."""

from typing import Literal

from safelight.engine.chronicle import Chronicle
from safelight.engine.report.content import sections
from safelight.engine.report.html import html
from safelight.engine.report.markdown import markdown
from safelight.engine.report.pinned import pinned_plan
from safelight.engine.report.walked import marks_of, picture_of_chronicle, picture_of_segment

__all__ = ["marks_of", "picture_of_chronicle", "picture_of_segment", "pinned_plan", "report"]


def report(told: Chronicle, form: Literal["html", "md"] = "html") -> str:
    """A whole run, explained afterwards.

    Args:
        told: the run, as the journal tells it; pixels and headers are read from its folder.
        form: `html`: one file with everything in it; `md`: words and tables.
    """
    title = f"{told.page.sequence} on {told.page.observatory}: run {told.page.run}"
    return (html if form == "html" else markdown)(title, sections(told))
