"""A frame as people look at it: a small grey picture of one camera, and the spectrum along its traces."""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from safelight import SafelightError
from safelight.engine import tables
from safelight.engine.journal import Journal
from safelight.engine.logbook import run_page

__all__ = ["NoPicture", "Picture", "frame_file", "picture_of"]

_SIDE = 640
"""A picture is at most so wide and high, pixels; a real one of 4,080 x 4,120 is taken together in blocks."""
_POINTS = 512
_TRACES = 90.0
"""Rows above this percentile of brightness are light of the fibres."""


class NoPicture(SafelightError):
    """There is nothing to be shown."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One camera's image, ready to be sent."""

    png: bytes
    spectrum: tuple[float, ...]
    low: float
    high: float


def frame_file(journal: Journal, run: str, number: int, index: int) -> Path:
    """The file of a frame, found by what the journal says and by nothing else.

    Args:
        journal: where the frame is written down.
        run: its run, exactly.
        number: of the frame in the run.
        index: which of its files.

    Raises:
        NoPicture: there is no such frame, or its file lies outside of the run's folder, or is none.
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
        raise NoPicture("the file of this frame lies outside of its run's folder")
    if not path.is_file():
        raise NoPicture("its file is gone")
    return path


def picture_of(path: Path) -> Picture:
    """Read a FITS file and draw it.

    Raises:
        NoPicture: it can't be read, or holds no image.
    """
    from astropy.io import fits  # noqa: PLC0415 - slow, and needed only when somebody looks

    try:
        with fits.open(path, memmap=False) as units:
            image = next((np.asarray(unit.data, dtype=np.float32) for unit in units if unit.data is not None), None)
    except Exception as error:  # noqa: BLE001 - whatever stands in the file, it is only a picture
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
    grey = np.clip((small - low) / max(high - low, 1e-6) * 255.0, 0, 255).astype(np.uint8)
    return Picture(_png(grey), tuple(round(float(value), 1) for value in spectrum), round(low), round(high))


def _together(image: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Blocks of pixels as one; what does not fill a block at the edges is left out."""
    high, wide = (min(block, side) for side in image.shape)
    rows, columns = image.shape[0] // high * high, image.shape[1] // wide * wide
    blocks = image[:rows, :columns].reshape(rows // high, high, columns // wide, wide)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _spectrum(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The brightest rows added up along the dispersion, above the level of the others."""
    brightness = image.mean(axis=1)
    bright = brightness >= np.percentile(brightness, _TRACES)
    traces = image[bright].mean(axis=0)
    level = np.median(image[~bright], axis=0) if (~bright).any() else np.zeros_like(traces)
    line = traces - level
    step = max(1, -(-len(line) // _POINTS))
    whole = len(line) // step * step
    return np.asarray(line[:whole].reshape(-1, step).mean(axis=1), dtype=np.float32)


def _png(grey: NDArray[np.uint8]) -> bytes:
    """An 8-bit grey picture (PNG specification, section 5), the first row at the bottom as astronomers look at it."""
    rows = np.flipud(grey)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 0, 0, 0, 0)
    parts: Mapping[bytes, bytes] = {b"IHDR": head, b"IDAT": zlib.compress(lines, 6), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts.items()
    )
