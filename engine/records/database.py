"""Journal: the durable record of every run. Only this file opens the database.

It is SQLite in the state folder by default (WAL, synchronous=FULL: a power cut loses nothing that was committed), or
PostgreSQL by URL for several machines, with the same code for both. Other processes read while a run writes.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from safelight.documents.errors import is_unicode, quoted
from safelight.engine.errors import JournalBusy, JournalError, JournalFenced, JournalMoved
from safelight.engine.home import file_url
from safelight.engine.records import tables
from safelight.engine.records.tenure import Tenure
from safelight.text import how_to_install

__all__ = ["Journal", "default_url"]

_Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""One row, or several."""
_Entry = tuple[sa.Executable, _Values]
"""Statement and its values."""
_Batch = tuple[Iterable[_Entry], Tenure | None]
"""Entries of one run, and its tenure."""

_LOCK_NUMBER = 7236831
"""Number of PostgreSQL's advisory lock for `alone`, chosen at random."""
_WAL_TRIES = 100
_BUSY_S = 5.0
"""Time for which a writer waits for another one, s. Writers hold the journal for a millisecond."""
_FROZEN_S = 3.0
"""Time after which the server ends a transaction whose process does not run, s. It would block a takeover."""
_MAKING_S = 60.0
"""The same for a transaction that makes or changes tables, s: for each of its statements much is computed here."""
_CONNECTION = {
    "connect_timeout": 5,
    "tcp_user_timeout": 3000,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "prepare_threshold": None,
}
"""Parameters of a connection to PostgreSQL. A cut link is noticed within seconds. pgbouncer in transaction mode knows
no prepared statements."""
_DRIVERS = {"sqlite": "sqlite+journal", "postgresql": "postgresql+psycopg"}
_COMPILED: dict[Any, Any] = {}
"""SQLAlchemy's compiled statements for SQLite: one for each form of a statement in the code, so that they are few."""
_SQLITE_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_POSTGRESQL_BUSY = "55P03"
"""SQLSTATE of PostgreSQL for a lock that was not available in time."""
_OURS = {tables.version.name, tables.runs.name}
"""Tables that every version of the journal has. A database without them belongs to another program."""


class _JournalDialect(SQLiteDialect_pysqlite):
    """SQLite's dialect, of which all instances are equal: what is compiled for one journal serves all of this process.

    SQLAlchemy looks compiled statements up by the dialect, and each engine has its own. A run opens its journal in
    three threads; a server, or a process that is forked for each run, opens many.
    """

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


registry.register("sqlite.journal", __name__, _JournalDialect.__name__)


def default_url(home: Path) -> str:
    """Return the URL of the journal in the state folder."""
    return file_url(home / "journal.sqlite")


