"""Whole runs whose lamps are on a relay board with a web API: killed, frozen, lied to, resumed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import shipped_observatories
from tests.devices.bench_runs import QUICK, SHORT, Bench, Killed, ended_unsafe
from tests.devices.dli.hosting import Host
from tests.devices.http.relay_server import ShellyTwo
from tests.matrix.commands import Commands


@pytest.fixture(scope="module")
def hardware() -> Iterator[Host]:
    """Yield the thread in which the board lives."""
    host = Host()
    yield host
    host.close()


@pytest.fixture
def board(hardware: Host) -> Iterator[ShellyTwo]:
    """Yield a board with all relays open."""
    server = ShellyTwo()
    hardware.call(server.start())
    yield server
    hardware.call(server.stop())


@pytest.fixture
def bench(commands: Commands, board: ShellyTwo, tmp_path: Path) -> Iterator[Bench]:
    """Yield the shipped document `relay` on this board, with quick times."""
    text = shipped_observatories()["relay"].read_text(encoding="utf-8")
    plain: dict[str, Any] = yaml.safe_load(text.replace("127.0.0.1:8470", f"127.0.0.1:{board.port}")) | QUICK
    plain["spectrographs"]["readout_s"] = 0.2
    plain["lamps"]["options"]["deadline_s"] = 2.0

    def lit() -> set[str]:
        return {lamp for lamp, channel in (("ThAr", "0"), ("Tungsten", "1")) if board.relays[channel]}

    with Bench.made(commands, tmp_path, plain, lit, "ThAr", board.log) as made:
        yield made


def test_whole_run(bench: Bench, board: ShellyTwo) -> None:
    """A lamp is lit, a good frame taken, and the lamp is off at the board."""
    assert bench.start(SHORT).end() == 0
    assert any("on=true" in path for path in board.paths)
    assert board.lit() == set()
    assert len([*bench.frames.glob("*/*-ThAr-1s-001-*.fits")]) == 1


class TestKilled(Killed):
    """Kills while a lamp on the board burns."""


@pytest.mark.parametrize("how", ["refuses", "freezes", "lies", "vanishes", "gateway"])
def test_a_board_that_does_not_darken(bench: Bench, board: ShellyTwo, hardware: Host, how: str) -> None:
    """A board that refuses, freezes, lies or is off the network: the run ends unsafe, says so, and the guards go on."""
    run = bench.start(SHORT)
    assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
    board.refuses, board.mute, board.stuck = how == "refuses", how == "freezes", how == "lies"
    board.gone = how == "gateway"
    if how == "vanishes":
        hardware.call(board.stop())
    ended_unsafe(run)
    if how == "vanishes":
        hardware.call(board.start())
    board.refuses = board.mute = board.stuck = board.gone = False
    bench.until(lambda: not bench.lit())
