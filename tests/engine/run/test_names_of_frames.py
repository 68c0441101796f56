"""Folders and files named by night, and a site's header cards: in runs, resumes and by hand, without collisions."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight import look_back, report
from safelight.commands.first_documents import LampSketch, SiteSketch, observatory_text
from safelight.devices import Observatory, ObservatoryError, load_observatory
from safelight.devices.files.names import FileNames
from safelight.devices.observatory.site_habits import FramesModel
from safelight.engine import Request, perform, plan_of
from safelight.engine.clock import VirtualClock
from safelight.engine.planning.frame_cards import require_distinct_cards
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.sequences import SequenceError

BIASES = {"name": "zeros", "biases": {"count": 2}}
SITE = SiteSketch("hill", (LampSketch("ThAr", "arc", 1.0),), "echelle", ("blue", "red"), 1.0)
NIGHTS = {"folder": "{night}/{sequence}", "file": "{night}-{number}-{frame}_{camera}", "timezone": "America/Santiago"}


def written(folder: Path, **more: Any) -> Path:
    """Write a small observatory with more keys."""
    path = folder / "hill.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(observatory_text(SITE)) | more))
    return path


@pytest.mark.parametrize(
    ("utc", "night"),
    [
        ((2026, 11, 23, 14, 59, 59), "20261122"),
        ((2026, 11, 23, 15, 0, 0), "20261123"),
        ((2026, 11, 24, 14, 59, 59), "20261123"),
        ((2026, 6, 23, 15, 59, 59), "20260622"),
        ((2026, 6, 23, 16, 0, 0), "20260623"),
    ],
)
def test_a_night_begins_at_noon(utc: tuple[int, ...], night: str) -> None:
    """Local noon, in summer and in winter."""
    model = FramesModel(timezone="America/Santiago")
    assert model.night(datetime(*utc, tzinfo=UTC)) == night  # type: ignore[misc,arg-type]


def test_runs_of_one_night_have_folders_of_their_own(tmp_path: Path) -> None:
    """Two runs of one sequence in one night never share a folder. Journal, report and manifest name the right one."""
    request = Request(
        sequence=BIASES,
        observatory=written(tmp_path, frames=NIGHTS, header={"TELESCOP": "Hill 1 m", "INSTRUME": "echelle", "AREA": 2}),
        home=tmp_path / "home",
        frames=tmp_path / "frames",
        speed="max",
    )
    results = [asyncio.run(perform(request, clock=VirtualClock(), guarded=False)) for _ in range(3)]
    night = load_observatory(str(request.observatory)).frames.night(datetime.now(UTC))  # noqa: TID251
    folders = [result.folder.relative_to(tmp_path / "frames") for result in results]
    assert [folder.name for folder in folders] == ["zeros", "zeros-2", "zeros-3"]
    assert folders[0].parent.name in {night, f"{int(night) - 1}"}
    for result in results:
        assert result.outcome == "done"
        assert len(list(result.folder.glob("*.fits"))) == 4
        assert look_back(result.run, home=tmp_path / "home").page.folder == result.folder
        assert str(result.folder) in report(result.run, home=tmp_path / "home", form="html")
    names = sorted(path.name for path in results[2].folder.glob("*.fits"))
    assert names[0].endswith("-00000005-bias-001_blue.fits")
    header = fits.getheader(results[0].frames[0].files[0].path)
    assert (header["TELESCOP"], header["INSTRUME"], header["AREA"]) == ("Hill 1 m", "echelle", 2)


def test_a_resume_finds_the_files(tmp_path: Path) -> None:
    """In their folder, and where all folders were moved to. What is there is kept, what is gone is taken again."""
    observatory = written(tmp_path, frames=NIGHTS)
    options = {"home": tmp_path / "home", "observatory": observatory, "speed": "max"}
    request = Request(sequence=BIASES, frames=tmp_path / "frames", **options)  # type: ignore[arg-type]
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    kept = result.frames[1].files[0].path
    for file in result.frames[0].files:
        file.path.unlink()
    (tmp_path / "frames").rename(tmp_path / "moved")
    again = ResumeRequest(run=result.run, frames=tmp_path / "moved", **options)  # type: ignore[arg-type]
    second = asyncio.run(resume(again, clock=VirtualClock(), guarded=False))
    assert second.outcome == "done"
    assert second.folder == tmp_path / "moved" / result.folder.relative_to(tmp_path / "frames")
    assert (second.folder / kept.name).exists()
    assert len(list(second.folder.glob("*.fits"))) == 4


def test_files_are_told_apart_by_number_and_camera(tmp_path: Path) -> None:
    """A frame's name that looks like another number or camera misleads nobody."""
    names = FileNames(FramesModel(file="{frame}-{camera}-{number}"), ("b", "blue"))
    begun = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for number in (1, 2):
        for camera in names.cameras:
            (tmp_path / names.name(number, "arc-00000001-blue", camera, begun)).touch()
    (tmp_path / "notes-00000001.txt").touch()
    found = names.files_of(1, tmp_path)
    assert [path.name for path in found] == [
        "arc-00000001-blue-b-00000001.fits",
        "arc-00000001-blue-blue-00000001.fits",
    ]
    assert names.files_of(3, tmp_path) == ()


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ({"folder": "{nigth}"}, "did you mean '{night}'"),
        ({"folder": "../{run}"}, "hidden"),
        ({"folder": "/data/{run}"}, "empty"),
        ({"folder": "{run}/"}, "empty"),
        ({"folder": "{run"}, "brace"),
        ({"folder": "{run!r}"}, "unknown field"),
        ({"folder": "{run.__class__}"}, "unknown field"),
        ({"folder": "a b"}, "can't be part"),
        ({"file": "{frame}-{camera}"}, "{number} is missing"),
        ({"file": "{number}"}, "{camera} is missing"),
        ({"file": "{number}{number}{camera}"}, "duplicated"),
        ({"file": "a/{number}{camera}"}, "can't be part"),
        ({"timezone": "Chile/Nowhere"}, "time zone"),
    ],
)
def test_wrong_names_are_refused(tmp_path: Path, frames: dict[str, str], words: str) -> None:
    """With the line, and what was expected. Nothing leads out of the frames folder, and no two files share a name."""
    with pytest.raises(ObservatoryError) as raised:
        load_observatory(written(tmp_path, frames=frames))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"EXPTIME": 1}, "written by the program"),
        ({"THAR": "x"}, "the state of lamp ThAr"),
        ({"telescop": "x"}, "FITS keyword"),
        ({"TELESCOP": "x" * 69}, "too long"),
        ({"TELESCOP": "ü"}, "printable ASCII"),
        ({"TELESCOP": None}, "header.TELESCOP"),
    ],
)
def test_wrong_cards_are_refused(tmp_path: Path, header: dict[str, Any], words: str) -> None:
    """Before anything moves."""
    with pytest.raises(ObservatoryError) as raised:
        require_distinct_cards(load_observatory(written(tmp_path, header=header)))
    assert words in str(raised.value)


def test_a_sequence_does_not_override_the_site(tmp_path: Path) -> None:
    """A card of the observatory document has one value in all frames."""
    path = written(tmp_path, header={"TELESCOP": "Hill"})
    with pytest.raises(SequenceError, match="what the observatory document says"):
        plan_of(Request(sequence={**BIASES, "header": {"TELESCOP": "other"}}, observatory=path))


def test_documents_without_habits_keep_their_hash() -> None:
    """The keys that came later are not part of a document that does not have them."""
    dumped = load_observatory("simulated").model_dump(mode="json")
    assert not {"sequences", "header", "frames", "notify"} & dumped.keys()
    given = load_observatory("simulated").model_copy(update={"frames": FramesModel(timezone="UTC")})
    assert Observatory.model_validate_json(given.model_dump_json()).hash == given.hash
