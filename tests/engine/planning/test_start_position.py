"""Plans that know where the simulated instrument stands."""

import asyncio
from pathlib import Path

import pytest

from safelight.devices import load_observatory
from safelight.engine.planning.start_position import StartPosition, read_start_position
from safelight.engine.run.start import Request, perform, plan_of

SEQUENCE = {"lamps": {"Quartz": {"warmup": 20, "exposure_time": 12, "fibre": "P1-3"}}}


def test_plan_tells_the_time_of_every_run_in_the_same_home(tmp_path: Path) -> None:
    """The first run slews, the second does not, and the plan right before each is what it takes."""
    totals = []
    for _ in range(2):
        start = asyncio.run(read_start_position(load_observatory("simulated"), tmp_path))
        plan = plan_of(Request(SEQUENCE), start=start)
        request = Request(SEQUENCE, home=tmp_path, frames=tmp_path / "frames", speed="max")
        result = asyncio.run(perform(request, guarded=False))
        assert result.outcome == "done"
        assert result.elapsed_s == pytest.approx(plan.total_s, abs=1e-3)
        totals.append(plan.total_s)
    assert totals[1] < totals[0] - 20


def test_unused_home_stays_unused(tmp_path: Path) -> None:
    """Asking where the instrument of an empty home stands makes no file and assumes it parked."""
    assert asyncio.run(read_start_position(load_observatory("simulated"), tmp_path)) == StartPosition()
    assert list(tmp_path.iterdir()) == []
