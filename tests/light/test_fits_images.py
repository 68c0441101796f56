"""FITS files of all kinds of cameras are read right, or refused in a sentence."""

import gzip
import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.light import NotReadable, images_in

DICE = np.random.default_rng(5)


def written(path: Path, *hdus: fits.hdu.base._ValidHDU) -> Path:
    """Write a file with these parts, by astropy."""
    fits.HDUList(list(hdus)).writeto(path)
    return path


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_every_type_of_pixel_is_read_as_astropy_reads_it(kind: str, tmp_path: Path) -> None:
    """Values come out the same, unsigned ones included."""
    pixels = DICE.integers(0, 120, (30, 41)).astype(kind)
    path = written(tmp_path / "a.fits", fits.PrimaryHDU(pixels))
    [image] = images_in(path)
    assert np.array_equal(image.pixels, fits.getdata(path))
    assert image.name == ""


def test_gzipped_files_are_unpacked(tmp_path: Path) -> None:
    """LVM's files are gzipped."""
    pixels = DICE.integers(0, 60000, (30, 41)).astype(np.uint16)
    plain = written(tmp_path / "a.fits", fits.PrimaryHDU(pixels))
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    [image] = images_in(packed)
    assert image.pixels.dtype == np.uint16
    assert np.array_equal(image.pixels, pixels)


def test_several_extensions_are_several_images(tmp_path: Path) -> None:
    """Each extension with an image is one. Tables are none. Each has the primary header as well."""
    primary = fits.PrimaryHDU(header=fits.Header({"IMAGETYP": "flat"}))
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.zeros(3))])
    parts = [fits.ImageHDU(np.full((4, 5), n, np.int16), name=f"CCD{n}") for n in (1, 2)]
    images = images_in(written(tmp_path / "a.fits", primary, parts[0], table, parts[1]))
    assert [image.name for image in images] == ["[1]", "[3]"]
    assert [int(image.pixels[0, 0]) for image in images] == [1, 2]
    assert {image.header["IMAGETYP"] for image in images} == {"flat"}


def test_colours_compressed_tiles_and_blanks_are_read(tmp_path: Path) -> None:
    """Planes stay planes, compressed tiles are unpacked, blank pixels are no numbers."""
    planes = DICE.integers(0, 255, (3, 20, 30)).astype(np.uint8)
    assert images_in(written(tmp_path / "rgb.fits", fits.PrimaryHDU(planes)))[0].pixels.shape == (3, 20, 30)
    pixels = DICE.integers(0, 60000, (40, 50)).astype(np.uint16)
    packed = written(tmp_path / "a.fits.fz", fits.PrimaryHDU(), fits.CompImageHDU(pixels))
    assert np.array_equal(images_in(packed)[0].pixels, pixels)
    holed = fits.PrimaryHDU(np.array([[1, -99]], np.int16))
    holed.header["BLANK"] = -99
    assert np.isnan(images_in(written(tmp_path / "b.fits", holed))[0].pixels).tolist() == [[False, True]]


def test_the_overscan_comes_from_the_header(tmp_path: Path) -> None:
    """BIASSEC counts columns first, and from 1."""
    hdu = fits.PrimaryHDU(np.zeros((30, 41), np.uint16))
    hdu.header["BIASSEC"] = "[38:41,1:30]"
    assert images_in(written(tmp_path / "a.fits", hdu))[0].overscan == ((0, 30, 37, 41),)


@pytest.mark.parametrize("content", [b"", b"hello", b"SIMPLE  =", b"\x1f\x8bxx", b"SIMPLE  =" + b" " * 5751])
def test_what_is_no_fits_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """The sentence names the file."""
    path = tmp_path / "strange.fits"
    path.write_bytes(content)
    with pytest.raises(NotReadable, match=r"strange\.fits"):
        images_in(path)
    with pytest.raises(NotReadable, match=r"gone\.fits"):
        images_in(tmp_path / "gone.fits")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody waits for one that writes into it."""
    os.mkfifo(tmp_path / "pipe.fits")
    with pytest.raises(NotReadable, match=r"pipe\.fits can't be read: not a regular file"):
        images_in(tmp_path / "pipe.fits")


def _example() -> bytes:
    whole = BytesIO()
    fits.HDUList([fits.PrimaryHDU(np.zeros((9, 7), np.uint16)), fits.ImageHDU(np.zeros(5))]).writeto(whole)
    return whole.getvalue()


EXAMPLE = _example()


@settings(max_examples=100)
@given(
    cut=st.integers(0, len(EXAMPLE)),
    place=st.integers(0, 5759),
    letters=st.binary(min_size=1, max_size=20),
)
def test_damaged_files_are_read_or_refused(
    cut: int, place: int, letters: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No damage to a file raises anything else."""
    path = tmp_path_factory.getbasetemp() / "damaged.fits"
    path.write_bytes((EXAMPLE[:place] + letters + EXAMPLE[place + len(letters) :])[:cut])
    with suppress(NotReadable):
        assert images_in(path)
