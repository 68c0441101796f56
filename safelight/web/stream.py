"""Server-sent events for a page.

`tick` is sent every second and has everything that must be up to date: the server's time, the age of the readings of
journal and lamps, the lamps themselves, the running states, and the signs of life of hosts. `runs`, `queue`,
`schedules` and `run` are sent when they have changed. Every message is complete, so that a page that reconnects has
missed nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from safelight.devices import Observatory
from safelight.engine.clock import Clock, real_wait, wall_utc
from safelight.engine.command_hints import CommandHints
from safelight.engine.fleet.signs_of_life import LifeSign
from safelight.web.journal_watch import JournalWatch, Sight
from safelight.web.lamp_watch import LampView, LampWatch
from safelight.web.launcher import Launcher
from safelight.web.settings import ServerSettings

__all__ = ["Stream"]

_TICK_S = 1.0
_MOST_PAGES = 100
"""Largest number of connected pages. The other connections of the server are reserved for buttons."""
_JOURNAL_LIMIT_S = 8.0
"""Age from which a reading of the journal is out of date, s."""


@dataclass
class Stream:
    """Sender of events to every connected page.

    Attributes:
        boot: changes with every start of the server.
        switching: how many askings for ALL LAMPS OFF are being carried out.
        by_hand: the commands that reach the same lamps.
    """

    place: ServerSettings
    observatory: Observatory
    clock: Clock
    journal: JournalWatch
    lamps: LampWatch
    others: Sequence[LampWatch]
    launcher: Launcher
    boot: str
    by_hand: CommandHints
    closing: bool = False
    switching: int = 0
    _loop: asyncio.AbstractEventLoop | None = None
    _waiting: set[asyncio.Event] = field(default_factory=set)
    _pages: int = 0

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch journal and lamps."""
        self._loop = loop
        self.journal.told = self._stirred
        self.journal.start()
        for lamps in (self.lamps, *self.others):
            lamps.start()

    def close(self) -> None:
        """Let every page go."""
        self.closing = True
        self._wake()

    def _stirred(self, before: Sight, after: Sight) -> None:
        """Handle a reading of the journal. It is called in the watch's thread."""
        self.launcher.look()
        if before.lamp_mark != after.lamp_mark:
            for lamps in (self.lamps, *self.others):
                lamps.hurry()
        changed = (
            before.runs is not after.runs
            or before.queue is not after.queue
            or before.schedules is not after.schedules
            or before.accounts != after.accounts
            or before.error != after.error
        )
        if changed and self._loop is not None:
            with suppress(RuntimeError):  # the loop has just closed
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    @contextmanager
    def seat(self) -> Iterator[bool]:
        """Take one of the places for pages for the duration of the body. Yield False if none is free."""
        free = self._pages < _MOST_PAGES
        self._pages += free
        try:
            yield free
        finally:
            self._pages -= free

    @contextmanager
    def switch(self) -> Iterator[None]:
        """Show on every page, for the duration of the body, that lamps are being switched off."""
        self.switching += 1
        self._wake()
        try:
            yield
        finally:
            self.switching -= 1

    async def follow(self, run: str | None, allowed: Callable[[], bool] = lambda: True) -> AsyncIterator[bytes]:
        """Yield the messages for one page.

        Args:
            run: the shown run; None: the running one, or the newest.
            allowed: returns whether the page may still read.
        """
        changed = asyncio.Event()
        self._waiting.add(changed)
        sent: dict[str, Any] = {}
        try:
            with self.journal.watching(run):
                # The pause before a browser reconnects, ms.
                yield b"retry: 1000\n\n"
                while not self.closing and allowed():
                    sight = self.journal.sight
                    yield _message("tick", self.tick(sight))
                    for name, value in self._news(sight, run):
                        if sent.get(name) is not value:
                            sent[name] = value
                            yield _message(name, value)
                    changed.clear()
                    await real_wait(changed, _TICK_S)
        finally:
            self._waiting.discard(changed)

    def _news(self, sight: Sight, run: str | None) -> list[tuple[str, Any]]:
        shown = run or sight.present
        account = sight.accounts.get(shown) if shown else None
        news: list[tuple[str, Any]] = [
            ("runs", sight.runs),
            ("queue", sight.queue),
            ("schedules", sight.schedules.shown),
        ]
        return [*news, ("run", account.facts)] if account is not None else news

    def tick(self, sight: Sight) -> dict[str, Any]:
        """Return everything that is true at this moment only."""
        now_s = self.clock.now()
        going = [account.now(now_s) for run, account in sight.accounts.items() if run in sight.owners]
        return {
            "time": wall_utc().isoformat(timespec="milliseconds"),
            "boot": self.boot,
            "observatory": self.observatory.name,
            "home": str(self.place.home),
            "speed": self.place.speed,
            "by_hand": {verb: self.by_hand.lamps(verb) for verb in ("off", "status")},
            "journal": {
                "age_s": None if sight.at_s is None else round(now_s - sight.at_s, 1),
                "limit_s": _JOURNAL_LIMIT_S,
                "error": sight.error,
            },
            "lamps": _lamps(self.lamps, now_s),
            "others": [{"name": one.observatory.name, "lamps": _lamps(one, now_s)} for one in self.others],
            "going": going,
            "present": sight.present,
            "switching": self.switching,
            "hosts": [_host(one, now_s - (now_s if sight.at_s is None else sight.at_s)) for one in sight.hosts],
            "guards": [{name: guard.get(name) for name in ("pid", "run", "doing")} for guard in sight.guards],
            "notices": list(self.launcher.notices),
        }


def _lamps(watch: LampWatch, now_s: float) -> dict[str, Any]:
    reading = watch.reading
    if reading is None:
        never = [{"name": name, "state": "unknown", "last": None} for name in watch.observatory.lamps.units]
        return {"age_s": None, "limit_s": watch.limit_s, "error": None, "lamps": never}
    return {
        "age_s": round(now_s - reading.at_s, 2),
        "time": reading.time.isoformat(timespec="milliseconds"),
        "limit_s": watch.limit_s,
        "error": reading.error,
        "lamps": [_lamp(name, seen) for name, seen in reading.lamps.items()],
    }


def _host(sign: LifeSign, more_s: float) -> dict[str, Any]:
    return {
        "host": sign.host,
        "what": sign.what,
        "observatory": sign.observatory,
        "pid": sign.pid,
        "age_s": round(sign.age_s + more_s, 1),
    }


def _lamp(name: str, seen: LampView) -> dict[str, Any]:
    return {
        "name": name,
        "state": seen.state,
        "since": seen.since.isoformat(timespec="milliseconds"),
        "exact": seen.exact,
        "last": seen.last and {"state": seen.last[0], "time": seen.last[1].isoformat(timespec="milliseconds")},
    }


def _message(event: str, value: Mapping[str, Any] | tuple[Any, ...]) -> bytes:
    # JSON has no bare line ends, so that no name can begin another message.
    return f"event: {event}\ndata: {json.dumps(value, allow_nan=False)}\n\n".encode()
