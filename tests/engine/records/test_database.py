"""The journal as a file and as a database: made, opened, read beside its writer, upgraded, refused."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from safelight.engine.errors import JournalError
from safelight.engine.records import migrations, tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.stored_run import RunPage, run_page, write_run
from tests.crash.crashes import Case, Warm

MakeCase = Callable[..., Case]


def a_page(run: str = "a-run") -> RunPage:
    """Return a run, as it is entered."""
    return RunPage(
        run=run,
        created="2026-01-02T03:04:05.000+00:00",
        sequence="demo",
        sequence_text="biases: {count: 1}\n# Grüße, \N{GREEK SMALL LETTER LAMDA}\n",
        sequence_origin="demo.yaml",
        sequence_hash="0" * 64,
        observatory="small",
        observatory_source="small.yaml",
        observatory_text="{}",
        observatory_hash="1" * 64,
        options={"overlap": True, "park_after": False, "point": True},
        choices={"lamps[0].fibre": "P1-3"},
        folder=Path("/frames/a-run"),
        frames_asked=2,
    )


def with_journal(url: str, act: Callable[[Journal], Any], *, create: bool = True) -> Any:
    """Open, act, close."""
    journal = Journal(url, create=create)
    try:
        return act(journal)
    finally:
        journal.close()


def shape(url: str) -> dict[str, Any]:
    """Tables, columns with types and defaults, keys and indexes, as the database tells them."""

    def look(journal: Journal) -> dict[str, Any]:
        inspector = sa.inspect(journal._connection)
        return {
            name: (
                [
                    (c["name"], str(c["type"]), c["nullable"], c.get("default") and "serial")
                    for c in inspector.get_columns(name)
                ],
                inspector.get_pk_constraint(name)["constrained_columns"],
                [(f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(name)],
                sorted((i["name"], i["column_names"], bool(i["unique"])) for i in inspector.get_indexes(name)),
            )
            for name in sorted(inspector.get_table_names())
        }

    shown: dict[str, Any] = with_journal(url, look, create=False)
    return shown


# ---- made and opened


def test_made_opened_and_opened_again(url: str) -> None:
    """What is written into a new journal is there when it is opened again, verbatim."""
    with_journal(url, lambda journal: write_run(journal, a_page()))
    assert with_journal(url, lambda journal: run_page(journal, "a-run"), create=False) == a_page()


def test_what_is_not_committed_is_gone(url: str) -> None:
    """A journal that is closed in a transaction has nothing of it."""
    with_journal(url, lambda journal: write_run(journal, a_page()))
    with_journal(url, lambda journal: journal.write(sa.delete(tables.runs)))
    assert with_journal(url, lambda journal: run_page(journal, "a-run")) == a_page()


def test_an_error_leaves_nothing_half_written(url: str) -> None:
    """A write that fails takes back what came before it in the same transaction, and the journal works on."""

    def act(journal: Journal) -> None:
        write_run(journal, a_page())
        journal.write(sa.update(tables.runs), {"outcome": "done"})
        with pytest.raises(JournalError):
            journal.write(sa.insert(tables.runs), {"run": "half"})
        journal.commit()
        assert run_page(journal, "a-run").outcome is None
        journal.write(sa.update(tables.runs), {"outcome": "aborted"})
        journal.commit()
        assert run_page(journal, "a-run").outcome == "aborted"

    with_journal(url, act)


MAKER = """
import sys
from safelight.engine.records.database import Journal
from safelight.engine.records.stored_run import write_run
from tests.engine.records.test_database import a_page
sys.stdout.write("here\\n"); sys.stdout.flush(); sys.stdin.readline()
journal = Journal(sys.argv[1]); write_run(journal, a_page(sys.argv[2])); journal.close()
"""


def test_two_make_it_at_the_same_instant(url: str) -> None:
    """Processes that make a journal at the same instant both find it made, and both write."""
    root = str(Path(__file__).parents[3])
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": root},
        )
        for name in ("one", "two", "three", "four")
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == b"here\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write(b"go\n")
        maker.stdin.flush()
    for maker in makers:
        assert (maker.communicate(timeout=60)[1], maker.returncode) == (b"", 0)
    rows = with_journal(url, lambda journal: journal.read(sa.select(tables.runs.c.run)))
    assert {row["run"] for row in rows} == {"one", "two", "three", "four"}
    assert len(with_journal(url, lambda journal: journal.read(sa.select(tables.version)))) == 1


def test_threads_write_one_after_the_other(url: str) -> None:
    """`alone` keeps other writers out: of many that look and then write, each sees what the one before wrote."""
    with_journal(url, lambda journal: write_run(journal, a_page()))

    def count_up(times: int) -> None:
        def act(journal: Journal) -> None:
            for _ in range(times):
                with journal.alone():
                    asked = run_page(journal, "a-run").frames_asked
                    journal.write(sa.update(tables.runs), {"frames_asked": asked + 1})

        with_journal(url, act)

    writers = [threading.Thread(target=count_up, args=(20,)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert with_journal(url, lambda journal: run_page(journal, "a-run")).frames_asked == 2 + 4 * 20


def test_read_while_a_run_writes(warm: Warm, case: Case) -> None:
    """Another process reads the journal at any moment of a run, and what it saw only grows."""
    warm.begin(case.job("run", tell=True))
    warm.until("run.started")
    seen = [0]
    done: dict[str, Any] = {}
    while "status" not in done:
        rows = with_journal(case.journal, lambda journal: journal.read(sa.select(tables.states.c.number)), create=False)
        seen.append(len(rows))
        done = warm.hear()
    assert done["outcome"] == "done"
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_a_reader_holds_up_nobody(url: str) -> None:
    """A journal that has just been read is in no transaction: a writer need not wait, and is seen at once."""

    def act(reader: Journal) -> None:
        with pytest.raises(Exception, match="no run"):
            run_page(reader, "a-run")
        with_journal(url, lambda journal: write_run(journal, a_page()))
        assert run_page(reader, "a-run") == a_page()

    with_journal(url, act)


def test_a_relative_path_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal named by a relative path tells others an absolute one: the guards work in another folder."""
    monkeypatch.chdir(tmp_path)
    told = with_journal("sqlite:///here.sqlite", lambda journal: journal.url)
    assert told == f"sqlite:///{tmp_path / 'here.sqlite'}"
    assert (tmp_path / "here.sqlite").exists()


