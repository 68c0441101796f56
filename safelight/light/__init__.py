"""The light in frames, judged from their pixels: arrays in, verdict out.

from safelight.light import judge, measure
verdict = judge(measure(pixels), "arc")

It knows nothing of runs and journals, so that a pipeline can use it as well.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safelight.light.errors import NotReadable
    from safelight.light.fits_images import FitsImage, images_in
    from safelight.light.judging import judge, sample_of
    from safelight.light.limits import Limits, limits_with
    from safelight.light.measurement import Measurement, Section, measure
    from safelight.light.references import Bias, Known, Reference, Sample, bias_of, reference_of
    from safelight.light.verdict import Finding, FrameVerdict, Verdict, verdict_on_frame

__all__ = [
    "Bias",
    "Finding",
    "FitsImage",
    "FrameVerdict",
    "Known",
    "Limits",
    "Measurement",
    "NotReadable",
    "Reference",
    "Sample",
    "Section",
    "Verdict",
    "bias_of",
    "images_in",
    "judge",
    "limits_with",
    "measure",
    "reference_of",
    "sample_of",
    "verdict_on_frame",
]

_HOMES = {
    "errors": ("NotReadable",),
    "fits_images": ("FitsImage", "images_in"),
    "judging": ("judge", "sample_of"),
    "limits": ("Limits", "limits_with"),
    "measurement": ("Measurement", "Section", "measure"),
    "references": ("Bias", "Known", "Reference", "Sample", "bias_of", "reference_of"),
    "verdict": ("Finding", "FrameVerdict", "Verdict", "verdict_on_frame"),
}
"""The module of each name. They are loaded when they are wanted: numpy takes a moment, and limits need none."""


def __getattr__(name: str) -> Any:
    """Load what is asked for."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"safelight.light.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
