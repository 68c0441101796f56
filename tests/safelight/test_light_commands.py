"""The commands around light: `judge`, `quality show|forget|warmup`, `lamps hours`, and the strip in a report."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from safelight.devices import shipped_observatories
from safelight.engine import Request, perform
from safelight.engine.errors import RunRefused

Inside = Callable[..., Result]

SEQUENCE = {"biases": {"count": 3}, "lamps": {"Neon": {"warmup": 60, "exposure_time": 10, "count": 4}}}


@pytest.fixture
def judged(home: Path, tmp_path: Path) -> tuple[str, Path]:
    """Return document and frames folder of a run at an observatory of one camera whose light is judged."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "judged"
    quality = {"overscan": [[0, 128, 192, 208]]}
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "quality": quality}
    observatory = tmp_path / "judged.yaml"
    observatory.write_text(yaml.safe_dump(document), encoding="utf-8")
    request = Request(SEQUENCE, observatory=observatory, home=home, frames=tmp_path / "frames", speed="max")
    result = asyncio.run(perform(request, guarded=False))
    assert result.outcome == "done"
    return str(observatory), result.folder


def test_light_is_looked_into(inside: Inside, judged: tuple[str, Path], tmp_path: Path) -> None:
    """References are listed and forgotten, files are judged by each other, and lamps are added up."""
    observatory, folder = judged

    def told(*words: str) -> Any:
        found = inside(*words, "--json")
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    of_it = ("--observatory", observatory)
    kinds = {kind["flavour"]: kind for kind in told("quality", "show", *of_it)}
    assert (kinds["bias"]["frames"], kinds["arc"]["frames"], kinds["arc"]["lamps"]) == (3, 4, ["Neon"])
    files = [str(path) for path in sorted(folder.glob("*.fits"))]
    lines = inside("judge", *files, *of_it, "--json").stdout.splitlines()
    verdicts = [json.loads(line) for line in lines]
    assert [(each["flavour"], each["quality"]) for each in verdicts] == [("bias", "good")] * 3 + [("arc", "good")] * 4
    assert inside("judge", str(tmp_path / "gone.fits")).stdout.startswith("none")
    [hours] = told("lamps", "hours")
    assert (hours["lamp"], hours["ignitions"], hours["open_ends"]) == ("Neon", 1, 0)
    assert hours["seconds"] > 100
    warm = told("quality", "warmup", "Neon")
    assert [each["frames"] for each in warm] == ["Neon-10s"] * len(warm)
    assert warm[-1]["light"] == 1.0
    [night] = told("quality", "nights")
    assert (night["lamp"], night["frames"], night["count"]) == ("Neon", "Neon-10s", 4)
    assert night["light"] == pytest.approx(1.0, abs=0.05)
    assert inside("quality", "nights", "-o", "light.svg").exit_code == 0
    assert "Neon-10s: 1.0" in (tmp_path / "light.svg").read_text(encoding="utf-8")
    refused = inside("quality", "forget", "Xenon", *of_it).exception
    assert isinstance(refused, RunRefused)
    assert "'Xenon'" in str(refused)
    assert inside("quality", "forget", "neon", *of_it).exit_code == 0
    assert {kind["flavour"] for kind in told("quality", "show", *of_it)} == {"bias"}


def test_a_report_shows_the_light(inside: Inside, judged: tuple[str, Path]) -> None:
    """The report has a strip with every frame that was judged."""
    assert judged
    page = inside("report").stdout
    assert "Light of each frame against earlier frames" in page
    assert "Neon-10s-004, try 1: good" in page