def test_passwords_are_not_told() -> None:
    """An error names the journal without its password."""
    for url in ("postgresql://me:secret@127.0.0.1:1/x", "mysql://me:secret@127.0.0.1/x"):
        with pytest.raises(JournalError) as refused:
            Journal(url)
        assert "secret" not in str(refused.value)
        assert "127.0.0.1" in str(refused.value)


# ---- not a journal


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def somebody_elses(path: Path) -> None:
    """A SQLite database of another program that uses Alembic too."""
    connection = sqlite3.connect(path)  # noqa: TID251 - it is no journal
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    connection.execute("INSERT INTO alembic_version VALUES ('9f2a')")
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_text("not a database, but long enough to look like a page\n" * 100),
        lambda path: path.write_bytes(b"\0" * 8192),
        lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4080),
        lambda path: path.mkdir(),
        somebody_elses,
    ],
    ids=["text", "zeros", "broken header", "folder", "another program's"],
)
@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_journal_is_refused(tmp_path: Path, make: Callable[[Path], object], create: bool) -> None:  # noqa: FBT001
    """What is no journal is refused with its name, and not a byte of it changes."""
    path = tmp_path / "there"
    make(path)
    before = bytes_below(tmp_path)
    with pytest.raises(JournalError, match="there"):
        Journal(f"sqlite:///{path}", create=create)
    assert bytes_below(tmp_path) == before


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    """An empty file is what a process leaves that died when it made the journal: a reader refuses, a run makes it."""
    path = tmp_path / "journal.sqlite"
    path.touch()
    with pytest.raises(JournalError, match="not a safelight journal"):
        Journal(f"sqlite:///{path}", create=False)
    with_journal(f"sqlite:///{path}", lambda journal: write_run(journal, a_page()))
    assert with_journal(f"sqlite:///{path}", lambda journal: run_page(journal, "a-run")) == a_page()


