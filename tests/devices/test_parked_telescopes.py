"""Telescopes of Alpaca and INDI whose calibration position is their park position."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import AltAz, DeviceFailed, Observatory, ObservatoryError, Telescopes, open_devices
from safelight.engine.clock import Clock
from tests.devices.alpaca.conftest import observatory_at, parked_at
from tests.devices.alpaca.strict_server import Mount, StrictServer
from tests.devices.indi.conftest import PLAIN, with_camera
from tests.devices.indi.indi_server import IndiServer
from tests.devices.indi.test_telescopes_indi import IndiMount

PARK, ELSEWHERE = AltAz(70.0, 160.0), AltAz(40.0, 100.0)
Scene = Callable[[Telescopes, Mount], Awaitable[None]]


@asynccontextmanager
async def on_alpaca(unit: Mapping[str, Any], home: Path) -> AsyncIterator[tuple[Telescopes, Mount]]:
    """Yield a telescope of a strict Alpaca server, and the truth about it."""
    mount = Mount(park=(PARK.alt_deg, PARK.az_deg))
    server = StrictServer(mounts=[mount])
    await server.start()
    try:
        document = parked_at(observatory_at(server.port, telescopes_units=unit), PARK)
        async with opened(document, home) as telescopes:
            yield telescopes, mount
    finally:
        await server.stop()


@asynccontextmanager
async def on_indi(unit: Mapping[str, Any], home: Path) -> AsyncIterator[tuple[Telescopes, Mount]]:
    """Yield a mount of an INDI server, and the truth about it."""
    driver = IndiMount()
    server = IndiServer(driver)
    await server.start()
    options = {"host": "127.0.0.1", "port": server.port, "deadline_s": 1.5}
    model = {"driver": "indi", "units": {"sci": {"device": driver.name, **unit}}, "options": options}
    plain: dict[str, Any] = dict(PLAIN) | {"telescopes": PLAIN["telescopes"] | model}
    plain["positions"] = {name: {"sci": to["sci"]} for name, to in plain["positions"].items()}
    try:
        async with opened(parked_at(with_camera(server.port, plain), PARK), home) as telescopes:
            yield telescopes, driver.mount
    finally:
        await server.stop()


@asynccontextmanager
async def opened(document: Observatory, home: Path) -> AsyncIterator[Telescopes]:
    """Yield the telescopes of a document."""
    devices = open_devices(document, clock=Clock(), home=home)
    assert devices.telescopes is not None
    try:
        yield devices.telescopes
    finally:
        await devices.close()


FAMILIES = pytest.mark.parametrize("family", [on_alpaca, on_indi])


def play(family: Any, home: Path, scene: Scene, **unit: Any) -> None:
    """Play a scene on a family."""

    async def whole() -> None:
        async with family(unit or {"parked_at": "park"}, home) as (telescopes, mount):
            await scene(telescopes, mount)

    asyncio.run(whole())


@FAMILIES
def test_the_park_position_is_reached_by_parking(family: Any, tmp_path: Path) -> None:
    """A slew to it parks, twice too; the mount is read there while it is parked, and another slew unparks it."""

    async def scene(telescopes: Telescopes, mount: Mount) -> None:
        for to, parked in ((ELSEWHERE, False), (PARK, True), (PARK, True), (ELSEWHERE, False)):
            await telescopes.goto({"sci": to})
            assert mount.parked == parked
            seen = (await telescopes.status())["sci"]
            assert seen.where is not None
            assert not seen.slewing
            assert (seen.where == PARK) == parked

    play(family, tmp_path, scene)


@FAMILIES
def test_coordinates_of_a_parked_mount_are_not_asked(family: Any, tmp_path: Path) -> None:
    """A parked mount is where the document says, whatever its coordinates are, and elsewhere once it is unparked."""

    async def scene(telescopes: Telescopes, mount: Mount) -> None:
        await telescopes.goto({"sci": PARK})
        mount.alt, mount.az = 12.0, 34.0
        assert (await telescopes.status())["sci"].where == PARK
        mount.parked = False
        seen = (await telescopes.status())["sci"].where
        assert seen is not None
        assert abs(seen.alt_deg - 12.0) < 0.2

    play(family, tmp_path, scene)


@FAMILIES
def test_a_mount_that_is_stopped_while_it_parks(family: Any, tmp_path: Path) -> None:
    """Parking that is stopped on its way is no arrival: the mount is read where it stands, and can be parked again."""

    async def scene(telescopes: Telescopes, mount: Mount) -> None:
        await telescopes.goto({"sci": ELSEWHERE})
        parking = asyncio.create_task(telescopes.goto({"sci": PARK}))
        while not mount.parking:
            await Clock().sleep(0.01)
        assert (await telescopes.status())["sci"].slewing
        parking.cancel()
        await asyncio.wait([parking])
        await telescopes.stop()
        seen = (await telescopes.status())["sci"]
        assert not mount.parked
        assert not seen.slewing
        assert seen.where is not None
        assert seen.where.alt_deg < PARK.alt_deg - 1.0
        await telescopes.goto({"sci": PARK})
        assert mount.parked

    play(family, tmp_path, scene)


@FAMILIES
def test_without_the_key_it_is_a_direction(family: Any, tmp_path: Path) -> None:
    """A document that does not say so slews to its park position as to any other."""

    async def scene(telescopes: Telescopes, mount: Mount) -> None:
        await telescopes.goto({"sci": PARK})
        assert not mount.parked

    play(family, tmp_path, scene, **({"device": 0} if family is on_alpaca else {"lat_deg": 43.6, "lon_deg": 1.4}))


def test_a_mount_that_knows_no_horizon(tmp_path: Path) -> None:
    """An equatorial mount of Alpaca can be parked, is nowhere otherwise, and refuses a direction with the way out."""

    async def scene(telescopes: Telescopes, mount: Mount) -> None:
        mount.knows_horizon = False
        assert (await telescopes.status())["sci"].where is None
        await telescopes.goto({"sci": PARK})
        assert (await telescopes.status())["sci"].where == PARK
        with pytest.raises(DeviceFailed, match="parked_at"):
            await telescopes.goto({"sci": ELSEWHERE})
        assert mount.parked

    play(on_alpaca, tmp_path, scene)


@FAMILIES
def test_a_position_that_is_not_there(family: Any, tmp_path: Path) -> None:
    """A position that the document does not have is refused before anything is sent, with its place and the nearest."""

    async def scene(*_: Any) -> None:
        """Never come so far."""

    with pytest.raises(ObservatoryError, match=r"telescopes\.units\.sci\.parked_at: .*did you mean 'park'"):
        play(family, tmp_path, scene, parked_at="prak")
