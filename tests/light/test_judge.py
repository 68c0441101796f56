"""Each fault of light is found on images that are hard to judge, and healthy ones pass."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.light.detectors import Detector
from benchmarks.light.faults import FAULTS, HEALTHY, Bench, Case
from safelight.light import (
    Finding,
    Known,
    Verdict,
    judge,
    limits_with,
    measure,
    reference_of,
    sample_of,
    verdict_on_frame,
)

WORST = ("good", "suspect", "bad")


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Return a small camera with references of everything."""
    return Bench(Detector(seed=31, rows=192, columns=196, fibres=14, strong_adu=8000.0))


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.name)
def test_healthy_frames_pass(bench: Bench, case: Case) -> None:
    """Nights that differ by 3 % of light and a pixel of shift are never called bad."""
    qualities, _ = bench.tally(case, 3)
    assert qualities["bad"] == 0
    assert qualities["good"] >= 2


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: f"{case.name}, {case.kind}")
def test_faults_are_found(bench: Bench, case: Case) -> None:
    """Each fault is called at least as bad as the table says."""
    verdict = bench.judged(case, 2000)
    assert WORST.index(verdict.quality) >= WORST.index(case.expected), verdict.findings


def test_a_dead_lamp_is_named_by_an_absolute_rule(bench: Bench) -> None:
    """A dead lamp is found without any earlier frame of it, with its name in the words."""
    case = next(case for case in FAULTS if case.name == "the lamp is dead")
    verdict = judge(bench.measured(bench.taken("arc", 3000, case)), "arc", Known(bench.bias, lamps=("Argon",)))
    [finding] = verdict.findings
    assert (finding.rule, finding.bad, finding.certain, finding.lamp) == ("no_light", True, True, "Argon")
    assert "Argon is on and does not shine" in finding.words


def test_a_dead_lamp_of_a_block_is_named(bench: Bench) -> None:
    """The lines of each lamp of a block say which of them is dead."""
    case = next(case for case in FAULTS if case.name == "one lamp of four is dead")
    found = [finding for finding in bench.judged(case, 3001).findings if finding.rule == "own_lines"]
    assert [finding.lamp for finding in found if finding.bad] == ["Neon"]


def test_light_is_judged_without_a_bias(bench: Bench) -> None:
    """Before there are biases a flat image is dark, and one with light is not."""
    flat = np.random.default_rng(1).normal(1000, 3, (128, 192)).astype(np.uint16)
    assert judge(measure(flat), "arc", Known(lamps=("Neon",))).quality == "bad"
    lit = bench.measured(bench.taken("arc", 3002))
    assert judge(lit, "arc", Known(lamps=("Argon",))).quality == "good"


def test_an_amount_is_judged_against_the_anchor(bench: Bench) -> None:
    """A lamp that fades slowly is suspect at a part of its first light, although its reference has faded with it."""
    known = bench.known["arc"]
    assert known.reference is not None
    faded = replace(known.reference, anchor=3.0 * bench.judged(HEALTHY[2], 3003).numbers["light_adu"])
    verdict = judge(bench.measured(bench.taken("arc", 3004)), "arc", replace(known, reference=faded))
    assert [finding.rule for finding in verdict.findings] == ["anchor"]
    assert verdict.quality == "suspect"


@pytest.mark.parametrize(
    ("dark", "quality"),
    [(("b1",), "good"), (("b1", "r1"), "bad"), (("b1", "r2"), "good"), (("b2", "r2"), "bad")],
)
def test_no_light_needs_all_cameras_of_a_spectrograph(dark: tuple[str, ...], quality: str) -> None:
    """A lamp may have no line on one camera. A spectrograph without light is bad."""
    finding = Finding("no_light", bad=True, certain=True, words="dark", value=0.0, lamp="Neon")
    images: Mapping[str, Verdict] = {
        name: Verdict((finding,) if name in dark else (), {"peak_adu": 1.0}) for name in ("b1", "r1", "b2", "r2")
    }
    frame = verdict_on_frame(images, [("b1", "r1"), ("b2", "r2")])
    assert frame.quality == quality
    assert frame.dark_lamps == (("Neon",) if quality == "bad" else ())


def test_limits_can_be_set(bench: Bench) -> None:
    """A limit that is set counts, and one that does not exist is named with those that do."""
    strict = limits_with({"amount": (2.0, 0.1)})
    verdict = judge(bench.measured(bench.taken("arc", 3005)), "arc", bench.known["arc"], strict)
    assert [finding.rule for finding in verdict.findings] == ["amount"]
    with pytest.raises(ValueError, match=r"'amounts'.*amount"):
        limits_with({"amounts": (1.0, 2.0)})


def test_an_image_of_another_shape_is_not_compared(bench: Bench) -> None:
    """A camera that is binned otherwise is not called bad, and the remark says why."""
    other = Detector(seed=31, rows=384, columns=392, fibres=14)
    image = other.image(other.night(replace(HEALTHY[2].change(other.closed(10.0)), lamps={"Argon": 1.0}), 1), 1)
    verdict = judge(measure(image), "arc", bench.known["arc"])
    assert verdict.quality == "good"
    assert "shape" in (verdict.not_judged or "")


def test_the_judge_is_loaded_when_it_is_wanted() -> None:
    """`import safelight` loads no numpy."""
    code = "import sys, safelight; sys.exit('numpy' in sys.modules or 'safelight.light' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_light_in_a_dark_is_found_by_darks_alone() -> None:
    """Without biases, an open shutter is found by earlier darks, and another level is not light."""
    dice = np.random.default_rng(5)
    gradient = np.linspace(900, 1000, 140)[:, None]
    darks = [measure(dice.normal(gradient + level, 3, (140, 210))) for level in (0, 1, -1, 4)]
    known = Known(reference=reference_of([sample_of(each, Known(), "dark") for each in darks[:3]]))
    assert judge(darks[3], "dark", known).quality == "good"
    traces = np.where(np.arange(140) % 12 < 3, 150.0, 0.0)[:, None]
    found = judge(measure(dice.normal(gradient + traces, 3, (140, 210))), "dark", known).findings
    assert [(each.rule, each.bad) for each in found if each.certain] == [("skew", True)]
