"""Signs of life of workers and keepers: who serves which observatory on which host, and was last heard when.

They are for people. Nothing is decided by them: whether a run is alive follows from its own heartbeats.
"""

import os
import socket
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from safelight.engine.clock import boot_s
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.server_time import server_now, server_utc
from safelight.version import __version__

__all__ = ["LifeSign", "LifeSigns", "life_signs"]

_EVERY_S = 5.0
"""Interval of signs, s."""
_KEPT = 200
"""Largest number of processes that are listed."""


@dataclass(frozen=True, slots=True)
class LifeSign:
    """Last sign of a process.

    Attributes:
        what: worker, or guard.
        age_s: time since then on the database's clock, s.
    """

    host: str
    what: str
    observatory: str
    pid: int
    version: str
    age_s: float


@dataclass(slots=True)
class LifeSigns:
    """Writer of the signs of one process for one observatory.

    Attributes:
        what: worker, or guard.
        observatory: its name.
    """

    what: str
    observatory: str
    _written_s: float = field(default=-_EVERY_S)

    def give(self, journal: Journal) -> None:
        """Write a sign, unless the last one is younger than 5 s.

        Raises:
            JournalError: it can't be written.
        """
        if boot_s() - self._written_s < _EVERY_S:
            return
        self._written_s = boot_s()
        columns = tables.life_signs.c
        key = {"host": socket.gethostname(), "what": self.what, "observatory": self.observatory}
        same = sa.and_(*(columns[name] == value for name, value in key.items()))
        values = {"pid": os.getpid(), "version": __version__, "seen": server_utc()}
        if journal.write(sa.update(tables.life_signs).where(same).values(values)):
            journal.commit()
            return
        # The first one of this host: another process may enter the same now.
        with journal.alone():
            if not journal.read(sa.select(columns.pid).where(same)):
                journal.write(sa.insert(tables.life_signs).values(key | values))


def life_signs(journal: Journal) -> list[LifeSign]:
    """Return the last sign of each process, by host."""
    columns = tables.life_signs.c
    order = (columns.host, columns.what.desc(), columns.observatory)
    rows = journal.read(sa.select(tables.life_signs).order_by(*order).limit(_KEPT))
    if not rows:
        return []
    now = datetime.fromisoformat(server_now(journal))
    return [
        LifeSign(
            **{name: row[name] for name in ("host", "what", "observatory", "pid", "version")},
            age_s=max(0.0, (now - datetime.fromisoformat(row["seen"])).total_seconds()),
        )
        for row in rows
    ]
