"""A journal whose write-ahead log was cut anywhere shows a prefix of the truth, or is refused. It is never wrong."""

import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safelight.engine.errors import JournalError
from safelight.engine.records import tables
from safelight.engine.records.begun_exposures import exposure_number
from tests.crash.check import assert_dark, assert_whole, rows_of
from tests.crash.crashes import Case, Warm

MakeCase = Callable[..., Case]
Expected = Callable[[Any], dict[str, Any]]

WAL_HEADER = 32
FRAME_HEADER = 24
"""https://www.sqlite.org/fileformat2.html#walformat, sections 4.1 and 4.2."""


class Cut:
    """The files of a journal as a killed run left them, and copies that are cut."""

    def __init__(self, journal: Path, folder: Path) -> None:
        self.main = journal.read_bytes()
        self.wal = journal.with_name(journal.name + "-wal").read_bytes()
        self._folder = folder
        self._count = 0

    @property
    def page(self) -> int:
        """Bytes of one frame of the log."""
        return int.from_bytes(self.wal[8:12]) + FRAME_HEADER

    @property
    def boundaries(self) -> list[int]:
        """Where a frame of the log ends, the header first."""
        return list(range(WAL_HEADER, len(self.wal) + 1, self.page))

    @property
    def commits(self) -> list[int]:
        """Where a transaction ends: its last frame names the size of the database."""
        ends = zip(self.boundaries, self.boundaries[1:], strict=False)
        return [end for start, end in ends if int.from_bytes(self.wal[start + 4 : start + 8])]

    def at(self, offset: int, wal: bytes | None = None) -> Path:
        """Return a copy whose log has as many bytes, in a folder of its own. No -shm beside it."""
        folder = self._folder / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        path = folder / "journal.sqlite"
        path.write_bytes(self.main)
        (folder / "journal.sqlite-wal").write_bytes((self.wal if wal is None else wal)[:offset])
        return path


def dump(path: Path) -> Any:
    """Everything in a journal, or None where it has no tables."""
    connection = sqlite3.connect(path)  # noqa: TID251 - a second opinion
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall() for name in names} or None  # noqa: S608
    finally:
        connection.close()


@pytest.fixture
def killed(warm: Warm, case: Case) -> Case:
    """Return a demo whose runner was killed after its first frame."""
    assert warm.do(case.job("run", at={"what": "commit", "n": 26, "do": "kill"})).killed
    return case


@pytest.fixture
def cut(killed: Case, tmp_path: Path) -> Cut:
    """Its journal."""
    return Cut(killed.home / "journal.sqlite", tmp_path)


def truths(cut: Cut) -> dict[int, Any]:
    """Log length -> what the journal says there, at the end of each transaction."""
    return {0: dump(cut.at(0)), **{end: dump(cut.at(end)) for end in cut.commits}}


def truth_at(offset: int, known: dict[int, Any]) -> Any:
    """Return what a journal whose log is cut there must say."""
    return known[max(end for end in known if end <= offset)]


def interesting(cut: Cut) -> list[int]:
    """Return each byte of the log's header and of the last frame's end, each boundary with neighbours, and some."""
    near = {
        edge + step for edge in cut.boundaries for step in (-1, 0, 1, FRAME_HEADER - 1, FRAME_HEADER, FRAME_HEADER + 1)
    }
    last = range(len(cut.wal) - FRAME_HEADER - 40, len(cut.wal) + 1)
    some = random.Random(1).sample(range(len(cut.wal)), 400)  # noqa: S311 - the same every time
    return sorted(n for n in {*range(WAL_HEADER + FRAME_HEADER), *near, *last, *some} if 0 <= n <= len(cut.wal))


def test_the_log_has_something_to_cut(cut: Cut) -> None:
    """The killed run has left a log of many transactions, and they are told apart."""
    known = truths(cut)
    assert len(cut.commits) >= 20
    assert len({str(truth) for truth in known.values()}) == len(known)


def test_cut_anywhere_it_shows_a_prefix(cut: Cut) -> None:
    """Cut at any byte and without its -shm, a journal holds exactly the transactions that were whole before the cut."""
    known = truths(cut)
    for offset in interesting(cut):
        assert dump(cut.at(offset)) == truth_at(offset, known), offset


@pytest.mark.soak
def test_cut_at_every_byte(cut: Cut) -> None:
    """The same, at every single byte."""
    known = truths(cut)
    for offset in range(len(cut.wal) + 1):
        assert dump(cut.at(offset)) == truth_at(offset, known), offset


