"""Reading back from the pixels what an exposure saw: bias, dark seconds, each lamp's light, each fibre's.

    python -m safelight.devices.simulated.measure FRAME.fits ...

The header is trusted for the camera only; everything else comes from the pixels.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from safelight.devices.observatory import Observatory, load_observatory
from safelight.devices.simulated.layout import Layout, Trace, layout_of
from safelight.devices.simulated.pixels import PROFILE, spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Measured", "measure"]

_TRACE_WEIGHT = sum(PROFILE.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """What the pixels of one camera say.

    Attributes:
        bias_adu: level of the overscan.
        dark_s: seconds of integration, from the dark current.
        lamps: each lamp's light on the brightest open fibres, in seconds of full output.
        fibres: each mask fibre's light from all lamps, in seconds of full output.
        traces: the same for every trace and lamp.
    """

    bias_adu: float
    dark_s: float
    lamps: dict[str, float]
    fibres: dict[str, float]
    traces: dict[str, dict[str, float]]


def measure(path: Path, observatory: Observatory | None = None) -> Measured:
    """Measure one frame.

    Args:
        path: a FITS file of the simulated spectrographs.
        observatory: whose layout holds; the shipped `simulated` by default.
    """
    observatory = observatory or load_observatory("simulated")
    layout = layout_of(observatory)
    with fits.open(path) as hdus:
        pixels = np.asarray(hdus[0].data, dtype=np.float64)
        camera = str(hdus[0].header["CAMERA"])
    bias = float(pixels[:, layout.columns :].mean())
    sky = pixels[:, : layout.columns] - bias
    background = float(sky[_gaps(layout)].mean())
    place = next(i for i, name in enumerate(observatory.spectrographs.cameras) if camera.startswith(name))
    traces = _traces(layout, sky - background, place)
    return Measured(
        bias_adu=bias,
        dark_s=background / layout.optics.dark_adu_per_s,
        lamps=_brightest(layout, traces),
        fibres={trace.name: sum(traces[trace.name].values()) for trace in layout.traces if trace.steps is not None},
        traces=traces,
    )


def _gaps(layout: Layout) -> NDArray[np.bool_]:
    """The rows that no trace reaches."""
    dark = np.ones(layout.optics.image[0], dtype=bool)
    for trace in layout.traces:
        dark[trace.row - 1 : trace.row + 2] = False
    return dark


def _traces(layout: Layout, light: NDArray[Any], camera: int) -> dict[str, dict[str, float]]:
    lamps = (*layout.arcs, *layout.flats)
    templates = np.array([spectrum(layout, lamp, camera) for lamp in lamps], dtype=np.float64).T
    rate = layout.optics.lamp_adu_per_s * _TRACE_WEIGHT

    def seconds(trace: Trace) -> dict[str, float]:
        line = light[trace.row - 1 : trace.row + 2].sum(axis=0) / rate
        fit = np.linalg.lstsq(templates, line, rcond=None)[0]
        return {lamp: float(value) for lamp, value in zip(lamps, fit, strict=True)}

    return {trace.name: seconds(trace) for trace in layout.traces}


def _brightest(layout: Layout, traces: dict[str, dict[str, float]]) -> dict[str, float]:
    """Each lamp on the telescopes' own fibres: the mean over the telescope that saw most of it."""
    telescopes: dict[str | None, list[str]] = {}
    for trace in layout.traces:
        if trace.steps is None:
            telescopes.setdefault(trace.telescope, []).append(trace.name)
    groups = list(telescopes.values())
    return {
        lamp: max(float(np.mean([traces[name][lamp] for name in group])) for group in groups)
        for lamp in (*layout.arcs, *layout.flats)
    }


def _main() -> None:
    parser = argparse.ArgumentParser(description="What the pixels of simulated frames say, one line of JSON each.")
    parser.add_argument("frames", nargs="+", type=Path)
    parser.add_argument("--observatory", default="simulated")
    asked = parser.parse_args()
    observatory = load_observatory(asked.observatory)
    for path in asked.frames:
        print(json.dumps({"file": str(path)} | asdict(measure(path, observatory))))  # noqa: T201


if __name__ == "__main__":
    _main()
