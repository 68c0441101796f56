"""A sweep of faults: each message of a small run goes wrong in each way, and no frame is called good without reason."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element as Node

import pytest
import yaml
from astropy.io import fits

from safelight.devices import load_observatory
from safelight.engine import RunResult
from safelight.engine.run.start import Request, perform
from tests.devices.indi.ccd import LEAST_S, Ccd
from tests.devices.indi.conftest import CHANNELS, FLAT, RELAY
from tests.devices.indi.indi_proxy import INDI_FAULTS, IndiFault, IndiProxy, MessageSpot
from tests.devices.indi.indi_server import Driver, IndiServer, Lines, Outputs, Power, Spox
from tests.devices.lamp_log import LampLog
from tests.devices.sweeps import QUICK_RETRIES, SEQUENCE, WARMUP_S, Taken, wrong
from tests.matrix.wall import now

PATIENT_S, DEADLINE_S, LATE_S = 60.0, 1.0, 1.5
"""Deadline of a question; that of runs in which an answer is missing or late, and how late it is, s."""
PARTS = 3
"""Most runs wait for a deadline. In parts they can do so at the same time."""
SILENT = {"lost", "deaf", "late", "frozen"}
"""Faults that only a deadline shows."""
LAMPS: Mapping[str, tuple[type[Driver], Mapping[str, Any]]] = {
    "spox": (Spox, FLAT),
    "outputs": (Outputs, RELAY),
    "power": (Power, CHANNELS["Argon"]),
}
"""Drivers of INDI 1.9 and 2.2, and the lamp that each has."""


class SweptCcd(Ccd):
    """A camera that writes down its exposures. The first pixel of an image is the number of its exposure."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []

    def _begin(self, seconds: float) -> None:
        super()._begin(seconds)
        frame_type, lasts_s = self.exposures[-1]
        self.taken.append(Taken(now(), lasts_s, frame_type in {"FRAME_LIGHT", "FRAME_FLAT"}))

    def _fits(self, seconds: float, frame: str, stamp: str) -> bytes:
        with fits.open(BytesIO(super()._fits(seconds, frame, stamp))) as hdus:
            hdus[0].data[0, 0] = len(self.taken)
            content = BytesIO()
            hdus.writeto(content)
        return content.getvalue()


