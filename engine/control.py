"""Stopping a run from elsewhere: a request in the journal, which the run looks for while it goes on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from safelight.engine import tables
from safelight.engine.asking import asker
from safelight.engine.clock import real_wait, wall_utc
from safelight.engine.errors import JournalError, RunRefused
from safelight.engine.journal import Journal
from safelight.engine.lock import Owner, beat

__all__ = ["Listening", "ask", "running"]

_LOOK_S = 0.2
"""How often a run looks for requests, s on the wall."""
_BEAT_EVERY = 25
"""Every so many looks it says that it lives."""


def running(journal: Journal) -> list[Owner]:
    """The runs that hold an observatory, and are alive."""
    owners = [Owner(**row) for row in journal.read(sa.select(tables.locks))]
    return [owner for owner in owners if owner.alive]


def ask(journal: Journal, run: str | None, word: str, who: str | None = None) -> Owner:
    """Leave a request for a run; None: the only one that is running.

    Args:
        journal: where the run looks.
        run: its id.
        word: `abort` or `pause`.
        who: asks for it (`asker`); None: this process.

    Raises:
        RunRefused: no such run is running, or several are and none was named.
    """
    owners = running(journal)
    found = [owner for owner in owners if run in (None, owner.run)]
    if not found:
        raise RunRefused(f"run {run} is not running" if run else "no run is running")
    if len(found) > 1:
        names = ", ".join(owner.run for owner in found)
        raise RunRefused(f"several runs are running, name one: {names}")
    journal.write(
        sa.insert(tables.control),
        {
            "run": found[0].run,
            "time": wall_utc().isoformat(timespec="milliseconds"),
            "word": word,
            "who": who or asker("Python"),
        },
    )
    journal.commit()
    return found[0]


@dataclass(slots=True)
class Listening:
    """Looks for requests with a connection of its own, in a thread, so that a slow journal delays nothing.

    Attributes:
        stop: called with the word and who asked.
        tell: called with an event and its facts.
    """

    url: str
    owner: Owner
    stop: Callable[[str, str], None]
    tell: Callable[..., None] = lambda event, **facts: None  # noqa: ARG005
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        """Until `finish` is called; never leaves a look half done."""
        journal: Journal | None = None
        looks = 0
        while not self._done.is_set():
            try:
                if journal is None:
                    journal = await asyncio.to_thread(Journal, self.url)
                for word, who in await asyncio.to_thread(self._look, journal, looks % _BEAT_EVERY == 0):
                    self.stop(word, f"{word} was asked for by {who}")
            except JournalError as error:
                if looks % _BEAT_EVERY == 0:
                    self.tell("journal.failed", error=str(error))
            looks += 1
            await real_wait(self._done, _LOOK_S)
        if journal is not None:
            journal.close()

    def finish(self) -> None:
        """End the listening; await its task afterwards."""
        self._done.set()

    def _look(self, journal: Journal, say: bool) -> list[tuple[str, str]]:  # noqa: FBT001
        if say:
            beat(journal, self.owner)
        waiting = (tables.control.c.run == self.owner.run) & tables.control.c.obeyed.is_(None)
        rows = journal.read(sa.select(tables.control).where(waiting).order_by(tables.control.c.id))
        for row in rows:
            statement = sa.update(tables.control).where(tables.control.c.id == row["id"])
            journal.write(statement, {"obeyed": wall_utc().isoformat(timespec="milliseconds")})
        if rows:
            journal.commit()
        return [(row["word"], row["who"]) for row in rows]
