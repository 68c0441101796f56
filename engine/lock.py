"""One run at a time on each observatory: a lock in the journal, with its owner's identity.

A dead owner's lock is taken over (every run begins by switching all lamps off); a living owner's never. On the
owner's own host the process is looked for; from another host its heartbeat is believed.
"""

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from safelight.engine import tables
from safelight.engine.clock import wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.journal import Journal

__all__ = ["TOO_LATE", "Lock", "Owner", "owner_of", "process_started"]

TOO_LATE = "too late"
"""Stands in a request's `obeyed` where the run had ended before it looked."""

_SILENT_S = 60.0
"""A lock whose owner on another host has not beaten for so long is taken for dead, s."""

_HELD: set[str] = set()
"""The runs of this process that hold an observatory: a lock that could not be taken out of a full journal is nobody's,
although the process lives on."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds an observatory; `since` and `beat` are UTC, ISO 8601."""

    observatory: str
    run: str
    host: str
    pid: int
    process_started: str
    since: str
    beat: str

    @property
    def alive(self) -> bool:
        """Whether the owner still runs, as far as can be told from here."""
        if self.host == socket.gethostname():
            if self.pid == os.getpid():
                return self.run in _HELD
            return process_started(self.pid) == self.process_started
        return (wall_utc() - datetime.fromisoformat(self.beat)).total_seconds() < _SILENT_S

    def __str__(self) -> str:
        return f"run {self.run} (process {self.pid} on {self.host}, since {self.since})"


def process_started(pid: int) -> str:
    """When a process began, in the system's own words; empty where there is none. A number may be given again."""
    with suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The second field is the name, which may hold blanks and brackets; the 22nd is the start in clock ticks.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else f"{boot[:8]}-{fields[19]}"
    with suppress(OSError):
        os.kill(pid, 0)
        return "running"
    return ""


def owner_of(journal: Journal, observatory: str) -> Owner | None:
    """Who holds the observatory now, dead or alive."""
    rows = journal.read(sa.select(tables.locks).where(tables.locks.c.observatory == observatory))
    return Owner(**rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class Lock:
    """Our hold on an observatory."""

    journal: Journal
    owner: Owner
    taken_from: Owner | None = None

    @classmethod
    def take(cls, journal: Journal, observatory: str, run: str) -> "Lock":
        """Take the observatory, from a dead owner if need be.

        Raises:
            RunRefused: another run holds it: which, whose, since when.
        """
        now = wall_utc().isoformat(timespec="seconds")
        me = Owner(observatory, run, socket.gethostname(), os.getpid(), process_started(os.getpid()), now, now)
        values = {name: getattr(me, name) for name in Owner.__slots__}
        with journal.alone():
            rows = journal.read(sa.select(tables.locks).where(tables.locks.c.observatory == observatory))
            before = Owner(**rows[0]) if rows else None
            if before is not None and before.alive:
                raise RunRefused(
                    f"{observatory} is in use by {before}: wait for it, or end it with `safelight abort {before.run}`"
                )
            # What was asked of this run before it had the lock came too late for an earlier segment.
            late = (tables.control.c.run == run) & tables.control.c.obeyed.is_(None)
            journal.write(sa.update(tables.control).where(late), {"obeyed": TOO_LATE})
            if before is None:
                journal.write(sa.insert(tables.locks), values)
            else:
                journal.write(sa.update(tables.locks).where(tables.locks.c.observatory == observatory), values)
        _HELD.add(run)
        return cls(journal, me, before)

    def release(self) -> None:
        """Let the observatory go, if it is still ours."""
        _HELD.discard(self.owner.run)
        mine = (tables.locks.c.observatory == self.owner.observatory) & (tables.locks.c.run == self.owner.run)
        self.journal.write(sa.delete(tables.locks).where(mine & (tables.locks.c.pid == self.owner.pid)))
        self.journal.commit()


def beat(journal: Journal, owner: Owner) -> None:
    """Say that the owner lives; seen from other hosts."""
    mine = (tables.locks.c.observatory == owner.observatory) & (tables.locks.c.run == owner.run)
    statement = sa.update(tables.locks).where(mine & (tables.locks.c.pid == owner.pid))
    journal.write(statement, {"beat": wall_utc().isoformat(timespec="seconds")})
    journal.commit()
