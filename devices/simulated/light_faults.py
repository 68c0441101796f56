"""Faults of light as data: lamps that are on and do not shine, shutters that stay open, stale images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from safelight.devices.simulated.faults import Fault, FaultBook
from safelight.devices.simulated.optical_bench import Light

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from safelight.devices.simulated.layout import Layout

__all__ = ["LightFaults", "Struck"]

_STRAY_S = 5.0
"""What an open shutter lets in: this many seconds of the first continuum lamp, on every fibre."""
_LEFT = {"dim": 0.5, "fading": 0.9, "drift": 0.03}
"""Fault -> its factor by default."""
_HITS = 100
"""Pixels that cosmic rays hit in one image."""
_HIT_ADU = (500, 20_000)
"""Least and most that one of them leaves."""
_NIGHT_S = 86_400
_FULL = 65_535


@dataclass(frozen=True, slots=True)
class Struck:
    """What goes wrong with the light of one exposure.

    Attributes:
        lamps: lamp -> its fault.
        shutter: of the shutter.
        image: of the camera.
        left: lamp -> share of its light that is left.
        number: of the exposure, the seed of what is random.
    """

    lamps: Mapping[str, Fault]
    shutter: Fault | None
    image: Fault | None
    left: Mapping[str, float]
    number: int

    def changed(self, light: Light, layout: Layout) -> Light:
        """Return the light that reaches the detectors all the same."""
        lamps = {trace: self._shining(dict(seconds)) for trace, seconds in light.lamps.items()}
        if self.shutter is not None:
            stray = (layout.flats or layout.arcs)[0]
            factor = 1.0 if self.shutter.factor is None else self.shutter.factor
            for trace in layout.traces:
                seconds = lamps.setdefault(trace.name, {})
                seconds[stray] = seconds.get(stray, 0.0) + factor * _STRAY_S
        return replace(light, lamps=lamps)

    def _shining(self, seconds: dict[str, float]) -> dict[str, float]:
        for lamp, fault in self.lamps.items():
            usual = seconds.get(lamp, 0.0)
            if fault.what == "swapped" and fault.other is not None:
                seconds[fault.other] = seconds.get(fault.other, 0.0) + usual
            seconds[lamp] = self.left[lamp] * usual
        return seconds

    def damaged(self, pixels: NDArray[np.uint16], last: NDArray[np.uint16] | None) -> NDArray[np.uint16]:
        """Return the image as the camera hands it over."""
        if self.image is None:
            return pixels
        if self.image.what == "stale":
            return pixels if last is None else last
        cut = pixels.copy()
        if self.image.what == "half":
            cut[len(cut) // 2 :] = 0
        elif self.image.what == "amplifier":
            cut[:, cut.shape[1] // 2 :] = 0
        else:
            self._hit(cut)
        return cut

    def _hit(self, pixels: NDArray[np.uint16]) -> None:
        factor = 1.0 if self.image is None or self.image.factor is None else self.image.factor
        dice = np.random.default_rng((self.number, pixels.size))
        hits = dice.integers(0, pixels.size, round(factor * _HITS))
        left = dice.integers(*_HIT_ADU, len(hits))
        pixels.flat[hits] = np.minimum(pixels.flat[hits].astype(np.int64) + left, _FULL)


class LightFaults:
    """Counts exposures, and says what goes wrong with each.

    Args:
        lamps: of the observatory.
        faults: all that were asked for; those of the device `light` count.

    Raises:
        ObservatoryError: a fault names a lamp that there is not.
    """

    def __init__(self, lamps: Iterable[str], faults: Iterable[Fault]) -> None:
        self._book = FaultBook("light", tuple(lamps), faults)
        self._last: dict[str, NDArray[np.uint16]] = {}
        self._faded: dict[str, int] = {}

    def strike(self, light: Light, number: int, begins_utc: float) -> Struck:
        """Return what goes wrong with an exposure: a lamp's fault counts the exposures that it is lit in.

        Args:
            light: of the exposure.
            number: of the exposure.
            begins_utc: when it began, seconds of UTC.
        """
        lit = {lamp for seconds in light.lamps.values() for lamp, value in seconds.items() if value > 0}
        lamps = self._book.strike("shine", tuple(sorted(lit))) if lit else {}
        left = {lamp: self._left(lamp, fault, begins_utc) for lamp, fault in lamps.items()}
        shutter = self._book.strike("shutter", ("",)).get("")
        return Struck(lamps, shutter, self._book.strike("read", ("",)).get(""), left, number)

    def _left(self, lamp: str, fault: Fault, begins_utc: float) -> float:
        """Return the share of a lamp's light that is left."""
        factor = _LEFT.get(fault.what, 0.0) if fault.factor is None else fault.factor
        if fault.what == "dim":
            return factor
        if fault.what == "fading":
            self._faded[lamp] = self._faded.get(lamp, 0) + 1
            return float(factor ** self._faded[lamp])
        if fault.what == "drift":
            # A night is from noon to noon of UTC, and the same in every process.
            night = int((begins_utc - _NIGHT_S / 2) // _NIGHT_S)
            dice = np.random.default_rng((abs(fault.seed), night, *lamp.encode()))
            return max(0.0, 1.0 + factor * float(dice.standard_normal()))
        return 0.0

    def image(self, struck: Struck, camera: str, pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return a camera's image as it is handed over, and remember it."""
        found = struck.damaged(pixels, self._last.get(camera))
        self._last[camera] = found
        return found
