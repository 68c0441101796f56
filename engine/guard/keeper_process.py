"""Keepers of several observatories in one process, from their documents to their end."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from safelight.devices import Lamps, Observatory, load_observatory, open_lamps
from safelight.engine.clock import Clock
from safelight.engine.errors import EngineError
from safelight.engine.guard.keeper import Keeper
from safelight.engine.guard.lamp_paths import paths_of, read_by
from safelight.engine.guard.safing import Safing, safing_for
from safelight.engine.records.database import Journal

__all__ = ["keep"]


async def keep(
    sources: Sequence[str | Path],
    url: str,
    home: Path,
    tell: Callable[[str], None],
    on_start: Callable[[Callable[[], None]], None] = lambda end: None,  # noqa: ARG005
) -> None:
    """Watch the runs of observatories in a shared journal until the keepers are ended.

    Args:
        sources: shipped names, or documents.
        url: the journal, on PostgreSQL.
        home: state folder, for notifications.
        tell: called with each event, in words.
        on_start: called with a function that ends the keepers, to be called in the event loop.

    Raises:
        ObservatoryError: a document can't be read.
        JournalError: the journal can't be opened.
        EngineError: the journal is a file, which no other host can reach.
    """
    observatories = [load_observatory(source) for source in sources]
    await asyncio.to_thread(_require_shared, url)
    over = asyncio.Event()
    on_start(over.set)
    await asyncio.gather(*(_keep_one(one, url, home, _headed(tell, one, observatories), over) for one in observatories))


def _require_shared(url: str) -> None:
    if not url.startswith("postgresql"):
        raise EngineError(f"guard --for: expected --journal postgresql://..., which other hosts can reach, got {url}")
    Journal(url).close()


def _headed(
    tell: Callable[[str], None], one: Observatory, observatories: Sequence[Observatory]
) -> Callable[[str], None]:
    return tell if len(observatories) == 1 else lambda words: tell(f"{one.name}: {words}")


async def _keep_one(
    observatory: Observatory, url: str, home: Path, tell: Callable[[str], None], over: asyncio.Event
) -> None:
    clock = Clock()
    lamps, second, close = open_lamps(observatory, clock=clock, home=home)
    safing = safing_for(observatory, lamps, second, clock, lambda lamp, words: None)  # noqa: ARG005
    try:
        tell(f"watching the lamps of {observatory.name}")
        async with asyncio.TaskGroup() as group:
            paths = zip(paths_of(observatory), (lamps, second), strict=False)
            reads = [group.create_task(_tell_fault(path, by, safing, tell)) for path, by in paths if by is not None]
            await Keeper(observatory, safing, home, url, tell, over).watch()
            for read in reads:
                read.cancel()
    finally:
        await close()


async def _tell_fault(path: str, lamps: Lamps, safing: Safing, tell: Callable[[str], None]) -> None:
    """Report at the start if the lamps can't be read by a path. The keeper watches all the same."""
    found = await read_by(path, lamps, safing)
    if found.why:
        tell(str(found))
