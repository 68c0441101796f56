"""The journal: the durable record of every run. This file alone opens the database.

SQLite in the home at first (WAL, synchronous=FULL: a power cut loses nothing that was committed), PostgreSQL by URL
for several machines; one code for both. Other processes read while a run writes.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from safelight.engine import tables
from safelight.engine.errors import JournalError

__all__ = ["Journal", "default_url"]

_LOCK_NUMBER = 7236831
"""PostgreSQL's advisory lock for `alone`; any number that nobody else uses."""
_WAL_TRIES = 100
_BUSY_S = 5.0
"""How long a writer waits for another one, s. Writers hold the journal for a millisecond."""
_OURS = {tables.version.name, tables.runs.name}
"""Tables that every journal has had; a database without them is somebody else's."""


def default_url(home: Path) -> str:
    """The journal in the home."""
    return f"sqlite:///{(home / 'journal.sqlite').absolute()}"


class Journal:
    """An open journal with one held connection; to be used by one thread at a time.

    Args:
        url: `sqlite:///PATH` or `postgresql://...`.
        create: make it where there is none; otherwise a missing one is an error.

    Raises:
        JournalError: it can't be opened, is no journal, or was written by a newer safelight.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._engine = _engine(url, create=create)
        # What other processes are told: the guards have another working directory.
        self.url = self._engine.url.render_as_string(hide_password=False)
        try:
            self._connection: Connection = self._engine.connect()
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise JournalError(f"the journal {self} can't be opened: {_words(error)}") from None
        try:
            self._look_at_version(create=create)
        except SQLAlchemyError as error:
            self.close()
            raise JournalError(f"the journal {self} can't be opened: {_words(error)}") from None
        except BaseException:
            self.close()
            raise
        self._file = _identity(self._engine.url)

    @property
    def in_place(self) -> bool:
        """Whether what is open is what others find under the same URL: a file may have been moved, or replaced."""
        return self._file == _identity(self._engine.url)

    def __str__(self) -> str:
        return self._engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Let go of the database; what was not committed is rolled back."""
        self._connection.close()
        self._engine.dispose()

    # ---- writing and reading

    def write(self, statement: sa.Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()) -> int:
        """Add to the open transaction; returns the number of rows touched.

        Raises:
            JournalError: it can't be written (a full disk, a lost server).
        """
        try:
            parameters = dict(values) if isinstance(values, Mapping) else [dict(row) for row in values]
            return int(self._connection.execute(statement, parameters or None).rowcount)
        except SQLAlchemyError as error:
            raise self._failed(error) from None

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            JournalError: as `write`; then nothing of it was written.
        """
        if self._connection.in_transaction():
            try:
                self._connection.commit()
            except SQLAlchemyError as error:
                raise self._failed(error) from None

    def read(self, statement: sa.Select[Any]) -> list[Mapping[str, Any]]:
        """The rows of a query, as mappings.

        Raises:
            JournalError: it can't be read.
        """
        writing = self._connection.in_transaction()
        try:
            found = self._connection.execute(statement)
            names = tuple(found.keys())
            rows: list[Mapping[str, Any]] = [dict(zip(names, row, strict=True)) for row in found]
            if not writing:
                self._connection.rollback()
        except SQLAlchemyError as error:
            raise self._failed(error) from None
        return rows

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A transaction that no other writer can come between; committed at the end, undone on an error.

        Raises:
            JournalError: another writer does not let go.
        """
        try:
            self._connection.rollback()
            with self._immediately(), self._connection.begin():
                if self._engine.dialect.name == "postgresql":
                    self._connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
                yield
        except SQLAlchemyError as error:
            raise self._failed(error) from None

    @contextmanager
    def _immediately(self) -> Iterator[None]:
        """SQLite: take the writer's place at the beginning of a transaction, not at its first write."""
        self._connection.info["begin"] = "BEGIN IMMEDIATE"
        try:
            yield
        finally:
            self._connection.info["begin"] = "BEGIN"

    def _failed(self, error: SQLAlchemyError) -> JournalError:
        # What can't be written is not kept half.
        try:
            self._connection.rollback()
        except SQLAlchemyError:
            self._connection.invalidate()
        return JournalError(f"the journal {self} failed: {_words(error)}")

    # ---- versions

    def _look_at_version(self, *, create: bool) -> None:
        """Make the tables, bring an older journal up to date, refuse a newer one."""
        names = self._table_names()
        if not names and create:
            with self.alone():
                self._make_tables()
            names = self._table_names()
        if not names >= _OURS:
            raise JournalError(f"{self} is no journal of safelight")
        if self._version() != tables.VERSION:
            from safelight.engine.migrations import upgrade  # noqa: PLC0415 - slow, and rarely needed

            # Asked again where nobody can come between: another process may be upgrading it now.
            with self.alone():
                upgrade(self._connection, self._version(), str(self))

    def _version(self) -> str:
        found = self.read(sa.select(tables.version.c.version_num))
        return str(found[0]["version_num"]) if found else "none"

    def _table_names(self) -> set[str]:
        names = set(sa.inspect(self._connection).get_table_names())
        self._connection.rollback()
        return names

    def _make_tables(self) -> None:
        """Two processes that do so at once both find them made."""
        tables.metadata.create_all(self._connection)
        if not self._connection.execute(sa.select(tables.version)).all():
            self._connection.execute(sa.insert(tables.version), {"version_num": tables.VERSION})


def _engine(url: str, *, create: bool) -> Engine:
    """An engine for the URL; nothing is opened yet.

    Raises:
        JournalError: the URL is none, or the file is missing.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
            return _sqlite(parsed, create=create)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() != "postgresql":
            shown = parsed.render_as_string(hide_password=True)
            raise JournalError(f"--journal {shown}: allowed are sqlite:///PATH and postgresql://...")
        return sa.create_engine(parsed, pool_size=1, max_overflow=0, connect_args={"connect_timeout": 5})
    except ImportError:
        raise JournalError("PostgreSQL needs psycopg: pip install 'safelight[postgres]'") from None
    except SQLAlchemyError as error:
        raise JournalError(f"--journal {url}: {_words(error)}") from None


def _sqlite(url: sa.URL, *, create: bool) -> Engine:
    name = url.database or ""
    if not name or ":memory:" in name or name.startswith("file:"):
        raise JournalError("a journal in memory would not outlive the process: give sqlite:///PATH")
    path = Path(name).absolute()
    if not create and not path.exists():
        raise JournalError(f"there is no journal {path}: nothing has been run here yet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"the journal {path} can't be made: {error.strerror}") from None
    engine = sa.create_engine(
        url.set(database=str(path)),
        poolclass=sa.StaticPool,
        connect_args={"timeout": _BUSY_S, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # Transactions are ours to begin: the driver would begin them late, and commit them at odd times.
        connection.isolation_level = None
        if _may_be_ours(connection):
            _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))

    return engine


def _identity(url: sa.URL) -> tuple[int, int] | None:
    """Which file SQLite's is; None where there is none, or the database is a server's."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        found = Path(url.database).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _may_be_ours(connection: Any) -> bool:
    """Whether it is a journal, or nothing yet: somebody else's database is not even switched to another mode."""
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not names or names >= _OURS


def _use_wal(connection: Any) -> None:
    """Switch to the write-ahead log; the one statement that does not wait its turn while others open the file."""
    for _ in range(_WAL_TRIES):
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                return
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # This one waits.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")


def _words(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DatabaseError) else error
    return " ".join(str(cause).split())[:300]
