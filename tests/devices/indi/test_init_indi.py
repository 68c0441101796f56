"""Drafts of observatory documents from what an INDI server has."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element as Node

import pytest
import yaml
from typer.testing import CliRunner

from safelight.cli import app
from safelight.devices import Observatory, load_observatory
from safelight.devices.indi.draft import draft
from safelight.devices.indi.inventory import FoundIndiDevice
from safelight.devices.indi.properties import Vector
from tests.devices.dli.hosting import Host
from tests.devices.indi.ccd import Ccd
from tests.devices.indi.conftest import CHANNELS, FLAT, observatory_at
from tests.devices.indi.indi_server import IndiServer, Lines, Outputs, Power, Spox


def switch(device: str, name: str, values: Mapping[str, str], label: str = "") -> Vector:
    """Return a switch vector, whose elements are labelled as people see them."""
    labels = {element: "Lamp \u2116 1: {x}" if element == "POWER_CHANNEL_1" else element for element in values}
    return Vector(device, name, label, "switch", "OneOfMany", "Ok", dict(values), labels, {})


def found(name: str, *vectors: Vector, trouble: str = "") -> FoundIndiDevice:
    """Return a device."""
    return FoundIndiDevice(name, {vector.name: vector for vector in vectors}, trouble)


DEVICES = [
    found("Flip Flat", switch("Flip Flat", "FLAT_LIGHT_CONTROL", {"FLAT_LIGHT_ON": "On", "FLAT_LIGHT_OFF": "Off"})),
    found(
        "Spox",
        switch("Spox", "CALIBRATION", dict.fromkeys(("DARK", "FLAT", "CALIBRATION", "SKY"), "Off")),
        Vector("Spox", "DEVICE_PORT", "", "text", "", "Ok", {"PORT": "/dev/ttyUSB3"}, {}, {}),
    ),
    found(
        "eShel",
        switch("eShel", "CALIB_LAMPS", dict.fromkeys(("LED", "THAR", "TUNGSTEN"), "Off")),
        switch("eShel", "FLIP_MIRROR", {"ACTIVATED": "Off", "DEACTIVATED": "On"}),
    ),
    found("Usis", switch("Usis", "000e", dict.fromkeys(("SKY", "DARK", "CALIB", "FLAT"), "Off"), "light source")),
    found("Relay", switch("Relay", "DIGITAL_OUTPUT_1", {"OFF": "On", "ON": "Off"})),
    found("Power", switch("Power", "POWER_CHANNELS", {"POWER_CHANNEL_1": "Off", "POWER_CHANNEL_2": "On"})),
    found("Mount: [", Vector("M", "EQUATORIAL_EOD_COORD", "", "number", "", "Ok", {}, {}, {}), trouble="no\nport"),
]


def test_a_draft_is_a_document() -> None:
    """Every lamp that drivers are known to have is in the draft, a valid document, whatever things are called."""
    text = draft("10.0.0.5", 7624, DEVICES)
    assert text is not None
    document = Observatory.model_validate(yaml.safe_load(text))
    expected = {"Flip_Flat", "CALIBRATION", "FLAT", "LED", "THAR", "TUNGSTEN", "CALIB", "FLAT_2", "POWER_CHANNEL_2"}
    assert expected < set(document.lamps.units)
    assert len(document.lamps.units) == 11
    options = document.lamps.options["lamps"]
    assert (options["CALIBRATION"]["force_off"], options["THAR"]["force_off"]) == ("reconnect", "on-then-off")
    assert options["CALIB"]["property"] == "label:light source"
    assert document.lamps.exclusive == (("CALIBRATION", "FLAT"), ("CALIB", "FLAT_2"))
    assert document.lamps.options["settings"] == {"Spox": {"DEVICE_PORT": {"PORT": "/dev/ttyUSB3"}}}
    assert "# Mount: [ could not be connected: no?port\n# TODO set it up" in text
    assert "FLIP_MIRROR" in text
    assert draft("10.0.0.5", 7624, DEVICES[-1:]) is None


@pytest.mark.parametrize(("devices", "like"), [(DEVICES[:2], "alpy"), (DEVICES[:3], "eshel")])
def test_times_of_a_draft(devices: list[FoundIndiDevice], like: str) -> None:
    """A draft gives an off as much time as the shipped observatory of its slowest driver."""
    text = draft("10.0.0.5", 7624, devices)
    assert text is not None
    drafted, model = Observatory.model_validate(yaml.safe_load(text)), load_observatory(like)
    assert drafted.lamps.options["deadline_s"] == model.lamps.options["deadline_s"]
    for time in ("on_s", "off_s", "all_off_s"):
        assert getattr(drafted.lamps, time) == getattr(model.lamps, time)
    for kind in ("lamp-off", "safing"):
        assert drafted.deadlines.kinds[kind] == model.deadlines.kinds[kind]


def test_init_asks_a_server(tmp_path: Path) -> None:
    """`init --indi` connects what is not connected, switches nothing, and names every lamp and camera."""
    camera, box = Ccd(), Power()
    hardware, server = Host(), IndiServer(camera, box, Outputs())
    try:
        hardware.call(server.start())
        words = ["init", str(tmp_path), "--name", "dome", "--indi", f"127.0.0.1:{server.port}"]
        made = CliRunner().invoke(app, words)
        assert made.exit_code == 0, made.output
        document = load_observatory(tmp_path / "dome.yaml")
        assert len(document.lamps.units) == 5
        assert document.spectrographs.every_camera == ("CCD_Simulator",)
        assert (box.sent, box.lit, camera.exposures, camera.connected) == ([], set(), [], True)
        assert CliRunner().invoke(app, words).exit_code != 0, "an existing document was overwritten"
        hardware.call(server.stop())
        words[2:4] = ["--name", "other"]
        assert CliRunner().invoke(app, words).exit_code != 0
        assert not (tmp_path / "other.yaml").exists()
    finally:
        hardware.call(server.stop())
        hardware.close()
    for wrong in ("nowhere", "host:0", ":7624", "host:x"):
        assert CliRunner().invoke(app, ["init", str(tmp_path), "--name", "z", "--indi", wrong]).exit_code != 0


class Unplugged(Spox):
    """A driver that can't be connected to its hardware, and says why."""

    def handle(self, node: Node) -> Lines:
        """Answer one message."""
        if node.tag != "getProperties" and node.get("name") == "CONNECTION":
            return [f'<message device="{self.name}" message="[ERROR] no such port"/>', *self.define("CONNECTION")]
        return super().handle(node) if node.get("name") != self.vector else []


