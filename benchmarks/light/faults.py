"""Faults of light, and what the rules say of images that have them: detections, and false alarms of healthy ones."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.light.detectors import Detector, Scene
from safelight.light import (
    Bias,
    Known,
    Measurement,
    Reference,
    Verdict,
    bias_of,
    judge,
    measure,
    reference_of,
    sample_of,
)

__all__ = ["FAULTS", "HEALTHY", "Bench", "Case"]

Image = NDArray[np.uint16]

BLOCK = ("Argon", "Neon", "HgNe", "Xenon")
KINDS: Mapping[str, tuple[str, Scene]] = {
    "bias": ("bias", Scene({}, 0.0)),
    "dark": ("dark", Scene({}, 900.0)),
    "arc": ("arc", Scene({"Argon": 1.0})),
    "block": ("arc", Scene(dict.fromkeys(BLOCK, 1.0))),
    "flat": ("flat", Scene({"Quartz": 1.0})),
}
"""Kind of frame -> its flavour and what it sees."""


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        kind: of the frame that has it.
        change: what it does to the scene.
        damage: what it does to the image; given the camera's last image as well.
        expected: the worst that is said at the least; `good`: it is known not to be seen.
    """

    name: str
    kind: str
    expected: str
    change: Callable[[Scene], Scene] = field(default=lambda scene: scene)
    damage: Callable[[Image, Image], Image] = field(default=lambda image, _last: image)


def _lamps(**outputs: float) -> Callable[[Scene], Scene]:
    return lambda scene: replace(scene, lamps={**scene.lamps, **outputs})


def _only(**outputs: float) -> Callable[[Scene], Scene]:
    return lambda scene: replace(scene, lamps=outputs)


def _rows(image: Image, first: int, values: Image | int) -> Image:
    changed = image.copy()
    changed[first:] = values if isinstance(values, int) else values[first:]
    return changed


