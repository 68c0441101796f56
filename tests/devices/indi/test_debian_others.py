"""A mount, a dome and a weather station as Debian's INDI simulators have them: slews, and conditions of a night."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import AltAz, Observatory, TelescopeStatus, open_devices
from safelight.devices.command_context import CommandContext
from safelight.devices.indi.device import IndiDevice
from safelight.devices.indi.line import IndiLine
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.devices.timing import separation_deg
from safelight.engine.clock import Clock
from safelight.engine.queue.conditions import why_unmet
from tests.devices.indi.conftest import PLAIN, with_camera
from tests.devices.indi.debian import DebianServer, debian_server, missing

DRIVERS = ("indi_simulator_telescope", "indi_simulator_dome", "indi_simulator_weather")
DEADLINE_S = 60.0
"""Longer than any of them takes, s."""
ASKER = CommandContext("test", "set")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianServer]:
    """One server for all tests."""
    reason = missing(*DRIVERS)
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    with debian_server(tmp_path_factory.mktemp("indi"), *DRIVERS) as running:
        yield running


def document(port: int) -> Observatory:
    """Return an observatory with the mount."""
    unit = {"device": "Telescope Simulator", "lat_deg": 43.6, "lon_deg": 1.4, "parked_at": "park"}
    options = {"host": "127.0.0.1", "port": port, "deadline_s": DEADLINE_S}
    plain: dict[str, Any] = dict(PLAIN)
    plain["telescopes"] = PLAIN["telescopes"] | {"driver": "indi", "units": {"sci": unit}, "options": options}
    plain["positions"] = {name: {"sci": to["sci"]} for name, to in plain["positions"].items()}
    return with_camera(port, plain)


def test_a_mount_slews_to_directions_and_stays(server: DebianServer, tmp_path: Path) -> None:
    """The mount is unparked, slews to a direction in the horizontal frame, stops in the middle of a slew, and stays."""

    async def scene() -> list[TelescopeStatus]:
        devices = open_devices(document(server.port), clock=Clock(), home=tmp_path)
        telescopes = devices.telescopes
        assert telescopes is not None
        try:
            await telescopes.goto({"sci": first})
            found = [(await telescopes.status())["sci"]]
            slewing = asyncio.create_task(telescopes.goto({"sci": second}))
            while not (await telescopes.status())["sci"].slewing:
                assert not slewing.done()
                await Clock().sleep(0.05)
            slewing.cancel()
            await asyncio.wait([slewing])
            await telescopes.stop()
            found.append((await telescopes.status())["sci"])
            await telescopes.goto({"sci": first})
            return [*found, (await telescopes.status())["sci"]]
        finally:
            await devices.close()

    first, second = AltAz(60.0, 150.0), AltAz(30.0, 260.0)
    arrived, stopped, back = asyncio.run(scene())
    for status in (arrived, back):
        assert not status.slewing
        assert status.where is not None
        assert separation_deg(status.where, first) < 0.3
    assert not stopped.slewing
    assert stopped.where is not None
    assert separation_deg(stopped.where, second) > 1.0


def test_a_mount_parks_and_is_unparked(server: DebianServer, tmp_path: Path) -> None:
    """A slew to the park position parks the mount, also when it is parked already, and the next slew unparks it."""

    async def scene() -> list[tuple[TelescopeStatus, bool]]:
        devices = open_devices(document(server.port), clock=Clock(), home=tmp_path)
        telescopes = devices.telescopes
        assert telescopes is not None
        found = []
        try:
            for to in (near, parked, parked, near):
                await telescopes.goto({"sci": to})
                found.append(((await telescopes.status())["sci"], await is_parked()))
            return found
        finally:
            await devices.close()

    async def is_parked() -> bool:
        line = IndiLine("127.0.0.1", server.port, Clock(), DEADLINE_S)
        vector = await line.read("Telescope Simulator", "TELESCOPE_PARK", ASKER)
        await line.close()
        return vector.on == ("PARK",)

    # It parks at the eastern horizon.
    near, parked = AltAz(20.0, 100.0), document(server.port).targets("park")["sci"]
    first, second, third, last = asyncio.run(scene())
    assert [seen[1] for seen in (first, second, third, last)] == [False, True, True, False]
    for status, _ in (second, third):
        assert status == TelescopeStatus(parked, slewing=False)
    for status, _ in (first, last):
        assert status.where is not None
        assert separation_deg(status.where, near) < 0.3


def set_switch(port: int, device: str, name: str, element: str) -> None:
    """Set a switch of a device, and wait until it says that it is so."""

    async def scene() -> None:
        line = IndiLine("127.0.0.1", port, Clock(), DEADLINE_S)
        mover = IndiDevice(line, device, {})
        await mover.connect(ASKER)
        await mover.set(name, {element: "On"}, ASKER)
        await line.close()

    asyncio.run(scene())


def test_conditions_of_a_dome_and_the_weather(server: DebianServer) -> None:
    """The shutter of the dome is met when it is closed and at rest; the wind is compared as a number."""
    where = {"host": "127.0.0.1", "port": server.port}
    shutter = where | {"device": "Dome Simulator", "property": "DOME_SHUTTER", "element": "SHUTTER_CLOSE"}
    closed = ConditionModel(indi=shutter, timeout_s=DEADLINE_S)
    set_switch(server.port, "Dome Simulator", "DOME_SHUTTER", "SHUTTER_CLOSE")
    assert why_unmet(closed) == ""
    set_switch(server.port, "Dome Simulator", "DOME_SHUTTER", "SHUTTER_OPEN")
    assert why_unmet(closed) == "expected true, read false"
    weather = where | {"device": "Weather Simulator"}
    wind = weather | {"property": "WEATHER_PARAMETERS", "element": "WEATHER_WIND_SPEED"}
    assert why_unmet(ConditionModel(indi=wind, below=11, timeout_s=DEADLINE_S)) == ""
    assert why_unmet(ConditionModel(indi=wind, below=0, timeout_s=DEADLINE_S)) == "expected below 0, read 0.0"
