"""Measurement of an exposure from its pixels: bias, dark seconds, light of each lamp and of each fibre.

    python -m safelight.devices.simulated.measure FRAME.fits ...

The header is trusted for the camera only; everything else comes from the pixels.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from safelight.devices.observatory.observatory import Observatory, load_observatory
from safelight.devices.simulated.layout import Layout, layout_of
from safelight.devices.simulated.light_path import SpectralShape, effects_of, shape_of
from safelight.devices.simulated.pixels import PROFILE, spectrum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Measured", "measure"]

_TRACE_WEIGHT = sum(PROFILE.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements from the pixels of one camera.

    Attributes:
        bias_adu: level of the overscan.
        dark_s: seconds of integration, from the dark current.
        lamps: each lamp's light on the brightest open fibres, in seconds of full output.
        fibres: each mask fibre's light from all lamps, in seconds of full output.
        traces: the same for every trace and lamp.
        setup: positions of the selectors that fit the spectra best. Selectors without an effect on spectra are not in
            it.
    """

    bias_adu: float
    dark_s: float
    lamps: dict[str, float]
    fibres: dict[str, float]
    traces: dict[str, dict[str, float]]
    setup: dict[str, str] = field(default_factory=dict)


def measure(path: Path, observatory: Observatory | None = None, setup: Mapping[str, str] | None = None) -> Measured:
    """Measure one frame.

    Args:
        path: a FITS file of the simulated spectrographs.
        observatory: the one whose layout is used; the shipped `simulated` by default.
        setup: selector -> position in whose spectra the light is measured. With None, the set-up that fits best is
            used. A continuum has the same shape through a narrow slit and a wide one: only lines differ.
    """
    observatory = observatory or load_observatory("simulated")
    layout = layout_of(observatory)
    with fits.open(path) as hdus:
        pixels = np.asarray(hdus[0].data, dtype=np.float64)
        camera = str(hdus[0].header["CAMERA"])
    bias = float(pixels[:, layout.columns :].mean())
    sky = pixels[:, : layout.columns] - bias
    background = float(sky[_gaps(layout)].mean())
    every = [observatory.spectrographs.cameras_of(unit) for unit in observatory.spectrographs.names]
    place = next(names.index(camera) for names in every if camera in names)
    best, traces = _best(observatory, layout, sky - background, place, setup)
    return Measured(
        bias_adu=bias,
        dark_s=background / layout.optics.dark_adu_per_s,
        lamps=_brightest(layout, traces),
        fibres={trace.name: sum(traces[trace.name].values()) for trace in layout.traces if trace.steps is not None},
        traces=traces,
        setup=best,
    )


def _best(
    observatory: Observatory, layout: Layout, light: NDArray[Any], camera: int, given: Mapping[str, str] | None
) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """Return the set-up whose spectra fit best, and the light of each trace in it."""
    shaping = {
        name: list(positions)
        for name, positions in effects_of(observatory).items()
        if len({effect.shape for effect in positions.values()}) > 1
    }
    if given is not None:
        shaping = {name: [given[name]] for name in shaping}
    best: tuple[float, dict[str, str], dict[str, dict[str, float]]] | None = None
    for chosen in product(*shaping.values()):
        setup = dict(zip(shaping, chosen, strict=True))
        traces, left = _traces(layout, light, camera, shape_of(observatory, setup))
        if best is None or left < best[0]:
            best = (left, setup, traces)
    assert best is not None  # noqa: S101 - the product of nothing is one empty set-up
    return best[1], best[2]


def _gaps(layout: Layout) -> NDArray[np.bool_]:
    """Return the rows that no trace reaches."""
    dark = np.ones(layout.optics.image[0], dtype=bool)
    for trace in layout.traces:
        dark[trace.row - 1 : trace.row + 2] = False
    return dark


def _traces(
    layout: Layout, light: NDArray[Any], camera: int, shape: SpectralShape
) -> tuple[dict[str, dict[str, float]], float]:
    """Return the light of each lamp in each trace, and the residual that no lamp explains."""
    lamps = (*layout.arcs, *layout.flats)
    templates = np.array([spectrum(layout, lamp, camera, shape) for lamp in lamps], dtype=np.float64).T
    rate = layout.optics.lamp_adu_per_s * _TRACE_WEIGHT
    left = 0.0
    found: dict[str, dict[str, float]] = {}
    for trace in layout.traces:
        line = light[trace.row - 1 : trace.row + 2].sum(axis=0) / rate
        fit = np.linalg.lstsq(templates, line, rcond=None)[0]
        left += float(np.sum((line - templates @ fit) ** 2))
        found[trace.name] = {lamp: float(value) for lamp, value in zip(lamps, fit, strict=True)}
    return found, left


def _brightest(layout: Layout, traces: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return each lamp's light on the telescopes' own fibres: the mean over the telescope that saw most of it."""
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
