"""The contract of cameras, held by Debian's `indi_simulator_ccd`, and what is on the wire when its driver dies."""

import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from safelight.devices import Spectrographs, open_devices
from safelight.engine.clock import Clock
from safelight.testing import SpectrographContract, SpectrographStandIn, Stage, check_contract
from tests.devices.indi.conftest import with_camera
from tests.devices.indi.debian import DebianServer, debian_server, missing

CAMERA = "indi_simulator_ccd"
DEMANDS = (
    "test_an_exposure_becomes_files",
    "test_numbers_rise",
    "test_the_shutter_stays_closed",
    "test_abort_closes_shutters",
    "test_an_exposure_that_others_abort_fails",
    "test_one_exposure_at_a_time",
)
"""Those that need no trouble: the strict stand-in shows the others."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianServer]:
    """One server for all tests."""
    reason = missing(CAMERA)
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with debian_server(tmp_path_factory.mktemp("indi"), CAMERA) as running:
        yield running


class TrueCamera(SpectrographStandIn):
    """The camera, as it tells somebody else.

    A connection hears the answers to all questions about a device, whoever has asked. A new one hears none of before.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def open_shutters(self) -> set[str]:
        """Return the spectrograph while its camera exposes to light."""
        exposure = self._ask("CCD_EXPOSURE")
        light = re.search(r'"FRAME_(?:LIGHT|FLAT)"[^>]*>\s*On', self._ask("CCD_FRAME_TYPE"))
        seconds = re.search(r'"CCD_EXPOSURE_VALUE"[^>]*>\s*([0-9.e+-]+)', exposure)
        at_it = 'state="Busy"' in exposure and seconds is not None and float(seconds[1]) > 0
        return {"sp1"} if at_it and light else set()

    def _ask(self, name: str) -> str:
        wanted = re.compile(rf'<def\w+Vector device="CCD Simulator" name="{name}".*?</def\w+Vector>', re.DOTALL)
        heard = ""
        with socket.create_connection(("127.0.0.1", self._port), timeout=20.0) as line:
            line.sendall(f'<getProperties version="1.7" device="CCD Simulator" name="{name}"/>'.encode())
            while (found := wanted.search(heard)) is None:
                piece = line.recv(65_536)
                assert piece, "the server has gone"
                heard += piece.decode()
        return found[0]


def test_the_contract(server: DebianServer) -> None:
    """Exposures become files, numbers rise, no shutter opens for darkness, and aborts end what they have to end."""

    class OnDebian(SpectrographContract):
        exposure_s: ClassVar[float] = 1.0
        long_s: ClassVar[float] = 60.0

        @asynccontextmanager
        async def stage(self, home: Path) -> AsyncIterator[Stage[Spectrographs, SpectrographStandIn]]:
            document = with_camera(server.port, deadline_s=8.0, download_s=20.0)
            devices = open_devices(document, clock=Clock(), home=home)
            # The driver defines what it has only when it is connected.
            await devices.spectrographs.reset()
            await devices.close()
            yield Stage(
                open=lambda: open_devices(document, clock=Clock(), home=home).spectrographs,
                hardware=TrueCamera(server.port),
            )

    verdicts = [verdict for demand in DEMANDS for verdict in check_contract(OnDebian, only=demand)]
    assert len(verdicts) == len(DEMANDS) + 1
    assert [verdict for verdict in verdicts if verdict.result != "held"] == []
