"""`safelight log`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, Level

__all__ = ["log"]


TheRun = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
TheLevel = Annotated[Level, typer.Option("--level", help="Leave out what matters less.")]


def log(run: TheRun, *, level: TheLevel = Level.INFO, home: Home = None, as_json: AsJson = False) -> None:
    """Print what was logged of a run on this machine: every event, with its level."""
    from safelight.engine.errors import RunRefused  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.logs import log_lines  # noqa: PLC0415
    from safelight.speech import put, put_json  # noqa: PLC0415

    folder = home or default_home()
    nothing = RunRefused(f"nothing was logged of a run {run!r} here, in {folder / 'logs'}")
    if Path(run).name != run:
        raise nothing
    try:
        for event in log_lines(folder, run, level.value):
            if as_json:
                put_json(event)
            else:
                put(_line(event))
    except FileNotFoundError:
        raise nothing from None


def _line(event: Any) -> str:
    facts = " ".join(f"{name}={value!r}" for name, value in event.items() if name not in _HEAD)
    return f"{event['time'][:23]} {event['level']:7} {event['event']:16} {facts}".rstrip()


_HEAD = frozenset({"time", "level", "event", "run"})