class Journal:
    """Open journal with one held connection, to be used by one thread at a time.

    Args:
        url: `sqlite:///PATH`, percent-encoded, or `postgresql://...`.
        create: make it if there is none; otherwise a missing one is an error.
        look: only read it; no write access to the file or its folder is needed then.

    Attributes:
        tenure: tenure of the run that writes here; every commit then checks that no newer epoch was taken.

    Raises:
        JournalError: it can't be opened, is not a journal, or was written by a newer safelight.
    """

    tenure: Tenure | None = None

    def __init__(self, url: str, *, create: bool = True, look: bool = False) -> None:
        self._engine = _engine(url, create=create, look=look)
        # For other processes: the guards have another working directory.
        self._log_file: tuple[int, int] | None = None
        self._abandoned = False
        self._only_read = look and not self._writable
        self.url = _text(self._engine.url, hide_password=False)
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
    def _writable(self) -> bool:
        url = self._engine.url
        return url.get_backend_name() != "sqlite" or _may_be_written(Path(url.database or ""))

    @property
    def shared(self) -> bool:
        """Whether other hosts can write it: it is on a server."""
        return self._engine.dialect.name == "postgresql"

    @property
    def in_place(self) -> bool:
        """Whether other processes find this open file under the same URL: it may have been moved or replaced."""
        return self._file == _identity(self._engine.url)

    @property
    def file(self) -> tuple[str, int, int] | None:
        """Path and identity of SQLite's file, or None if the database is a server's."""
        return None if self._file is None else (str(self._engine.url.database), *self._file)

    def see_in_place(self) -> None:
        """Check that other processes find what was written.

        Raises:
            JournalMoved: the file, or its write-ahead log, was deleted, moved or replaced.
        """
        log = _identity(self._engine.url, "-wal")
        self._log_file = self._log_file or log
        if not self.in_place or log != self._log_file:
            raise JournalMoved(
                f"the journal {self} was deleted, moved or replaced while it was in use: what this run writes can't be "
                "found there any more; put the file back, then resume the run"
            )

    def __str__(self) -> str:
        return _text(self._engine.url, hide_password=True)

    def close(self) -> None:
        """Close the database. What was not committed is rolled back."""
        if not self._abandoned:
            self._close()

    def _close(self) -> None:
        try:
            self._connection.close()
        finally:
            self._engine.dispose()

    def abandon(self) -> None:
        """Leave the connection to a thread that hangs in it. Every later use fails, and that thread closes it."""
        self._abandoned = True

    def close_if_abandoned(self) -> None:
        """Close the connection that was left to this thread."""
        if self._abandoned:
            self._close()

    # ---- writing and reading

    def write(self, statement: sa.Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()) -> int:
        """Add to the open transaction. Return the number of rows changed.

        Raises:
            JournalError: it can't be written (a full disk, a lost server).
        """
        self._refuse_if_abandoned()
        try:
            return int(self._connection.execute(statement, _parameters(values)).rowcount)
        except SQLAlchemyError as error:
            raise self._failed(error) from None

    def enter(self, entries: Iterable[_Entry]) -> None:
        """Write all entries in one transaction, make them durable, and check that others can find them.

        Raises:
            JournalError: as `write`; then nothing was written.
            JournalMoved: it was written into a file that other processes don't find.
        """
        for statement, values in entries:
            self.write(statement, values)
        self.commit()
        self.see_in_place()

    def enter_together(self, batches: Iterable[_Batch]) -> list[JournalError | None]:
        """Write batches of several runs in one transaction, each whole or not at all, and make them durable.

        Args:
            batches: entries of one run each, with its tenure.

        Returns:
            For each batch why it was not written. None: it is durable.

        Raises:
            JournalError: as `write`; then nothing was written.
            JournalMoved: as `enter`.
        """
        self._refuse_if_abandoned()
        try:
            # With the write lock from the beginning, another process can't hold up a part of the batches.
            with self._immediately(), self._connection.begin():
                errors = [self._enter_apart(entries, tenure) for entries, tenure in batches]
        except SQLAlchemyError as error:
            raise self._failed(error) from None
        self.see_in_place()
        return errors

    def _enter_apart(self, entries: Iterable[_Entry], tenure: Tenure | None) -> JournalError | None:
        """Write one of several batches of a transaction. Return why it was undone.

        Raises:
            SQLAlchemyError: it failed, and the transaction is over (SQLite ends it when the disk is full).
        """
        failed: JournalError | None = None
        self._connection.exec_driver_sql("SAVEPOINT batch")
        try:
            for statement, values in entries:
                self._connection.execute(statement, _parameters(values))
            if tenure is not None:
                tenure.check(self._connection)
        except (SQLAlchemyError, JournalFenced) as error:
            try:
                self._connection.exec_driver_sql("ROLLBACK TO batch")
            except SQLAlchemyError:
                raise error from None
            failed = error if isinstance(error, JournalFenced) else JournalError(self._why(error))
        self._connection.exec_driver_sql("RELEASE batch")
        return failed

    def commit(self) -> None:
        """Make everything since the last commit durable.

        Raises:
            JournalError: as `write`; then nothing was written.
            JournalFenced: the run's observatory was taken over; nothing was written.
        """
        if self._connection.in_transaction():
            try:
                if self.tenure is not None:
                    self.tenure.check(self._connection)
                self._connection.commit()
            except JournalFenced:
                self._connection.rollback()
                raise
            except SQLAlchemyError as error:
                raise self._failed(error) from None

    def read(self, statement: sa.Select[Any]) -> list[Mapping[str, Any]]:
        """Return the rows of a query, as mappings.

        Raises:
            JournalError: it can't be read.
        """
        self._refuse_if_abandoned()
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
        """Open a transaction that excludes every other writer. It is committed at the end, or undone on an error.

        Raises:
            JournalError: another writer does not let go.
            JournalFenced: the run's observatory was taken over; nothing was written.
        """
        self._refuse_if_abandoned()
        try:
            self._connection.rollback()
            with self._immediately(), self._connection.begin():
                if self._engine.dialect.name == "postgresql":
                    self._connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
                yield
                if self.tenure is not None:
                    self.tenure.check(self._connection)
        except SQLAlchemyError as error:
            raise self._failed(error) from None

    @contextmanager
    def _immediately(self) -> Iterator[None]:
        """Make SQLite take the write lock at the beginning of a transaction, not at its first write."""
        self._connection.info["begin"] = "BEGIN IMMEDIATE"
        try:
            yield
        finally:
            self._connection.info["begin"] = "BEGIN"

    def _failed(self, error: SQLAlchemyError) -> JournalError:
        # A failed transaction leaves nothing behind.
        try:
            self._connection.rollback()
        except SQLAlchemyError:
            self._connection.invalidate()
        kind = JournalBusy if _is_busy(error) else JournalError
        return kind(self._why(error))

    def _why(self, error: SQLAlchemyError) -> str:
        return f"the journal {self} failed: {_words(error)}"

    def _refuse_if_abandoned(self) -> None:
        if self._abandoned:
            raise JournalError(f"the journal {self} does not answer")

    # ---- versions

    def _look_at_version(self, *, create: bool) -> None:
        """Make the tables, bring an older journal up to date, and refuse a newer one."""
        names = self._table_names()
        if not names and create:
            with self._alone_with_tables():
                self._make_tables()
            names = self._table_names()
        if not names >= _OURS:
            raise JournalError(f"{self} is not a safelight journal")
        found = self._version()
        if found != tables.VERSION and self._only_read:
            raise JournalError(
                f"the journal {self} is of another version ({found}, expected {tables.VERSION}) and can't be written "
                "here: bring it up to date with `safelight runs` where it can be"
            )
        if found != tables.VERSION:
            from safelight.engine.records.migrations import upgrade  # noqa: PLC0415 - slow, and rarely needed

            # Read again inside the lock, because another process may be upgrading it now.
            with self._alone_with_tables():
                upgrade(self._connection, self._version(), str(self))

    @contextmanager
    def _alone_with_tables(self) -> Iterator[None]:
        with self.alone():
            if self.shared:
                self._connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{_MAKING_S:g}s'")
            yield

    def _version(self) -> str:
        found = self.read(sa.select(tables.version.c.version_num))
        return str(found[0]["version_num"]) if found else "none"

    def _table_names(self) -> set[str]:
        names = set(sa.inspect(self._connection).get_table_names())
        self._connection.rollback()
        return names

    def _make_tables(self) -> None:
        """Make the tables. Safe when two processes create them concurrently."""
        # Asking for each table whether it is there takes as long as making it.
        if sa.inspect(self._connection).get_table_names():
            tables.metadata.create_all(self._connection)
        else:
            for statement in _definition(self._engine.dialect.name):
                self._connection.exec_driver_sql(statement)
        if not self._connection.execute(sa.select(tables.version)).all():
            self._connection.execute(sa.insert(tables.version), {"version_num": tables.VERSION})


