"""What follows from a verdict: a frame is never lost to a threshold, and a dead lamp is named after two frames."""

import pytest

from safelight.devices.observatory.quality import QualityModel
from safelight.engine.light.policy import agree, decide
from safelight.light import Finding, FrameVerdict, Verdict

ACT = QualityModel()
ALL = QualityModel(learned="act")


def verdict(*, certain: bool = True, amount: float = 1.0, lamp: str | None = None, bad: bool = True) -> FrameVerdict:
    """Return a verdict with one finding."""
    finding = Finding("no_light" if lamp else "amount", bad, certain, "strange", 0.0, lamp, ("b1",))
    return FrameVerdict((finding,), {"b1": Verdict((finding,), {"amount": amount})})


def test_good_and_suspect_frames_stay() -> None:
    """A suspect frame stays good, with a remark."""
    assert decide(FrameVerdict(images={"b1": Verdict(numbers={"peak_adu": 1.0})}), ACT).keeps
    suspect = decide(verdict(bad=False), ACT)
    assert suspect.keeps
    assert "strange (b1)" in suspect.words


def test_a_certainly_bad_frame_is_taken_again_once() -> None:
    """The first bad frame is taken again, the second ends the run."""
    assert decide(verdict(), ACT).again
    second = decide(verdict(), ACT, (verdict(),))
    assert not second.again
    assert "bad after 2 tries" in (second.fault or "")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("skew", "`safelight quality forget dark`"),
        ("frozen", "set other `limits` of frozen under `quality`"),
        ("stale", None),
    ],
)
def test_a_fault_says_what_to_do_where_the_instrument_has_changed(rule: str, words: str | None) -> None:
    """New electronics, or a detector with constant rows, must not end every night: the reason has the way out."""
    finding = Finding(rule, bad=True, certain=True, words="strange", value=0.0, images=("b1",))
    wrong = FrameVerdict((finding,), {"b1": Verdict((finding,), {})})
    fault = decide(wrong, ACT, (wrong,), flavour="dark").fault
    assert fault is not None
    assert fault.endswith("strange (b1)") if words is None else words in fault


def test_a_dead_lamp_is_named_after_two_frames() -> None:
    """Two frames in a row without light of a lamp end the run with its name, whatever number of retakes is allowed."""
    patient = QualityModel(retakes=5)
    dead = verdict(lamp="Argon")
    assert decide(dead, patient, (), {"Argon": 1}).again
    assert "Argon is on and does not shine" in (decide(dead, patient, (dead,), {"Argon": 2}).fault or "")


def test_a_frame_that_only_differs_from_earlier_ones_is_kept() -> None:
    """By default the learned rules only remark. Where they act, the second frame is kept in any case."""
    learned = verdict(certain=False, amount=0.2)
    assert decide(learned, ACT).keeps
    assert decide(learned, ALL).again
    alike = decide(learned, ALL, (verdict(certain=False, amount=0.21),))
    assert alike.keeps
    assert "instrument has changed" in alike.words
    other = decide(learned, ALL, (verdict(certain=False, amount=0.1),))
    assert other.keeps
    assert "kept after 2 tries" in other.words


@pytest.mark.parametrize("quality", [QualityModel(mode="watch"), QualityModel(retakes=0)])
def test_nothing_is_taken_again_where_nothing_acts(quality: QualityModel) -> None:
    """With `watch`, or without retakes, bad frames are remarked on."""
    decision = decide(verdict(), quality)
    assert decision.keeps
    assert "strange" in decision.words


def test_frames_agree_within_a_tenth() -> None:
    """Agreement is by the amount of light on each image."""
    assert agree(verdict(amount=0.50), verdict(amount=0.54))
    assert not agree(verdict(amount=0.50), verdict(amount=0.60))
    assert not agree(verdict(), FrameVerdict())
