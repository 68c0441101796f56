"""`safelight guard status`."""

from datetime import datetime
from typing import Any

import typer

from safelight.commands.options import AsJson, Home

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look at the processes that watch the lamps.", rich_markup_mode=None)


@app.callback()
def guard() -> None:
    """Look at the processes that watch the lamps."""


@app.command()
def status(*, home: Home = None, as_json: AsJson = False) -> None:
    """List the guards: for which run, which lamps and how long; exit code 10 if one can't get a lamp off."""
    from safelight.engine.guardbook import guards  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.speech import UNSAFE, put, put_json  # noqa: PLC0415

    found = [_now(guard) for guard in guards(home or default_home())]
    unsafe = [guard for guard in found if guard["doing"] == "unsafe"]
    if as_json:
        put_json({"guards": found, "unsafe": bool(unsafe)})
    elif not found:
        put("nobody watches: no guard is at work here")
    else:
        _show(found)
    if unsafe:
        raise typer.Exit(UNSAFE)


def _now(guard: dict[str, Any]) -> dict[str, Any]:
    """A guard's page, its leases as they are now, s."""
    from safelight.engine.clock import wall_utc  # noqa: PLC0415

    age_s = (wall_utc() - datetime.fromisoformat(guard["told"])).total_seconds()
    left_s = {lamp: round(max(0.0, lease_s - age_s), 1) for lamp, lease_s in guard["leases"].items()}
    return {**guard, "leases": left_s}


def _show(found: list[dict[str, Any]]) -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.paper import paper, table  # noqa: PLC0415

    rows = table()
    rows.add_column("run", overflow="fold", min_width=24)
    rows.add_column("process", justify="right", no_wrap=True)
    rows.add_column("doing", no_wrap=True)
    rows.add_column("since (UTC)", no_wrap=True)
    rows.add_column("lamps", overflow="fold")
    for guard in found:
        unsafe = guard["doing"] == "unsafe"
        style = "bold red" if unsafe else "yellow" if guard["doing"] == "acting" else ""
        doing = Text(guard["doing"].upper() if unsafe else guard["doing"], style=style)
        since = f"{datetime.fromisoformat(guard['since']):%H:%M:%S}"
        rows.add_row(Text(guard["run"]), str(guard["pid"]), doing, since, Text(_lamps(guard)))
    paper().print(rows)


def _lamps(guard: dict[str, Any]) -> str:
    """What it could not get off, or what it answers for and how long."""
    from safelight.engine.wording import brief  # noqa: PLC0415

    burning = [f"{lamp} read back as {seen}" for lamp, seen in guard.get("lamps", {}).items() if seen != "off"]
    if burning:
        why = f" ({guard['why']})" if guard.get("why") else ""
        return ", ".join(burning) + why
    return ", ".join(f"{lamp} for {brief(left_s)} at most" for lamp, left_s in guard["leases"].items()) or "none yet"
