"""Selectors behind an INDI server: their contract, and the traps of drivers that repeat what they were told."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from safelight.devices import DeviceError, Observatory, ObservatoryError, Selectors, open_devices
from safelight.engine.clock import Clock
from safelight.testing import SelectorContract, SelectorStandIn, Stage, Trouble, Wire
from tests.devices.indi.conftest import PLAIN
from tests.devices.indi.indi_server import IndiServer
from tests.devices.indi.movers import Cap, Mover, Wheel

PLACES: Mapping[str, Mapping[int, str]] = {"filter": {1: "red", 2: "green"}, "cap": {1: "closed", 2: "open"}}
UNITS = {
    "filter": {"positions": {"red": 1, "green": 2}, "move_s": 1.0},
    "cap": {"positions": {"closed": "PARK", "open": "UNPARK"}, "move_s": 1.0},
}
WHERE: Mapping[str, Mapping[str, Any]] = {
    "filter": {"device": "Filter Simulator", "property": "FILTER_SLOT"},
    "cap": {"device": "Cap", "property": "CAP_PARK"},
}


def observatory(port: int, where: Mapping[str, Any] = WHERE) -> Observatory:
    """Return an observatory whose selectors are on an INDI server."""
    options = {"host": "127.0.0.1", "port": port, "selectors": dict(where), "deadline_s": 1.5}
    return Observatory.model_validate(
        dict(PLAIN) | {"selectors": {"driver": "indi", "units": UNITS, "options": options}}
    )


class MoverStandIn(SelectorStandIn):
    """A wheel and a cap. Where they are is the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, movers: Mapping[str, Mover]) -> None:
        self.movers = movers

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, or do nothing. A driver that refuses no more asks its hardware, and says so."""
        for mover in self.movers.values():
            if mover.refuses and trouble is None:
                mover.state = "Ok"
            mover.refuses, mover.idle_hands = trouble == "refused", trouble == "not_done"

    def positions(self) -> Mapping[str, str | None]:
        """Return where they are."""
        return {name: PLACES[name].get(mover.place or 0) for name, mover in self.movers.items()}

    def moving(self) -> set[str]:
        """Return what moves."""
        return {name for name, mover in self.movers.items() if mover.place is None}


class TestSelectors(SelectorContract):
    """A filter wheel that shows where it was, and a cap that shows its goal."""

    rest: ClassVar[Mapping[str, str]] = {"filter": "red", "cap": "closed"}
    target: ClassVar[Mapping[str, str]] = {"filter": "green", "cap": "open"}
    move_s = 1.0
    bound_s = 6.0
    stops = False
    # Stop only reads until everything rests.
    sends_nothing = frozenset({"stop"})

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Selectors, SelectorStandIn]]:
        """Return both, with a wire to their server."""
        movers: dict[str, Mover] = {"filter": Wheel(1), "cap": Cap(1)}
        server = IndiServer(*movers.values())
        await server.start()
        try:
            async with Wire(server.port, slow_s=2.0) as wire:
                document = observatory(wire.port)

                def opened() -> Selectors:
                    selectors = open_devices(document, clock=Clock(), home=home).selectors
                    assert selectors is not None
                    return selectors

                yield Stage(open=opened, hardware=MoverStandIn(movers), wire=wire)
        finally:
            await server.stop()


@pytest.mark.parametrize("force", ["none", "other-first"])
def test_an_order_that_is_swallowed(force: str, tmp_path: Path) -> None:
    """A driver that has just begun swallows an order to where it believes to be: with `other-first` it gets there."""
    cap = Cap(2)  # open, and its driver believes that it is closed
    cap.swallows = True

    async def scene() -> str | None:
        server = IndiServer(cap, Wheel(1))
        await server.start()
        where = {**WHERE, "cap": {**WHERE["cap"], "force": force}}
        devices = open_devices(observatory(server.port, where), clock=Clock(), home=tmp_path)
        assert devices.selectors is not None
        try:
            # What was never set is nowhere.
            assert (await devices.selectors.status())["cap"].position is None
            await devices.selectors.move({"cap": "closed"})
            return PLACES["cap"][cap.place or 0]
        finally:
            await devices.close()
            await server.stop()

    # Without it nobody can know: the driver says that it is done.
    assert asyncio.run(scene()) == ("closed" if force == "other-first" else "open")


def test_a_driver_that_dies_in_mid_move(tmp_path: Path) -> None:
    """A move whose driver ends is an error at once, and so is one whose server is gone."""

    async def scene(*, whole: bool) -> None:
        cap = Cap(1)
        server = IndiServer(cap, Wheel(1))
        await server.start()
        devices = open_devices(observatory(server.port), clock=Clock(), home=tmp_path)
        assert devices.selectors is not None
        try:
            work = asyncio.ensure_future(devices.selectors.move({"cap": "open"}))
            while cap.place is not None:
                await Clock().sleep(0.01)
            await (server.stop() if whole else server.say('<delProperty device="Cap"/>'))
            with pytest.raises(DeviceError):
                await work
        finally:
            await devices.close()
            await server.stop()

    asyncio.run(scene(whole=False))
    asyncio.run(scene(whole=True))


def test_options_are_checked(tmp_path: Path) -> None:
    """A selector without a device, and one that the observatory does not have, are errors of the document."""
    for where in ({"cap": WHERE["cap"]}, {**WHERE, "slit": WHERE["cap"]}):
        with pytest.raises(ObservatoryError):
            open_devices(observatory(1, where), clock=Clock(), home=tmp_path)
