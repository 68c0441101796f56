"""Measurements never raise, and say what is in an image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from safelight.light import Known, bias_of, judge, measure, reference_of, sample_of
from safelight.light.measurement import _image, _measured

FLAVOURS = ("bias", "dark", "arc", "flat", "object", "", "ARC")
TYPES = st.one_of(
    arrays.integer_dtypes(endianness="?"),
    arrays.unsigned_integer_dtypes(endianness="?"),
    arrays.floating_dtypes(endianness="?"),
    arrays.boolean_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.unicode_string_dtypes(max_len=3),
)


@settings(max_examples=40)
@given(
    image=TYPES.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))),
    flavour=st.sampled_from(FLAVOURS),
)
def test_no_array_raises(image: NDArray[np.generic], flavour: str) -> None:
    """Whatever is given is judged, or says why it is not."""
    verdict = judge(measure(image), flavour)
    assert verdict.quality in ("good", "suspect", "bad", "none")
    assert verdict.numbers or verdict.not_judged


@settings(max_examples=30)
@given(
    images=st.tuples(arrays.array_shapes(min_dims=2, max_dims=2, max_side=14), TYPES).flatmap(
        lambda both: st.lists(arrays.arrays(np.float64, both[0]), min_size=4, max_size=4)
    ),
    flavour=st.sampled_from(FLAVOURS),
)
def test_no_array_raises_inside_with_references(images: list[NDArray[np.float64]], flavour: str) -> None:
    """No rule needs its last resort, which catches everything, whatever frames it compares."""
    measured = [measure(image) for image in images]
    fine = [each for each in measured if each.problem is None]
    samples = [sample_of(each, Known(), "bias") for each in fine]
    bias = bias_of(samples) if samples else None
    reference = reference_of([sample_of(each, Known(bias), "arc") for each in fine], anchor=1.0) if fine else None
    alone = {"Argon": reference} if reference else {}
    known = Known(bias, reference, measured[0].crcs, ("Argon", "Neon"), alone, swept=True)
    for each in measured:
        verdict = judge(each, flavour, known)
        assert "failed" not in (verdict.not_judged or "")
        assert "can't be measured" not in (verdict.not_judged or "")


@pytest.mark.parametrize(
    "image",
    [
        np.full((40, 60), 1000, np.uint16),
        np.full((40, 60), np.nan),
        np.full((40, 60), 1e308),
        np.where(np.eye(40, 60), np.inf, 5.0),
        np.zeros((0, 60)),
        np.zeros((40, 0)),
        np.arange(60.0),
        np.arange(60.0).reshape(1, 60),
        np.arange(60.0).reshape(60, 1),
        np.float32(3),
        np.full((40, 60), np.iinfo(np.int64).max),
        np.zeros((3, 8, 9), np.uint8),
        np.zeros((8, 9, 3), np.uint8),
        np.zeros((1, 1), np.uint16),
        np.zeros((2, 2, 2, 2)),
        np.array(["a", "b"]),
        np.array([object()]),
        np.ma.masked_all((4, 5)),
        [[1, 2], [3]],
        None,
        "image",
        object(),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_strange_images_are_judged_or_say_why_not(image: object, flavour: str) -> None:
    """Constant, NaN, empty, one row, wrong type, overflow: a verdict, never an exception or a warning."""
    verdict = judge(measure(image), flavour)
    assert verdict.numbers or verdict.not_judged


def test_byte_order_does_not_matter() -> None:
    """The same numbers in either byte order are the same measurement."""
    image = np.random.default_rng(1).normal(1000, 5, (64, 80)).astype(np.uint16)
    ours, other = measure(image), measure(image.astype(">u2"))
    assert ours.crcs == other.crcs
    assert np.array_equal(ours.map, other.map)


def test_colours_are_measured_all() -> None:
    """A plane that is saturated is found, whether planes come first or last."""
    planes = np.random.default_rng(1).integers(10, 60, (3, 64, 80)).astype(np.uint8)
    planes[2] = 255
    assert measure(planes).saturated == pytest.approx(1 / 3)
    assert measure(np.moveaxis(planes, 0, -1)).saturated == pytest.approx(1 / 3)


def test_noise_is_measured_below_one_step() -> None:
    """Noise comes out to a few per cent although the digitisation is coarse and one pixel of a hundred is hot."""
    dice = np.random.default_rng(2)
    for true in (2.5, 3.0, 3.5):
        image = np.rint(dice.normal(1000, true, (256, 256)))
        image.flat[dice.integers(0, image.size, 600)] += 3000
        assert measure(image.astype(np.uint16)).noise_adu == pytest.approx(true, rel=0.04)


def test_frozen_rows_are_counted_once() -> None:
    """Constant rows and repeated ones are the share that they are."""
    image = np.random.default_rng(3).normal(1000, 5, (200, 100)).astype(np.uint16)
    image[150:] = 7
    image[20:22] = image[19]
    assert measure(image).frozen == pytest.approx(52 / 200)


def test_columns_of_a_dead_amplifier_are_constant() -> None:
    """A third of the columns hands over one value: that is bad from the first frame on. A few bad columns are not."""
    image = np.random.default_rng(8).normal(1000, 4, (90, 120)).astype(np.uint16)
    assert measure(image).constant_columns == 0.0
    image[:, 7] = 65535
    assert judge(measure(image), "flat").findings == ()
    image[:, 80:] = 612
    image[40] = 3
    found = measure(image)
    assert found.constant_columns == pytest.approx(41 / 120)
    [finding] = [finding for finding in judge(found, "object").findings if finding.bad and finding.rule == "columns"]
    assert "34% of the columns are constant" in finding.words


def test_overscan_outside_the_image_is_no_level() -> None:
    """An image whose overscan was trimmed has no level, and is measured all the same."""
    image = np.random.default_rng(3).normal(1000, 5, (100, 100)).astype(np.uint16)
    assert measure(image, overscan=[(0, 100, 96, 104)]).level_adu is None
    assert measure(image, overscan=[(0, 100, 90, 100)]).level_adu == pytest.approx(1000, abs=2)


def test_the_map_holds_means() -> None:
    """A map's mean is the image's, whatever the size of its tiles."""
    image = np.random.default_rng(4).integers(0, 65535, (512, 2048)).astype(np.uint16)
    measured = _measured(_image(image), (), None)
    assert measured.map.shape == (128, 512)
    assert measured.map.mean() == pytest.approx(image.mean(), rel=1e-4)
    assert measured.profile.mean() == pytest.approx(image.mean(), rel=1e-4)
