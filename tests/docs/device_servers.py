"""Servers that a page needs: a relay board, `alpaca-simulators`, and Debian's INDI server with its simulators."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.devices.alpaca import simulators
from tests.devices.dli.hosting import Host
from tests.devices.http.relay_server import ShellyTwo
from tests.devices.indi import debian
from tests.docs.blocks import blocks_of

__all__ = ["EXAMPLES", "devices_for"]

EXAMPLES = {"RELAYS": "10.0.0.5", "ALPACA": "10.0.0.6:11111"}
"""Addresses that stand in the files of a page, where a reader writes the own ones."""

INDI_DRIVERS = ("indi_simulator_ccd", "indi_simulator_lightpanel")


@contextmanager
def devices_for(page: Path, folder: Path) -> Iterator[Mapping[str, str]]:
    """Run the servers that a page needs. Their addresses are in `$RELAYS`, `$ALPACA` and `$INDI`."""
    needed = {block.marks.get("needs") for block in blocks_of(page)}
    addresses: dict[str, str] = {}
    with ExitStack() as running:
        if "relays" in needed:
            addresses["RELAYS"] = f"127.0.0.1:{running.enter_context(_relay_board()).port}"
        if "alpaca" in needed:
            _require(simulators.missing())
            (folder / "alpaca").mkdir()
            server = running.enter_context(simulators.simulators(folder / "alpaca"))
            addresses["ALPACA"] = f"127.0.0.1:{server.port}"
        if "indi" in needed:
            _require(debian.missing(*INDI_DRIVERS))
            indi = running.enter_context(debian.debian_server(folder / "indi", *INDI_DRIVERS))
            addresses["INDI"] = f"127.0.0.1:{indi.port}"
        yield addresses


@contextmanager
def _relay_board() -> Iterator[ShellyTwo]:
    """Run a relay board of the second Shelly generation on the loopback."""
    host, board = Host(), ShellyTwo()
    host.call(board.start())
    try:
        yield board
    finally:
        host.call(board.stop())
        host.close()


def _require(reason: str | None) -> None:
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
