"""A simulated Digital Loggers switch on the loopback, and lamps on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from safelight.devices import Lamps, Observatory, load_observatory, open_lamps
from safelight.engine.clock import Clock
from tests.devices.dli.dli_server import DliServer
from tests.devices.dli.hosting import Host

T = TypeVar("T")

Lit = Callable[..., Any]


@pytest.fixture(scope="session")
def hardware() -> Iterator[Host]:
    """Yield the thread in which the switch lives."""
    host = Host()
    yield host
    host.close()


@pytest.fixture
def switch(hardware: Host) -> Iterator[DliServer]:
    """Yield a switch, everything off."""
    server = DliServer()
    hardware.call(server.start())
    yield server
    hardware.call(server.stop())


def observatory_on(server: DliServer, **options: Any) -> Observatory:
    """Return the simulated observatory with its lamps on that switch."""
    plain = load_observatory("simulated").model_dump(mode="json")
    plain["lamps"]["driver"] = "dli"
    plain["lamps"]["options"] = {
        "host": "127.0.0.1",
        "port": server.port,
        "password": server.password,
        **options,
    }
    return Observatory.model_validate(plain)


@asynccontextmanager
async def lamps_on(server: DliServer, home: Path, **options: Any) -> AsyncIterator[Lamps]:
    """Yield the lamps on that switch, closed at the end."""
    lamps, _, close = open_lamps(observatory_on(server, **options), clock=Clock(), home=home)
    try:
        yield lamps
    finally:
        await close()


@pytest.fixture
def run() -> Callable[[Awaitable[T]], T]:
    """Run a coroutine to its end. A leaked task is an error."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            result = await work
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was leaked"
            return result

        return asyncio.run(whole())

    return runner
