"""Makes the pictures of the documentation, in docs/pictures/, from plans and runs of the simulated observatory.

python docs/make-pictures.py [FOLDER]

Times in them are those of the day on which they were made. Photographs of pages are made by make-screenshots.py.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from safelight.devices.simulated.faults import Fault
from safelight.engine import Plan, Request, perform, plan_of
from safelight.engine.records.database import Journal, default_url
from safelight.engine.resume.resumption import ResumeRequest, remaining_of
from safelight.show.drawing import Drawn, picture_of_plan, timeline_of
from safelight.show.history.run_history import RunHistory, read_history
from safelight.show.report import pinned_plan
from safelight.show.report.executed_graph import picture_of_history

FAULTS = (
    Fault(device="spectrographs.sp1", verb="read_out", nth=2, what="error"),
    Fault(device="lamps.Quartz", verb="on", nth=1, what="error"),
    Fault(device="spectrographs.sp2", verb="expose", nth=4, what="error", times=9),
)


def main(folder: Path) -> None:
    """Make them all."""
    folder.mkdir(parents=True, exist_ok=True)
    _draw_plans(folder)
    with tempfile.TemporaryDirectory() as place:
        _draw_run(folder, Path(place))


def _draw_plans(folder: Path) -> None:
    plan: Plan = plan_of(Request("quick-cals"))
    _save(picture_of_plan(plan, "blocks"), folder / "graph-blocks.svg")
    _save(picture_of_plan(plan, "states"), folder / "graph-states.svg")
    _save(timeline_of(plan), folder / "timeline.svg")
    normal = plan_of(Request("normal"))
    _save(picture_of_plan(normal, "blocks"), folder / "graph-normal.svg")
    _save(timeline_of(normal), folder / "timeline-normal.svg")


def _draw_run(folder: Path, place: Path) -> None:
    """A run that meets faults, and what a resume would do."""
    home, frames = place / "home", place / "frames"
    request = Request("quick-cals", home=home, frames=frames, speed="max", faults=FAULTS)
    run = asyncio.run(perform(request)).run
    _save(_walked(home, run), folder / "graph-run.svg")
    journal = Journal(default_url(home), create=False)
    try:
        rest = remaining_of(journal, ResumeRequest(run=run, home=home))
    finally:
        journal.close()
    _save(picture_of_plan(rest.plan, "blocks", heading=f"what a resume of {run} would do"), folder / "graph-rest.svg")


def _told(home: Path, run: str) -> RunHistory:
    journal = Journal(default_url(home), create=False)
    try:
        return read_history(journal, run)
    finally:
        journal.close()


def _walked(home: Path, run: str) -> Drawn:
    told = _told(home, run)
    return picture_of_history(told, pinned_plan(told.page))


def _save(picture: Drawn, path: Path) -> None:
    path.write_text(picture.svg, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
