"""The soak campaign against the unmodified actors: `make soak`, bounded by `SAFELIGHT_SOAK_S` (3,600 s)."""

import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from tests.devices.clu.bench import Bench
from tests.devices.clu.campaign import FAULTS, MOMENTS, Case, run_case, table
from tests.devices.clu.running import now

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lvm.md"
BEGIN, END = "<!-- soak: written by tests/devices/clu/test_soak.py -->", "<!-- /soak -->"


@pytest.mark.soak
def test_campaign(bench: Bench, tmp_path: Path) -> None:
    """Whatever fails, lamps end off or the run says so, and every frame is there once, as declared."""
    began, longest_s = now(), float(os.environ.get("SAFELIGHT_SOAK_S", "3600"))
    cases: list[Case] = []
    moments = tuple(MOMENTS)
    for number in count():
        if now() - began > longest_s:
            break
        fault = FAULTS[number % len(FAULTS)]
        moment = moments[(number + number // len(FAULTS)) % len(moments)]
        bench.heal()
        folder = tmp_path / f"{number:03d}"
        folder.mkdir()
        cases.append(run_case(bench, folder, fault, moment))
        print(cases[-1], flush=True)  # noqa: T201 - an hour is long
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    text = table(cases, now() - began, f"{datetime.now(UTC):%Y-%m-%d}")  # noqa: TID251 - the day of the table
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    assert [case for case in cases if case.wrong] == []