def test_a_missing_journal_is_not_made_to_be_read(tmp_path: Path) -> None:
    """Looking for runs where there is no journal says so, and makes none."""
    with pytest.raises(JournalError, match="nothing has been run here yet"):
        Journal(default_url(tmp_path), create=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_memory_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal in memory would not outlive the process, and is refused."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match="in memory"):
        Journal(url)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url", ["", "journal.sqlite", "mysql://host/x", "oracle://x", "nonsense://x", "sqlite+aiosqlite:///x", "file:///x"]
)
def test_other_urls_are_refused(url: str) -> None:
    """Any other URL is refused with the allowed ones, or as no URL at all. Nothing foreign comes out."""
    with pytest.raises(JournalError, match=r"allowed are sqlite:///PATH and postgresql|--journal"):
        Journal(url)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """A PostgreSQL server that does not answer is named."""
    with pytest.raises(JournalError, match="can't be opened"):
        Journal(f"postgresql://me@/x?host={tmp_path}")


@pytest.fixture
def outsider(tmp_path: Path) -> Iterator[Callable[[Callable[[], None]], int]]:
    """Do something as a user without rights, in a process of its own. Its exit status."""

    def act(work: Callable[[], None]) -> int:
        pid = os.fork()
        if not pid:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(65534)
                    os.setuid(65534)
                work()
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - a child never comes back
                os.write(2, f"{error!r}\n".encode())
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    yield act
    tmp_path.chmod(0o755)


def test_a_folder_without_permission(outsider: Callable[[Callable[[], None]], int]) -> None:
    """In a folder that can't be written no journal is made, and one that is there is refused or read, as it stood."""
    import tempfile  # noqa: PLC0415 - pytest's own folders are closed to others

    folder = Path(tempfile.mkdtemp(prefix="safelight-test-"))
    try:
        with_journal(f"sqlite:///{folder / 'old.sqlite'}", lambda journal: write_run(journal, a_page()))
        (folder / "old.sqlite").chmod(0o444)
        folder.chmod(0o555)
        before = bytes_below(folder)

        def work() -> None:
            for name in ("new.sqlite", "below/new.sqlite"):
                with pytest.raises(JournalError, match="new"):
                    Journal(f"sqlite:///{folder / name}")
            try:
                with_journal(f"sqlite:///{folder / 'old.sqlite'}", lambda journal: run_page(journal, "a-run"))
            except JournalError as error:
                assert "old" in str(error)  # noqa: PT017 - either is right

        assert outsider(work) == 0
        assert bytes_below(folder) == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


# ---- versions


def test_a_newer_journal_is_refused(url: str) -> None:
    """A journal of a newer safelight is refused with both versions, and nothing in it changes."""

    def age(journal: Journal) -> None:
        write_run(journal, a_page())
        journal.write(sa.update(tables.version), {"version_num": "0999"})
        journal.commit()

    with_journal(url, age)
    before = everything(url)
    for create in (True, False):
        with pytest.raises(JournalError, match=f"'0999'.*{tables.VERSION}.*newer safelight"):
            Journal(url, create=create)
    assert everything(url) == before


def test_a_newer_journal_keeps_its_bytes(tmp_path: Path) -> None:
    """The file of a newer safelight is the same to the byte after it was refused."""
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    journal = Journal(url)
    journal.write(sa.update(tables.version), {"version_num": "a"})
    journal.commit()
    journal.close()
    before = bytes_below(tmp_path)
    with pytest.raises(JournalError):
        Journal(url)
    assert bytes_below(tmp_path) == before


def everything(url: str) -> dict[str, list[Any]]:
    """Return every row of every table, read without the journal's own code."""
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(parsed, poolclass=sa.NullPool)  # noqa: TID251 - a second opinion
    metadata = sa.MetaData()
    with engine.connect() as connection:
        metadata.reflect(connection)
        return {
            name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.c))]
            for name, table in sorted(metadata.tables.items())
        }


