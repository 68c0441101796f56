"""The bench: a broker of our own and unmodified actors, made once for each worker, healed before each test."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from safelight.devices import Devices, open_devices
from safelight.engine.clock import Clock
from tests.devices.clu.bench import ENVIRONMENT, Bench
from tests.devices.clu.broker import RabbitNode, missing

T = TypeVar("T")


def require(reason: str | None) -> None:
    """Skip where something is missing. In CI nothing may be."""
    if reason is not None and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """Yield a broker alone."""
    require(missing())
    broker = RabbitNode(tmp_path_factory.mktemp("node"))
    broker.start()
    yield broker
    broker.close()


@pytest.fixture(scope="session")
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    require(missing())
    if not (ENVIRONMENT / ".made").exists():
        require("no environment with the observatory's actors: run tests/devices/clu/make-actors-env")
    bench = Bench(tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


@pytest.fixture
def bench(_bench: Bench) -> Bench:
    """Return the whole observatory, as it was at the beginning."""
    _bench.heal()
    return _bench


@asynccontextmanager
async def connected(bench: Bench, home: Path, **changes: Any) -> AsyncIterator[Devices]:
    """Yield the devices of the bench's observatory, closed at the end."""
    devices = open_devices(bench.observatory(**changes), clock=Clock(), home=home)
    try:
        yield devices
    finally:
        await devices.close()


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
