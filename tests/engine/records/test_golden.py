"""Journals of every version that was ever published open and resume, for ever. Their frames are long gone."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from safelight.engine.records import tables
from safelight.engine.records.database import default_url
from safelight.engine.resume.resumption import ResumeRequest, remaining_of
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Warm

MakeCase = Callable[..., Case]

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*.sqlite"))
DEMO = ["bias-001", "Quartz-120s-001"]


@pytest.fixture(params=GOLDEN, ids=[path.stem for path in GOLDEN])
def golden(request: pytest.FixtureRequest, make_case: MakeCase) -> Case:
    """Return a home with a copy of a golden journal, at an instrument that has taken many exposures since."""
    case = make_case()
    simulated = case.home / "simulated"
    simulated.mkdir(parents=True)
    shutil.copyfile(request.param, case.home / "journal.sqlite")
    (simulated / "counter.json").write_text(json.dumps({"exposure_no": 1000}))
    return replace(case, journal=default_url(case.home))


def test_there_are_golden_journals_of_this_version() -> None:
    """This version has its own, a finished run and a killed one."""
    mine = {path.stem for path in GOLDEN if path.stem.startswith(f"v{tables.VERSION}-")}
    assert mine >= {f"v{tables.VERSION}-done-demo", f"v{tables.VERSION}-killed-demo"}


def test_it_opens_and_tells(golden: Case) -> None:
    """It opens, has today's version afterwards, and tells its run, its frames and its lamps."""
    (run,) = rows_of(golden.journal, tables.runs)
    assert run["sequence"] == "demo"
    assert run["frames_asked"] == 2
    assert [row["version_num"] for row in rows_of(golden.journal, tables.version)] == [tables.VERSION]
    assert "bias-001" in {row["frame"] for row in rows_of(golden.journal, tables.frames, verdict="good")}
    assert {"Quartz"} <= {row["lamp"] for row in rows_of(golden.journal, tables.lamp_events, action="on")}


def test_it_is_resumed(warm: Warm, golden: Case) -> None:
    """Its run is resumed to the end: what is gone is taken again, and the journal says what was lost."""
    (before,) = rows_of(golden.journal, tables.runs)
    had = [row["frame"] for row in rows_of(golden.journal, tables.frames, verdict="good")]
    request = {"run": before["run"], "frames": str(golden.frames)}
    ended = warm.do(golden.job("resume", request=request))
    assert ended.outcome == "done", ended
    assert_whole(golden, before["run"], DEMO)
    assert [row["frame"] for row in rows_of(golden.journal, tables.frames, verdict="lost")] == had
    assert warm.do(golden.job("resume", request=request)).outcome == "RunRefused"


def test_its_rest_is_known(golden: Case) -> None:
    """Without touching anything it can be told what a resume would do."""
    from safelight.engine.records.database import Journal  # noqa: PLC0415 - only here

    (run,) = rows_of(golden.journal, tables.runs)
    journal = Journal(golden.journal, create=False)
    try:
        rest = remaining_of(journal, ResumeRequest(run=run["run"], home=golden.home, frames=golden.frames))
    finally:
        journal.close()
    assert [frame.id for frame in rest.assessment.left] == DEMO
    assert len(rows_of(golden.journal, tables.segments)) == 1
