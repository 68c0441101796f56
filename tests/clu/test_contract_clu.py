"""The contract of all four protocols, held by unmodified actors over a real broker."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from safelight.devices import Devices, ExposureOrder, Observatory, open_devices
from safelight.engine.clock import Clock
from tests.clu.bench import Bench
from tests.devices.test_contract import (  # noqa: F401 - collected here
    test_abort,
    test_all_off,
    test_dark_keeps_shutter_closed,
    test_exposure,
    test_goto_arrives,
    test_lamp_on_and_off,
    test_mask_moves,
    test_numbers_rise,
    test_off_is_harmless_when_off,
    test_one_exposure_at_a_time,
    test_protocols,
    test_stop_stops,
    test_unknown_lamp,
    test_what_others_switch,
)

T = TypeVar("T")

_FIBRES = ("P1-1", "P2-12")


@pytest.fixture
def pace() -> float:
    """Real actors take real time."""
    return 0.4


@pytest.fixture
def arc(pace: float) -> ExposureOrder:
    """An exposure with light."""
    return ExposureOrder("arc", 10.0 * pace, "Argon-10s-001")


@pytest.fixture
def clock() -> Clock:
    """The wall's time."""
    return Clock()


@pytest.fixture
def observatory(bench: Bench) -> Observatory:
    """The bench's observatory, with two of the mask's fibres."""
    plain = bench.observatory().model_dump(mode="json")
    plain["fibsel"]["fibres"] = {name: plain["fibsel"]["fibres"][name] for name in _FIBRES}
    return Observatory.model_validate(plain)


@pytest.fixture
def again(observatory: Observatory, clock: Clock, tmp_path: Path) -> Callable[[], Devices]:
    """Opens the devices under test, as another process would."""
    return lambda: open_devices(observatory, clock=clock, home=tmp_path)


@pytest.fixture
def devices(again: Callable[[], Devices]) -> Devices:
    """The devices under test; nobody has left a read-out to its end before, which would have to be waited for."""
    opened = again()
    spectrographs: Any = opened.spectrographs
    spectrographs._may_write = False
    return opened


@pytest.fixture
def run(devices: Devices) -> Callable[[Awaitable[T]], T]:
    """Run a coroutine to its end, leave the spectrographs idle, and close the connections."""

    def runner(work: Awaitable[T]) -> T:
        async def whole() -> T:
            try:
                return await work
            finally:
                if any(seen.activity != "idle" for seen in (await devices.spectrographs.status()).values()):
                    await devices.spectrographs.abort()
                await devices.close()
                assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was leaked"

        return asyncio.run(whole())

    return runner