@dataclass
class IndiSweep:
    """A server behind the proxy, and runs on it, one after the other."""

    kind: str
    folder: Path
    server: IndiServer = field(init=False)
    proxy: IndiProxy = field(init=False)
    driver: Driver = field(init=False)
    camera: SweptCcd = field(init=False)
    log: LampLog = field(init=False)
    runs: int = 0

    @classmethod
    @asynccontextmanager
    async def made(cls, kind: str, folder: Path) -> AsyncIterator["IndiSweep"]:
        """Start both."""
        sweep = cls(kind, folder)
        sweep.server = IndiServer()
        sweep.renew()
        await sweep.server.start()
        sweep.proxy = IndiProxy(to=sweep.server.port, late_s=LATE_S, restart=sweep.restart)
        await sweep.proxy.start()
        try:
            yield sweep
        finally:
            await sweep.proxy.stop()
            await sweep.server.stop()

    def renew(self) -> None:
        """Put dark, idle hardware behind the server."""
        log = self.log = LampLog()

        class Logged(LAMPS[self.kind][0]):  # type: ignore[misc]
            """A driver whose hardware keeps a log."""

            def handle(self, node: Node) -> Lines:
                lines = super().handle(node)
                log.note(self.lit)
                return lines  # type: ignore[no-any-return]

        self.driver, self.camera = Logged(), SweptCcd()
        self.camera.server = self.server
        self.server.drivers = (self.driver, self.camera)

    async def restart(self) -> None:
        """Start the drivers anew: the hardware stays as it is, their memory is lost."""
        self.driver.believed, self.driver.state = self.driver.at_start(), "Idle"
        self.driver.connected = False
        await self.camera.die()

    async def run(self, spot: MessageSpot | None, fault: IndiFault = "lost") -> tuple[RunResult, list[str]]:
        """Run the sequence. Return the result, and what is wrong with it."""
        await self.camera.end()
        self.renew()
        self.proxy.begin(spot, fault)
        self.runs += 1
        place = self.folder / str(self.runs)
        place.mkdir()
        (place / "observatory.yaml").write_text(
            yaml.safe_dump(self._document(DEADLINE_S if spot and fault in SILENT else PATIENT_S))
        )
        request = Request(
            SEQUENCE, observatory=place / "observatory.yaml", point=False, home=place / "home", frames=place / "frames"
        )
        result = await perform(request, guarded=False)
        await self.proxy.calm()
        found = wrong(
            result,
            place / "frames",
            lit=self.driver.lit,
            taken=self.camera.taken,
            turns=self.log.turns,
            bias_s=LEAST_S,
        )
        return result, found

    def _document(self, deadline_s: float) -> dict[str, Any]:
        plain = load_observatory("alpy").model_dump(mode="json")
        where = {"host": "127.0.0.1", "port": self.proxy.port, "deadline_s": deadline_s}
        plain["lamps"] |= {
            "options": where | {"lamps": {"Argon": dict(LAMPS[self.kind][1])}},
            "units": {"Argon": {"warmup_s": WARMUP_S, "flavour": "arc", "longest_on_s": 60.0}},
            "exclusive": [],
        }
        cameras = {"ccd": {"device": "CCD Simulator"}}
        plain["spectrographs"]["options"] = where | {"cameras": cameras, "download_s": 2.0}
        plain["spectrographs"] |= {"readout_s": 0.1, "lead_s": 0.1, "tail_s": 0.1}
        return plain | {"retries": {"default": QUICK_RETRIES}, "deadlines": {"margin_s": 60.0}}


async def swept(kind: str, folder: Path, fault: IndiFault, chosen: Callable[[list[MessageSpot]], Any]) -> list[str]:
    """Let messages of a small run go wrong, each in a run of its own. Return what is wrong with these runs."""
    found, struck = [], 0
    async with IndiSweep.made(kind, folder) as sweep:
        clean, amiss = await sweep.run(None)
        assert (clean.outcome, amiss) == ("done", [])
        spots = chosen(list(sweep.proxy.seen))
        for spot in spots:
            result, amiss = await sweep.run(spot, fault)
            struck += sweep.proxy.struck
            found += [f"{fault} {spot}: {result.outcome}, {result.reason}: {each}" for each in amiss]
    assert struck > 0.7 * len(spots)
    return found


def some(fault: IndiFault, part: int, seen: list[MessageSpot]) -> list[MessageSpot]:
    """Return a part of the commands, and of the questions that this fault meets: each fault meets others."""
    commands = [spot for spot in seen if not spot[0].startswith("getProperties")]
    questions = [spot for spot in seen if spot not in commands and spot[1] < 4]
    return (commands + questions[INDI_FAULTS.index(fault) :: len(INDI_FAULTS)])[part::PARTS]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("fault", INDI_FAULTS)
def test_messages_that_go_wrong_once(fault: IndiFault, part: int, tmp_path: Path) -> None:
    """Whichever message fails: lamps end off or the run unsafe, and good frames were taken as declared, once each."""
    assert asyncio.run(swept("spox", tmp_path, fault, partial(some, fault, part))) == []


@pytest.mark.soak
@pytest.mark.parametrize("fault", INDI_FAULTS)
@pytest.mark.parametrize("kind", LAMPS)
def test_every_message_goes_wrong_once(kind: str, fault: IndiFault, tmp_path: Path) -> None:
    """The same of every message in turn, on drivers of INDI 1.9 and 2.2."""
    assert asyncio.run(swept(kind, tmp_path, fault, lambda seen: seen)) == []
