"""Whole runs on `alpaca-simulators`: from the address of a server to an arc on the disk, and kills under a lit lamp."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits
from typer.testing import CliRunner

from safelight.cli import app
from safelight.devices import load_observatory, shipped_observatories
from safelight.devices.observatory.device_conditions import DOME_STATES
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine.queue.conditions import why_unmet
from tests.devices.alpaca.simulators import Simulators, missing, simulators
from tests.devices.bench_runs import QUICK, SHORT, Bench, Killed
from tests.matrix.commands import Commands


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    """One server for all tests. Each leaves it dark."""
    reason = missing()
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with simulators(tmp_path_factory.mktemp("simulators")) as running:
        yield running


@pytest.fixture
def bench(commands: Commands, server: Simulators, tmp_path: Path) -> Iterator[Bench]:
    """Yield the shipped document on this server."""
    shipped: dict[str, Any] = yaml.safe_load(shipped_observatories()["alpaca-bench"].read_text(encoding="utf-8"))
    with Bench.made(commands, tmp_path, server.observatory(shipped, **QUICK), server.lit) as made:
        yield made


def test_from_an_address_to_an_arc(server: Simulators, bench: Bench, tmp_path: Path) -> None:
    """The draft for a server is a document. It is checked live. The arc is a whole FITS file with the whole header."""
    draft = tmp_path / "bench.yaml"
    words = ["init", str(tmp_path), "--name", "bench", "--alpaca", f"127.0.0.1:{server.port}"]
    runner = CliRunner()
    made = runner.invoke(app, words)
    assert made.exit_code == 0, made.output
    assert {"ThAr", "Tungsten"} <= load_observatory(draft).lamps.units.keys()
    assert runner.invoke(app, words).exit_code != 0, "an existing document was overwritten"
    # The camera's times in the draft fit this one: the run is of the draft itself.
    bench.observatory = yaml.safe_load(draft.read_text()) | dict(QUICK)
    assert bench.start(SHORT).end() == 0
    (frame,) = bench.frames.glob("*/*-ThAr-1s-001-*.fits")
    with fits.open(frame) as hdus:
        hdus.verify("exception")
        assert hdus[0].data.shape == (48, 64)
        header = hdus[0].header
        assert (header["EXPTIME"], header["THAR"], header["SHUTTER"]) == (1.0, "ON", "OPEN")
        assert {"DATE-OBS", "DARKTIME", "CCD-TEMP", "XBINNING", "EXPNO"} <= set(header)
    assert server.lit() == set()
    live = runner.invoke(app, ["check", "--observatory", str(draft), "--live"])
    assert live.exit_code == 0, live.output
    assert "ThAr is OFF" in live.output


SET_UPS: Mapping[str, Any] = {
    "name": "setups",
    "steps": [
        {"lamps": ["ThAr"], "warmup": 0.2, "exposure_time": 1},
        {"lamps": ["Panel"], "warmup": 0.2, "exposure_time": 1, "for": {"filter": ["red", "blue"]}},
    ],
}
WHERE = {"ThAr-1s-001": ("in", "clear"), "Panel-1s-001": ("out", "red"), "Panel-1s-002": ("out", "blue")}
"""Frame -> its mirror and its filter."""
VALUES = {"in": 1.0, "out": 0.0, "red": 0, "blue": 2, "clear": 3}
"""Position -> what the server calls it: a value of the switch, a slot of the wheel."""


def test_mirror_and_wheel(server: Simulators, bench: Bench) -> None:
    """The mirror is in for the arc and out for the panel, the wheel where a step says: at the server and in headers."""
    run = bench.start(SET_UPS)
    seen = {}
    while run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose"):
        assert run.last is not None
        seen[run.last["frame"]] = server.places()
    assert run.end() == 0
    assert seen == {frame: (VALUES[mirror], VALUES[slot]) for frame, (mirror, slot) in WHERE.items()}
    for frame, places in WHERE.items():
        (path,) = bench.frames.glob(f"*/*-{frame}-ccd.fits")
        header = fits.getheader(path)
        assert (header["MIRROR"], header["FILTER"]) == places
    # At the end the mirror goes where it is safe, and the wheel stays.
    assert server.places() == (VALUES["out"], VALUES["blue"])
    assert server.lit() == set()


def test_conditions_of_a_night(server: Simulators) -> None:
    """Safety monitor, dome and weather station are read as the server has them, and compared."""
    where = {"server": f"127.0.0.1:{server.port}"}

    def unmet(wanted: Mapping[str, Any], **device: Any) -> str:
        return why_unmet(ConditionModel(alpaca=where | device, timeout_s=60.0, **wanted))

    assert server.ask("safetymonitor/0/issafe") is True
    assert unmet({}, safety_monitor=0) == ""
    assert unmet({"equals": False}, safety_monitor=0) == "expected false, read true"
    shutter = DOME_STATES[server.ask("dome/0/shutterstatus")]
    other = "open" if shutter == "closed" else "closed"
    assert unmet({"equals": shutter}, dome=0) == ""
    assert unmet({"equals": other}, dome=0) == f'expected "{other}", read "{shutter}"'
    assert unmet({"above": -60, "below": 60}, weather=0, sensor="temperature") == ""
    assert "expected above 60" in unmet({"above": 60}, weather=0, sensor="temperature")
    assert "can't be read" in unmet({}, safety_monitor=7)


class TestKilled(Killed):
    """Kills while a lamp at the server burns."""
