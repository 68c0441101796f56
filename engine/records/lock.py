"""Lock in the journal for one run at a time on each observatory, with its owner's identity.

The lock is on the observatory's name, and on the hardware of its lamps as far as the drivers name it: two documents for
one switch exclude each other. Each is a row; those of hardware begin with `hardware `.

A dead owner's lock is taken over (every run begins by switching all lamps off), a living owner's never. On the owner's
own host its process is checked. On another host the age of its heartbeat is used, both written and compared by the
database's clock. Taking raises the epoch of the observatory, and of every observatory of the run that loses it. An
owner that was wrongly believed dead then writes nothing more.
"""

import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from safelight.engine.clock import boot_s, wall_utc
from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.server_time import server_now, server_utc
from safelight.engine.records.tenure import LEASE_S, TAKE_S, Tenure
from safelight.processes import process_started

__all__ = [
    "TOO_LATE",
    "Lock",
    "Owner",
    "beat",
    "next_epoch",
    "owner_of",
    "owners",
    "refuse_if_held",
    "running",
    "take_away",
]

TOO_LATE = "too late"
"""Value of a request's `obeyed` if the run had ended before it was read."""

_SILENT_S = 60.0
"""Time without a heartbeat after which an owner of a SQLite journal in another container counts as dead, s. That of a
shared journal has stopped by itself before `TAKE_S`."""

_AHEAD_S = 300.0
"""Largest accepted lead of another host's clock, s. A heartbeat further in the future proves nothing."""

_HARDWARE = "hardware "
_LONGEST_KEY = 120

_HELD: set[str] = set()
"""Runs of this process that hold an observatory. A lock that could not be removed from a full journal has no owner,
although the process is alive."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Owner of an observatory. Times are UTC, ISO 8601.

    Attributes:
        since: when it took it, on its own clock.
        beat: its last heartbeat, on the database's clock.
        epoch: number under which it holds it.
        beats: number of its heartbeats.
        read: when this was read, on the database's clock; empty: on this host's.
        patience_s: time without a heartbeat after which it counts as dead on another host, s.
    """

    observatory: str
    run: str
    host: str
    pid: int
    process_started: str
    since: str
    beat: str
    epoch: int = 0
    beats: int = 0
    read: str = field(default="", compare=False)
    patience_s: float = _SILENT_S

    @classmethod
    def of(cls, row: Mapping[str, Any], journal: Journal) -> "Owner":
        """Return an owner from a row of a journal, with any content."""
        fields: dict[str, Any] = {name: str(row.get(name) or "") for name in _WORDS}
        fields |= {name: row[name] if isinstance(row.get(name), int) else 0 for name in _NUMBERS}
        return cls(**fields, patience_s=TAKE_S if journal.shared else _SILENT_S)

    @property
    def mark(self) -> tuple[str, int, int]:
        """Value that changes with each heartbeat and each owner."""
        return self.run, self.epoch, self.beats

    @property
    def alive(self) -> bool:
        """Return whether the owner still runs, as far as can be known from here."""
        if self.host == socket.gethostname():
            if self.pid == os.getpid():
                return self.run in _HELD
            return bool(self.process_started) and process_started(self.pid) == self.process_started
        silent_s = _silent_s(self.beat, self.read)
        return silent_s is not None and -_AHEAD_S < silent_s < self.patience_s

    def __str__(self) -> str:
        return f"run {self.run} (process {self.pid} on {self.host}, since {self.since})"


_WORDS = ("observatory", "run", "host", "process_started", "since", "beat", "read")
_NUMBERS = ("pid", "epoch", "beats")


def _silent_s(beat: str, read: str) -> float | None:
    """Return the seconds since a heartbeat, or None if it is not a time."""
    try:
        found = datetime.fromisoformat(beat)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        now = datetime.fromisoformat(read) if read else wall_utc()
        return (now - found).total_seconds()
    except (ValueError, OverflowError):
        return None


