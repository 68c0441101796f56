"""Whole runs on a strict Alpaca server that keeps a log: kills under a lit lamp, and hardware that is unplugged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import shipped_observatories
from tests.devices.alpaca.strict_server import StrictServer
from tests.devices.bench_runs import QUICK, SHORT, Bench, Killed, ended_unsafe
from tests.devices.dli.hosting import Host
from tests.matrix.commands import Commands


@pytest.fixture(scope="module")
def hardware() -> Iterator[Host]:
    """Yield the thread in which the server lives."""
    host = Host()
    yield host
    host.close()


@pytest.fixture
def server(hardware: Host) -> Iterator[StrictServer]:
    """Yield a server with all lamps off."""
    strict = StrictServer(names=("ThAr", "Tungsten", "Fan", "mirror", "mirror is in"))
    hardware.call(strict.start())
    yield strict
    hardware.call(strict.stop())


@pytest.fixture
def bench(commands: Commands, server: StrictServer, tmp_path: Path) -> Iterator[Bench]:
    """Yield the shipped document on this server, with quick times."""
    text = shipped_observatories()["alpaca-bench"].read_text(encoding="utf-8")
    plain: dict[str, Any] = yaml.safe_load(text.replace("127.0.0.1:11111", f"127.0.0.1:{server.port}")) | QUICK
    with Bench.made(commands, tmp_path, plain, server.lit, "ThAr", server.log) as made:
        yield made


class TestKilled(Killed):
    """Kills while a lamp at the server burns."""


@pytest.mark.parametrize("how", ["refuses", "freezes", "lies", "restarts"])
def test_a_server_that_does_not_darken(bench: Bench, server: StrictServer, hardware: Host, how: str) -> None:
    """A server that refuses, freezes, acknowledges and does nothing, or is gone: unsafe, and dark once it is back."""
    run = bench.start(SHORT)
    assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
    server.refuses = 0x500 if how == "refuses" else 0
    server.mute, server.idle_hands = how == "freezes", how == "lies"
    if how == "restarts":
        hardware.call(server.stop())
        # It remembers nobody: each device has to be connected anew.
        server.connected.clear()
    ended_unsafe(run)
    assert bench.lit() == ({"ThAr"} if how != "freezes" else set())
    server.refuses, server.mute, server.idle_hands = 0, False, False
    if how == "restarts":
        hardware.call(server.start())
    bench.until(lambda: not bench.lit())


def test_a_switch_that_is_unplugged(bench: Bench, server: StrictServer) -> None:
    """The switch behind a living server answers that it is not connected: unsafe, and dark once it is back."""
    run = bench.start(SHORT)
    assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
    server.unplugged = {"switch"}
    ended_unsafe(run)
    assert bench.lit() == {"ThAr"}
    server.unplugged = set()
    bench.until(lambda: not bench.lit())


def test_a_camera_that_is_unplugged(bench: Bench, server: StrictServer) -> None:
    """The camera behind a living server answers that it is not connected: no frame is good, and the lamp is off."""
    run = bench.start(SHORT)
    assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
    server.unplugged = {"camera"}
    assert run.end() == 3
    assert run.last is not None
    assert (run.last["frames"], run.last["lamps"]["ThAr"]) == (0, "off")
    assert "camera" in run.last["reason"]
    assert bench.lit() == set()
    assert not [*bench.frames.glob("*/*.fits")]
