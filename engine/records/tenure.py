"""Tenure of a run: the epoch under which it holds its observatory, and the time for which it may command devices.

An epoch is a number that a journal gives only once. It is raised in the transaction that takes an observatory, so that
a run that was overtaken while it stood still is refused at its next commit. In a journal that several hosts share, a
tenure also has an end, counted on this host's own clock from the moment when the last successful heartbeat was sent.
Wall clocks of different hosts are never compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from safelight.engine.clock import boot_s
from safelight.engine.errors import JournalFenced
from safelight.engine.records import tables

__all__ = ["LEASE_S", "MARGIN_S", "TAKE_S", "Tenure"]

LEASE_S = 8.0
"""Duration of a tenure after the sending of a heartbeat, s."""
MARGIN_S = 2.0
"""Time before the end of a tenure at which a run stops by itself, s."""
TAKE_S = 10.0
"""Silence after which another host may take the observatory, s. It is longer than a tenure."""

_MINE = (
    sa.select(tables.fences.c.epoch)
    .where(tables.fences.c.observatory == sa.bindparam("held"))
    .with_for_update(read=True)
)


@dataclass(slots=True)
class Tenure:
    """Tenure of one run at one observatory.

    Attributes:
        observatory: its name.
        epoch: number under which the run holds it.
        lease_s: time for which it lasts after a heartbeat, s; None: no other host can reach the journal.
        sent_s: when the last heartbeat that has reached the journal was sent, on the clock, s.
        lost: why it was lost before its time, empty as long as it was not.
        clock: counts seconds, also while this host is suspended.
    """

    observatory: str
    epoch: int
    lease_s: float | None
    sent_s: float
    lost: str = ""
    clock: Callable[[], float] = boot_s

    def renew(self, sent_s: float) -> None:
        """Note that a heartbeat has reached the journal that was sent then, s.

        It comes too late where the tenure is over: a run that stood still for so long stops, whoever wakes first in it.
        """
        if self.over:
            self.lost = self.end
        else:
            self.sent_s = max(self.sent_s, sent_s)

    @property
    def left_s(self) -> float:
        """Time until its end, s: negative after it, infinite if it has none."""
        if self.lost:
            return -inf
        return inf if self.lease_s is None else self.sent_s + self.lease_s - self.clock()

    @property
    def over(self) -> bool:
        """Whether another host may hold the observatory."""
        return self.left_s <= 0

    @property
    def end(self) -> str:
        """Reason for a run to stop now, because its tenure is lost or nearly over. Empty: it may continue."""
        if self.lost or self.left_s > MARGIN_S:
            return self.lost
        return (
            f"fenced: no heartbeat for {self.observatory} has reached the journal for "
            f"{self.clock() - self.sent_s:.0f} s, so another host may take it"
        )

    def require(self) -> None:
        """Check that the run may command a device.

        Raises:
            JournalFenced: it is lost, or nearly over.
        """
        if why := self.end:
            raise JournalFenced(why)

    def check(self, connection: Connection) -> None:
        """Check within a transaction that no newer epoch was taken, and let none be taken until it is committed.

        It is the last statement before the commit. SQLite has the write lock by then, and PostgreSQL locks the row.

        Raises:
            JournalFenced: one was taken.
        """
        epoch = connection.execute(_MINE, {"held": self.observatory}).scalar()
        if epoch != self.epoch:
            self.lost = (
                f"fenced: {self.observatory} was taken over (epoch {epoch}, this run holds {self.epoch}), "
                "so nothing more of this run is recorded here"
            )
            raise JournalFenced(self.lost)
