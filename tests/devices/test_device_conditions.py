"""Conditions of a night that are read from Alpaca and INDI servers."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from safelight.devices import ObservatoryError, load_observatory
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine.queue.conditions import why_unmet
from tests.devices.alpaca.strict_server import StrictServer
from tests.devices.dli.hosting import Host
from tests.devices.indi.indi_server import IndiServer, Lines, Node, Talker

SLOW_S = 60.0
"""Longer than any reading takes, s."""


@pytest.fixture(scope="module")
def hardware() -> Iterator[Host]:
    """Yield the thread in which the servers live."""
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope="module")
def alpaca(hardware: Host) -> Iterator[StrictServer]:
    """Yield a strict server with a safety monitor, a dome and a weather station."""
    server = StrictServer()
    hardware.call(server.start())
    yield server
    hardware.call(server.stop())


@pytest.mark.parametrize(
    ("hardware_says", "device", "wanted", "why"),
    [
        ({"safe": True}, {"safety_monitor": 0}, {}, ""),
        ({"safe": False}, {"safety_monitor": 0}, {}, "expected true, read false"),
        ({"safe": 1}, {"safety_monitor": 0}, {}, "says that it is safe: 1"),
        ({"safe": None}, {"safety_monitor": 0}, {}, "says that it is safe: None"),
        ({"dome": 1}, {"dome": 0}, {"equals": "closed"}, ""),
        ({"dome": 3}, {"dome": 0}, {"equals": "closed"}, 'expected "closed", read "closing"'),
        ({"dome": 4}, {"dome": 0}, {"equals": "closed"}, "reports an error of its shutter"),
        ({"dome": 7}, {"dome": 0}, {"equals": "closed"}, "says that its shutter is 7"),
        ({"weather": {"humidity": (79.5, 3.0)}}, {"weather": 0, "sensor": "humidity"}, {"below": 80}, ""),
        (
            {"weather": {"humidity": (81, 3.0)}},
            {"weather": 0, "sensor": "humidity"},
            {"below": 80},
            "expected below 80, read 81",
        ),
        (
            {"weather": {"humidity": (20, 601.0)}},
            {"weather": 0, "sensor": "humidity"},
            {"below": 80},
            "601 s old, more than 600 s",
        ),
        ({"weather": {"humidity": (20, -1.0)}}, {"weather": 0, "sensor": "humidity"}, {"below": 80}, "not measured"),
        ({"weather": {"humidity": (20, None)}}, {"weather": 0, "sensor": "humidity"}, {"below": 80}, "how old"),
        ({"weather": {"humidity": ("dry", 3.0)}}, {"weather": 0, "sensor": "humidity"}, {"below": 80}, "no number"),
        ({"weather": {}}, {"weather": 0, "sensor": "humidity"}, {"below": 80}, "0x400"),
    ],
)
def test_a_device_of_alpaca(
    alpaca: StrictServer, hardware_says: Mapping[str, Any], device: Any, wanted: Any, why: str
) -> None:
    """Safety, shutter and weather are compared; what is in error, old or no answer is not met."""
    for name, value in hardware_says.items():
        setattr(alpaca, name, value)
    where = {"server": f"127.0.0.1:{alpaca.port}"} | device
    found = why_unmet(ConditionModel(alpaca=where, timeout_s=SLOW_S, **wanted))
    assert why in found
    assert bool(why) == bool(found)


def test_alpaca_in_trouble(alpaca: StrictServer, hardware: Host) -> None:
    """A server that breaks, talks nonsense or is gone, or a monitor that is unplugged, is a condition not met."""
    alpaca.safe = True
    safe = ConditionModel(alpaca={"server": f"127.0.0.1:{alpaca.port}", "safety_monitor": 0}, timeout_s=SLOW_S)
    assert why_unmet(safe) == ""
    for trouble, calm in (("broken", False), ("nonsense", False), ("unplugged", set())):
        setattr(alpaca, trouble, {"safetymonitor"} if trouble == "unplugged" else True)
        assert "can't be read" in why_unmet(safe), trouble
        setattr(alpaca, trouble, calm)
    assert why_unmet(safe) == ""
    alpaca.mute = True
    assert "can't be read" in why_unmet(safe.model_copy(update={"timeout_s": 0.2}))
    alpaca.mute = False
    hardware.call(alpaca.stop())
    assert "no server answers" in why_unmet(safe)
    hardware.call(alpaca.start())


class Station(Talker):
    """A device with one vector, as a test sets it."""

    name = "Station"

    def __init__(self) -> None:
        self.connected = True
        self.vector = ""
        self.commands: list[str] = []

    def handle(self, node: Node) -> Lines:
        """Answer questions, and connect."""
        if node.tag != "getProperties":
            self.commands.append(f"{node.get('name')}")
            self.connected = True
        on, off = ("On", "Off") if self.connected else ("Off", "On")
        connection = (
            '<defSwitchVector device="Station" name="CONNECTION" state="Ok" rule="OneOfMany">'
            f'<defSwitch name="CONNECT">{on}</defSwitch><defSwitch name="DISCONNECT">{off}</defSwitch>'
            "</defSwitchVector>"
        )
        wanted = node.get("name")
        return [connection] * (wanted in {None, "CONNECTION"}) + [self.vector] * (wanted in {None, "V"})


@pytest.fixture(scope="module")
def station() -> Station:
    """Return the device of the server."""
    return Station()


@pytest.fixture(scope="module")
def indi(station: Station, hardware: Host) -> Iterator[IndiServer]:
    """Yield a server with one device."""
    server = IndiServer(station)
    hardware.call(server.start())
    yield server
    hardware.call(server.stop())


def vector(kind: str, state: str, **values: str) -> str:
    """Return the definition of a vector."""
    inner = "".join(
        f'<def{kind} name="{name}" label="the {name}">{value}</def{kind}>' for name, value in values.items()
    )
    rule = ' rule="OneOfMany"' if kind == "Switch" else ""
    return f'<def{kind}Vector device="Station" name="V" state="{state}"{rule}>{inner}</def{kind}Vector>'


@pytest.mark.parametrize(
    ("heard", "element", "wanted", "why"),
    [
        (vector("Switch", "Ok", SHUT="On", OPEN="Off"), "SHUT", {}, ""),
        (vector("Switch", "Ok", SHUT="Off", OPEN="On"), "SHUT", {}, "expected true, read false"),
        (vector("Switch", "Ok", SHUT="Off", OPEN="Off"), "SHUT", {"equals": False}, "has 0 elements that are on"),
        (vector("Switch", "Busy", SHUT="On", OPEN="Off"), "SHUT", {}, "in state Busy"),
        (vector("Switch", "Alert", SHUT="On", OPEN="Off"), "SHUT", {}, "in state Alert"),
        (vector("Switch", "Idle", SHUT="On", OPEN="Off"), "SHUT", {}, "has reported nothing"),
        (vector("Switch", "Ok", SHUT="On", OPEN="Off"), "label:the SHUT", {}, ""),
        (vector("Switch", "Ok", SHUT="On", OPEN="Off"), "CLOSED", {}, "its elements: SHUT, OPEN"),
        (vector("Number", "Ok", WIND="9.5"), "WIND", {"below": 10}, ""),
        (vector("Number", "Ok", WIND="10"), "WIND", {"below": 10}, "expected below 10, read 10"),
        (vector("Number", "Alert", WIND="1"), "WIND", {"below": 10}, "in state Alert"),
        (vector("Number", "Ok", WIND="nan"), "WIND", {"below": 10}, "no number"),
        (vector("Light", "Alert", WIND="Ok", RAIN="Alert"), "WIND", {"equals": "Ok"}, ""),
        (vector("Light", "Alert", WIND="Ok", RAIN="Alert"), "RAIN", {"equals": "Ok"}, 'expected "Ok", read "Alert"'),
        (vector("Text", "Ok", SKY="clear"), "SKY", {"equals": "clear"}, ""),
    ],
)
def test_an_element_of_indi(
    indi: IndiServer, station: Station, heard: str, element: str, wanted: Any, why: str
) -> None:
    """Switches, numbers, lights and texts are compared; what moves, is in alert or was never reported is not met."""
    station.vector = heard
    where = {"host": "127.0.0.1", "port": indi.port, "device": "Station", "property": "V", "element": element}
    found = why_unmet(ConditionModel(indi=where, timeout_s=SLOW_S, **wanted))
    assert why in found
    assert bool(why) == bool(found)


def test_indi_in_trouble(indi: IndiServer, station: Station, hardware: Host) -> None:
    """A device that is not connected is connected; a device, a vector or a server that is not there is not met."""
    station.vector, station.connected = vector("Switch", "Idle", SHUT="On", OPEN="Off"), False
    where = {"host": "127.0.0.1", "port": indi.port, "device": "Station", "property": "V", "element": "SHUT"}
    assert why_unmet(ConditionModel(indi=where | {"believe_idle": True}, timeout_s=SLOW_S)) == ""
    assert station.commands == ["CONNECTION"]
    for part in ("device", "property"):
        assert "can't be read" in why_unmet(ConditionModel(indi=where | {part: "Another"}, timeout_s=0.2))
    hardware.call(indi.stop())
    assert "no INDI server answers" in why_unmet(ConditionModel(indi=where, timeout_s=SLOW_S))
    hardware.call(indi.start())


def of_alpaca(server: str) -> ConditionModel:
    """Return a condition that is read from a safety monitor."""
    return ConditionModel(alpaca={"server": server, "safety_monitor": 0}, timeout_s=SLOW_S)


@pytest.mark.parametrize("server", ["no..host:80", "xn--a:80", "a\x01b:80"])
def test_names_that_no_host_has(server: str) -> None:
    """A name that can't even be looked up is a condition not met, like one that nobody answers to."""
    host = server.partition(":")[0]
    indi = ConditionModel(indi={"host": host, "device": "D", "property": "P", "element": "E"}, timeout_s=SLOW_S)
    assert f"can't be read: no server answers at {server}: " in why_unmet(of_alpaca(server))
    assert f"can't be read: no INDI server answers at {host}:7624: " in why_unmet(indi)


