"""What a verdict on light means: keep the frame, take it again, or end the run. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from safelight.devices.observatory.quality import QualityModel
from safelight.light import FrameVerdict
from safelight.text import in_sentence

__all__ = ["Decision", "agree", "decide"]

_ALIKE = 0.1
"""Two frames agree whose light differs by no more than this."""
_AGAINST_BIASES = ("unwanted", "skew")
"""Absolute rules that compare with earlier biases and darks."""
_IN_A_ROW = 2
"""Frames without light of one lamp, one after the other, that prove it dead."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with a frame.

    Attributes:
        again: it is bad, is moved aside and taken again.
        fault: it is bad, and the run ends with these words; a resume takes it again.
        words: what is remarked on it.
    """

    again: bool = False
    fault: str | None = None
    words: str = ""

    @property
    def keeps(self) -> bool:
        """The frame is good, with or without a remark."""
        return not self.again and self.fault is None


def decide(
    verdict: FrameVerdict,
    quality: QualityModel,
    earlier: tuple[FrameVerdict, ...] = (),
    dark: Mapping[str, int] | None = None,
    flavour: str = "bias",
) -> Decision:
    """Decide on one frame.

    Args:
        verdict: on its images.
        quality: the observatory's policy.
        earlier: on the tries of the same frame before, in this segment of the run.
        dark: lamp -> how many frames in a row it did not shine on, this one included.
        flavour: of the frame.
    """
    words = verdict.words
    if verdict.quality != "bad" or not quality.acts:
        return Decision(words=words)
    if verdict.certainly_bad:
        return _on_certainly_bad(verdict, quality, len(earlier), dark or {}, flavour)
    if not quality.learned_acts:
        return Decision(words=words)
    if earlier and agree(verdict, earlier[-1]):
        return Decision(words=f"two frames agree that the instrument has changed, not the frame: {words}")
    if len(earlier) >= quality.retakes:
        return Decision(words=f"kept after {len(earlier) + 1} tries: {words}")
    return Decision(again=True, words=words)


def _on_certainly_bad(
    verdict: FrameVerdict, quality: QualityModel, tries: int, dark: Mapping[str, int], flavour: str
) -> Decision:
    words = verdict.words
    dead = [lamp for lamp in verdict.dark_lamps if dark.get(lamp, 0) >= _IN_A_ROW]
    if dead:
        verb = "is on and does not shine" if len(dead) == 1 else "are on and do not shine"
        return Decision(fault=f"{in_sentence(dead)} {verb}, on two frames in a row: {words}", words=words)
    if tries >= quality.retakes:
        return Decision(fault=f"bad after {tries + 1} tries: {words}{_way_out(verdict, flavour)}", words=words)
    return Decision(again=True, words=words)


def _way_out(verdict: FrameVerdict, flavour: str) -> str:
    """Return what to do where the instrument has changed for good, so that no limit ends every night."""
    rules = [each.rule for each in verdict.findings if each.bad and each.certain]
    if "no_light" in rules or "stale" in rules:
        return ""
    if any(rule in _AGAINST_BIASES for rule in rules):
        return f". If the electronics were changed: `safelight quality forget {flavour}`, then resume"
    named = ", ".join(dict.fromkeys(rules))
    return f". If the detector is like that: set other `limits` of {named} under `quality` in the observatory document"


def agree(one: FrameVerdict, other: FrameVerdict) -> bool:
    """Whether two frames have the same amount of light on every image, within a tenth."""
    pairs = [
        (verdict.numbers["amount"], other.images[name].numbers["amount"])
        for name, verdict in one.images.items()
        if "amount" in verdict.numbers and name in other.images and "amount" in other.images[name].numbers
    ]
    return bool(pairs) and all(abs(ours - theirs) <= _ALIKE * max(ours, theirs) for ours, theirs in pairs)