def key_of(hardware: str) -> str:
    """Return the key of the lock on a piece of hardware. A long name is replaced by its end and its checksum."""
    if len(_HARDWARE + hardware) <= _LONGEST_KEY:
        return _HARDWARE + hardware
    digest = sha256(hardware.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return f"{_HARDWARE}{digest} {hardware[-60:]}"


_LOCKS = sa.select(tables.locks, server_utc().label("read"))


def owners(journal: Journal) -> list[Owner]:
    """Return the owners of observatories, dead or alive."""
    rows = (Owner.of(row, journal) for row in journal.read(_LOCKS))
    return [owner for owner in rows if not owner.observatory.startswith(_HARDWARE)]


def owner_of(journal: Journal, observatory: str) -> Owner | None:
    """Return the owner of the observatory now, dead or alive."""
    rows = journal.read(_LOCKS.where(tables.locks.c.observatory == observatory))
    return Owner.of(rows[0], journal) if rows else None


@dataclass(frozen=True, slots=True)
class Lock:
    """Lock on an observatory, held by this run."""

    journal: Journal
    owner: Owner
    tenure: Tenure
    taken_from: Owner | None = None

    @classmethod
    def take(cls, journal: Journal, observatory: str, run: str, hardware: Sequence[str] = ()) -> "Lock":
        """Take the observatory and its hardware, also from a dead owner. The journal then writes under its epoch.

        Args:
            journal: where the locks are.
            observatory: its name.
            run: who takes it.
            hardware: names of what its lamps are on.

        Raises:
            RunRefused: another run holds it: which, whose, since when.
        """
        keys = _keys(observatory, hardware)
        sent_s = boot_s()
        with journal.alone():
            found = [owner for key, words in keys.items() if (owner := _owner_to_replace(journal, key, words))]
            # Requests to this run from before the lock came too late for an earlier segment.
            late = (tables.control.c.run == run) & tables.control.c.obeyed.is_(None)
            journal.write(sa.update(tables.control).where(late), {"obeyed": TOO_LATE})
            me = _owner(journal, observatory, run)
            losers = take_away(journal, {owner.run for owner in found}, me.epoch)
            values = {name: getattr(me, name) for name in _COLUMNS}
            journal.write(sa.insert(tables.locks), [values | {"observatory": key} for key in keys])
            _raise_fences(journal, {observatory} - losers, me.epoch)
        _HELD.add(run)
        journal.tenure = Tenure(observatory, me.epoch, LEASE_S if journal.shared else None, sent_s)
        return cls(journal, me, journal.tenure, found[0] if found else None)

    def release(self) -> None:
        """Release the observatory, if it is still ours."""
        _HELD.discard(self.owner.run)
        self.journal.tenure = None
        self.journal.write(sa.delete(tables.locks).where(_held_by(self.owner)))
        self.journal.commit()


_COLUMNS = ("run", "host", "pid", "process_started", "since", "beat", "epoch", "beats")


def refuse_if_held(journal: Journal, observatory: str, hardware: Iterable[str]) -> None:
    """Refuse if a living run holds the observatory or a piece of this hardware. Nothing is taken.

    Raises:
        RunRefused: one does: which, whose, since when.
    """
    for key, words in _keys(observatory, hardware).items():
        _owner_to_replace(journal, key, words)


def _keys(observatory: str, hardware: Iterable[str]) -> dict[str, str]:
    """Return the key of each lock, with the words for it."""
    return {observatory: observatory} | {key_of(name): f"the lamp hardware {name}" for name in hardware}


def _owner_to_replace(journal: Journal, key: str, words: str) -> Owner | None:
    owner = owner_of(journal, key)
    if owner is not None and owner.alive:
        raise RunRefused(f"{words} is in use by {owner}: wait for it, or end it with `safelight abort {owner.run}`")
    return owner


def _owner(journal: Journal, observatory: str, run: str) -> Owner:
    """Return this process as an owner, with an epoch that no run was given before."""
    now = server_now(journal)
    pid, since = os.getpid(), wall_utc().isoformat(timespec="seconds")
    host, epoch = socket.gethostname(), next_epoch(journal)
    return Owner(observatory, run, host, pid, process_started(pid), since, now, epoch)


def next_epoch(journal: Journal) -> int:
    """Return an epoch that was never given, while no other process writes."""
    (row,) = journal.read(sa.select(sa.func.max(tables.fences.c.epoch).label("newest")))
    return int(row["newest"] or 0) + 1


def take_away(journal: Journal, runs: Collection[str], epoch: int) -> set[str]:
    """Remove all locks of runs and raise the fences of their observatories, while no other process writes.

    Returns:
        The observatories that they have held.
    """
    theirs = tables.locks.c.run.in_(list(runs))
    rows = journal.read(sa.select(tables.locks.c.observatory).where(theirs)) if runs else []
    journal.write(sa.delete(tables.locks).where(theirs))
    held = {str(row["observatory"]) for row in rows if not str(row["observatory"]).startswith(_HARDWARE)}
    _raise_fences(journal, held, epoch)
    return held


def _raise_fences(journal: Journal, observatories: Collection[str], epoch: int) -> None:
    """Give observatories a new epoch, while no other process writes."""
    fences = tables.fences
    for observatory in sorted(observatories):
        if not journal.write(sa.update(fences).where(fences.c.observatory == observatory), {"epoch": epoch}):
            journal.write(sa.insert(fences), {"observatory": observatory, "epoch": epoch})


def _held_by(owner: Owner) -> sa.ColumnElement[bool]:
    return (tables.locks.c.run == owner.run) & (tables.locks.c.epoch == owner.epoch)


def beat(journal: Journal, owner: Owner, tenure: Tenure) -> None:
    """Record that the owner is alive, and renew its tenure.

    Raises:
        JournalFenced: the observatory was taken over.
        JournalError: it could not be recorded.
    """
    journal.tenure, sent_s = tenure, boot_s()
    values = {"beat": server_utc(), "beats": tables.locks.c.beats + 1}
    journal.write(sa.update(tables.locks).where(_held_by(owner)).values(values))
    journal.commit()
    tenure.renew(sent_s)


def running(journal: Journal) -> list[Owner]:
    """Return the owners that hold an observatory and are alive."""
    return [owner for owner in owners(journal) if owner.alive]