def _parameters(values: _Values) -> dict[str, Any] | list[dict[str, Any]] | None:
    """Return values as SQLAlchemy takes them."""
    return (dict(values) if isinstance(values, Mapping) else [dict(row) for row in values]) or None


@cache
def _definition(dialect: str) -> tuple[str, ...]:
    """Return the statements that make all tables of an empty database."""
    statements: list[str] = []

    def write(statement: Any, *_: Any, **__: Any) -> None:
        statements.append(str(statement.compile(dialect=writer.dialect)))

    writer = sa.create_mock_engine(f"{_DRIVERS[dialect]}://", write)
    tables.metadata.create_all(writer, checkfirst=False)
    return tuple(statements)


def _text(url: sa.URL, *, hide_password: bool) -> str:
    """Return the URL for people and other processes."""
    if url.get_backend_name() == "sqlite":
        return file_url(Path(url.database or ""))
    return url.render_as_string(hide_password=hide_password)


def _parsed(url: str) -> sa.URL:
    """Return the parts of a URL. Those of a file are decoded here, because versions of SQLAlchemy differ in that."""
    drivername, found, rest = url.partition(":///")
    if not found or drivername not in {"sqlite", "sqlite+pysqlite"}:
        return sa.make_url(url)
    path, _, query = rest.partition("?")
    if query and not path.startswith("file:"):
        raise JournalError(f"--journal {url}: expected sqlite:///PATH without a query (write ? in a path as %3F)")
    return sa.URL.create(drivername, database=os.fsdecode(unquote_to_bytes(path)))


