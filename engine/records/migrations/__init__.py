"""Upgrade of an older journal (Alembic). A newer one is refused."""

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import insert, text
from sqlalchemy.engine import Connection

from safelight.engine.errors import JournalError
from safelight.engine.records import tables

__all__ = ["migrate", "upgrade"]


def upgrade(connection: Connection, found: str, name: str) -> None:
    """Upgrade a journal within the caller's transaction, completely or not at all.

    Args:
        connection: open connection to the journal.
        found: its version; the newest one is left as it is.
        name: the journal, for errors.

    Raises:
        JournalError: the version is unknown, so it is of a newer safelight.
    """
    known = [script.revision for script in _scripts().walk_revisions()]
    if found not in known:
        raise JournalError(
            f"the journal {name} has version {found!r}, and this safelight knows up to {tables.VERSION}: "
            "it was written by a newer safelight; update safelight, or use another --journal"
        )
    migrate(connection, found)


def migrate(connection: Connection, found: str | None = None) -> None:
    """Run every migration after a version (None: from nothing) within the caller's transaction."""
    scripts = _scripts()
    operations = Operations(MigrationContext.configure(connection))
    steps = list(scripts.iterate_revisions("head", found or "base"))
    with Operations.context(operations.migration_context):
        for script in reversed(steps):
            script.module.upgrade()
    if found is None:
        connection.execute(insert(tables.version), {"version_num": tables.VERSION})
    else:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": tables.VERSION})


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return ScriptDirectory.from_config(config)
