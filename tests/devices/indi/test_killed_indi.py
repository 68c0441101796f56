"""Kills under a lit lamp on drivers that Debian does not have: USIS, and INDI 2.2's interfaces for relays and power."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element as Node

import pytest
import yaml

from safelight.devices import shipped_observatories
from tests.devices.bench_runs import QUICK, Bench, KilledAndResumed
from tests.devices.dli.hosting import Host
from tests.devices.indi.ccd import Ccd
from tests.devices.indi.conftest import CHANNELS, RELAY
from tests.devices.indi.indi_server import Driver, IndiServer, Lines, Outputs, Power, Usis
from tests.devices.lamp_log import LampLog
from tests.matrix.commands import Commands

USIS = {
    "device": "Shelyak Usis",
    "property": "label:light source",
    "is_on": "label:CALIB",
    "is_off": "label:SKY",
    "read_back": "hardware",
}
LAMPS: Mapping[str, tuple[type[Driver], Mapping[str, Any]]] = {
    "usis": (Usis, USIS),
    "outputs": (Outputs, RELAY),
    "power": (Power, CHANNELS["Argon"]),
}
"""Drivers, and the lamp that each has."""


@pytest.fixture(scope="module")
def hardware() -> Iterator[Host]:
    """Yield the thread in which the server lives."""
    host = Host()
    yield host
    host.close()


@pytest.mark.parametrize("kind", LAMPS)
class TestKilledOnOthers(KilledAndResumed):
    """Kills while a lamp is on, by what has reached the hardware of each driver."""

    @pytest.fixture
    @staticmethod
    def bench(kind: str, commands: Commands, hardware: Host, tmp_path: Path) -> Iterator[Bench]:
        """Yield the shipped document `alpy` with the lamp of this driver, and a camera."""
        log = LampLog()

        class Logged(LAMPS[kind][0]):  # type: ignore[misc]
            """A driver whose hardware keeps a log."""

            def handle(self, node: Node) -> Lines:
                lines = super().handle(node)
                log.note(self.lit)
                return lines  # type: ignore[no-any-return]

        driver = Logged()
        server = IndiServer(driver, Ccd())
        hardware.call(server.start())
        where = {"host": "127.0.0.1", "port": server.port}
        plain = yaml.safe_load(shipped_observatories()["alpy"].read_text(encoding="utf-8")) | QUICK
        plain["lamps"] |= {
            "options": where | {"lamps": {"ThAr": dict(LAMPS[kind][1])}, "deadline_s": 8.0},
            "units": {"ThAr": plain["lamps"]["units"]["ArNe"]},
        }
        del plain["lamps"]["exclusive"]
        plain["spectrographs"]["options"] |= where
        try:
            with Bench.made(commands, tmp_path, plain, lambda: {"ThAr"} if driver.lit else set(), "ThAr", log) as made:
                yield made
        finally:
            hardware.call(server.stop())
