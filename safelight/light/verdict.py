"""Verdicts on images and frames, and the findings that they come from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["Finding", "FrameVerdict", "Quality", "Verdict", "verdict_on_frame"]

_DARK = frozenset({"no_light"})
_UNPROVED = _DARK | {"unproved"}
"""Rules that count only where they speak on all cameras of a spectrograph."""

Quality = Literal["good", "suspect", "bad", "none"]
"""`none`: not judged, with a reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that found something.

    Attributes:
        rule: its name, as in `Limits`, or `stale` or `unproved`.
        bad: it exceeds the second limit, not only the first.
        certain: it is an absolute rule, which holds without any earlier frame.
        words: what was found, what was expected.
        value: as measured.
        lamp: the lamp that it is about, where it is about one.
        images: the images that show it; empty in the verdict on one image.
    """

    rule: str
    bad: bool
    certain: bool
    words: str
    value: float
    lamp: str | None = None
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one image.

    Attributes:
        findings: what they found; empty for a good image.
        numbers: name -> what was measured against the references.
        not_judged: why nothing, or not everything, could be judged.
    """

    findings: tuple[Finding, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    not_judged: str | None = None

    @property
    def quality(self) -> Quality:
        """The worst finding, or `none` where there is nothing to judge by."""
        return _worst(self.findings, judged=bool(self.numbers))


@dataclass(frozen=True, slots=True)
class FrameVerdict:
    """What the rules say of all images of one exposure.

    Attributes:
        findings: each with the images that show it.
        images: image -> its own verdict.
        not_judged: why nothing could be judged.
    """

    findings: tuple[Finding, ...] = ()
    images: Mapping[str, Verdict] = field(default_factory=dict)
    not_judged: str | None = None

    @property
    def quality(self) -> Quality:
        """The worst finding of any image."""
        return _worst(self.findings, judged=any(image.numbers for image in self.images.values()))

    @property
    def words(self) -> str:
        """All findings, the bad ones first, or why nothing was judged."""
        if not self.findings:
            return f"not judged: {self.not_judged}" if self.quality == "none" and self.not_judged else ""
        ordered = sorted(self.findings, key=lambda finding: not finding.bad)
        return "; ".join(f"{finding.words} ({', '.join(finding.images)})" for finding in ordered)

    @property
    def certainly_bad(self) -> bool:
        """An absolute rule calls it bad."""
        return any(finding.bad and finding.certain for finding in self.findings)

    @property
    def dark_lamps(self) -> tuple[str, ...]:
        """Lamps that are on and do not shine, in the order of their findings."""
        dark = (finding for finding in self.findings if finding.bad and finding.rule in ("no_light", "own_lines"))
        return tuple(dict.fromkeys(finding.lamp for finding in dark if finding.lamp is not None))


def verdict_on_frame(images: Mapping[str, Verdict], spectrographs: Collection[Collection[str]]) -> FrameVerdict:
    """Join the verdicts on the images of one exposure.

    A lamp may have no line on one camera, so that a frame without light is bad only where all cameras of a
    spectrograph are dark. In the same way light is unproved only where it is so on all of them.

    Args:
        images: image -> verdict.
        spectrographs: the images of each spectrograph; images that none of them names count together.
    """
    named = {name for group in spectrographs for name in group}
    groups = [*spectrographs, [name for name in images if name not in named]]
    dark = {name for group in groups for name in _all_of(images, group, _DARK)}
    unproved = {name for group in groups for name in _all_of(images, group, _UNPROVED)}
    joined: dict[tuple[str, str | None], Finding] = {}
    for name, verdict in images.items():
        for finding in verdict.findings:
            if name not in {"no_light": dark, "unproved": unproved}.get(finding.rule, images):
                continue
            key = (finding.rule, finding.lamp)
            known = joined.get(key, finding)
            worse = finding if finding.bad and not known.bad else known
            joined[key] = replace(worse, images=(*known.images, name))
    reasons = dict.fromkeys(image.not_judged for image in images.values() if image.not_judged)
    return FrameVerdict(tuple(joined.values()), dict(images), "; ".join(filter(None, reasons)) or None)


def _all_of(images: Mapping[str, Verdict], group: Collection[str], rules: Collection[str]) -> Collection[str]:
    """Return the images of a spectrograph where one of the rules spoke on each of them that was judged, else none."""
    judged = [name for name in group if name in images and images[name].numbers]
    spoken = [name for name in judged if any(finding.rule in rules for finding in images[name].findings)]
    return spoken if len(spoken) == len(judged) else ()


def _worst(findings: Collection[Finding], *, judged: bool) -> Quality:
    if any(finding.bad for finding in findings):
        return "bad"
    if findings:
        return "suspect"
    return "good" if judged else "none"
