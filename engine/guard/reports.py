"""Reports of what a guard has done: to the journal and to people. They come after the lamps, and never delay them."""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from safelight.engine.clock import Clock, wall_utc
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.status_files import GuardStatusFile

__all__ = ["GuardReports"]


@dataclass(slots=True)
class GuardReports:
    """Reports of one guard. Where they fail, its log has it."""

    order: GuardConfig
    book: GuardStatusFile
    born: str
    wall: Clock
    _writing: "asyncio.Future[None] | None" = None
    _written: dict[str, str] | None = None
    _notified: set[tuple[str, bool]] = field(default_factory=set)
    _notifying: "list[asyncio.Future[None]]" = field(default_factory=list)

    def forget(self) -> None:
        """Begin a new incident: what is the same again is recorded again."""
        self._written = None

    async def sent(self) -> None:
        """Return when every notification has been sent, or has failed."""
        await asyncio.gather(*self._notifying, return_exceptions=True)

    async def write_down(self, lamps: Mapping[str, str], why: str) -> None:
        """Write to the journal. A journal that hangs is waited for once, briefly."""
        url = self.order.journal
        if url is None or not lamps or lamps == self._written:
            return
        if self._writing is not None and not self._writing.done():
            return
        self._writing = asyncio.ensure_future(self.wall.in_thread(partial(self._enter, url, dict(lamps), why)))
        await asyncio.wait([self._writing], timeout=self.order.observatory.guard.retry_s)

    def notify(self, lamps: Mapping[str, str], why: str) -> None:
        """Notify people, once of each occasion.

        A hand-lit lamp that goes off in time is what its user has asked for.
        """
        targets, safe = self.order.observatory.notify, all(seen == "off" for seen in lamps.values())
        if not targets or not lamps or (self.order.keep and safe) or (why, safe) in self._notified:
            return
        self._notified.add((why, safe))
        self._notifying.append(asyncio.ensure_future(self.wall.in_thread(partial(self._send, dict(lamps), why))))

    def _send(self, lamps: Mapping[str, str], why: str) -> None:
        try:
            from safelight.engine.notify import Notice, notify  # noqa: PLC0415 - needed only after an act

            order = self.order
            notice = Notice.of_guard(order.observatory, order.run, lamps, why)
            key = f"{order.run}.guard-{self.born}-{why.replace(' ', '-').replace(',', '')}"
            sent = notify(order.home, order.observatory.notify, notice, key)
            self.book.log("notified", to=[receiver for receiver, _ in sent])
        except Exception as error:  # noqa: BLE001 - the lamps are what counts
            self.book.log("notify.failed", error=repr(error))

    def _enter(self, url: str, lamps: Mapping[str, str], why: str) -> None:
        try:
            from safelight.engine.records.database import Journal  # noqa: PLC0415 - slow, and needed only after an act
            from safelight.engine.records.run_writer import write_lamp_events  # noqa: PLC0415

            events = [(lamp, "off", seen) for lamp, seen in lamps.items()]
            now = wall_utc().isoformat(timespec="milliseconds")
            run = "" if self.order.keep else self.order.run
            with closing(Journal(url, create=False)) as journal:
                write_lamp_events(journal, run, events, who="guard", why=why, time=now)
                journal.commit()
            self._written = dict(lamps)
        except Exception as error:  # noqa: BLE001 - the lamps are what counts
            self.book.log("journal.failed", error=repr(error))
