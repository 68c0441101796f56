"""Resume of a run that was killed while lamps warmed up behind their source shutters."""

import json
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import load_observatory
from safelight.devices.simulated.measure import measure
from safelight.engine.records import tables
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Warm
from tests.engine.records.conftest import MakeCase
from tests.engine.run.test_source_shutter_runs import FRAMES
from tests.engine.shutter_bench import DAY, behind_shutters


@pytest.mark.parametrize("commit", [4, 11, 17, 25, 33, 38, 44])
def test_killed_in_the_middle(commit: int, warm: Warm, make_case: MakeCase, tmp_path: Path) -> None:
    """Wherever it is killed, the guards switch all lamps off, and the rest is taken, each frame in its own light."""
    observatory = behind_shutters(tmp_path)
    case = make_case(dict(DAY), observatory=observatory)
    killed = warm.do(case.job("run", at={"what": "commit", "n": commit, "do": "kill"}))
    assert killed.killed
    run = str(rows_of(case.journal, tables.runs)[0]["run"])
    ended = warm.do(case.job("resume", request={"run": run}, tell=True))
    assert ended.outcome == "done", ended.answer
    folder = Path(ended.answer["folder"])
    assert_whole(case, run, FRAMES, folder)
    files: list[Any] = list(rows_of(case.journal, tables.frames, run=run, verdict="good"))
    assert sorted(row["frame"] for row in files) == sorted(FRAMES)
    site = load_observatory(observatory)
    for row in files:
        # Simulated time begins anew with each process, so that only the light of others says something.
        seen = measure(folder / json.loads(row["files"])[0][0], site).lamps
        foreign = {lamp: light_s for lamp, light_s in seen.items() if not row["frame"].startswith(f"{lamp}-")}
        assert foreign == pytest.approx(dict.fromkeys(foreign, 0.0), abs=0.5), row["frame"]
