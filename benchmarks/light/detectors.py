"""Images that are as hard to judge as real ones: amplifiers, gradients, curved traces, scattered light, cosmic rays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from safelight.light import Section

__all__ = ["ARCS", "FLATS", "Detector", "Scene"]

Image = NDArray[np.uint16]
Floats = NDArray[np.float32]

ARCS, FLATS = ("Argon", "Neon", "HgNe", "Xenon"), ("Quartz", "LDLS")
_FULL = 65535


@dataclass(frozen=True)
class Scene:
    """What an exposure sees.

    Attributes:
        lamps: lamp -> its output, 1 is usual.
        shift: rows and columns by which everything is moved, pixels.
        fibres: fibre -> its throughput, 1 is usual; those that are not named are at 1.
        cosmics: times the usual rate.
        lines: scatter of single lines of arcs.
        diffuse_adu: light that falls everywhere.
    """

    lamps: Mapping[str, float]
    exposure_s: float = 10.0
    shift: tuple[float, float] = (0.0, 0.0)
    fibres: Mapping[int, float] | None = None
    cosmics: float = 1.0
    lines: float = 0.0
    diffuse_adu: float = 0.0
    drift_adu: float = 0.0
    noise: float = 1.0


@dataclass(frozen=True)
class Detector:
    """One camera.

    Attributes:
        seed: another seed is another camera.
        rows: and columns, the overscan in the middle of the columns included.
        fibres: traces.
        strong_adu: the brightest lines and continua of 10 s.
    """

    seed: int
    rows: int = 510
    columns: int = 516
    fibres: int = 39
    overscan: int = 8
    strong_adu: float = 6000.0

    @property
    def overscan_sections(self) -> tuple[Section, ...]:
        """The columns in the middle, for the left and for the right amplifiers."""
        middle, half = self.columns // 2, self.overscan // 2
        return ((0, self.rows, middle - half, middle), (0, self.rows, middle, middle + half))

    @cached_property
    def _dice(self) -> np.random.Generator:
        return np.random.default_rng((self.seed, 1))

    @cached_property
    def _ground(self) -> tuple[Floats, Floats]:
        """Return bias and noise of every pixel."""
        dice = np.random.default_rng((self.seed, 2))
        y, x = np.mgrid[0 : self.rows, 0 : self.columns].astype(np.float32)
        bias = 1000 + dice.normal(0, 1, (self.rows, self.columns)).astype(np.float32)
        bias += 20 * (y / self.rows) ** 2 + 10 * np.sin(3 * x / self.columns).astype(np.float32)
        noise = np.empty_like(bias)
        for rows in (slice(None, self.rows // 2), slice(self.rows // 2, None)):
            for columns in (slice(None, self.columns // 2), slice(self.columns // 2, None)):
                bias[rows, columns] += dice.uniform(-60, 60)
                noise[rows, columns] = dice.uniform(2.5, 3.5)
        for column in dice.integers(0, self.columns, 3):
            bias[self.rows // 3 :, column] += 150
        return bias, noise

    @cached_property
    def _hot(self) -> Floats:
        """Return the dark current of every pixel, ADU/s."""
        dice = np.random.default_rng((self.seed, 3))
        dark = np.full((self.rows, self.columns), 0.01, np.float32)
        hot = dice.integers(0, self.rows * self.columns, self.rows * self.columns // 2000)
        dark.flat[hot] = dice.exponential(2.0, len(hot))
        return dark

    @cached_property
    def _centres(self) -> Floats:
        """Return the row of each fibre at each column: curved, and not evenly spaced."""
        x = np.linspace(-1, 1, self.columns, dtype=np.float32)
        middle = (np.arange(self.fibres, dtype=np.float32) + 0.8) / (self.fibres + 0.6) * self.rows
        bend = 0.004 * self.rows * (x**2)[None, :] * np.linspace(-1, 1, self.fibres, dtype=np.float32)[:, None]
        return middle[:, None] + bend

    def _spectrum(self, lamp: str, shift: float, scatter: float, dice: np.random.Generator) -> Floats:
        x = np.arange(self.columns, dtype=np.float32) - shift
        own = np.random.default_rng((self.seed, 100 + (*ARCS, *FLATS).index(lamp)))
        if lamp in FLATS:
            slope = own.uniform(-0.6, 0.6)
            ripple = 0.2 * np.sin(x / self.columns * own.uniform(4, 12) + own.uniform(0, 6))
            return np.asarray(0.6 * np.clip(0.7 + slope * (x / self.columns - 0.5) + ripple, 0.1, None), np.float32)
        lines = np.zeros(self.columns, np.float32)
        for place, height in zip(own.uniform(10, self.columns - 10, 24), own.pareto(1.0, 24) + 0.1, strict=True):
            strength = min(height, 6.0) / 6 * max(0.0, 1 + scatter * dice.normal())
            lines += strength * np.exp(-((x - place) ** 2) / 3.4)
        return lines

    def light(self, scene: Scene, dice: np.random.Generator) -> Floats:
        """Return what reaches the detector, without noise, ADU."""
        spectrum = np.zeros(self.columns, np.float32)
        for lamp, output in scene.lamps.items():
            spectrum += output * self._spectrum(lamp, scene.shift[1], scene.lines, dice)
        image = np.zeros((self.rows, self.columns), np.float32)
        rows = np.arange(self.rows, dtype=np.float32)[:, None]
        throughput = np.random.default_rng((self.seed, 5)).uniform(0.7, 1.0, self.fibres)
        for fibre in range(self.fibres):
            part = throughput[fibre] * (scene.fibres or {}).get(fibre, 1.0)
            centre = self._centres[fibre][None, :] + scene.shift[0]
            low, high = max(0, int(centre.min()) - 6), min(self.rows, int(centre.max()) + 7)
            image[low:high] += part * np.exp(-((rows[low:high] - centre) ** 2) / 3.0) * spectrum[None, :]
        image *= self.strong_adu * scene.exposure_s / 10
        # Light scattered in the spectrograph: 2 %, smooth.
        image += 0.02 * image.mean(axis=0, keepdims=True) + 0.02 * image.mean()
        image[:, self.columns // 2 - self.overscan // 2 : self.columns // 2 + self.overscan // 2] = 0
        return image + np.float32(scene.diffuse_adu) * self._sees

    @cached_property
    def _sees(self) -> Floats:
        seen = np.ones((1, self.columns), np.float32)
        seen[:, self.columns // 2 - self.overscan // 2 : self.columns // 2 + self.overscan // 2] = 0
        return seen

    def image(self, scene: Scene, number: int) -> Image:
        """Return the image of an exposure; the number is the seed of its noise and of its cosmic rays."""
        dice = np.random.default_rng((self.seed, 7, number))
        bias, noise = self._ground
        signal = self.light(scene, dice) + self._hot * scene.exposure_s * self._sees
        values = bias + scene.drift_adu + signal
        sigma = np.sqrt((scene.noise * noise) ** 2 + np.clip(signal, 0, None))
        values = values + sigma * dice.standard_normal((self.rows, self.columns), dtype=np.float32)
        self._strike(values, scene, dice)
        return np.asarray(np.clip(np.rint(values), 0, _FULL), np.uint16)

    def _strike(self, values: Floats, scene: Scene, dice: np.random.Generator) -> None:
        """Add cosmic rays: short tracks, as many as an hour brings to a thick detector of this size."""
        rate = 2.0e-7 * self.rows * self.columns * (scene.exposure_s + 55.0) * scene.cosmics
        for _ in range(dice.poisson(rate)):
            row, column = int(dice.integers(0, self.rows)), int(dice.integers(0, self.columns))
            for step in range(int(dice.integers(1, 9))):
                y = min(self.rows - 1, row + step // 2)
                x = min(self.columns - 1, column + step)
                values[y, x] += dice.exponential(1500)

    def closed(self, exposure_s: float = 0.0) -> Scene:
        """Return the scene of a bias or a dark."""
        return Scene({}, exposure_s)

    def night(self, scene: Scene, number: int) -> Scene:
        """Return a scene as another night shows it: lamps by 3 %, one pixel of shift, a drift of the bias."""
        dice = np.random.default_rng((self.seed, 9, number))
        lamps = {lamp: output * float(dice.normal(1, 0.03)) for lamp, output in scene.lamps.items()}
        scale = max(1.0, self.rows / 1020)
        shift = tuple(float(value) for value in dice.uniform(-1, 1, 2) * scale)
        moved = (scene.shift[0] + shift[0], scene.shift[1] + shift[1])
        return replace(scene, lamps=lamps, shift=moved, drift_adu=scene.drift_adu + float(dice.normal(0, 1)))