def test_a_device_that_can_not_be_connected_is_named_with_the_reason(tmp_path: Path) -> None:
    """A server whose lamps are on a device that can't be connected is refused with what its driver says."""
    driver = Unplugged()
    driver.connected = False
    driver.vector = "HIDDEN"
    hardware, server = Host(), IndiServer(driver)
    try:
        hardware.call(server.start())
        made = CliRunner().invoke(app, ["init", str(tmp_path), "--indi", f"127.0.0.1:{server.port}"])
        assert "Shelyak Spox (can't be connected: Shelyak Spox reports: [ERROR] no such port" in str(made.exception)
    finally:
        hardware.call(server.stop())
        hardware.close()


def test_a_lamp_beside_others_that_was_never_commanded(tmp_path: Path) -> None:
    """`check --live` says how a lamp gets known that its driver knows nothing of, beside one that is known."""
    spox, box = Spox(), Power()
    hardware, server = Host(), IndiServer(spox, box)
    try:
        hardware.call(server.start())
        path = tmp_path / "observatory.yaml"
        lamps = {"Argon": FLAT, "Neon": CHANNELS["Neon"]}
        path.write_text(yaml.safe_dump(observatory_at(server.port, lamps).model_dump(mode="json")))
        words = ["check", "--observatory", str(path), "--live"]
        checked = CliRunner().invoke(app, words)
        assert checked.exit_code == 3
        assert (
            "PROBLEM lamps: Argon: never commanded since its driver was started? `safelight lamps off`"
            in checked.output
        )
        spox.state, spox.believed = "Ok", spox.believed | {"SKY": "On"}
        assert CliRunner().invoke(app, words).exit_code == 0
    finally:
        hardware.call(server.stop())
        hardware.close()
