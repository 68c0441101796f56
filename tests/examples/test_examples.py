"""The ready examples: each is planned, proved and run, and its pixels are what it asks for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import Observatory, load_observatory
from safelight.devices.simulated.light_path import effects_of
from safelight.devices.simulated.measure import measure
from safelight.engine import Plan, Request, RunResult, VirtualClock, perform, plan_of
from safelight.states import Exposure

FOLDER = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.name.removesuffix(".observatory.yaml") for path in FOLDER.glob("*.observatory.yaml"))


def request_of(name: str, folder: Path) -> Request:
    """Return a run of an example in a folder of its own."""
    return Request(FOLDER / f"{name}.yaml", FOLDER / f"{name}.observatory.yaml", folder / "home", folder / "frames")


def taken(result: RunResult, exposures: dict[str, Exposure]) -> Iterator[tuple[Exposure, Any, Path]]:
    """Yield each file of a run, with its exposure and its header."""
    for frame in result.frames:
        for file in frame.files:
            yield exposures[frame.frame], fits.getheader(file.path), file.path


def expected_s(exposure: Exposure, lamp: str, header: Any, observatory: Observatory) -> float:
    """Seconds of full output that a lamp should give a camera, from what the document asks for."""
    if lamp not in exposure.lamps:
        return 0.0
    seconds = dict(exposure.partly).get(lamp) or dict(exposure.camera_s).get(header["CAMERA"], exposure.exposure_s)
    effects = effects_of(observatory)
    for selector, position in exposure.need.setup:
        seconds *= effects[selector][position].share(lamp)
    return seconds * dict(exposure.need.levels).get(lamp, 100.0) / 100.0


@pytest.mark.parametrize("name", NAMES)
def test_each_is_as_short_as_it_can_be(name: str, tmp_path: Path) -> None:
    """The plan is proved, and takes hardly longer than any schedule must."""
    plan: Plan = plan_of(request_of(name, tmp_path))
    assert plan.total_s <= 1.006 * plan.bound_s
    assert plan.total_s >= plan.bound_s
    assert plan.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_each_is_taken_as_it_is_written(name: str, tmp_path: Path) -> None:
    """Every frame is good. Its header names its set-up, and its pixels show its lamps, its times and its set-up."""
    request = request_of(name, tmp_path)
    plan = plan_of(request)
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert (result.outcome, set(result.lamps.values())) == ("done", {"off"})
    exposures = {exposure.frame: exposure for exposure in plan.graph.exposures}
    assert [frame.frame for frame in result.frames] == list(exposures)
    observatory = plan.observatory
    keyword = observatory.selectors.keyword if observatory.selectors else str
    for exposure, header, path in taken(result, exposures):
        assert {name: header[keyword(name)] for name, _ in exposure.need.setup} == dict(exposure.need.setup)
        for card, value in exposure.header:
            assert header[card] == value
        setup = {name: header[keyword(name)] for name in observatory.selectors.units} if observatory.selectors else {}
        seen = measure(path, observatory, setup)
        for lamp, light_s in seen.lamps.items():
            wanted_s = expected_s(exposure, lamp, header, observatory)
            assert light_s == pytest.approx(wanted_s, rel=0.05, abs=1.2), (exposure.frame, lamp)
        own_s = dict(exposure.camera_s).get(header["CAMERA"], exposure.exposure_s)
        assert header["EXPTIME"] == own_s


def test_the_set_up_is_in_the_arcs(tmp_path: Path) -> None:
    """Of every grism and every slit, the lines of an arc say which one it was."""
    result = asyncio.run(perform(request_of("dfosc-arcs", tmp_path), clock=VirtualClock(), guarded=False))
    observatory = load_observatory(FOLDER / "dfosc-arcs.observatory.yaml")
    arcs = [frame.files[0].path for frame in result.frames if frame.frame.startswith("HeNe")]
    seen = [measure(path, observatory).setup for path in arcs]
    headers = [fits.getheader(path) for path in arcs]
    assert seen == [{"slit": header["SLIT"], "grism": header["GRISM"]} for header in headers]
    assert len({tuple(sorted(each.items())) for each in seen}) == 9
