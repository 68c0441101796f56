"""`safelight tidy`: what old runs have left behind, listed first, and nothing that anybody needs."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from safelight import look_back

Inside = Callable[..., Result]

OLD = 1_000_000_000


@pytest.fixture
def old(inside: Inside, home: Path) -> Path:
    """Return a state folder with a run that is done, long ago. Return its frames folder."""
    assert inside("run", "bias", "--speed", "max", "--observatory", "simulated").exit_code == 0
    folder = look_back(home=home).page.folder
    for name in ("aside/old.fits", "bad/worse.fits"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    (home / "logs" / "web-old.log").touch()
    (home / "logs" / "another-run.jsonl").touch()
    (home / "guards").mkdir(exist_ok=True)
    (home / "guards" / "done.log").touch()
    for path in [*home.rglob("*"), *folder.rglob("*")]:
        if path.is_file():
            os.utime(path, (OLD, OLD))
    return folder


def test_it_lists_first_and_removes_when_told(inside: Inside, home: Path, old: Path) -> None:
    """Frames, what is bad, manifest, journal and exposure numbers stay, and so does the log of an unknown run."""
    kept = {"journal.sqlite", "another-run.jsonl", "counter.json"}
    before = {path for path in [*home.rglob("*"), *old.rglob("*")] if path.is_file()}
    dry = json.loads(inside("tidy", "--json").stdout)
    assert not dry["removed"]
    assert {path for path in before if path.exists()} == before
    told = inside("tidy").stdout
    assert "would be removed" in told
    done = json.loads(inside("tidy", "--remove", "--json").stdout)
    assert done["removed"]
    gone = {str(path) for path in before if not path.exists()}
    assert gone == {one["path"] for one in dry["files"]} == {one["path"] for one in done["files"]}
    assert {Path(path).name for path in gone} >= {"old.fits", "web-old.log", "done.log", "switch.json"}
    assert {path.name for path in home.rglob("*")} >= kept
    assert (old / "bad" / "worse.fits").exists()
    assert len(list(old.glob("*.fits"))) == 63
    assert "nothing to tidy" in inside("tidy").stdout


def test_what_is_young_or_unfinished_stays(inside: Inside, home: Path, old: Path) -> None:
    """A run that can be resumed keeps its log and what was set aside."""
    from contextlib import closing  # noqa: PLC0415 - only here

    import sqlalchemy as sa  # noqa: PLC0415

    from safelight.engine.records import tables  # noqa: PLC0415
    from safelight.engine.records.database import Journal, default_url  # noqa: PLC0415

    with closing(Journal(default_url(home), create=False)) as journal:
        journal.write(sa.update(tables.runs).values(outcome="aborted"))
        journal.commit()
    names = {Path(one["path"]).name for one in json.loads(inside("tidy", "--json").stdout)["files"]}
    assert "old.fits" not in names
    assert not any(name.endswith(".jsonl") for name in names)
    (home / "logs" / "web-old.log").touch()
    names = {Path(one["path"]).name for one in json.loads(inside("tidy", "--json").stdout)["files"]}
    assert "web-old.log" not in names
