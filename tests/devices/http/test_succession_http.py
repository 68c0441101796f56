"""The guards of a run that died, in the middle of a long off, and the run that comes next: its lamp stays lit."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import shipped_observatories
from tests.devices.bench_runs import LONG, QUICK, Bench
from tests.devices.dli.hosting import Host
from tests.devices.http.relay_server import ShellyTwo
from tests.matrix.commands import Command, Commands
from tests.matrix.wall import pause

SEQUENCE = LONG | {"lamps": [LONG["lamps"][0] | {"warmup": 0.5}]}
THAR = "0"
"""Its channel."""


@pytest.fixture
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
def plain(board: ShellyTwo) -> dict[str, Any]:
    """Return the shipped document `relay` on this board, patient with its commands."""
    text = shipped_observatories()["relay"].read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text.replace("127.0.0.1:8470", f"127.0.0.1:{board.port}")) | QUICK
    found["spectrographs"]["readout_s"] = 0.2
    found["lamps"]["options"]["deadline_s"] = 60.0
    return found | {"deadlines": {"kinds": {"safing": 60.0}}}


@pytest.fixture
def bench(commands: Commands, board: ShellyTwo, tmp_path: Path, plain: dict[str, Any]) -> Iterator[Bench]:
    """Runs on this board."""

    def lit() -> set[str]:
        return {"ThAr"} if board.relays[THAR] else set()

    with Bench.made(commands, tmp_path, plain, lit) as made:
        yield made


def lit_run(bench: Bench) -> Command:
    """Start a run, and return it once its lamp burns and its frame is exposed."""
    run = bench.start(SEQUENCE)
    assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
    bench.until(lambda: bench.lit() == {"ThAr"})
    return run


def whole(bench: Bench, board: ShellyTwo, again: Command, lit_before: int) -> None:
    """The next run lights its lamp once, takes its frame once, and leaves all dark."""
    assert again.end() == 0
    assert board.turned.count((THAR, True)) == lit_before + 1
    assert bench.lit() == set()
    assert len([*bench.frames.glob("*/*-ThAr-1s-001-*.fits")]) == 1
    assert not [*bench.frames.glob("*/bad/*")]


def test_an_off_that_takes_long(bench: Bench, board: ShellyTwo, hardware: Host) -> None:
    """The off of a dead run's guards is still on its way: the next run says so, waits for it, and is not put out."""
    run = lit_run(bench)
    old = set(bench.guards())
    hardware.call(board.hold())
    bench.kill(run.pid)
    run.end()
    bench.until(lambda: board.holding >= 4)
    held = hardware.call(board.let_pass())
    lit_before = board.turned.count((THAR, True))
    again = bench.resume()
    assert again.until(lambda event: event["event"] == "guard.waiting")
    assert again.last is not None
    assert set(again.last["pids"]) == old
    pause(0.5)
    assert board.turned.count((THAR, True)) == lit_before, "lit while guards of the dead run may put it out"

    async def release() -> None:
        held.set_result(None)

    hardware.call(release())
    whole(bench, board, again, lit_before)


def test_guards_that_hang(bench: Bench, board: ShellyTwo, plain: dict[str, Any]) -> None:
    """Guards of a dead run that are frozen are replaced by those of the next run, which ends them before its lamp."""
    plain["deadlines"]["kinds"]["safing"] = 2.0
    run = lit_run(bench)
    frozen = bench.guards()
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    bench.kill(run.pid)
    run.end()
    lit_before = board.turned.count((THAR, True))
    again = bench.resume()
    assert again.until(lambda event: event["event"] == "guard.waiting")
    whole(bench, board, again, lit_before)
    assert not set(frozen) & set(bench.guards())
