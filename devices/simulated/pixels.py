"""Pixels of one camera, from the light that reached it (numpy)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from safelight.devices.simulated.light_path import SpectralShape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from safelight.devices.simulated.layout import Layout
    from safelight.devices.simulated.optical_bench import Light

__all__ = ["PROFILE", "image", "spectrum"]

PROFILE = {-1: 0.25, 0: 1.0, 1: 0.25}
"""Profile of a trace across rows."""

_LINE = {-2: 0.1, -1: 0.6, 0: 1.0, 1: 0.6, 2: 0.1}
"""Profile of an emission line along columns."""

_OFFSETS = np.array([min(_LINE) - 1, *_LINE, max(_LINE) + 1], dtype=np.float64)
_PARTS = np.array([0.0, *_LINE.values(), 0.0], dtype=np.float64)

_FAINTEST, _STEP = 0.2, 0.8
"""Continuum: from 1.0 at its own end of the spectrum to 0.2 at the other."""

_FULL = 65535


_PLAIN = SpectralShape()


def spectrum(layout: Layout, lamp: str, camera: int, shape: SpectralShape = _PLAIN) -> NDArray[np.float32]:
    """Return a lamp's spectrum on one camera at full output, with a maximum of 1 where selectors change nothing."""
    if lamp in layout.arcs:
        return _arc(layout, lamp, camera) if shape == _PLAIN else _shaped_arc(layout, lamp, camera, shape)
    columns = _unshaped(layout, shape)
    # 0 at the blue end of the bluest camera, 1 at the red end of the reddest.
    wave = (camera + columns / layout.columns) / layout.cameras
    own = layout.flats.index(lamp) / max(len(layout.flats) - 1, 1)
    plain = (_FAINTEST + _STEP * (1.0 - np.abs(wave - own))).astype(np.float32)
    if shape == _PLAIN:
        return plain
    return (np.maximum(plain, 0) * shape.width / shape.dispersion).astype(np.float32)


def _unshaped(layout: Layout, shape: SpectralShape) -> NDArray[np.float32]:
    """Return the columns at which the light would fall if the selectors changed nothing."""
    columns = np.arange(layout.columns, dtype=np.float32)
    if shape == _PLAIN:
        return columns
    middle = layout.columns / 2
    return ((columns - shape.shift - middle) / shape.dispersion + middle).astype(np.float32)


def _arc(layout: Layout, lamp: str, camera: int) -> NDArray[np.float32]:
    values = np.zeros(layout.columns, dtype=np.float32)
    for centre in layout.line_columns(lamp, camera):
        for offset, part in _LINE.items():
            values[centre + offset] += part
    return values


def _shaped_arc(layout: Layout, lamp: str, camera: int, shape: SpectralShape) -> NDArray[np.float32]:
    """Return the lines of an arc as the selectors spread, shift and widen them. A wider slit is also brighter."""
    columns = np.arange(layout.columns, dtype=np.float32)
    middle = layout.columns / 2
    values = np.zeros(layout.columns, dtype=np.float32)
    for centre in layout.line_columns(lamp, camera):
        at = (centre - middle) * shape.dispersion + middle + shape.shift
        # The plain line, as wide as the slit says.
        values += np.interp((columns - at) / shape.width, _OFFSETS, _PARTS, left=0.0, right=0.0).astype(np.float32)
    return values


def image(layout: Layout, light: Light, camera: int, seed: tuple[int, ...]) -> NDArray[np.uint16]:
    """Return the picture of one camera.

    Args:
        layout: where light falls, and the levels.
        light: the collected light.
        camera: 0 for the bluest camera of its spectrograph.
        seed: exposure number and camera. The same exposure always gives the same picture.
    """
    optics = layout.optics
    rows, columns = optics.image
    signal = np.zeros((rows, columns), dtype=np.float32)
    seeing = signal[:, : layout.columns]
    seeing += optics.dark_adu_per_s * light.dark_s
    templates: dict[str, Any] = {
        lamp: spectrum(layout, lamp, camera, light.shape) for lamp in (*layout.arcs, *layout.flats)
    }
    for trace in layout.traces:
        collected = light.lamps.get(trace.name, {})
        shining = [s * templates[lamp] for lamp, s in collected.items() if s > 0]
        if shining:
            for offset, part in PROFILE.items():
                seeing[trace.row + offset] += part * optics.lamp_adu_per_s * np.sum(shining, axis=0)
    noise = np.random.default_rng(seed).standard_normal((rows, columns), dtype=np.float32)
    # Photon noise is the square root of the signal (gain 1).
    noise *= np.sqrt(signal + optics.read_noise_adu**2)
    picture: NDArray[np.uint16] = np.clip(np.rint(optics.bias_adu + signal + noise), 0, _FULL).astype(np.uint16)
    return picture