def _engine(url: str, *, create: bool, look: bool) -> Engine:
    """Return an engine for the URL. Nothing is opened yet.

    Raises:
        JournalError: the URL is invalid, or the file is missing.
    """
    if not is_unicode(url):
        raise JournalError(f"the journal {url!r} is not UTF-8: give it, or the state folder, another name")
    try:
        parsed = _parsed(url)
        if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
            return _sqlite(parsed, create=create, look=look)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername=_DRIVERS["postgresql"])
        if parsed.get_backend_name() != "postgresql":
            shown = parsed.render_as_string(hide_password=True)
            raise JournalError(f"--journal {shown}: allowed are sqlite:///PATH and postgresql://...")
        return _postgresql(parsed)
    except ImportError:
        raise JournalError(f"PostgreSQL needs psycopg. {how_to_install('postgres')}") from None
    except SQLAlchemyError as error:
        raise JournalError(f"--journal {url}: {_words(error)}") from None


def _postgresql(url: sa.URL) -> Engine:
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, connect_args=_CONNECTION)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = '{_BUSY_S:g}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{_FROZEN_S:g}s'")
        connection.autocommit = False

    return engine


def _sqlite(url: sa.URL, *, create: bool, look: bool) -> Engine:
    name = url.database or ""
    if not name or ":memory:" in name or name.startswith("file:"):
        raise JournalError("a journal in memory would not outlive the process: give sqlite:///PATH")
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise JournalError(f"the path of the journal, {name!r}, is not valid UTF-8: use another folder")
    path = Path(name).absolute()
    if not create and not path.exists():
        raise JournalError(f"there is no journal {path}: nothing has been run here yet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"the journal {path} can't be made: {error.strerror}") from None
    only_read = look and not _may_be_written(path)
    engine = sa.create_engine(
        sa.URL.create(_DRIVERS["sqlite"], database=str(path)),
        execution_options={"compiled_cache": _COMPILED},
        poolclass=sa.StaticPool,
        creator=lambda: sqlite3.connect(
            f"file:{quote(str(path))}{_read_only(path) if only_read else ''}",
            uri=True,
            timeout=_BUSY_S,
            check_same_thread=False,
        ),
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        # We begin transactions ourselves: the driver would begin them late, and commit them at the wrong times.
        connection.isolation_level = None
        if only_read:
            return
        if _may_be_ours(connection):
            _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.info.get("begin", "BEGIN"))

    return engine


def _may_be_written(path: Path) -> bool:
    """Return whether SQLite could write the file and its write-ahead log."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)


def _read_only(path: Path) -> str:
    """Return SQLite's parameters for reading only. Without a log there is no writer to share memory with."""
    log = path.with_name(path.name + "-wal")
    return "?mode=ro" if log.exists() and log.stat().st_size else "?mode=ro&immutable=1"


def _identity(url: sa.URL, suffix: str = "") -> tuple[int, int] | None:
    """Return the identity of SQLite's file, or None if there is none, or the database is a server's."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        found = Path(url.database + suffix).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _may_be_ours(connection: Any) -> bool:
    """Return whether it is a journal or empty. Another program's database is not changed in any way."""
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return not names or names >= _OURS


def _use_wal(connection: Any) -> None:
    """Switch to the write-ahead log, with retries: this statement does not wait while others open the file."""
    for _ in range(_WAL_TRIES):
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                return
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # This statement waits.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")


def _is_busy(error: SQLAlchemyError) -> bool:
    """Return whether another process holds a required lock."""
    cause = error.orig if isinstance(error, DatabaseError) else None
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in _SQLITE_BUSY or getattr(cause, "sqlstate", None) == _POSTGRESQL_BUSY


def _words(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DatabaseError) and error.orig is not None else error
    name = getattr(cause, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
    if name in _SQLITE:
        return f"{_SQLITE[name]} (SQLITE_{name})"
    library = "SQLite" if name else "PostgreSQL" if hasattr(cause, "sqlstate") else "SQLAlchemy"
    return quoted(library, cause)


_SQLITE = {
    "FULL": "the disk is full",
    "BUSY": "another process holds it",
    "LOCKED": "another process holds it",
    "READONLY": "it can't be written to",
    "PERM": "there is no permission",
    "CANTOPEN": "the file can't be opened",
    "IOERR": "the disk failed",
    "CORRUPT": "it is damaged",
    "NOTADB": "it is not a SQLite file",
}
"""SQLite's result codes (https://www.sqlite.org/rescode.html) in words."""
