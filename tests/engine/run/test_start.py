"""Start of a run: one that is refused or cancelled before it begins leaves no trace, one that has begun stays."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from safelight.devices import ObservatoryError, shipped_observatories
from safelight.engine import Request, VirtualClock, perform
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.run import start

NIGHTS = {"folder": "{night}/{sequence}"}


def requested(folder: Path, **options: Any) -> Request:
    """Return a request for two biases. An option of None is left out of the spectrographs' options."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    units = document["spectrographs"]["options"] | options
    document["spectrographs"]["options"] = {name: value for name, value in units.items() if value is not None}
    document["frames"] = NIGHTS
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    biases = {"name": "zeros", "biases": {"count": 2}}
    return Request(sequence=biases, observatory=path, home=folder / "home", frames=folder / "frames")


def runs_of(request: Request) -> list[str]:
    """Return the runs in the journal of a request."""
    assert request.home is not None
    journal = Journal(default_url(request.home))
    try:
        return [row["run"] for row in journal.read(sa.select(tables.runs.c.run))]
    finally:
        journal.close()


def folders_of(request: Request) -> list[Path]:
    """Return the folders of runs."""
    return list(request.frames.glob("*/*"))


def test_a_run_that_its_driver_refuses_leaves_no_trace(tmp_path: Path) -> None:
    """An option that only the driver knows is missing: no run, no folder. The next run has the first name."""
    refused = requested(tmp_path, lamp_adu_per_s=None)
    with pytest.raises(ObservatoryError, match="lamp_adu_per_s"):
        asyncio.run(perform(refused, clock=VirtualClock(), guarded=False))
    assert (runs_of(refused), folders_of(refused)) == ([], [])

    result = asyncio.run(perform(requested(tmp_path), clock=VirtualClock(), guarded=False))
    assert result.outcome == "done"
    assert result.folder.name == "zeros"
    assert (runs_of(refused), folders_of(refused)) == ([result.run], [result.folder])


def test_a_run_that_is_cancelled_before_it_begins_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the detectors are asked whether somebody else exposes."""

    async def asked(*_: object) -> bool:
        raise asyncio.CancelledError

    monkeypatch.setattr(start, "occupied", asked)
    request = requested(tmp_path)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert (runs_of(request), folders_of(request)) == ([], [])


def test_a_run_that_has_begun_stays(tmp_path: Path) -> None:
    """What fails after the first entry of a segment is told by the journal, and can be resumed."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    request = requested(tmp_path)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(perform(request, clock=VirtualClock(), on_start=fail, guarded=False))
    assert len(runs_of(request)) == 1
    assert len(folders_of(request)) == 1
