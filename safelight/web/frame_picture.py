"""Picture of a frame for people: a small grey image of one camera, and the spectrum along its traces."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.stored_run import run_page
from safelight.errors import SafelightError
from safelight.show.drawing.png import grey_png

__all__ = ["FramePicture", "NoPicture", "frame_file", "frame_picture"]

_SIDE = 640
"""Largest width and height of a picture, pixels. A real one of 4,080 x 4,120 is averaged in blocks."""
_POINTS = 512
_TRACES = 90.0
"""Percentile of brightness above which rows are light of the fibres."""


class NoPicture(SafelightError):
    """Missing picture: there is nothing to show."""


@dataclass(frozen=True, slots=True)
class FramePicture:
    """Image of one camera, ready to be sent."""

    png: bytes
    spectrum: tuple[float, ...]
    low: float
    high: float


def frame_file(journal: Journal, run: str, number: int, index: int) -> Path:
    """Return the file of a frame, found only by the journal.

    Args:
        journal: the journal.
        run: exact id of its run.
        number: number of the frame in the run.
        index: index of the file.

    Raises:
        NoPicture: there is no such frame, or its file is outside of the run's folder, or is not a file.
        RunRefused: there is no such run.
    """
    page = run_page(journal, run)
    mine = (tables.frames.c.run == run) & (tables.frames.c.number == number)
    rows = journal.read(sa.select(tables.frames.c.files).where(mine))
    files: list[list[Any]] = json.loads(rows[0]["files"]) if rows else []
    if not 0 <= index < len(files):
        raise NoPicture("there is no such frame")
    folder = page.folder.resolve()
    path = (folder / str(files[index][0])).resolve()
    if not path.is_relative_to(folder):
        raise NoPicture("the file of this frame is outside of its run's folder")
    if not path.is_file():
        raise NoPicture("its file is gone")
    return path


def frame_picture(path: Path) -> FramePicture:
    """Read a FITS file and draw it.

    Raises:
        NoPicture: it can't be read, or holds no image.
    """
    from astropy.io import fits  # noqa: PLC0415 - slow, and needed only for a page that is open

    try:
        with fits.open(path, memmap=False) as units:
            image = next((np.asarray(unit.data, dtype=np.float32) for unit in units if unit.data is not None), None)
    except Exception as error:  # noqa: BLE001 - whatever is in the file, it is only a picture
        raise NoPicture(f"{path.name} can't be read: {type(error).__name__}") from None
    if image is None or image.ndim != 2:  # noqa: PLR2004 - rows and columns
        raise NoPicture(f"{path.name} holds no image")
    finite = np.isfinite(image)
    if not finite.any():
        raise NoPicture(f"{path.name} holds no number")
    if not finite.all():
        image = np.where(finite, image, np.median(image[finite]))
    spectrum = _spectrum(image)
    small = _together(image, max(1, -(-max(image.shape) // _SIDE)))
    low, high = (float(value) for value in np.percentile(small, (1.0, 99.7)))
    # The first row is at the bottom, as usual in astronomy.
    grey = np.clip((small - low) / max(high - low, 1e-6) * 255.0, 0, 255).astype(np.uint8)
    return FramePicture(
        grey_png(np.flipud(grey), level=6), tuple(round(float(value), 1) for value in spectrum), round(low), round(high)
    )


def _together(image: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Return the mean of blocks of pixels. Incomplete blocks at the edges are left out."""
    high, wide = (min(block, side) for side in image.shape)
    rows, columns = image.shape[0] // high * high, image.shape[1] // wide * wide
    blocks = image[:rows, :columns].reshape(rows // high, high, columns // wide, wide)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _spectrum(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the brightest rows along the dispersion, above the level of the others."""
    brightness = image.mean(axis=1)
    bright = brightness >= np.percentile(brightness, _TRACES)
    traces = image[bright].mean(axis=0)
    level = np.median(image[~bright], axis=0) if (~bright).any() else np.zeros_like(traces)
    line = traces - level
    step = max(1, -(-len(line) // _POINTS))
    whole = len(line) // step * step
    return np.asarray(line[:whole].reshape(-1, step).mean(axis=1), dtype=np.float32)
