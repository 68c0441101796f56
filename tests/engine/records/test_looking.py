"""Looking at runs: without write access, in folders with any name, and with the same story as a resume."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from safelight.api import look_back
from safelight.engine.errors import JournalError
from safelight.engine.home import file_url
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.resume.resumption import ResumeRequest, look_ahead
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Warm
from tests.warm_commands import WarmCommands

DEMO = ["bias-001", "Quartz-120s-001"]
DARKS = {"name": "night", "darks": {"count": 2, "exposure_time": 900}}
MakeCase = Callable[..., Case]

NO_RIGHTS = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs")
"""Even root may then write only where the permissions say so."""


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def safelight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Yield a command, as one without special rights gives it."""
    warm = WarmCommands(tmp_path_factory.mktemp("warm"), NO_RIGHTS if os.geteuid() == 0 else ())
    yield lambda *words: subprocess.run([warm.program, *words], capture_output=True, text=True, check=False)
    warm.close()


@pytest.fixture
def locked() -> Iterator[Callable[[Path], None]]:
    """Take the right to write away from a folder and its files. Given back afterwards."""
    folders: list[Path] = []

    def lock(folder: Path) -> None:
        folders.append(folder)
        for path in (*folder.rglob("*"), folder):
            path.chmod(0o555 if path.is_dir() else 0o444)

    yield lock
    for folder in folders:
        folder.chmod(0o755)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)


def bytes_below(folder: Path) -> Mapping[str, bytes]:
    """Return every file."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ended", ["done", "killed"])
def test_without_write_access(
    safelight: Command, warm: Warm, case: Case, locked: Callable[[Path], None], ended: str
) -> None:
    """Who may only read sees runs, a run and its report. Nothing changes, and stopping says what is missing."""
    kill = {"what": "commit", "n": 26, "do": "kill"}
    assert warm.do(case.job("run", at=kill if ended == "killed" else None)).killed is (ended == "killed")
    home = ["--home", str(case.home)]
    whole = safelight("runs", "--json", *home)
    assert whole.returncode == 0, whole.stderr
    locked(case.home)
    before = bytes_below(case.home)
    listed = safelight("runs", "--json", *home)
    assert listed.stdout == whole.stdout, listed.stderr
    (run,) = json.loads(listed.stdout)["runs"]
    assert run["status"] == ended
    shown = safelight("show", run["run"], "--json", *home)
    assert json.loads(shown.stdout)["status"] == ended, shown.stderr
    page = case.frames / "report.html"
    reported = safelight("report", run["run"], "-o", str(page), *home)
    assert reported.returncode == 0, reported.stderr
    assert run["run"] in page.read_text(encoding="utf-8")
    queued = safelight("queue", "list", "--json", *home)
    assert json.loads(queued.stdout) == {"requests": []}, queued.stderr
    assert bytes_below(case.home) == before


@pytest.mark.parametrize("name", ["a b", "what?now=1", "50%20off", "no#1", "ä@:b&c", "%", "x%3Fy"])
def test_homes_with_any_name(warm: Warm, make_case: MakeCase, name: str) -> None:
    """A home keeps its own journal in it, whatever it is called: nothing of its path is taken for a query or a code."""
    case, other = make_case(), make_case()
    homes = [each.home.parent / name / "home" for each in (case, other)]
    for each, home in zip((case, other), homes, strict=True):
        named = Case(home, each.frames, each.observatory, default_url(home), each.sequence, each.speed)
        ended = warm.do(named.job("run", request={"journal": None}))
        assert ended.outcome == "done", ended
        assert home.joinpath("journal.sqlite").exists()
        assert look_back(home=home).page.run == ended.answer["run"]
        assert_whole(named, ended.answer["run"], DEMO)
        assert sorted(path.name for path in home.parent.parent.iterdir()) == sorted({name, "frames", *each_of(each)})


def each_of(case: Case) -> set[str]:
    """Return what lies beside a case's home from the beginning."""
    return {path.name for path in (case.home, case.frames) if path.exists()}


def test_a_url_is_read_back(tmp_path: Path) -> None:
    """The URL that an open journal gives to other processes opens the same file."""
    path = tmp_path / "a ?b%20#c" / "journal.sqlite"
    journal = Journal(file_url(path))
    try:
        again = Journal(journal.url, create=False)
        again.close()
        assert again.url == journal.url == str(journal)
    finally:
        journal.close()
    assert path.exists()
    assert [found.name for found in tmp_path.iterdir()] == ["a ?b%20#c"]


def test_a_query_is_refused(tmp_path: Path) -> None:
    """A URL with a query is refused with how a question mark in a path is written."""
    with pytest.raises(JournalError, match="%3F"):
        Journal(f"sqlite:///{tmp_path}/what?now")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_not_utf8(tmp_path: Path) -> None:
    """A path that can't be written as text gets a sentence, and exit code 2."""
    home = os.fsencode(tmp_path) + b"/\xff"
    ended = subprocess.run(
        [sys.executable, "-m", "safelight", "run", "demo", "--speed", "max", "--home", home],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 2
    assert b"UTF-8" in ended.stderr
    assert b"safelight itself" not in ended.stderr


def test_a_dry_run_tells_the_story_of_the_resume(warm: Warm, make_case: MakeCase) -> None:
    """The dry run names the exposure that a resume will read out of the spectrographs, and moves nothing."""
    case = make_case(DARKS)
    assert warm.do(case.job("run", at={"what": "during expose", "n": 1, "do": "kill"})).killed
    before = bytes_below(case.frames)
    rest = asyncio.run(look_ahead(ResumeRequest(home=case.home, speed="max", journal=case.journal)))
    assert bytes_below(case.frames) == before
    assert rest.pending is not None
    assert rest.pending.frame == "dark-900s-001"
    assert warm.do(case.job("resume")).outcome == "done"
    kinds = [row["kind"] for row in rows_of(case.journal, tables.states)]
    assert kinds.count("adopt") == 1
