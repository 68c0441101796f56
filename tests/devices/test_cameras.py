"""Names of cameras: from the document, or from the number of their spectrograph, never from counting."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import (
    ExposureOrder,
    Observatory,
    ObservatoryError,
    Timekeeper,
    load_observatory,
    open_devices,
    shipped_observatories,
)
from safelight.devices.observatory.cameras import camera_names
from safelight.engine.planning.frame_cards import require_distinct_cards


def with_spectrographs(folder: Path, units: Any, cameras: list[str] | None, shipped: str = "simulated") -> Path:
    """Write a shipped observatory with these spectrographs. Return its path."""
    plain = yaml.safe_load(shipped_observatories()[shipped].read_text(encoding="utf-8"))
    plain["spectrographs"] |= {"units": units, "cameras": cameras or []}
    if shipped == "lvm":
        plain["spectrographs"]["options"]["data_root"] = str(folder)
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


FORMS = [
    (["sp1", "sp2", "sp3"], ["b", "r"], ("b1", "r1", "b2", "r2", "b3", "r3")),
    (["sp2"], ["b", "r", "z"], ("b2", "r2", "z2")),
    (["sp3", "sp1"], ["b"], ("b3", "b1")),
    (["echelle"], ["ccd"], ("ccd",)),
    (["north", "south"], ["ccd"], ("ccd_north", "ccd_south")),
    ({"sp2": {"cameras": ["b2", "r2", "z2"]}}, None, ("b2", "r2", "z2")),
    ({"sp1": {}, "ir": {"cameras": ["hawaii"]}}, ["b"], ("b1", "hawaii")),
]


@pytest.mark.parametrize(("units", "cameras", "names"), FORMS)
@pytest.mark.parametrize("shipped", ["simulated", "lvm"])
def test_names(
    tmp_path: Path, clock: Timekeeper, shipped: str, units: Any, cameras: list[str] | None, names: tuple[str, ...]
) -> None:
    """Both drivers call the cameras what the document makes of them, also after a trip through the journal."""
    observatory = load_observatory(with_spectrographs(tmp_path, units, cameras, shipped))
    assert Observatory.model_validate_json(observatory.model_dump_json()).spectrographs == observatory.spectrographs
    assert observatory.spectrographs.every_camera == names
    if shipped == "simulated":
        assert open_devices(observatory, clock=clock, home=tmp_path).spectrographs.cameras == names


@pytest.mark.parametrize("missing", ["sp1", "sp2", "sp3"])
def test_a_camera_keeps_its_name(missing: str) -> None:
    """Taking a spectrograph away renames no camera of the others."""
    every = ("sp1", "sp2", "sp3")
    whole = camera_names("brz", dict.fromkeys(every))
    left = camera_names("brz", dict.fromkeys(unit for unit in every if unit != missing))
    assert left == {unit: cameras for unit, cameras in whole.items() if unit != missing}


@pytest.mark.parametrize(("units", "cameras", "names"), [FORMS[1], FORMS[3], FORMS[4], FORMS[6]])
def test_files(
    tmp_path: Path,
    clock: Timekeeper,
    run: Callable[[Any], Any],
    units: Any,
    cameras: list[str] | None,
    names: tuple[str, ...],
) -> None:
    """Files, their headers and what is found of them after a restart carry these names."""
    observatory = load_observatory(with_spectrographs(tmp_path, units, cameras))

    async def scene() -> None:
        specs = open_devices(observatory, clock=clock, home=tmp_path).spectrographs
        number = await specs.expose(ExposureOrder("bias", 0.0, "bias-001"))
        files = await specs.read_out({}, tmp_path / "frames")
        assert [path.name for path in files] == [f"{number:08d}-bias-001-{camera}.fits" for camera in names]
        assert tuple(fits.getheader(path)["CAMERA"] for path in files) == names
        origin = [fits.getheader(path)[key] for path in files for key in ("SIMULATE", "OBSERVAT", "INSTRUME")]
        assert origin == [True, observatory.name, "safelight simulator"] * len(names)
        anew = open_devices(observatory, clock=clock, home=tmp_path).spectrographs
        assert anew.files_of(number, tmp_path / "frames") == files

    run(scene())


REFUSED = [
    (5, ["b"], "spectrographs.units: expected a list"),
    ({"sp2": {"camera": ["b2"]}}, ["b"], "spectrographs.units.sp2.camera: unknown key"),
    ({"sp2": {"cameras": ["x"]}, "sp3": {"cameras": ["x"]}}, None, "spectrographs.units.sp3.cameras: two cameras"),
    ({"sp2": {"cameras": ["x"]}, "sp3": {}}, None, "spectrographs.cameras: the spectrograph sp3 names none"),
]


@pytest.mark.parametrize(("units", "cameras", "words"), REFUSED)
def test_refused(tmp_path: Path, units: Any, cameras: list[str] | None, words: str) -> None:
    """A mistake is reported with file, line and path, without the inner names of the two forms."""
    path = with_spectrographs(tmp_path, units, cameras)
    with pytest.raises(ObservatoryError) as refused:
        load_observatory(path)
    assert words in str(refused.value)
    assert f"{path}:" in str(refused.value)
    assert "<" not in str(refused.value)


def test_two_cameras_of_one_name_are_refused_before_a_run(tmp_path: Path) -> None:
    """Where one file would replace another, no run is begun. The document can still be read to darken lamps."""
    observatory = load_observatory(with_spectrographs(tmp_path, ["sp1"], ["b", "b"]))
    with pytest.raises(ObservatoryError, match="2 cameras are called b_sp1"):
        require_distinct_cards(observatory)
