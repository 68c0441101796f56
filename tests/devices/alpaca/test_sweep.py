"""A sweep of faults: each request of a small run goes wrong in each way, and no frame is called good without reason."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import load_observatory
from safelight.engine import RunResult
from safelight.engine.run.start import Request, perform
from tests.devices.alpaca.fault_proxy import FAULTS, Fault, FaultProxy, Spot
from tests.devices.alpaca.strict_server import Camera, StrictServer
from tests.devices.lamp_log import LampLog
from tests.devices.sweeps import QUICK_RETRIES, SEQUENCE, WARMUP_S, wrong

PATIENT_S, DEADLINE_S, LATE_S = 60.0, 1.0, 1.5
"""Deadline of a request; that of runs with an answer that is late, and how late it is, s."""


@dataclass
class Sweep:
    """A server behind the proxy, and runs on it, one after the other."""

    server: StrictServer
    proxy: FaultProxy
    folder: Path
    runs: int = 0

    @classmethod
    @asynccontextmanager
    async def made(cls, folder: Path) -> AsyncIterator["Sweep"]:
        """Start both."""
        server = StrictServer(names=("Argon", "Neon", "LDLS", "Fan", "mirror is in"))
        await server.start()
        proxy = FaultProxy(to=server.port, late_s=LATE_S)
        await proxy.start()
        try:
            yield cls(server, proxy, folder)
        finally:
            await proxy.stop()
            await server.stop()

    async def run(self, spot: Spot | None, fault: Fault = "lost") -> tuple[RunResult, Path]:
        """Run the sequence on dark, idle hardware. Return the result and the folder of frames."""
        self.server.values, self.server.log, self.server.cameras = [0.0] * 5, LampLog(), [Camera()]
        self.proxy.begin(spot, fault)
        self.runs += 1
        place = self.folder / str(self.runs)
        place.mkdir()
        deadline_s = DEADLINE_S if fault == "late" else PATIENT_S
        (place / "observatory.yaml").write_text(yaml.safe_dump(self._document(deadline_s)))
        request = Request(
            SEQUENCE,
            observatory=place / "observatory.yaml",
            point=False,
            home=place / "home",
            frames=place / "frames",
        )
        return await perform(request, guarded=False), place / "frames"

    def _document(self, deadline_s: float) -> dict[str, Any]:
        plain = load_observatory("alpaca-bench").model_dump(mode="json")
        where = {"server": f"127.0.0.1:{self.proxy.port}", "deadline_s": deadline_s}
        plain["selectors"] = None
        plain["lamps"] |= {
            "options": where | {"lamps": {"Argon": {"switch": 0}}},
            "units": {"Argon": {"warmup_s": WARMUP_S, "flavour": "arc", "longest_on_s": 60.0}},
        }
        plain["spectrographs"]["options"] = where | {"look_every_s": 0.1}
        plain["spectrographs"] |= {"readout_s": 0.1, "lead_s": 0.1, "tail_s": 0.1}
        return plain | {"retries": {"default": QUICK_RETRIES}, "deadlines": {"margin_s": 60.0}}


def amiss(sweep: Sweep, result: RunResult, frames: Path) -> list[str]:
    """Return what is wrong with a run, by what the hardware has done."""
    server = sweep.server
    return wrong(result, frames, lit=server.lit(), taken=server.cameras[0].taken, turns=server.log.turns)


async def swept(folder: Path, fault: Fault, chosen: Callable[[list[Spot]], list[Spot]]) -> list[str]:
    """Let requests of a small run go wrong, each in a run of its own. Return what is wrong with these runs."""
    found, struck = [], 0
    async with Sweep.made(folder) as sweep:
        clean, frames = await sweep.run(None)
        assert (clean.outcome, amiss(sweep, clean, frames)) == ("done", [])
        spots = chosen(list(sweep.proxy.seen))
        for spot in spots:
            result, frames = await sweep.run(spot, fault)
            struck += sweep.proxy.struck
            found += [f"{fault} {spot}: {each}" for each in amiss(sweep, result, frames)]
    # How often a camera is asked while it integrates depends on the machine: the last of these may not come.
    assert struck > 0.5 * len(spots)
    return found


def some(fault: Fault, seen: list[Spot]) -> list[Spot]:
    """Return every command, every image, and of the questions every fifth, others for each fault."""
    weighty = [spot for spot in seen if spot[0].startswith("PUT") or "imagearray" in spot[0]]
    questions = [spot for spot in seen if spot not in weighty and spot[1] < 4]
    return weighty + questions[FAULTS.index(fault) :: len(FAULTS)]


@pytest.mark.parametrize("fault", FAULTS)
def test_requests_that_go_wrong_once(fault: Fault, tmp_path: Path) -> None:
    """Whichever request fails: lamps end off or the run unsafe, and good frames were taken as declared, once each."""
    assert asyncio.run(swept(tmp_path, fault, partial(some, fault))) == []


@pytest.mark.soak
@pytest.mark.parametrize("fault", FAULTS)
def test_every_request_goes_wrong_once(fault: Fault, tmp_path: Path) -> None:
    """The same of every request in turn."""
    assert asyncio.run(swept(tmp_path, fault, lambda seen: seen)) == []
