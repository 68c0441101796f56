"""Selectors of Alpaca servers: a filter wheel, a cover, and an element of a switch with several values."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from safelight.devices import Observatory, ObservatoryError, Selectors, open_devices
from safelight.engine.clock import Clock
from safelight.testing import SelectorContract, SelectorStandIn, Stage, Trouble, Wire
from tests.devices.alpaca.conftest import PLAIN
from tests.devices.alpaca.strict_server import Mover, StrictServer

UNITS: Mapping[str, Any] = {
    "filter": {"positions": {"red": 0, "green": 1}, "move_s": 1.0},
    "cap": {"positions": {"shut": "closed", "away": "open"}, "move_s": 1.0},
    "slit": {"positions": {"narrow": 0, "wide": 2}, "move_s": 1.0},
}
WHERE: Mapping[str, Any] = {"filter": {"filter_wheel": 0}, "cap": {"cover": 0}, "slit": {"switch": 0, "element": "Fan"}}
SLIT = 3


def observatory(port: int, where: Mapping[str, Any] = WHERE) -> Observatory:
    """Return an observatory whose selectors are on an Alpaca server."""
    options = {"server": f"127.0.0.1:{port}", "selectors": dict(where), "deadline_s": 1.5, "look_every_s": 0.1}
    selectors = {"driver": "alpaca", "units": dict(UNITS), "options": options}
    return Observatory.model_validate(dict(PLAIN) | {"selectors": selectors})


class MoverStandIn(SelectorStandIn):
    """A wheel, a cover and a slow element. Where they are is the truth."""

    offers: ClassVar[frozenset[Trouble]] = frozenset({"refused", "not_done"})

    def __init__(self, server: StrictServer) -> None:
        self.server = server
        self.movers: Mapping[str, Mover] = {
            "filter": server.wheels[0],
            "cap": server.cover,
            "slit": server.slow[SLIT],
        }

    async def bring_about(self, trouble: Trouble | None) -> None:
        """Refuse, or do nothing."""
        self.server.refuses = 0x400 if trouble == "refused" else 0
        self.server.idle_hands = trouble == "not_done"

    def positions(self) -> Mapping[str, str | None]:
        """Return where they are."""
        values = {"filter": (0.0, 1.0), "cap": (1.0, 3.0), "slit": (0.0, 2.0)}
        found: dict[str, str | None] = {}
        for name, mover in self.movers.items():
            place, moving = mover.now()
            known = place in values[name] and not moving
            found[name] = list(UNITS[name]["positions"])[values[name].index(place)] if known else None
        return found

    def moving(self) -> set[str]:
        """Return what moves."""
        return {name for name, mover in self.movers.items() if mover.now()[1]}


class TestSelectors(SelectorContract):
    """A wheel that can't be stopped, a cover that can't either, and an element that can."""

    rest: ClassVar[Mapping[str, str]] = {"filter": "red", "cap": "shut", "slit": "narrow"}
    target: ClassVar[Mapping[str, str]] = {"filter": "green", "cap": "away", "slit": "wide"}
    move_s = 1.0
    bound_s = 6.0
    stops = False
    # What can't be stopped is only read until it rests; a refusal of the cover means just that.
    sends_nothing = frozenset({"stop"})

    @asynccontextmanager
    async def stage(self, home: Path) -> AsyncIterator[Stage[Selectors, SelectorStandIn]]:
        """Return a server with a wire to it."""
        server = StrictServer(slow={SLIT: Mover()})
        await server.start()
        try:
            async with Wire(server.port, slow_s=2.0) as wire:
                document = observatory(wire.port)

                def opened() -> Selectors:
                    selectors = open_devices(document, clock=Clock(), home=home).selectors
                    assert selectors is not None
                    return selectors

                yield Stage(open=opened, hardware=MoverStandIn(server), wire=wire)
        finally:
            await server.stop()


def test_an_element_that_changes_at_once(tmp_path: Path) -> None:
    """An element of a server that knows nothing of slow changes is set, and read at its value."""

    async def scene() -> tuple[str | None, float]:
        server = StrictServer()
        await server.start()
        devices = open_devices(observatory(server.port), clock=Clock(), home=tmp_path)
        assert devices.selectors is not None
        try:
            await devices.selectors.move({"slit": "wide"})
            return (await devices.selectors.status())["slit"].position, server.values[SLIT]
        finally:
            await devices.close()
            await server.stop()

    assert asyncio.run(scene()) == ("wide", 2.0)


def test_options_are_checked(tmp_path: Path) -> None:
    """A selector without a device or with two, and one that the observatory does not have, are errors."""
    for where in (
        {"cap": WHERE["cap"]},
        {**WHERE, "grating": {"switch": 0}},
        {**WHERE, "cap": {"cover": 0, "switch": 0}},
    ):
        with pytest.raises(ObservatoryError):
            open_devices(observatory(1, where), clock=Clock(), home=tmp_path)
