"""Whole runs on Debian's INDI drivers: the shipped documents, kills under a lit lamp, and drivers that die."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import shipped_observatories
from tests.devices.bench_runs import QUICK, SHORT, Bench, Killed, ended_unsafe
from tests.devices.indi.debian import DebianServer, debian_server, missing
from tests.devices.indi.on_debian import Line, obey_spox
from tests.matrix.commands import Commands
from tests.matrix.wall import pause

CAMERA = "indi_simulator_ccd"
SPOX, ESHEL = "indi_shelyakspox_spectrograph", "indi_shelyakeshel_spectrograph"
ESHEL_LINES = {"1": "mirror", "2": "LED", "3": "ThAr", "4": "Tungsten"}


def require(*drivers: str) -> None:
    """Skip where Debian's drivers can't be run, but not where the tests are judged."""
    reason = missing(*drivers)
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)


def shipped(name: str, port: int, line: Line) -> dict[str, Any]:
    """Return a shipped document with this server and this serial line in it, and quick times."""
    text = shipped_observatories()[name].read_text(encoding="utf-8")
    text = text.replace("port: 7624", f"port: {port}").replace("/dev/ttyUSB0", line.port)
    plain: dict[str, Any] = yaml.safe_load(text)
    # A driver that connects anew is busy for seconds: the first answers after that are not yet to be believed.
    kinds = {"lamp-off": plain["retries"]["kinds"]["lamp-off"]}
    return plain | QUICK | {"guard": QUICK["guard"] | {"retry_s": 0.5}, "retries": QUICK["retries"] | {"kinds": kinds}}


def obey_eshel(lit: set[str], command: str) -> None:
    """`S3` sets line 3, `C3` clears it."""
    (lit.add if command[0] == "S" else lit.discard)(ESHEL_LINES[command[1]])


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """Return the serial line of the module."""
    return Line(r"(\d\d)\n", obey_spox, tmp_path_factory.mktemp("ports") / "ttyUSB0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianServer]:
    """One server for all tests. Each leaves it dark."""
    require(SPOX, CAMERA)
    with debian_server(tmp_path_factory.mktemp("indi"), SPOX, CAMERA) as running:
        yield running


@pytest.fixture
def bench(commands: Commands, server: DebianServer, line: Line, tmp_path: Path) -> Iterator[Bench]:
    """Yield the document on this server."""
    names = {"Neon": "ArNe", "Argon": "Tungsten"}

    def lit() -> set[str]:
        return {names[lamp] for lamp in line.lit}

    plain = shipped("alpy", server.port, line)
    with Bench.made(commands, tmp_path, plain, lit, "ArNe", line.log) as made:
        yield made


class TestAlpy(Killed):
    """The shipped document `alpy`: a SPOX at its serial line, and a camera."""

    def test_whole_run(self, bench: Bench) -> None:
        """A lamp is lit, a frame of the camera is written with the whole header, and the lamp is off at the line."""
        assert bench.start(SHORT).end() == 0
        (frame,) = bench.frames.glob("*/*-ArNe-1s-001-*.fits")
        with fits.open(frame) as hdus:
            hdus.verify("exception")
            assert hdus[0].data.shape == (1024, 1280)
            header = hdus[0].header
            assert (header["EXPTIME"], header["ARNE"], header["SHUTTER"]) == (1.0, "ON", "OPEN")
            assert {"DATE-OBS", "DARKTIME", "CCD-TEMP", "XBINNING", "EXPNO", "CAMNAME"} <= set(header)
        assert bench.lit() == set()

    def test_killed_in_mid_exposure_and_resumed(self, bench: Bench) -> None:
        """The runner is killed while the camera exposes: the lamp goes off, and a resume takes the frame once."""
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        bench.until(lambda: bench.lit() == {"ArNe"})
        bench.kill(run.pid)
        bench.until(lambda: not bench.lit())
        assert bench.resume().end() == 0
        assert bench.lit() == set()
        (manifest,) = bench.frames.glob("*/manifest.json")
        frames: list[Mapping[str, Any]] = json.loads(manifest.read_text())["frames"]
        assert [frame["frame"] for frame in frames if frame["verdict"] == "good"] == ["ArNe-1s-001"]
        assert len([*bench.frames.glob("*/*.fits")]) == 1

    def test_drivers_die_in_mid_exposure(self, bench: Bench, server: DebianServer) -> None:
        """All drivers are killed under a lit lamp: the exposure is lost, the lamp ends off, no frame is there twice."""
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        server.signal_drivers(signal.SIGKILL)
        code = run.end()
        bench.until(lambda: not bench.lit())
        assert code in {0, 3, 10}
        assert len([*bench.frames.glob("*/*-ArNe-1s-001-*.fits")]) == (1 if code == 0 else 0)

    def test_server_killed_in_mid_exposure(self, bench: Bench, server: DebianServer) -> None:
        """The server is killed under a lit lamp and started anew, with drivers that have forgotten it: it ends off."""
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        assert bench.lit() == {"ArNe"}
        server.kill()
        code = run.end()
        bench.until(lambda: not bench.lit())
        assert code in {0, 3, 10}
        assert len([*bench.frames.glob("*/*-ArNe-1s-001-*.fits")]) == (1 if code == 0 else 0)

    def test_drivers_frozen_and_runner_killed(self, bench: Bench, server: DebianServer) -> None:
        """Drivers hang and the runner is killed: the guards go on, and darken the lamp when the drivers wake."""
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        server.signal_drivers(signal.SIGSTOP)
        try:
            bench.kill(run.pid)
            pause(1.0)
            assert bench.lit() == {"ArNe"}
            assert bench.guards()
        finally:
            server.signal_drivers(signal.SIGCONT)
        bench.until(lambda: not bench.lit())

    def test_a_controller_that_is_unplugged(self, bench: Bench, line: Line) -> None:
        """The controller is unplugged under a lit lamp, its driver lives: unsafe, and dark once it is back."""
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        line.unplug()
        try:
            ended_unsafe(run, "ArNe")
            assert bench.lit() == {"ArNe"}
        finally:
            line.plug_in()
        bench.until(lambda: not bench.lit())


def test_eshel(commands: Commands, tmp_path: Path) -> None:
    """The shipped document `eshel`: the mirror goes in before the arc and out at the end. Lamps are off at the line."""
    require(ESHEL, CAMERA)
    line = Line(r"\r\x01([SC]\d).", obey_eshel)
    line.lit.add("mirror")
    with debian_server(tmp_path / "indi", ESHEL, CAMERA) as server:
        plain = shipped("eshel", server.port, line)
        with Bench.made(commands, tmp_path, plain, lambda: set(line.lit)) as bench:
            run = bench.start(SHORT)
            assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
            assert bench.lit() == {"ThAr", "mirror"}
            assert run.end() == 0
            assert bench.lit() == set()
            (frame,) = bench.frames.glob("*/*-ThAr-1s-001-*.fits")
            assert fits.getheader(frame)["MIRROR"] == "in"
