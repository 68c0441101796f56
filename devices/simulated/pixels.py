"""What an exposure looks like: the pixels of one camera from the light that reached it (numpy)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from safelight.devices.simulated.bench import Light
    from safelight.devices.simulated.layout import Layout

__all__ = ["PROFILE", "image", "spectrum"]

PROFILE = {-1: 0.25, 0: 1.0, 1: 0.25}
"""A trace across rows."""

_LINE = {-2: 0.1, -1: 0.6, 0: 1.0, 1: 0.6, 2: 0.1}
"""An emission line along columns."""

_FAINTEST, _STEP = 0.2, 0.8
"""A continuum goes from 1.0 at its own end of the spectrum to 0.2 at the other."""

_FULL = 65535


def spectrum(layout: Layout, lamp: str, camera: int) -> NDArray[np.float32]:
    """A lamp's spectrum on one camera at full output, its brightest value 1."""
    if lamp in layout.arcs:
        return _arc(layout, lamp, camera)
    # 0 at the blue end of the bluest camera, 1 at the red end of the reddest.
    wave = (camera + np.arange(layout.columns, dtype=np.float32) / layout.columns) / layout.cameras
    own = layout.flats.index(lamp) / max(len(layout.flats) - 1, 1)
    return (_FAINTEST + _STEP * (1.0 - np.abs(wave - own))).astype(np.float32)


def _arc(layout: Layout, lamp: str, camera: int) -> NDArray[np.float32]:
    values = np.zeros(layout.columns, dtype=np.float32)
    for centre in layout.line_columns(lamp, camera):
        for offset, part in _LINE.items():
            values[centre + offset] += part
    return values


def image(layout: Layout, light: Light, camera: int, seed: tuple[int, ...]) -> NDArray[np.uint16]:
    """The picture of one camera.

    Args:
        layout: where light falls, and the levels.
        light: what was collected.
        camera: 0 for the bluest camera of its spectrograph.
        seed: exposure number and camera: the same picture for the same exposure, always.
    """
    optics = layout.optics
    rows, columns = optics.image
    signal = np.zeros((rows, columns), dtype=np.float32)
    seeing = signal[:, : layout.columns]
    seeing += optics.dark_adu_per_s * light.dark_s
    templates: dict[str, Any] = {lamp: spectrum(layout, lamp, camera) for lamp in (*layout.arcs, *layout.flats)}
    for trace in layout.traces:
        collected = light.lamps.get(trace.name, {})
        shining = [s * templates[lamp] for lamp, s in collected.items() if s > 0]
        if shining:
            for offset, part in PROFILE.items():
                seeing[trace.row + offset] += part * optics.lamp_adu_per_s * np.sum(shining, axis=0)
    noise = np.random.default_rng(seed).standard_normal((rows, columns), dtype=np.float32)
    # Photons are counted one by one: their noise is the square root of the signal (gain 1).
    noise *= np.sqrt(signal + optics.read_noise_adu**2)
    picture: NDArray[np.uint16] = np.clip(np.rint(optics.bias_adu + signal + noise), 0, _FULL).astype(np.uint16)
    return picture
