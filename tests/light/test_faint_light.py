"""Faint light is light, and the noise of a long exposure is none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from safelight.light import Bias, Known, bias_of, judge, measure, reference_of, sample_of
from safelight.light.measurement import Measurement
from safelight.light.references import found_shift

SHAPE = (32, 104)
OVERSCAN = [(0, 32, 96, 104)]
NOISE_ADU = 3.0


def taken(seed: int, light: NDArray[np.float64] | float = 0.0, dark_adu: float = 0.0) -> Measurement:
    """Measure an image of a small camera, whose tiles are its pixels."""
    signal = np.zeros(SHAPE)
    signal[:, :96] += light + dark_adu
    noise = np.random.default_rng(seed).normal(0, 1, SHAPE) * np.sqrt(signal + NOISE_ADU**2)
    return measure(np.rint(1000 + signal + noise).astype(np.uint16), overscan=OVERSCAN)


def lines(peak_adu: float) -> NDArray[np.float64]:
    """Return three lines on each of three traces."""
    light = np.zeros((32, 96))
    for row in (8, 16, 24):
        for column in (16, 48, 80):
            for near, part in ((-2, 0.1), (-1, 0.6), (0, 1.0), (1, 0.6), (2, 0.1)):
                light[row - 1 : row + 2, column + near] += np.array([0.25, 1.0, 0.25]) * part * peak_adu
    return light


@pytest.fixture(scope="module")
def bias() -> Bias:
    """Return the reference of five biases."""
    found = bias_of([sample_of(taken(seed), Known(), "bias") for seed in range(5)])
    assert found is not None
    return found


def test_lines_of_a_dozen_times_the_noise_are_light(bias: Bias) -> None:
    """An arc of two seconds with a faint lamp is not called dark, with and without biases."""
    for seed in range(100, 160):
        for known in (Known(bias, lamps=("Neon",)), Known(lamps=("Neon",))):
            assert judge(taken(seed, lines(40.0)), "arc", known).findings == ()


@pytest.mark.parametrize("dark_adu", [0.0, 20.0, 180.0, 2000.0])
def test_dark_current_is_no_light(bias: Bias, dark_adu: float) -> None:
    """A dead lamp is found after exposures of any length, although dark current is noise as well."""
    for seed in range(200, 260):
        for known in (Known(bias, lamps=("Neon",)), Known(lamps=("Neon",))):
            [finding] = judge(taken(seed, dark_adu=dark_adu), "arc", known).findings
            assert (finding.rule, finding.bad, finding.lamp) == ("no_light", True, "Neon")


def test_the_noise_of_a_dark_is_compared_with_darks(bias: Bias) -> None:
    """A long dark is noisier than a bias, and is not called bad for it. One that is noisier than others is."""
    assert judge(taken(300, dark_adu=180.0), "dark", Known(bias)).findings == ()
    darks = [sample_of(taken(seed, dark_adu=180.0), Known(bias), "dark") for seed in range(301, 304)]
    found = judge(taken(310, dark_adu=1500.0), "dark", Known(bias, reference_of(darks))).findings
    assert {"noise", "unwanted"} <= {finding.rule for finding in found}


def test_faint_frames_are_like_each_other(bias: Bias) -> None:
    """Noise is neither foreign light nor a shift of the spectrum."""
    arcs = [sample_of(taken(seed, lines(40.0), 6.0), Known(bias), "arc") for seed in range(400, 405)]
    known = Known(bias, reference_of(arcs), lamps=("Neon",))
    verdicts = [judge(taken(seed, lines(40.0), 6.0), "arc", known) for seed in range(410, 450)]
    assert not [verdict.findings for verdict in verdicts if verdict.quality == "bad"]
    assert sum(verdict.quality == "suspect" for verdict in verdicts) <= 1


@pytest.mark.parametrize("moved", [0.0, 0.25, 0.5, -1.0, 2.0])
def test_a_shift_is_found_where_there_is_one(moved: float) -> None:
    """Maps are moved onto each other by quarters of a bin, and noise moves none."""
    columns = np.arange(96)
    spectrum = sum(np.exp(-0.5 * ((columns - at) / 2.0) ** 2) for at in (20, 47, 75))
    traces = np.where(np.arange(32) % 8 == 4, 1.0, 0.0)[:, None]
    usual = (traces * spectrum).astype(np.float32)
    ours = (traces * np.interp(columns - moved, columns, spectrum)).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 0.02, (2, *usual.shape)).astype(np.float32)
    assert found_shift(ours + noise[0], usual + noise[1], 0.1) == (0.0, -moved)
