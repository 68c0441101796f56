"""Photodiodes over HTTP, Alpaca and INDI: a number, or an error that says what is wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import DeviceError, LampMonitor, Observatory, ObservatoryError, load_observatory
from safelight.devices.drivers import DriverSite, driver_of
from safelight.devices.http.description import Place
from safelight.devices.http.lamp_monitor import number_in
from safelight.devices.schema import observatory_schema
from safelight.engine.clock import Clock
from tests.devices.alpaca.strict_server import StrictServer
from tests.devices.dli.hosting import Listener
from tests.devices.indi.indi_server import Driver, IndiServer


def observatory_with(driver: str, options: Mapping[str, Any]) -> Observatory:
    """Return the simulated observatory with a photodiode."""
    plain = load_observatory("simulated").model_dump(mode="json")
    plain["lamps"]["monitor"] = {"driver": driver, "options": dict(options)}
    return Observatory.model_validate(plain)


@asynccontextmanager
async def opened(server: Listener, driver: str, options: Callable[[int], Mapping[str, Any]]) -> AsyncIterator[Any]:
    """Open a photodiode on a server, and close both."""
    await server.start()
    site = DriverSite(observatory_with(driver, options(server.port)), Clock(), Path())
    monitor = driver_of(driver)("lamp_monitor", site)
    assert isinstance(monitor, LampMonitor)
    try:
        yield monitor
    finally:
        await monitor.close()  # type: ignore[attr-defined]  # only drivers with a connection have it
        await server.stop()


def done(work: Awaitable[None]) -> None:
    """Run a scene to its end."""

    async def whole() -> None:
        await work

    asyncio.run(whole())


# ---- Alpaca


def alpaca(port: int) -> Mapping[str, Any]:
    """Return the options of an element that measures."""
    return {"server": f"127.0.0.1:{port}", "element": "Photodiode", "deadline_s": 2.0}


def test_a_value_of_an_alpaca_switch_is_read_by_its_name() -> None:
    """Wherever the element stands, its value is read, and it is written to never."""
    server = StrictServer(names=("Argon", "Photodiode"), values=[0.0, 42.5])

    async def scene() -> None:
        async with opened(server, "alpaca", alpaca) as monitor:
            assert await monitor.read() == 42.5
            server.names, server.values = ("Photodiode", "Argon"), [43.5, 3.0]
            assert await monitor.read() == 43.5

    done(scene())
    assert [request for request in server.requests if request.startswith("PUT")] == ["PUT /api/v1/switch/0/connected"]


@pytest.mark.parametrize("trouble", ["nonsense", "broken", "missing", "twice"])
def test_an_alpaca_server_without_a_number_is_an_error(trouble: str) -> None:
    """Nothing that is not the number of that element is taken for one."""
    server = StrictServer(names=("Argon", "Photodiode"), values=[0.0, 42.5])
    if trouble in ("missing", "twice"):
        server.names = ("Argon", "Fan") if trouble == "missing" else ("Photodiode", "Photodiode")
    else:
        setattr(server, trouble, True)

    async def scene() -> None:
        async with opened(server, "alpaca", alpaca) as monitor:
            with pytest.raises(DeviceError):
                await monitor.read()

    done(scene())


# ---- INDI


class Diode(Driver):
    """A device with one number."""

    name, rule, vector, elements = "Diode", "", "LIGHT", ()
    reading = "17.25"

    def define(self, name: str) -> list[str]:
        """Return the definition of a vector."""
        if name != self.vector:
            return super().define(name)
        inner = (
            f'<defNumber name="FLUX" label="the flux" format="%g" min="0" max="0" step="0">{self.reading}</defNumber>'
        )
        head = f'<defNumberVector device="{self.name}" name="LIGHT" label="the light" state="{self.state}" perm="ro">'
        return [f"{head}{inner}</defNumberVector>"]


def indi(port: int) -> Mapping[str, Any]:
    """Return the options of a number."""
    return {"host": "127.0.0.1", "port": port, "device": "Diode", "property": "LIGHT", "element": "FLUX"}


def test_a_number_of_indi_is_read() -> None:
    """The number is as the driver defines it now, of a device that is connected."""
    driver = Diode()
    driver.connected = False

    async def scene() -> None:
        async with opened(IndiServer(driver), "indi", indi) as monitor:
            assert await monitor.read() == 17.25
            assert driver.connected
            driver.reading = "1e3"
            assert await monitor.read() == 1000.0

    done(scene())


@pytest.mark.parametrize(("reading", "state"), [("much", "Ok"), ("nan", "Ok"), ("5", "Alert")])
def test_an_indi_device_in_trouble_is_an_error(reading: str, state: str) -> None:
    """What is no number, and what reports an alert, is not believed."""
    driver = Diode()
    driver.reading, driver.state = reading, state

    async def scene() -> None:
        async with opened(IndiServer(driver), "indi", indi) as monitor:
            with pytest.raises(DeviceError):
                await monitor.read()

    done(scene())


# ---- HTTP


class Web(Listener):
    """A server that answers every request with the same text."""

    code, text = 200, json.dumps({"sensors": [{"id": "dome", "lux": 3}, {"id": "lamps", "lux": 812.5}]})

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(head.split("\r\n")[0])
            content = self.text.encode()
            writer.write(f"HTTP/1.1 {self.code} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()


def http(port: int) -> Mapping[str, Any]:
    """Return the options of a sensor in JSON."""
    answer = {"at": "sensors.id=lamps.lux"}
    return {"url": f"http://127.0.0.1:{port}", "path": "/api/sensors", "answer": answer, "deadline_s": 2.0}


def test_a_number_in_json_is_read() -> None:
    """One request, and the number where the document says that it is."""
    server = Web()

    async def scene() -> None:
        async with opened(server, "http", http) as monitor:
            assert await monitor.read() == 812.5

    done(scene())
    assert server.asked == ["GET /api/sensors HTTP/1.1"]


@pytest.mark.parametrize(("code", "text"), [(500, Web.text), (200, "{}"), (200, "warming up"), (200, "")])
def test_an_answer_without_a_number_is_an_error(code: int, text: str) -> None:
    """A status that is no success, and an answer of another form, are not believed."""
    server = Web()
    server.code, server.text = code, text

    async def scene() -> None:
        async with opened(server, "http", http) as monitor:
            with pytest.raises(DeviceError, match="without a number"):
                await monitor.read()

    done(scene())


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7.0), ('"7.5"', 7.5), ("true", None), ("null", None), ("NaN", None), ("1e999", None), ('"bright"', None)],
)
def test_what_is_a_number(text: str, number: float | None) -> None:
    """Numbers in quotes are numbers, and what is infinite is none."""
    assert number_in(f'{{"lux": {text}}}', Place(at=("lux",))) == number


def test_a_pattern_finds_it_in_plain_text() -> None:
    """Boards that speak no JSON are read by a regular expression."""
    assert number_in("flux: 12.5 lx\r\n", Place(pattern=r"flux: ([0-9.]+)")) == 12.5


# ---- documents


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("clu", {}, "lamp_monitor"),
        ("http", {}, "url"),
        ("alpaca", {"server": "10.0.0.5:11111"}, "element"),
        ("indi", {"device": "Diode"}, "property"),
        ("simulated", {"tau": 3}, "tau"),
    ],
)
def test_wrong_options_are_refused(driver: str, options: Mapping[str, Any], words: str, tmp_path: Path) -> None:
    """The message names the key, before anything is opened."""
    site = DriverSite(observatory_with(driver, options), Clock(), tmp_path)
    with pytest.raises(ObservatoryError, match=words):
        driver_of(driver)("lamp_monitor", site)


def test_the_schema_has_the_options() -> None:
    """An editor that knows the schema of observatories knows each driver's options."""
    found = observatory_schema()["$defs"]
    assert {f"{driver}.lamp_monitor" for driver in ("alpaca", "http", "indi", "simulated")} <= set(found)
    assert observatory_with("simulated", {}).hash != load_observatory("simulated").hash
