"""The judge lets the loop beside it beat, on files of real size."""

import asyncio
from pathlib import Path

import numpy as np

from safelight.devices.files.fits import fits_bytes
from safelight.engine import Clock
from safelight.light import Known, images_in, judge, measure

SHAPE = (4080, 4120)
"""Rows and columns of one of LVM's cameras."""
FILES = 9
LATEST_S = 0.4
"""Guards bear two seconds without a heartbeat; beats are a quarter of a second apart."""


def test_the_loop_beats_while_nine_files_are_judged(tmp_path: Path) -> None:
    """A readout's files are read and judged in a thread, one after the other, and the loop is hardly late."""
    dice = np.random.default_rng(1)
    rows = np.tile(dice.normal(1000, 3, (8, SHAPE[1])), (SHAPE[0] // 8, 1))
    pixels = (rows + 50 * np.arange(SHAPE[0])[:, None] / SHAPE[0]).astype(np.uint16)
    path = tmp_path / "real.fits"
    path.write_bytes(fits_bytes(pixels, []))

    def judge_all() -> list[str]:
        images = (image for _ in range(FILES) for image in images_in(path))
        return [judge(measure(image.pixels), "flat", Known(lamps=("Quartz",))).quality for image in images]

    async def beat() -> tuple[list[str], float]:
        work = asyncio.create_task(asyncio.to_thread(judge_all))
        clock = Clock()
        latest_s, before = 0.0, clock.now()
        while not work.done():
            await clock.sleep(0.005)
            now = clock.now()
            latest_s, before = max(latest_s, now - before - 0.005), now
        return await work, latest_s

    said, latest_s = asyncio.run(beat())
    assert len(said) == FILES
    assert latest_s < LATEST_S
