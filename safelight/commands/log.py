"""`safelight log`."""

from typing import Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, Level, RunId

__all__ = ["log"]


TheLevel = Annotated[Level, typer.Option("--level", help="Leave out what matters less.")]


def log(run: RunId = None, *, level: TheLevel = Level.INFO, home: Home = None, as_json: AsJson = False) -> None:
    """Print the log of a run on this machine, every event with its level: RUN, or the newest."""
    from safelight.commands.output import put, put_json  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.records.event_log import log_lines, logged_runs  # noqa: PLC0415
    from safelight.engine.records.run_list import pick_run  # noqa: PLC0415

    folder = home or default_home()
    name = pick_run(run, logged_runs(folder), f"{folder / 'logs'}")
    for event in log_lines(folder, name, level.value):
        if as_json:
            put_json(event)
        else:
            put(_line(event))


def _line(event: Any) -> str:
    facts = " ".join(f"{name}={value!r}" for name, value in event.items() if name not in _HEAD)
    return f"{event['time'][:23]} {event['level']:7} {event['event']:16} {facts}".rstrip()


_HEAD = frozenset({"time", "level", "event", "run"})
