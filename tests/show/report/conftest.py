"""Runs on the simulated observatory in virtual time, and what the journal tells of them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from safelight.devices.simulated.faults import Fault
from safelight.engine import Request, RunResult, perform
from safelight.engine.records.database import Journal, default_url
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.show.history.run_history import RunHistory, read_history

SEQUENCE: Mapping[str, Any] = {
    "name": "short",
    "biases": {"count": 2},
    "lamps": {
        "Quartz": {"warmup": 20, "exposure_time": 100, "count": 1},
        "Argon": {"warmup": 10, "exposure_time": 5},
    },
}
FAULTS = (
    Fault(device="spectrographs.sp1", verb="read_out", nth=2, what="error"),
    Fault(device="spectrographs.sp2", verb="expose", nth=3, what="error", times=9),
)


@dataclass(frozen=True)
class Ran:
    """A run that was faulted, then resumed to its end."""

    home: Path
    first: RunResult
    last: RunResult

    @property
    def told(self) -> RunHistory:
        """What the journal tells of it."""
        return told(self.home, self.first.run)


def told(home: Path, run: str) -> RunHistory:
    """Return what the journal tells of a run."""
    journal = Journal(default_url(home), create=False)
    try:
        return read_history(journal, run)
    finally:
        journal.close()


@pytest.fixture(scope="session")
def tell() -> Callable[[Path, str], RunHistory]:
    """Asks the journal of a run."""
    return told


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Faulted in its first flat after a retried readout, then resumed."""
    home = tmp_path_factory.mktemp("home")
    request = Request(SEQUENCE, home=home, frames=home / "frames", speed="max", faults=FAULTS)
    first = asyncio.run(perform(request, guarded=False))
    last = asyncio.run(resume(ResumeRequest(run=first.run, home=home, speed="max"), guarded=False))
    return Ran(home, first, last)
