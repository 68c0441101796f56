"""Graph of a run as executed, for the page, drawn on request."""

from safelight.engine.planning.plan import Plan
from safelight.show.history.recorded_plan import pinned_plan
from safelight.show.history.run_history import RunHistory
from safelight.show.report.executed_graph import picture_of_history
from safelight.web.frame_picture import NoPicture

__all__ = ["Graphs"]

_KEPT = 4
"""Number of cached plans."""


class Graphs:
    """Drawing of the graphs of one journal's runs, for one caller at a time. Plans are cached, as they never change."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

    def drawn(self, story: RunHistory, *, whole: bool) -> str:
        """Return the SVG.

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
        return picture_of_history(story, plan, "states" if whole else "blocks").svg
