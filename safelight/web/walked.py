"""The graph of a run as it is walked, for the page: a picture, drawn when somebody looks."""

from safelight.engine.chronicle import Chronicle
from safelight.engine.plan import Plan
from safelight.engine.report.pinned import pinned_plan
from safelight.engine.report.walked import picture_of_chronicle
from safelight.web.pictures import NoPicture

__all__ = ["Graphs"]

_KEPT = 4
"""So many plans are kept."""


class Graphs:
    """Draws graphs of one journal's runs, for one caller at a time; plans are kept, for they never change."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

    def drawn(self, story: Chronicle, *, whole: bool) -> str:
        """The SVG.

        Args:
            story: the run.
            whole: every state; otherwise blocks of frames.

        Raises:
            NoPicture, SafelightError: its graph can't be made any more.
        """
        run = story.page.run
        try:
            plan = self._plans.pop(run, None) or pinned_plan(story.page)
        except (ValueError, KeyError):
            raise NoPicture("this version can't make its graph any more") from None
        self._plans[run] = plan
        if len(self._plans) > _KEPT:
            del self._plans[next(iter(self._plans))]
        return picture_of_chronicle(story, plan, "states" if whole else "blocks").svg
