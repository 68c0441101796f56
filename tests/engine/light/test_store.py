"""References are kept small, and damage to them is only a loss of memory."""

from pathlib import Path

import numpy as np
import pytest

from safelight.engine.light.kinds import LightKind
from safelight.engine.light.store import LightStore
from safelight.light import Sample

ARGON = LightKind("arc", ("Argon",), 10.0, "P1-2", "calibration")


def sample(level: float, rows: int = 8) -> Sample:
    """Return a frame with one bright column."""
    light = np.zeros((rows, 12), np.float32)
    light[:, 5] = level
    return Sample(light, light[:, :4].copy(), 1000.5, 3.25)


def test_the_last_frames_are_kept(tmp_path: Path) -> None:
    """Five of seven remain, as they were to a part in a thousand, and those of another shape are dropped."""
    store = LightStore(tmp_path)
    for number in range(1, 8):
        store.keep(ARGON, "b1", sample(1000.0 + number), number, 10.0 * number)
    kept = LightStore(tmp_path).kept(ARGON, "b1")
    assert kept.numbers == (3, 4, 5, 6, 7)
    assert [float(each.map.max()) for each in kept.samples] == pytest.approx([1003, 1004, 1005, 1006, 1007], rel=1e-3)
    assert (kept.samples[0].level_adu, kept.samples[0].noise_adu) == (1000.5, 3.25)
    assert kept.anchors == (10.0, 20.0, 30.0, 40.0, 50.0)
    assert kept.anchor == 30.0
    store.keep(ARGON, "b1", sample(5.0, rows=4), 8, None)
    assert store.kept(ARGON, "b1").numbers == (8,)


def test_a_frame_that_is_judged_twice_counts_once(tmp_path: Path) -> None:
    """A second look at an exposure replaces the first."""
    store = LightStore(tmp_path)
    for _ in range(2):
        store.keep(ARGON, "b1", sample(1000.0), 4, 1.0)
    assert store.kept(ARGON, "b1").numbers == (4,)
    assert store.kept(ARGON, "b1").anchors == (1.0,)


def test_a_damaged_file_is_no_reference(tmp_path: Path) -> None:
    """What can't be read is learned anew."""
    store = LightStore(tmp_path)
    store.keep(ARGON, "b1", sample(1000.0), 4, 1.0)
    [path] = tmp_path.rglob("b1.npz")
    path.write_bytes(path.read_bytes()[:200])
    (tmp_path / "last.json").write_text("[]")
    assert store.kept(ARGON, "b1").numbers == ()
    assert store.last("b1") == (0, ())
    store.note_last(7, {"b1": (1, 2)})
    assert store.last("b1") == (7, (1, 2))


def test_kinds_are_found_and_forgotten(tmp_path: Path) -> None:
    """Each kind has a folder of its own. Forgetting one leaves the others."""
    store = LightStore(tmp_path)
    other = LightKind("arc", ("Argon",), 30.0, "P1-2", "calibration")
    for kind in (ARGON, other):
        store.keep(kind, "b1", sample(1000.0), 4, 1.0)
    assert set(store.kinds()) == {ARGON, other}
    store.forget(ARGON)
    assert list(store.kinds()) == [other]
    assert store.kept(ARGON, "b1").numbers == ()


def test_one_lamp_alone_is_scaled_to_the_exposure(tmp_path: Path) -> None:
    """A reference of 10 s stands for a block of 20 s with twice its light."""
    store = LightStore(tmp_path)
    for number in range(3):
        store.keep(ARGON, "b1", sample(100.0), number, None)
    block = LightKind("arc", ("Argon", "Neon"), 20.0, "P1-2", "calibration")
    found = store.alone(block, "Argon", "b1")
    assert found is not None
    assert float(found.map.max()) == pytest.approx(200.0, rel=1e-2)
    assert store.alone(block, "Neon", "b1") is None
