"""The judge: a verdict on one image, from its measurement and from what is known of earlier ones."""

from collections.abc import Iterator

import numpy as np

from safelight.light.absolute_rules import contrast_adu, handed_over, unlit, unwanted
from safelight.light.learned_rules import Comparison, electronics
from safelight.light.limits import Limits
from safelight.light.measurement import Measurement
from safelight.light.references import Known, Sample, light_in
from safelight.light.verdict import Finding, Verdict

__all__ = ["UNLIT", "judge", "sample_of"]

UNLIT = frozenset({"bias", "dark"})
"""Flavours that want no light."""
LIT = frozenset({"arc", "flat"})
"""Flavours that want light."""


def judge(measured: Measurement, flavour: str, known: Known = Known(), limits: Limits = Limits()) -> Verdict:
    """Judge one image. Raises nothing: what can't be judged says why in `not_judged`.

    Args:
        measured: the image, as `measure` returns it.
        flavour: bias, dark, arc or flat; of others only the camera is judged, not the light.
        known: references and the camera's last frame, as far as there are any.
        limits: where a frame is suspect, and where it is bad.
    """
    if measured.problem is not None:
        return Verdict(not_judged=measured.problem)
    numbers = {"peak_adu": measured.peak_adu, "noise_adu": measured.noise_adu, "saturated": measured.saturated}
    numbers["references"] = float(known.reference.count if known.reference else 0)
    if measured.level_adu is not None:
        numbers["level_adu"] = measured.level_adu
    try:
        with np.errstate(all="ignore"):
            findings = tuple(_findings(measured, flavour, known, limits, numbers))
    except Exception as error:  # noqa: BLE001 - a frame is never lost because it could not be judged
        return Verdict(not_judged=f"the rules failed: {type(error).__name__}: {error}")
    return Verdict(findings, numbers, _unjudged(measured, flavour, known))


def sample_of(measured: Measurement, known: Known, flavour: str) -> Sample:
    """Return what is to be kept of a frame, so that later ones can be compared with it."""
    if flavour == "bias":
        return Sample(measured.map, measured.profile, measured.level_adu, measured.noise_adu)
    return light_in(measured, known.bias)


def _findings(
    measured: Measurement, flavour: str, known: Known, limits: Limits, numbers: dict[str, float]
) -> Iterator[Finding]:
    yield from handed_over(measured, known, limits)
    if flavour in UNLIT:
        yield from unwanted(measured, flavour, known, limits)
        yield from electronics(measured, flavour, known, limits)
    elif flavour in LIT:
        numbers["contrast_adu"], _ = contrast_adu(measured, known, limits)
        yield from unlit(measured, known, limits)
        if known.reference is not None:
            spread_adu = known.bias.spread_adu if known.bias else measured.noise_adu
            comparison = Comparison(light_in(measured, known.bias), known.reference, spread_adu, limits)
            if comparison.enough:
                yield from comparison.findings(flavour, known, numbers)


def _unjudged(measured: Measurement, flavour: str, known: Known) -> str | None:
    """Say which comparison was not possible, although the rest was judged."""
    for earlier in (known.bias, known.reference):
        if earlier is not None and earlier.map.shape != measured.map.shape:
            return "the image has another shape than its reference"
    if flavour not in UNLIT | LIT:
        return f"a frame of flavour {flavour!r} may have any light"
    if known.bias is None:
        return "there are fewer than 3 biases to compare with"
    if known.reference is None and flavour in LIT:
        return "there are fewer than 3 frames of this kind to compare with"
    return None
