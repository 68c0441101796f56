"""Time on the clock of the journal's database, the only clock that processes of several hosts have in common."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from safelight.engine.records.database import Journal

__all__ = ["server_now", "server_utc"]


class server_utc(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """Database's time now, UTC, ISO 8601 with milliseconds."""

    type = String()
    inherit_cache = True


@compiles(server_utc, "postgresql")
def _of_postgresql(_element: server_utc, _compiler: Any, **_options: Any) -> str:
    return """to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"+00:00"')"""


@compiles(server_utc, "sqlite")
def _of_sqlite(_element: server_utc, _compiler: Any, **_options: Any) -> str:
    return "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"


def server_now(journal: "Journal") -> str:
    """Return the database's time now, UTC, ISO 8601 with milliseconds.

    Raises:
        JournalError: it can't be read.
    """
    return str(journal.read(sa.select(server_utc().label("now")))[0]["now"])
