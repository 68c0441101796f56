"""Frames at a glance."""

import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import numpy as np

from safelight.show.drawing.png import grey_png
from safelight.show.report.frame_preview import glance, small, spectrum_of, spectrum_svg


def test_a_png_holds_the_pixels() -> None:
    """What comes out is a PNG whose lines are the picture's."""
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = grey_png(grey)
    start = content.index(b"IDAT")
    length = int.from_bytes(content[start - 4 : start], "big")
    lines = zlib.decompress(content[start + 4 : start + 4 + length])
    assert lines == b"".join(b"\0" + bytes(row) for row in grey)


def test_a_large_frame_becomes_small() -> None:
    """A picture of 4000 pixels comes out at 112 at most, its light where it was, row 0 at the bottom."""
    pixels = np.full((4000, 4100), 1000.0, dtype=np.float32)
    pixels[:400, :] += 5000
    grey = small(pixels)
    assert max(grey.shape) <= 112
    assert grey[-1].min() == 255
    assert grey[0].max() == 0


def test_a_spectrum_is_the_light_of_the_lit_rows() -> None:
    """A line on one trace is a peak of its height over the background, in its bin."""
    noise = np.random.default_rng(1).normal(300, 3, (100, 280)).astype(np.float32)
    noise[40:43] += 200
    noise[40:43, 100:102] += 1000
    line = spectrum_of(noise)
    assert len(line) == 140
    assert int(np.argmax(line)) == 50
    assert abs(max(line) - 1200) < 20
    assert abs(float(np.median(line)) - 200) < 20


def test_spectra_are_well_formed() -> None:
    """A drawing of hostile cameras and flat lines is XML."""
    ET.fromstring(spectrum_svg({"<b>": [0.0, 0.0], "r1": [1.0]}))  # noqa: S314 - our own
    ET.fromstring(spectrum_svg({}))  # noqa: S314


def test_what_is_no_frame_is_nothing(tmp_path: Path) -> None:
    """A file that is missing, empty or not a FITS file gives nothing, and no error."""
    path = tmp_path / "frame-r1.fits"
    assert glance(path, [path]) is None
    path.write_bytes(b"")
    assert glance(path, [path]) is None
    path.write_bytes(b"nonsense" * 1000)
    assert glance(path, [path]) is None