def _amplifier(image: Image, adu: int) -> Image:
    changed = image.copy()
    changed[: len(image) // 2, : image.shape[1] // 2] += np.uint16(adu)
    return changed


HEALTHY = (
    *(Case(f"healthy {kind}", kind, "good") for kind in KINDS),
    Case("healthy arc, lines by 15 %", "arc", "good", lambda scene: replace(scene, lines=0.15)),
    Case("healthy arc, 4 times the cosmic rays", "arc", "good", lambda scene: replace(scene, cosmics=4.0)),
)
"""Frames on which nothing may be called bad."""

FAULTS = (
    Case("the lamp is dead", "arc", "bad", _only(Argon=0.0)),
    Case("the lamp is dead", "flat", "bad", _only(Quartz=0.0)),
    Case("all four lamps are dead", "block", "bad", _only()),
    Case("one lamp of four is dead", "block", "bad", _lamps(Neon=0.0)),
    Case("one lamp of four at half", "block", "suspect", _lamps(Xenon=0.5)),
    Case("the lamp at 10 %", "arc", "bad", _lamps(Argon=0.1)),
    Case("the lamp at 50 %", "arc", "suspect", _lamps(Argon=0.5)),
    Case("the lamp at 50 %", "flat", "suspect", _lamps(Quartz=0.5)),
    Case("the lamp at 70 %", "flat", "suspect", _lamps(Quartz=0.7)),
    Case("the lamp at 85 %", "flat", "good", _lamps(Quartz=0.85)),
    Case("swapped outlets: Neon for Argon", "arc", "bad", _only(Neon=1.0)),
    Case("swapped outlets: LDLS for Quartz", "flat", "suspect", _only(LDLS=1.0)),
    Case("Quartz is on in an arc", "arc", "bad", _lamps(Quartz=0.3)),
    Case("1 % of Quartz in an arc", "arc", "good", _lamps(Quartz=0.01)),
    Case("5 % of Argon in a flat", "flat", "good", _lamps(Argon=0.05)),
    Case("50 times too long", "flat", "bad", _lamps(Quartz=50.0)),
    Case("a quarter of the fibres dark", "flat", "bad", lambda s: replace(s, fibres=dict.fromkeys(range(9), 0.0))),
    Case("a quarter of the fibres at 40 %", "flat", "bad", lambda s: replace(s, fibres=dict.fromkeys(range(9), 0.4))),
    Case("one fibre dark", "flat", "suspect", lambda s: replace(s, fibres={7: 0.0})),
    Case("one fibre at 60 %", "flat", "good", lambda s: replace(s, fibres={7: 0.6})),
    Case("stale buffer", "arc", "bad", damage=lambda _image, last: last.copy()),
    Case("half a stale buffer", "arc", "bad", damage=lambda image, last: _rows(image, len(image) // 2, last)),
    Case("half a readout, then zeros", "flat", "bad", damage=lambda image, _: _rows(image, len(image) // 2, 0)),
    Case("half a readout, then zeros", "bias", "bad", damage=lambda image, _: _rows(image, len(image) // 2, 0)),
    Case("swapped bytes", "arc", "suspect", damage=lambda image, _: image.byteswap()),
    Case("one amplifier by 20 ADU", "bias", "suspect", damage=lambda image, _: _amplifier(image, 20)),
    Case("one amplifier by 100 ADU", "bias", "bad", damage=lambda image, _: _amplifier(image, 100)),
    Case("noise 1.3 times", "bias", "suspect", lambda s: replace(s, noise=1.3)),
    Case("noise 3 times", "bias", "bad", lambda s: replace(s, noise=3.0)),
    Case("shutter stuck open: 1 s of flat", "bias", "bad", lambda s: replace(s, lamps={"Quartz": 1}, exposure_s=1)),
    Case("shutter stuck open: 10 s of arc", "bias", "bad", lambda s: replace(s, lamps={"Argon": 1}, exposure_s=10)),
    Case("diffuse light, 8 ADU", "bias", "suspect", lambda s: replace(s, diffuse_adu=8.0)),
    Case("diffuse light, 40 ADU", "dark", "bad", lambda s: replace(s, diffuse_adu=40.0)),
    Case("a leak of 1e-3 of the flat", "dark", "bad", lambda s: replace(s, lamps={"Quartz": 1e-3})),
    Case("a leak of 1e-4 of the flat", "dark", "good", lambda s: replace(s, lamps={"Quartz": 1e-4})),
)


@dataclass(frozen=True)
class Bench:
    """One camera with references of all kinds of frames."""

    detector: Detector
    references: int = 5

    def taken(self, kind: str, number: int, case: Case | None = None) -> Image:
        """Return an image of another night."""
        scene = self.detector.night(KINDS[kind][1], number)
        if case is not None:
            scene = case.change(scene)
        return self.detector.image(scene, number)

    def measured(self, image: Image) -> Measurement:
        """Measure an image, its overscan known."""
        return measure(image, overscan=self.detector.overscan_sections)

    @cached_property
    def bias(self) -> Bias | None:
        """The reference of the biases."""
        taken = [self.measured(self.taken("bias", number)) for number in range(self.references)]
        return bias_of([sample_of(each, Known(), "bias") for each in taken])

    def _reference(self, scene: Scene, flavour: str, start: int) -> Reference | None:
        images = [self.detector.image(self.detector.night(scene, start + n), start + n) for n in range(self.references)]
        return reference_of([sample_of(self.measured(image), Known(self.bias), flavour) for image in images])

    @cached_property
    def known(self) -> Mapping[str, Known]:
        """Kind of frame -> what is known before one is judged."""
        alone = {
            lamp: reference
            for lamp in BLOCK
            if (reference := self._reference(Scene({lamp: 1.0}), "arc", 100)) is not None
        }
        return {
            kind: Known(
                self.bias,
                None if kind == "bias" else self._reference(scene, flavour, 200),
                lamps=tuple(scene.lamps),
                alone=alone if kind == "block" else {},
            )
            for kind, (flavour, scene) in KINDS.items()
        }

    @cached_property
    def _last(self) -> Mapping[str, tuple[Image, tuple[int, ...]]]:
        """Kind of frame -> the camera's last image, and its checksums."""
        images = {kind: self.taken(kind, 10_000) for kind in KINDS}
        return {kind: (image, self.measured(image).crcs) for kind, image in images.items()}

    def judged(self, case: Case, number: int) -> Verdict:
        """Judge an image with a fault; the camera's last one was a healthy one of the same kind."""
        last, crcs = self._last[case.kind]
        image = case.damage(self.taken(case.kind, number, case), last)
        known = replace(self.known[case.kind], last=crcs)
        return judge(self.measured(image), KINDS[case.kind][0], known)

    def tally(self, case: Case, count: int, start: int = 1000) -> tuple[Counter[str], Counter[str]]:
        """Judge many images; returns how often each quality was said, and which rules have spoken."""
        qualities, rules = Counter[str](), Counter[str]()
        for number in range(start, start + count):
            verdict = self.judged(case, number)
            qualities[verdict.quality] += 1
            rules.update({finding.rule for finding in verdict.findings})
        return qualities, rules
