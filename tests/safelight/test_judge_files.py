"""`safelight judge` on files of a detector that nothing in safelight knows: three amplifiers, gradients, a slit."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray
from typer.testing import Result

Inside = Callable[..., Result]
Image = NDArray[np.float64]

ROWS, COLUMNS = 150, 333
NOISE_ADU = 4.5


@dataclass
class Camera:
    """A detector with steps between three amplifiers and a gradient of 60 ADU along the rows.

    Attributes:
        folder: for its files.
        files: in the order in which they were taken.
    """

    folder: Path
    files: list[Path] = field(default_factory=list)
    dice: np.random.Generator = field(default_factory=lambda: np.random.default_rng(77))

    @property
    def unexposed(self) -> Image:
        """A bias without its noise."""
        steps = np.repeat([420.0, 455.0, 431.0], COLUMNS // 3)
        return steps[None, :] + 60.0 * (np.arange(ROWS)[:, None] / ROWS) ** 2

    def lines(self, peak_adu: float) -> Image:
        """Return the tilted lines of an arc along a slit."""
        rows, columns = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float64)
        slit = (rows > 20) & (rows < ROWS - 25)
        middles = [31.0, 77.0, 80.5, 140.0, 201.0, 288.0]
        light = sum(np.exp(-0.5 * ((columns - middle - 0.03 * rows) / 1.1) ** 2) for middle in middles)
        return np.asarray(peak_adu * slit * light)

    def take(self, kind: str, light: Image | float = 0.0, **cards: Any) -> Image:
        """Write one file. Return its image."""
        image = np.clip(self.unexposed + light + self.dice.normal(0, NOISE_ADU, (ROWS, COLUMNS)), 0, 65535)
        self.write(kind, image.round(), **cards)
        return image.round()

    def write(self, kind: str, image: Image, **cards: Any) -> None:
        """Write an image as the camera hands it over."""
        path = self.folder / f"{len(self.files):02d}.fits"
        header = fits.Header({"IMAGETYP": kind, "EXPTIME": 0.0 if kind == "Bias Frame" else 12.0, **cards})
        fits.writeto(path, image.astype(np.uint16), header)
        self.files.append(path)


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    """Return the camera, with an empty folder."""
    return Camera(tmp_path)


def verdicts(inside: Inside, files: Sequence[Path], *words: str) -> Mapping[str, Mapping[str, Any]]:
    """Return name of file -> what `safelight judge` says of it."""
    found = inside("judge", *map(str, files), *words, "--json")
    assert found.exit_code == 0, found.output
    said = [json.loads(line) for line in found.stdout.splitlines()]
    return {Path(one["files"][0]).stem: one for one in said}


def test_what_goes_wrong_is_found_by_files_alone(inside: Inside, camera: Camera) -> None:
    """A lamp dies after two arcs, the shutter sticks in a bias, a buffer is stale, a readout ends half-way."""
    for light in (0.0, 0.0, 0.0, camera.lines(300.0), 0.0):
        camera.take("Bias Frame", light)
    for light in (camera.lines(900.0), camera.lines(900.0), 0.0, 0.0):
        last = camera.take("Comparison Arc", light)
    camera.write("Dark Frame", last)
    half = camera.take("Comparison Arc", camera.lines(900.0))
    half[ROWS // 2 :] = half[ROWS // 2 - 1]
    camera.write("Comparison Arc", half)
    found = verdicts(inside, camera.files, "--lamp", "ThNe")
    bad = {name: one["findings"] for name, one in found.items() if one["quality"] == "bad"}
    assert sorted(bad) == ["03", "07", "08", "09", "11"]
    assert {each["rule"] for each in bad["03"]} & {"skew", "unwanted"}
    for name in ("07", "08"):
        assert "ThNe is on and does not shine" in found[name]["words"]
    assert [each["rule"] for each in bad["09"] if each["bad"]] == ["stale"]
    assert "frozen" in [each["rule"] for each in bad["11"] if each["bad"]]
    assert {found[name]["quality"] for name in ("00", "01", "02", "04", "05", "06", "10")} == {"good"}


def test_without_biases_a_dark_frame_is_not_called_good(inside: Inside, camera: Camera) -> None:
    """Gradients and steps look like light. What can't be distinguished is remarked on, and what has lines is good."""
    camera.take("Comparison Arc", camera.lines(900.0))
    camera.take("Comparison Arc")
    camera.take("Flat Field")
    found = verdicts(inside, camera.files, "--lamp", "ThNe")
    assert [found[name]["quality"] for name in ("00", "01", "02")] == ["good", "suspect", "suspect"]
    assert "before there are 3 biases" in found["01"]["words"]
