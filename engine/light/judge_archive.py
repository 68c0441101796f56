"""Files on a disk, judged by each other: biases first, then every frame by those of its kind before it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safelight.light import (
    FitsImage,
    FrameVerdict,
    Known,
    Limits,
    Measurement,
    NotReadable,
    Sample,
    Section,
    Verdict,
    bias_of,
    images_in,
    judge,
    measure,
    reference_of,
    sample_of,
    verdict_on_frame,
)

__all__ = ["Archive", "JudgedFile"]

_FLAVOURS = {"bias": "bias", "zero": "bias", "dark": "dark", "flat": "flat", "arc": "arc", "comp": "arc", "lamp": "arc"}
"""A word in the header -> what safelight calls it."""
_KEPT = 5
"""Frames of a kind that the next one is compared with."""


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """What was said of the files of one exposure of one spectrograph."""

    paths: tuple[Path, ...]
    flavour: str
    verdict: FrameVerdict


@dataclass(frozen=True, slots=True)
class _ArchivedImage:
    path: Path
    name: str
    flavour: str
    lamps: tuple[str, ...]
    camera: str
    group: str
    kind: tuple[Any, ...]
    measured: Measurement


@dataclass(slots=True)
class Archive:
    """Judges files of any camera. Nothing of any run is needed, and nothing is kept.

    Attributes:
        keywords: lamp -> its FITS keyword, which says ON.
        flavour: of every file, instead of what its header says.
        lamps: that are on in every lit frame, instead of what its header says.
    """

    keywords: Mapping[str, str]
    limits: Limits = field(default_factory=Limits)
    overscan: tuple[Section, ...] = ()
    full_well_adu: float | None = None
    flavour: str | None = None
    lamps: tuple[str, ...] = ()
    _samples: dict[tuple[Any, ...], list[Sample]] = field(default_factory=dict)

    def judged(self, paths: Iterable[Path]) -> Iterator[JudgedFile]:
        """Judge files in the order of their kinds: biases and darks first, so that the others have something to go by.

        Args:
            paths: FITS files, in the order in which they were taken.
        """
        images: list[_ArchivedImage] = []
        for path in paths:
            try:
                images += [self._image(path, each) for each in images_in(path)]
            except NotReadable as error:
                verdict = FrameVerdict(not_judged=str(error))
                yield JudgedFile((path,), "", verdict)
        # What a camera's last image was is a matter of time, not of kinds.
        before = self._checksums_before(images)
        order = ("bias", "dark")
        images.sort(key=lambda image: order.index(image.flavour) if image.flavour in order else len(order))
        groups: dict[str, list[_ArchivedImage]] = {}
        for image in images:
            groups.setdefault(image.group, []).append(image)
        self._learn_biases(images)
        for group in groups.values():
            found = {image.name: self._verdict(image, before.get(id(image), ())) for image in group}
            verdict = verdict_on_frame(found, [list(found)])
            yield JudgedFile(tuple(dict.fromkeys(image.path for image in group)), group[0].flavour, verdict)

    def _image(self, path: Path, image: FitsImage) -> _ArchivedImage:
        header = image.header
        said = " ".join(str(header.get(key, "")) for key in ("IMAGETYP", "OBSTYPE", "FLAVOR")).casefold()
        flavour = self.flavour or next((name for word, name in _FLAVOURS.items() if word in said), said.strip())
        lamps = self.lamps or tuple(
            lamp for lamp, keyword in self.keywords.items() if str(header.get(keyword)).upper() in ("ON", "TRUE", "1")
        )
        camera = str(header.get("CAMERA") or header.get("CCD") or header.get("DETECTOR") or "") + image.name
        exposure, unit = header.get("EXPNO", header.get("EXPOSURE")), header.get("SPEC")
        group = f"{exposure} {unit}" if exposure is not None and unit is not None else str(path)
        measured = measure(image.pixels, overscan=self.overscan or image.overscan, full_well_adu=self.full_well_adu)
        lit = () if flavour in ("bias", "dark") else lamps
        kind = (flavour, lit, header.get("EXPTIME"), header.get("CALIBFIB"), camera, measured.shape)
        return _ArchivedImage(path, f"{path.name}{image.name}", flavour, lit, camera, group, kind, measured)

    def _learn_biases(self, images: Iterable[_ArchivedImage]) -> None:
        for image in images:
            if image.flavour == "bias" and image.measured.problem is None:
                self._samples.setdefault((image.camera, image.measured.shape), []).append(
                    sample_of(image.measured, Known(), "bias")
                )

    @staticmethod
    def _checksums_before(images: Iterable[_ArchivedImage]) -> dict[int, tuple[int, ...]]:
        """Return for each image, by its identity, the checksums of its camera's image before."""
        last: dict[str, tuple[int, ...]] = {}
        before = {}
        for image in images:
            if image.measured.problem is None:
                before[id(image)] = last.get(image.camera, ())
                last[image.camera] = image.measured.crcs
        return before

    def _verdict(self, image: _ArchivedImage, before: tuple[int, ...]) -> Verdict:
        biases = self._samples.get((image.camera, image.measured.shape), [])
        known = Known(bias_of(biases) if biases else None, last=before, lamps=image.lamps)
        samples = self._samples.setdefault(image.kind, [])
        if image.flavour != "bias" and samples:
            known = replace(known, reference=reference_of(samples[-_KEPT:]))
        verdict = judge(image.measured, image.flavour, known, self.limits)
        wrong = any(finding.bad and finding.certain for finding in verdict.findings)
        if image.measured.problem is None and not wrong:
            samples.append(sample_of(image.measured, known, image.flavour))
        return verdict
