"""The contract of `Lamps`, held by a Digital Loggers switch."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from safelight.devices import Devices, open_devices
from safelight.engine.clock import Clock
from tests.devices.test_contract import (  # noqa: F401 - collected here
    test_all_off,
    test_lamp_on_and_off,
    test_off_is_harmless_when_off,
    test_unknown_lamp,
    test_what_others_switch,
)
from tests.dli.conftest import observatory_on
from tests.dli.dli_server import DliServer

T = TypeVar("T")


@pytest.fixture
def again(switch: DliServer, tmp_path: Path) -> Callable[[], Devices]:
    """Opens an observatory whose lamps are on that switch; everything else is not touched."""
    return lambda: open_devices(observatory_on(switch), clock=Clock(), home=tmp_path)


@pytest.fixture
def devices(again: Callable[[], Devices]) -> Devices:
    """The devices under test."""
    return again()


@pytest.fixture
def run(devices: Devices) -> Callable[[Awaitable[T]], T]:
    """Run a coroutine to its end, and close the connection."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            try:
                return await work
            finally:
                await devices.close()
                assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was leaked"

        return asyncio.run(whole())

    return runner
