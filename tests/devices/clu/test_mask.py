"""The fibre mask behind LVM's unmodified actor, at the speed of the real one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import FibreStatus
from safelight.engine.clock import Clock
from tests.devices.clu.bench import Bench
from tests.devices.clu.conftest import connected
from tests.devices.clu.running import Night

Run = Callable[[Any], Any]

REAL_STEPS_PER_S = 500.0
CLOCK = Clock()
SWEPT = {
    "name": "slow",
    "lamps": [
        {
            "lamps": ["Argon"],
            "flavour": "arc",
            "exposure_time": 14,
            "fibsel": {"positions": ["P1-2", "P1-1", "P1-12"], "initial_position": "P1-2"},
        }
    ],
}
"""A sweep over three neighbours."""


@pytest.fixture
def slow(bench: Bench) -> Iterator[Bench]:
    """Yield the bench with a mask as fast as the real one."""
    mask = bench.hardware.mask
    before, mask.steps_per_s = mask.steps_per_s, REAL_STEPS_PER_S
    yield bench
    mask.steps_per_s = before


def test_every_move_is_read_back_where_it_ended(slow: Bench, tmp_path: Path, run: Run) -> None:
    """After each move at 500 steps/s the mask reads as standing where it was sent, whatever the actor's cache holds."""
    start = slow.hardware.mask.steps

    async def scene() -> None:
        async with connected(slow, tmp_path) as devices:
            assert devices.fibsel is not None
            for steps in (start + 400, start + 1000, start + 150, start + 950):
                await devices.fibsel.move(steps)
                assert await devices.fibsel.status() == FibreStatus(steps, moving=False)

    run(scene())


def test_a_motion_that_goes_on_is_told(slow: Bench, tmp_path: Path, run: Run) -> None:
    """A mask that somebody else keeps moving reads as moving, or where it was when it was asked. `stop` stops it."""
    start = slow.hardware.mask.steps

    async def scene() -> None:
        async with connected(slow, tmp_path) as ours, connected(slow, tmp_path) as theirs:
            assert ours.fibsel is not None
            assert theirs.fibsel is not None
            moving = CLOCK.timeout(1.0)
            with pytest.raises(TimeoutError):
                async with moving:
                    await theirs.fibsel.move(start + 6000)
            seen = await ours.fibsel.status()
            assert seen.moving
            await ours.fibsel.stop()
            rest = await ours.fibsel.status()
            assert rest == FibreStatus(slow.hardware.mask.steps, moving=False)
            assert start < slow.hardware.mask.steps < start + 6000

    run(scene())


def test_sweep_at_real_speed(slow: Bench, tmp_path: Path) -> None:
    """A whole run with a sweep over neighbours at 500 steps/s ends well, each fibre lit for its time."""
    night = Night(slow, tmp_path)
    try:
        night.begin(SWEPT, steps_per_s=REAL_STEPS_PER_S)
        assert (night.end(), night.last["outcome"]) == (0, "done"), night.events[-5:]
        night.assert_whole({"Argon-14s-001": {"Argon"}})
        header = night.header("Argon-14s-001")
        assert (header["CALIBFIB"], header["SWEEPN"]) == ("SWEEP", 3)
    finally:
        night.sweep_up()
