"""The judge of a run's frames: reads the files of an exposure, compares them with references, and keeps good ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from safelight.devices.files.cards import number_card
from safelight.devices.observatory.observatory import Observatory
from safelight.devices.observatory.quality import QualityModel
from safelight.engine.errors import in_words
from safelight.engine.light.kinds import LightKind, kind_of
from safelight.engine.light.meter import Brightness, Meter, Weighed
from safelight.engine.light.policy import Decision, decide
from safelight.engine.light.store import LightStore
from safelight.light import (
    FrameVerdict,
    Known,
    Limits,
    Measurement,
    NotReadable,
    Verdict,
    images_in,
    judge,
    limits_with,
    measure,
    sample_of,
    verdict_on_frame,
)
from safelight.states import Exposure, SeenLight

__all__ = ["FrameJudge"]

_LIT = ("arc", "flat")
_TOO_BRIGHT = frozenset({"saturated"})
_OF_TIME = _TOO_BRIGHT | {"no_light"}
"""Rules that another exposure time may satisfy."""
_BRIGHTEST = 0.001
"""Share of pixels that the counts of an image are taken from."""
_NEARLY_FULL = 0.9
"""Share of full well from which on counts mean nothing."""
_NOISES = 5.0
"""Light within this many times the noise is none."""


@dataclass(slots=True)
class FrameJudge:
    """Judges frames as they come onto the disk (fulfils `Look`). Blocking: it is called in a thread.

    Attributes:
        spectrographs: the cameras of each.
        quality: the observatory's policy.
        meter: finds exposure times from counts.
        limits: the thresholds of the policy.
    """

    store: LightStore
    spectrographs: Sequence[tuple[str, ...]]
    quality: QualityModel
    meter: Meter
    limits: Limits
    _tries: dict[str, list[tuple[int, FrameVerdict]]] = field(default_factory=dict)
    _dark: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, observatory: Observatory, meter: Meter) -> "FrameJudge":
        """Return the judge of an observatory. Its references lie where its meter keeps the counts."""
        model = observatory.spectrographs
        units = [model.cameras_of(unit) for unit in model.names]
        quality = model.judging
        store = LightStore(meter.path.parent, quality.references)
        return cls(store, units, quality, meter, limits_with(quality.limits))

    def __call__(self, exposure: Exposure, exposure_no: int, files: Sequence[Path]) -> SeenLight:
        """Judge one exposure, and keep what later ones are compared with. Raises nothing.

        Args:
            exposure: what it should be.
            exposure_no: the spectrographs' number.
            files: in the order of the cameras that exposed.
        """
        try:
            return self._judged(exposure, exposure_no, files)
        except Exception as error:  # noqa: BLE001 - a frame is never lost because it could not be judged
            return SeenLight("none", f"not judged: {in_words(error)}")

    def _judged(self, exposure: Exposure, exposure_no: int, files: Sequence[Path]) -> SeenLight:
        cameras = [camera for unit in self.spectrographs for camera in unit]
        cameras = [camera for camera in cameras if camera in exposure.cameras or not exposure.cameras]
        images: dict[str, Verdict] = {}
        measured: dict[str, _Measured] = {}
        for camera, path in zip(cameras, files, strict=True):
            # One file after the other: nine of real size would not fit into a small machine's memory.
            kind = kind_of(exposure, camera)
            for name, found, what, known in self._judge_file(kind, exposure_no, camera, path):
                images[name] = found
                if what is not None:
                    measured[name] = _Measured(kind, what, known)
        if self.quality.learned == "off":
            images = {name: _only_certain(each) for name, each in images.items()}
        verdict = verdict_on_frame(images, self._groups(images))
        self.store.note_last(exposure_no, {name: each.what.crcs for name, each in measured.items()})
        weighed = self._weighed(exposure, exposure_no, files, verdict, measured)
        if weighed.again:
            # A trial without light counts: two dark frames in a row prove a lamp dead once no longer time is left.
            self._note_darkness(exposure.lamps, exposure_no, verdict)
            trial = _seen(verdict, Decision(again=True, words=weighed.words), weighed)
            return replace(trial, quality="trial")
        decision = self._decide(exposure, exposure_no, verdict)
        decision = replace(decision, words="; ".join(filter(None, [decision.words, weighed.words])))
        if decision.keeps and not any(finding.certain and finding.bad for finding in verdict.findings):
            self._keep(exposure_no, measured, images)
        return _seen(verdict, decision, weighed)

    def _judge_file(
        self, kind: LightKind, exposure_no: int, camera: str, path: Path
    ) -> Iterator[tuple[str, Verdict, Measurement | None, Known]]:
        try:
            found = images_in(path)
        except NotReadable as error:
            yield camera, Verdict(not_judged=str(error)), None, Known()
            return
        for image in found:
            name = f"{camera}{image.name}"
            overscan = self.quality.overscan or image.overscan
            what = measure(image.pixels, overscan=overscan, full_well_adu=self.quality.full_well_adu)
            known = self._known(kind, name, camera, exposure_no)
            flavour = kind.flavour if known.lamps or kind.flavour not in _LIT else "object"
            yield name, judge(what, flavour, known, self.limits), what, known

    def _known(self, kind: LightKind, name: str, camera: str, exposure_no: int) -> Known:
        number, crcs = self.store.last(name)
        bias = self.store.bias(name)
        lined = tuple(lamp for lamp in kind.lamps if lamp not in self.quality.dark_lamps.get(camera, ()))
        known = Known(bias=bias, last=crcs if number != exposure_no else (), lamps=lined, swept=bool(kind.swept))
        if kind.flavour == "bias" or kind.varies:
            return known
        alone = {}
        if len(lined) > 1:
            found = {lamp: self.store.alone(kind, lamp, name) for lamp in lined}
            alone = {lamp: reference for lamp, reference in found.items() if reference is not None}
        return replace(known, reference=self.store.reference(kind, name), alone=alone)

    def _groups(self, images: Mapping[str, Verdict]) -> list[list[str]]:
        """Return the images of each spectrograph. A file may hold several."""
        return [
            [name for name in images if name in unit or name.partition("[")[0] in unit] for unit in self.spectrographs
        ]

    def _weighed(
        self,
        exposure: Exposure,
        exposure_no: int,
        files: Sequence[Path],
        verdict: FrameVerdict,
        measured: Mapping[str, "_Measured"],
    ) -> Weighed:
        """Compare the counts of a frame with those that its exposure time is found from.

        An image that the camera handed over wrongly says nothing. Darkness and saturation may be a matter of time,
        darkness only where the light of such frames is not known yet.
        """
        certain = {each.rule for each in verdict.findings if each.certain and each.bad}
        wrong = certain - (_TOO_BRIGHT if self.meter.knows(exposure) else _OF_TIME)
        if exposure.counts is None or not self.quality.acts or wrong:
            return Weighed()
        seconds = number_card(files[0], "EXPTIME")
        lit = [self._brightness(each.what, each.known) for each in measured.values() if each.what.problem is None]
        if not lit or not seconds:
            return Weighed("the counts could not be measured, so that the exposure time was not found from them")
        return self.meter.weigh(exposure, exposure_no, seconds, max(lit, key=lambda seen: (seen.saturated, seen.adu)))

    def _brightness(self, what: Measurement, known: Known) -> Brightness:
        """Return the light of one image."""
        ground = what.level_adu
        if ground is None:
            bias = known.bias
            ground = float(np.percentile(what.map if bias is None else bias.map, 50 if bias else 16))
        full = self.quality.full_well_adu
        saturated = what.saturated > _BRIGHTEST or (full is not None and what.peak_adu >= _NEARLY_FULL * full)
        adu = what.peak_adu - ground
        return Brightness(adu, saturated, adu <= _NOISES * what.noise_adu)

    def _decide(self, exposure: Exposure, exposure_no: int, verdict: FrameVerdict) -> Decision:
        tries = self._tries.setdefault(exposure.frame, [])
        earlier = tuple(each for number, each in tries if number != exposure_no)
        self._note_darkness(exposure.lamps, exposure_no, verdict)
        dark = {lamp: len(numbers) for lamp, numbers in self._dark.items()}
        decision = decide(verdict, self.quality, earlier, dark, exposure.flavour)
        if not decision.keeps:
            tries.append((exposure_no, verdict))
        return decision

    def _note_darkness(self, lamps: Sequence[str], exposure_no: int, verdict: FrameVerdict) -> None:
        """Count for each lamp the frames in a row on which it did not shine."""
        dark = verdict.dark_lamps if verdict.certainly_bad else ()
        for lamp in lamps:
            if lamp in dark:
                numbers = self._dark.setdefault(lamp, [])
                if exposure_no not in numbers:
                    numbers.append(exposure_no)
            else:
                self._dark.pop(lamp, None)

    def _keep(self, exposure_no: int, measured: Mapping[str, "_Measured"], images: Mapping[str, Verdict]) -> None:
        for name, each in measured.items():
            kind = each.kind
            compared = kind.flavour in ("bias", "dark") or (kind.flavour in _LIT and kind.lamps)
            if compared and not kind.varies and each.what.problem is None:
                light = images[name].numbers.get("light_adu")
                self.store.keep(kind, name, sample_of(each.what, each.known, kind.flavour), exposure_no, light)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Image that was measured, its kind, and what was known of earlier ones."""

    kind: LightKind
    what: Measurement
    known: Known


def _only_certain(verdict: Verdict) -> Verdict:
    """Leave out what the learned rules have found."""
    return replace(verdict, findings=tuple(finding for finding in verdict.findings if finding.certain))


def _seen(verdict: FrameVerdict, decision: Decision, weighed: Weighed) -> SeenLight:
    """Return what states, journal and people need."""
    images = {
        name: {key: round(value, 4) for key, value in image.numbers.items()} for name, image in verdict.images.items()
    }
    findings = [
        {
            "rule": finding.rule,
            "bad": finding.bad,
            "certain": finding.certain,
            "words": finding.words,
            "value": round(finding.value, 4),
            "lamp": finding.lamp,
            "images": list(finding.images),
        }
        for finding in verdict.findings
    ]
    return SeenLight(
        quality=verdict.quality,
        words=decision.words,
        detail={
            "findings": findings,
            "images": images,
            "not_judged": verdict.not_judged,
            **({} if weighed.seconds is None else {"exposure_s": weighed.seconds}),
        },
        again=decision.again,
        fault=decision.fault,
    )
