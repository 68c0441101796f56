"""The newest frame's light on the page: what it is told, and what an observer sees."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import shipped_observatories
from safelight.devices.simulated import Fault
from safelight.engine import Request, VirtualClock, perform
from safelight.engine.records.database import Journal, default_url
from safelight.show.history.run_history import read_history
from safelight.web.run_view import run_view
from tests.web.hosting import Server, serving

SEQUENCE: Mapping[str, Any] = {
    "name": "light",
    "biases": {"count": 3},
    "lamps": {"Neon": {"warmup": 20, "exposure_time": 10, "count": 5}},
}


def judged(folder: Path) -> Path:
    """Write an observatory of one camera whose light is judged."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "judged"
    quality = {"overscan": [[0, 128, 192, 208]]}
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "quality": quality}
    path = folder / "judged.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def dim(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Return a home with a run whose last frame has a third of the usual light, its observatory, and the run."""
    folder = tmp_path_factory.mktemp("dim")
    observatory, home = judged(folder), folder / "home"
    fault = Fault(device="light.Neon", verb="shine", what="dim", nth=5, factor=0.33)  # type: ignore[call-arg]
    request = Request(dict(SEQUENCE), observatory=observatory, home=home, frames=home / "frames", faults=(fault,))
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert result.outcome == "done"
    return home, observatory, result.run


def test_the_page_is_told_the_light_of_each_image(dim: tuple[Path, Path, str]) -> None:
    """Quality, words and the amount of light against the reference."""
    journal = Journal(default_url(dim[0]), create=False)
    try:
        story = read_history(journal, dim[2])
    finally:
        journal.close()
    light = run_view(story, None, 0.0, 1.0).facts["frame"]["light"]
    assert light["quality"] == "suspect"
    assert "light" in light["words"]
    [image] = light["images"]
    assert image["name"] == "b1"
    assert image["amount"] == pytest.approx(0.33, abs=0.05)


@pytest.fixture(scope="module")
def server(dim: tuple[Path, Path, str]) -> Iterator[Server]:
    """Yield the page's server in that home."""
    with serving(*dim[:2], "--speed", "20") as one:
        yield one


def test_an_observer_sees_the_light_of_the_newest_frame(page: Any, server: Server) -> None:
    """A point stands left of the usual band, in words for readers that do not see it, and the verdict beside it."""
    page.goto(server.address)
    page.wait_for_selector("#frame-name:has-text('Neon-10s-005')")
    page.wait_for_selector("#light-words:has-text('Light: suspect.')")
    point = page.wait_for_selector("#light circle.light-other")
    band = page.query_selector("#light rect.light-band")
    assert float(point.get_attribute("cx")) < float(band.get_attribute("x"))
    assert page.get_attribute("#light svg", "aria-label").startswith("Light against its reference: b1 0.3")
    assert page.locator("#light circle").count() == 1
