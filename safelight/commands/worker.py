"""`safelight worker`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from safelight.commands.options import FramesFolder, Home, JournalUrl, Speed

__all__ = ["worker"]

Served = Annotated[
    list[str],
    typer.Option("--observatory", metavar="FILE|NAME", help="Observatory whose requests it takes. It can be repeated."),
]


def worker(
    *,
    observatory: Served,
    journal: JournalUrl = None,
    home: Home = None,
    frames: FramesFolder = Path("frames"),
    speed: Speed = "1",
) -> None:
    """Take requests from the queue, one after the other for each observatory, until Ctrl-C or SIGTERM.

    A run that faults is resumed after 10, 60 and 300 s. Runs are processes of their own: they continue when the worker
    ends, and the next worker attends to them.
    """
    from safelight.commands.conducting import end_at_signal  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.devices import load_observatory  # noqa: PLC0415
    from safelight.engine.clock import wall_utc  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.queue.worker import Worker, WorkerPlace  # noqa: PLC0415
    from safelight.engine.records.database import Journal, default_url  # noqa: PLC0415
    from safelight.signals import STOPS  # noqa: PLC0415

    STOPS.watch()
    state = home or default_home()
    url = journal or default_url(state)
    Journal(url).close()
    observatories = {source: load_observatory(source) for source in observatory}

    async def work() -> None:
        over = asyncio.Event()
        end_at_signal(over.set)
        say: Callable[[str], None] = lambda words: tell(f"{wall_utc():%H:%M:%S} {words}")  # noqa: E731
        workers = [
            Worker(one, WorkerPlace(source, state, url, frames, speed), say, over)
            for source, one in observatories.items()
        ]
        say(f"taking requests for {', '.join(one.name for one in observatories.values())}")
        await asyncio.gather(*(one.work() for one in workers))

    asyncio.run(work())