def test_a_package_that_is_not_installed() -> None:
    """A worker without the library of a condition's driver says what to install, and lives on."""
    code = (
        "import sys; sys.modules['httpx'] = None\n"
        "from safelight.engine.queue.conditions import why_unmet\n"
        "from safelight.devices.observatory.site_habits import ConditionModel\n"
        "print(why_unmet(ConditionModel(alpaca={'server': 'h:1', 'safety_monitor': 0})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    words = "it can't be read: needs a package that is not installed: httpx. Install safelight with its extra 'alpaca'"
    assert words in done.stdout
    assert done.returncode == 0


def test_a_mistake_of_safelight_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nothing foresees is a condition that is not met, and no end of the worker."""

    async def breaks(*_: object) -> bool:
        raise KeyError("shutterstatus")

    monkeypatch.setattr("safelight.engine.run.condition_cards.read_condition", breaks)
    words = "it can't be read: safelight itself has failed (KeyError), please report it"
    assert why_unmet(of_alpaca("h:1")) == words


SERVER = {"server": "h:1"}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"alpaca": SERVER}, "one of `safety_monitor`, `dome` and `weather`"),
        ({"alpaca": SERVER | {"dome": 0, "safety_monitor": 0}}, "one of `safety_monitor`, `dome` and `weather`"),
        ({"alpaca": SERVER | {"dome": 0}}, "never True"),
        ({"alpaca": SERVER | {"dome": 0}, "below": 3}, "it is no number"),
        ({"alpaca": SERVER | {"weather": 0}}, "`weather` and `sensor` together"),
        ({"alpaca": SERVER | {"weather": 0, "sensor": "humidity"}}, "`below` or `above`"),
        ({"alpaca": SERVER | {"weather": 0, "sensor": "wind"}, "below": 3}, "windgust"),
        ({"alpaca": SERVER | {"safety_monitor": 0}, "equals": "safe"}, "`true` or `false`"),
        ({"alpaca": {"server": "h", "safety_monitor": 0}}, "`HOST:PORT`"),
        ({"alpaca": {"server": "h:65536", "safety_monitor": 0}}, "`HOST:PORT`"),
        ({"alpaca": {"server": "h:0", "safety_monitor": 0}}, "`HOST:PORT`"),
        ({"alpaca": {"server": "[::1:80", "safety_monitor": 0}}, "`HOST:PORT`"),
        ({"indi": {"device": "D", "property": "P"}}, "element"),
        ({"indi": {"device": "D", "property": "P", "element": "E"}, "url": "http://x"}, "one of `url`"),
    ],
)
def test_what_can_never_be_met_is_refused(condition: Any, words: str, tmp_path: Any) -> None:
    """A condition that no answer could meet, or that names no device, is refused with the document and its place."""
    import yaml  # noqa: PLC0415 - here alone

    plain = load_observatory("simulated").model_dump(mode="json") | {"conditions": {"dry": condition}}
    path = tmp_path / "observatory.yaml"
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(ObservatoryError) as refused:
        load_observatory(path)
    assert words in str(refused.value)
    assert "conditions.dry" in str(refused.value)
    with pytest.raises(ValidationError):
        ConditionModel.model_validate(condition)


def test_other_conditions_keep_the_hash_of_their_document() -> None:
    """The new keys are left out of a document that does not use them."""
    assert not {"alpaca", "indi"} & ConditionModel(url="http://x").model_dump().keys()
