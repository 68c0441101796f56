"""The bench: a broker of our own and unmodified actors, made once for all tests in a row, healed before each."""

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


_KEPT: dict[str, Bench | RabbitNode] = {}
"""What takes long to start, and stays until the last of these tests."""


def _close() -> None:
    while _KEPT:
        _KEPT.popitem()[1].close()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End it when other tests come: the actors ask their hardware all the time, and take a tenth of a core for it."""
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        _close()


@pytest.fixture(scope="session")
def _in_the_end() -> Iterator[None]:
    yield
    _close()


@pytest.fixture
def node(_in_the_end: None, tmp_path_factory: pytest.TempPathFactory) -> RabbitNode:
    """Return a broker alone."""
    require(missing())
    if "node" not in _KEPT:
        _KEPT["node"] = broker = RabbitNode(tmp_path_factory.mktemp("node"))
        broker.start()
    found = _KEPT["node"]
    assert isinstance(found, RabbitNode)
    return found


@pytest.fixture
def bench(_in_the_end: None, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return the whole observatory, as it was at the beginning."""
    require(missing())
    if not (ENVIRONMENT / ".made").exists():
        require("no environment with the observatory's actors: run tests/devices/clu/make-actors-env")
    if "bench" not in _KEPT:
        _KEPT["bench"] = Bench(tmp_path_factory.mktemp("bench"))
    found = _KEPT["bench"]
    assert isinstance(found, Bench)
    found.heal()
    return found


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