def test_cut_anywhere_the_journal_opens_or_refuses(cut: Cut) -> None:
    """The journal's own reader agrees: the same frames and states, or a clear refusal where there is nothing yet."""
    known = truths(cut)
    refusals: list[tuple[int, Any, bool]] = []
    for offset in [0, 1, WAL_HEADER, *(edge + step for edge in cut.boundaries[1:] for step in (-1, 0, 1))]:
        path = cut.at(offset)
        truth = truth_at(min(offset, len(cut.wal)), known)
        try:
            frames = rows_of(f"sqlite:///{path}", tables.frames)
        except JournalError as error:
            refusals.append((offset, truth, "not a safelight journal" in str(error)))
        else:
            assert [tuple(row.values()) for row in frames] == truth["frames"], offset
    assert refusals
    assert all(truth is None and clear for _, truth, clear in refusals), refusals


def test_a_byte_that_flipped_ends_the_log(cut: Cut) -> None:
    """A log with a wrong byte holds what came before it, and nothing that was never written."""
    known = truths(cut)
    dice = random.Random(2)  # noqa: S311 - the same every time
    for _ in range(150):
        at = dice.randrange(WAL_HEADER, len(cut.wal))
        wal = bytearray(cut.wal)
        wal[at] ^= 1 << dice.randrange(8)
        start = max(edge for edge in cut.boundaries if edge <= at)
        assert dump(cut.at(len(wal), bytes(wal))) == truth_at(start, known), at


def test_without_its_log(cut: Cut) -> None:
    """Without its log a young journal is empty, and is refused."""
    path = cut.at(0)
    path.with_name(path.name + "-wal").unlink()
    with pytest.raises(JournalError, match="not a safelight journal"):
        rows_of(f"sqlite:///{path}", tables.runs)


def test_a_lost_shared_memory_file(killed: Case) -> None:
    """The -shm is an index only: without it, or with a spoiled one, the journal says the same."""
    whole = rows_of(killed.journal, tables.states)
    shm = killed.home / "journal.sqlite-shm"
    for spoil in (lambda: shm.unlink(missing_ok=True), lambda: shm.write_bytes(b"\xff" * 32768)):
        spoil()
        assert rows_of(killed.journal, tables.states) == whole


def assert_a_stranger(case: Case, reason: str) -> None:
    """Demand that the cut has removed the begin of an exposure: a person has to say whose it is, and no lamp is on."""
    found = re.search(r"exposure (\d+), begun by another program", reason)
    assert found, reason
    begun = rows_of(case.journal, tables.states, kind="expose", segment=1)
    assert int(found[1]) not in {exposure_number(row) for row in begun if row["note"]}
    assert_dark(case)


def test_a_cut_journal_is_resumed(warm: Warm, killed: Case, cut: Cut, expected: Expected, tmp_path: Path) -> None:
    """Whatever a cut has taken away, a resume ends in the frames of an undisturbed run, each of them once.

    An exposure that is still in the camera, and of which the journal knows nothing any more, is nobody's until a person
    takes it over.
    """
    good = expected("demo")["good"]
    resumed = strangers = 0
    for number, offset in enumerate([edge + step for edge in cut.commits[2::3] for step in (-1, 0)]):
        folder = tmp_path / f"again-{number}"
        shutil.copytree(killed.home, folder / "home")
        shutil.copytree(killed.frames, folder / "frames")
        for left in (folder / "home").glob("journal.sqlite*"):
            left.unlink()
        for path in cut.at(offset).parent.iterdir():
            shutil.copy(path, folder / "home")
        journal = f"sqlite:///{folder / 'home' / 'journal.sqlite'}"
        case = replace(killed, home=folder / "home", frames=folder / "frames", journal=journal)
        ended = warm.do(case.job("resume", request={"frames": str(case.frames)}))
        if ended.outcome == "RunRefused":
            assert rows_of(journal, tables.runs) == []
            continue
        if ended.outcome == "faulted":
            assert_a_stranger(case, ended.answer["reason"])
            strangers += 1
            ended = warm.do(case.job("resume", request={"frames": str(case.frames), "take_over": True}))
        assert ended.outcome == "done", (offset, ended.answer)
        assert_whole(case, ended.answer["run"], good, forgotten=True)
        resumed += 1
    assert resumed > 10
    assert 0 < strangers < resumed
