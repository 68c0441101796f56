"""Relay boards on the loopback, and an observatory whose lamps are on them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from safelight.devices import Lamps, Observatory, load_observatory, open_lamps
from safelight.engine.clock import Clock
from tests.devices.http.relay_server import LAMPS, RelayServer

T = TypeVar("T")


def options_for(server: RelayServer, **more: Any) -> dict[str, Any]:
    """Return the driver's options for a board with all lamps."""
    where = {"url": f"http://127.0.0.1:{server.port}", "board": server.board, "lamps": server.channels}
    return {"servers": {"shed": where | more.pop("entry", {})}, "deadline_s": 5.0} | more


def observatory_on(server: RelayServer, **more: Any) -> Observatory:
    """Return the simulated observatory with three lamps, on a board."""
    plain = load_observatory("simulated").model_dump(mode="json")
    units = {lamp: plain["lamps"]["units"][lamp] for lamp in LAMPS}
    plain["lamps"] |= {"units": units, "driver": "http", "options": options_for(server, **more)}
    return Observatory.model_validate(plain)


@asynccontextmanager
async def lamps_on(server: RelayServer, home: Path, **more: Any) -> AsyncIterator[Lamps]:
    """Open the lamps on a board. Both are closed at the end."""
    await server.start()
    lamps, _, close = open_lamps(observatory_on(server, **more), clock=Clock(), home=home)
    try:
        yield lamps
    finally:
        await close()
        await server.stop()


@pytest.fixture
def run() -> Callable[[Awaitable[T]], T]:
    """Run a coroutine to its end. A leaked task is an error."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            result = await work
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:  # the board's own connections end a few turns later
                await asyncio.wait(left, timeout=2.0)
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was leaked"
            return result

        return asyncio.run(whole())

    return runner
