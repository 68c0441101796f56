"""Whole runs on Debian's INDI drivers: the shipped documents, kills under a lit lamp, and drivers that die."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import shipped_observatories
from tests.devices.bench_runs import QUICK, SHORT, Bench, KilledAndResumed, ended_unsafe
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


class TestAlpy(KilledAndResumed):
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


class TestEshel(KilledAndResumed):
    """The shipped document `eshel`: lamps and a mirror at the serial line of a calibration unit, and a camera."""

    @pytest.fixture(scope="class")
    @staticmethod
    def mirror() -> set[str]:
        """Return a set that is empty while the mirror is out."""
        return set()

    @pytest.fixture(scope="class")
    @staticmethod
    def unit(mirror: set[str], tmp_path_factory: pytest.TempPathFactory) -> Line:
        """Return the serial line of the unit."""

        def obey(lit: set[str], command: str) -> None:
            name = ESHEL_LINES[command[1]]
            (set.add if command[0] == "S" else set.discard)(mirror if name == "mirror" else lit, name)

        return Line(r"\r\x01([SC]\d).", obey, tmp_path_factory.mktemp("ports") / "ttyUSB0")

    @pytest.fixture(scope="class")
    @staticmethod
    def unit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianServer]:
        """One server for all tests. Each leaves it dark."""
        require(ESHEL, CAMERA)
        with debian_server(tmp_path_factory.mktemp("indi"), ESHEL, CAMERA) as running:
            yield running

    @pytest.fixture
    @staticmethod
    def bench(commands: Commands, unit_server: DebianServer, unit: Line, tmp_path: Path) -> Iterator[Bench]:
        """Yield the document on this server."""
        plain = shipped("eshel", unit_server.port, unit)
        with Bench.made(commands, tmp_path, plain, lambda: set(unit.lit), "ThAr", unit.log) as made:
            yield made

    def test_whole_run(self, bench: Bench, mirror: set[str]) -> None:
        """The mirror goes in before the arc and out at the end, and lamps are off at the line."""
        mirror.add("mirror")
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        assert bench.lit() == {"ThAr"}
        assert mirror
        assert run.end() == 0
        assert bench.lit() == set()
        assert not mirror
        (frame,) = bench.frames.glob("*/*-ThAr-1s-001-*.fits")
        assert fits.getheader(frame)["MIRROR"] == "in"
