"""The graph of a run as it is walked, for the page: a picture, drawn when somebody looks."""

from safelight.engine.chronicle import chronicle
from safelight.engine.journal import Journal
from safelight.engine.logbook import run_page
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

    def drawn(self, journal: Journal, run: str, *, whole: bool) -> str:
        """The SVG.

        Args:
            journal: where the run is written down.
            run: its id, exactly.
            whole: every state; otherwise blocks of frames.

        Raises:
            RunRefused: there is no such run.
            NoPicture: its graph can't be made any more.
        """
        try:
            plan = self._plans.get(run) or pinned_plan(run_page(journal, run))
        except (ValueError, KeyError):
            raise NoPicture("this version can't make its graph any more") from None
        self._plans = dict([*self._plans.items(), (run, plan)][-_KEPT:])
        return picture_of_chronicle(chronicle(journal, run), plan, "states" if whole else "blocks").svg