OBSERVERS: Any = sa.select(sa.column("run", sa.Text), sa.column("observer", sa.Text)).select_from(sa.table("runs"))

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9002"
down_revision = "{before}"
branch_labels = None
depends_on = None

def upgrade():
    op.add_column("runs", sa.Column("observer", sa.Text()))
    op.execute("UPDATE runs SET observer = 'somebody'")
    {more}
"""


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make this safelight one that has a second version of the journal."""

    def make(more: str = "") -> None:
        scripts = tmp_path / "migrations"
        shutil.copytree(
            Path(migrations.__file__).parent, scripts, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
        (scripts / "versions" / "v9002_next.py").write_text(NEXT.format(more=more, before=tables.VERSION))
        monkeypatch.setattr(migrations, "__file__", str(scripts / "__init__.py"))
        monkeypatch.setattr(tables, "VERSION", "9002")

    return make


def test_an_older_journal_is_upgraded(url: str, newer: Callable[..., None]) -> None:
    """A journal of an older version gets what it lacks, once, and keeps all it has."""
    with_journal(url, lambda journal: write_run(journal, a_page()))
    newer()
    for _ in range(2):
        row = with_journal(
            url,
            lambda journal: journal.read(OBSERVERS),
            create=False,
        )
        assert row == [{"run": "a-run", "observer": "somebody"}]
    assert with_journal(url, lambda journal: run_page(journal, "a-run")) == a_page()
    assert everything(url)["alembic_version"] == [("9002",)]


def test_an_upgrade_that_fails_changes_nothing(url: str, newer: Callable[..., None]) -> None:
    """An upgrade is done in one transaction: where a step fails, the journal is as it was, for the old safelight."""
    with_journal(url, lambda journal: write_run(journal, a_page()))
    before = everything(url)
    newer('op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(JournalError, match="nowhere"):
        Journal(url)
    assert everything(url) == before


def test_two_upgrade_at_once(url: str, newer: Callable[..., None]) -> None:
    """Of several that find an older journal at once, one upgrades it and all go on."""
    with_journal(url, lambda journal: write_run(journal, a_page()))
    newer()
    together = threading.Barrier(4)
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            together.wait()
            with_journal(url, lambda journal: run_page(journal, "a-run"))
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert everything(url)["runs"][0][-1] == "somebody"


def test_migrations_make_the_same_tables(url: str, postgres_other: Callable[[str], str]) -> None:
    """The migrations from nothing make what `tables.py` says: columns, types, keys, indexes, version."""
    Journal(url).close()
    other = postgres_other(url)
    engine = sa.create_engine(other, poolclass=sa.NullPool)  # noqa: TID251 - it is no journal yet
    with engine.begin() as connection:
        migrations.migrate(connection)
    assert shape(other) == shape(url)
    assert set(shape(url)) == set(tables.metadata.tables)
    assert everything(other) == everything(url)


@pytest.fixture
def postgres_other(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Another empty database of the same kind."""

    def make(url: str) -> str:
        if url.startswith("sqlite"):
            return f"sqlite:///{tmp_path / 'migrated.sqlite'}"
        from tests.engine.records.conftest import (  # noqa: PLC0415 - a server is started only where it is asked for
            new_database,
        )

        return new_database(request.getfixturevalue("postgres")).replace("postgresql:", "postgresql+psycopg:")

    return make


def test_the_newest_migration_is_the_version() -> None:
    """`tables.VERSION` names the newest migration."""
    assert migrations._scripts().get_current_head() == tables.VERSION


def test_notes_are_json(url: str) -> None:
    """What has parts of its own comes back as it was."""
    with_journal(url, lambda journal: write_run(journal, a_page()))
    row = with_journal(url, lambda journal: journal.read(sa.select(tables.runs)))[0]
    assert json.loads(row["choices"]) == {"lamps[0].fibre": "P1-3"}
