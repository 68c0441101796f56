"""The folder in which the actors write."""

import os
from pathlib import Path

import pytest

from safelight.devices.clu.exposure_folder import ExposureFolder


@pytest.fixture
def night(tmp_path: Path) -> ExposureFolder:
    """Two nights: one exposure in the first, compressed. One in the second."""
    root = tmp_path / "spectro"
    for number, folder in ((7, "60001"), (8, "60002")):
        (root / folder).mkdir(parents=True)
        for camera in ("b1", "r1"):
            (root / folder / f"sdR-s-{camera}-{number:08d}.fits.gz").write_bytes(b"x")
    (root / "nextExposureNumber").write_text("9")
    return ExposureFolder(root)


def test_counter(night: ExposureFolder) -> None:
    """The counter holds the next number. Met empty, it holds none."""
    assert night.last_no() == 8
    (night.root / night.counter).write_text("")
    with pytest.raises(ValueError, match="expected the number of the next exposure, got ''"):
        night.last_no()


def test_links(night: ExposureFolder, tmp_path: Path) -> None:
    """Files stay where they are and are linked into the run's folder, under their own names, once."""
    folder = tmp_path / "run"
    folder.mkdir()
    for _ in range(2):
        links = night.link(7, folder)
        assert {camera: path.name for camera, path in links.items()} == {
            "b1": "sdR-s-b1-00000007.fits.gz",
            "r1": "sdR-s-r1-00000007.fits.gz",
        }
    assert all(path.is_symlink() for path in links.values())
    assert night.linked(8, folder) == {}


def test_a_link_to_nothing_counts_for_nothing(night: ExposureFolder, tmp_path: Path) -> None:
    """A file that has gone from the actors' folder is not there, whatever links to it."""
    folder = tmp_path / "run"
    folder.mkdir()
    next(iter(night.link(7, folder).values())).resolve().unlink()
    assert len(night.linked(7, folder)) == 1


def test_no_folder(tmp_path: Path) -> None:
    """A folder that isn't there has no files, and no number."""
    gone = ExposureFolder(tmp_path / "nowhere")
    assert gone.written(1) == {}
    with pytest.raises(OSError, match="nowhere"):
        gone.last_no()


def test_when_an_exposure_began(night: ExposureFolder) -> None:
    """The counter's own time tells when the last exposure began, and nothing of the one before."""
    os.utime(night.root / night.counter, (1000.0, 1000.0))
    assert night.began(8) == 1000.0
    assert night.began(7) is None


def test_settled(night: ExposureFolder) -> None:
    """Files that are all there and have not changed for a while are not being written any more."""
    for path in night.written(8).values():
        os.utime(path, (1000.0, 1000.0))
    assert night.settled(8, ("b1", "r1"), before=1001.0)
    assert not night.settled(8, ("b1", "r1"), before=999.0)
    assert not night.settled(8, ("b1", "r1", "z1"), before=1001.0)
    assert not night.settled(8, ("b2", "r2"), before=1001.0)
    assert not night.settled(9, ("b1", "r1"), before=1001.0)
