"""The names of runs: two that begin in the same moment never get the same one."""

import asyncio
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from safelight.engine import Request, RunResult, perform
from safelight.engine.records import tables
from safelight.engine.records.database import Journal

SEQUENCE = {"name": "one", "biases": {"count": 1}}


def play(url: str, home: Path, frames: Path) -> RunResult:
    """One run, in virtual time."""
    request = Request(SEQUENCE, home=home, frames=frames, speed="max", journal=url)
    return asyncio.run(perform(request, guarded=False))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dice that fall the same way again and again."""
    fallen = iter(["run-a", "run-a", "run-a", "run-b"])
    monkeypatch.setattr(sys.modules["safelight.engine.run.start"], "new_run_id", lambda *_: next(fallen))


@pytest.mark.usefixtures("names")
def test_a_name_that_is_in_the_journal(url: str, tmp_path: Path) -> None:
    """Two hosts, each with its own home and frames, share a journal: the second run takes another name."""
    first = play(url, tmp_path / "one", tmp_path / "frames-one")
    second = play(url, tmp_path / "two", tmp_path / "frames-two")
    assert [first.run, second.run] == ["run-a", "run-b"]
    assert [first.outcome, second.outcome] == ["done", "done"]
    journal = Journal(url)
    assert {row["run"] for row in journal.read(sa.select(tables.runs.c.run))} == {"run-a", "run-b"}
    assert journal.read(sa.select(tables.locks)) == []
    journal.close()


@pytest.mark.usefixtures("names")
def test_a_name_that_is_a_folder(tmp_path: Path) -> None:
    """With journals of their own and one folder for frames no run writes into the folder of another."""
    first = play(f"sqlite:///{tmp_path / 'one.sqlite'}", tmp_path / "one", tmp_path / "frames")
    before = sorted(first.folder.iterdir())
    second = play(f"sqlite:///{tmp_path / 'two.sqlite'}", tmp_path / "two", tmp_path / "frames")
    assert (second.run, second.outcome) == ("run-b", "done")
    assert sorted(first.folder.iterdir()) == before
