"""Makes the pictures of the documentation, in docs/pictures/, from plans and runs of the simulated observatory.

python docs/make-pictures.py [FOLDER]

Times in them are those of the day on which they were made. A picture of the report needs a Chromium on the machine
and is left out where there is none.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from safelight.devices.simulated.faults import Fault
from safelight.engine import Plan, Request, perform, plan_of
from safelight.engine.chronicle import Chronicle, chronicle
from safelight.engine.drawing import Drawn, picture_of_plan, timeline_of
from safelight.engine.journal import Journal, default_url
from safelight.engine.report import pinned_plan, report
from safelight.engine.report.walked import picture_of_chronicle
from safelight.engine.resume import ResumeRequest, rest_of, resume

FAULTS = (
    Fault(device="spectrographs.sp1", verb="read_out", nth=2, what="error"),
    Fault(device="lamps.Quartz", verb="on", nth=1, what="error"),
    Fault(device="spectrographs.sp2", verb="expose", nth=4, what="error", times=9),
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
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
    """A run that meets faults, what a resume would do, and the report of both."""
    home, frames = place / "home", place / "frames"
    request = Request("quick-cals", home=home, frames=frames, speed="max", faults=FAULTS)
    run = asyncio.run(perform(request)).run
    _save(_walked(home, run), folder / "graph-run.svg")
    journal = Journal(default_url(home), create=False)
    try:
        rest = rest_of(journal, ResumeRequest(run=run, home=home))
    finally:
        journal.close()
    _save(picture_of_plan(rest.plan, "blocks", heading=f"what a resume of {run} would do"), folder / "graph-rest.svg")
    asyncio.run(resume(ResumeRequest(run=run, home=home, speed="max")))
    page = place / "report.html"
    # Where the pictures were made is nobody's concern.
    page.write_text(report(_told(home, run)).replace(str(place), "~"), encoding="utf-8")
    _photograph(page, folder / "report.png", (1280, 2400))
    _photograph(page, folder / "report-phone.png", (390, 1600))


def _told(home: Path, run: str) -> Chronicle:
    journal = Journal(default_url(home), create=False)
    try:
        return chronicle(journal, run)
    finally:
        journal.close()


def _walked(home: Path, run: str) -> Drawn:
    told = _told(home, run)
    return picture_of_chronicle(told, pinned_plan(told.page))


def _save(picture: Drawn, path: Path) -> None:
    path.write_text(picture.svg, encoding="utf-8")


def _photograph(page: Path, path: Path, size: tuple[int, int]) -> None:
    browser = next(filter(None, (shutil.which(name) for name in _BROWSERS)), None)
    if browser is None:
        sys.stderr.write(f"no Chromium here: {path} is left as it is\n")
        return
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *_QUIET, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]
        command += [f"--screenshot={path}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - a browser of this machine


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
