"""`safelight guard --for` and `safelight guard status`."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, JournalUrl
from safelight.commands.usage import CommandLine

__all__ = ["app"]

app = CommandLine(no_args_is_help=True, help="List the processes that watch the lamps.", rich_markup_mode=None)

Kept = Annotated[
    list[str] | None,
    typer.Option(
        "--for",
        metavar="FILE|NAME",
        show_default=False,
        help="Watch the runs of this observatory on other hosts, in a journal on PostgreSQL. It can be repeated.",
    ),
]


@app.callback(invoke_without_command=True)
def guard(context: typer.Context, *, kept: Kept = None, journal: JournalUrl = None, home: Home = None) -> None:
    """Inspect the guard processes that watch the lamps, or with --for, be a guard of other hosts.

    A host that gives no heartbeat for 4 s counts as lost, and all lamps of the observatory go off. After 10 s its run
    is ended in the journal, and can be resumed on any host. The guard watches until Ctrl-C or SIGTERM.
    """
    if context.invoked_subcommand is None:
        _keep(kept or (), journal, home)


def _keep(kept: Sequence[str], url: str | None, home: Path | None) -> None:
    from safelight.commands.conducting import end_at_signal  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.engine.clock import wall_utc  # noqa: PLC0415
    from safelight.engine.guard.keeper_process import keep  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.records.database import default_url  # noqa: PLC0415
    from safelight.signals import STOPS  # noqa: PLC0415

    if not kept:
        raise typer.BadParameter("expected --for FILE|NAME, or the command `status`")

    STOPS.watch()
    state = home or default_home()
    url = url or default_url(state)
    asyncio.run(keep(kept, url, state, lambda words: tell(f"{wall_utc():%H:%M:%S} {words}"), end_at_signal))


@app.command()
def status(*, home: Home = None, as_json: AsJson = False) -> None:
    """List the guards with their runs, lamps and times. The exit code is 10 if a lamp is not confirmed off."""
    from safelight.commands.output import UNSAFE, put, put_json  # noqa: PLC0415
    from safelight.engine.guard.status_files import guards  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.notify import undelivered  # noqa: PLC0415

    found = [_now(guard) for guard in guards(home or default_home())]
    unsafe = [guard for guard in found if _unconfirmed(guard)]
    _alarm(unsafe, home or default_home())
    missed = list(undelivered(home or default_home()))
    if as_json:
        put_json({"guards": found, "unsafe": bool(unsafe), "undelivered": missed})
    elif not found:
        put("no guard is running here")
    else:
        _show(found)
    if missed and not as_json:
        _show_undelivered(missed)
    if unsafe:
        raise typer.Exit(UNSAFE)


def _show_undelivered(missed: Sequence[Mapping[str, Any]]) -> None:
    """Print which notifications were not received."""
    from safelight.commands.output import warn  # noqa: PLC0415

    for one in missed:
        state = "given up" if one["state"] == "failed" else "tried again"
        warn(f"notification to {one.get('to')} not delivered ({state}): {one['why']}")
        warn(f"  it says: {(one.get('notice') or {}).get('text')}")


def _unconfirmed(guard: Mapping[str, Any]) -> bool:
    """Return whether a guard is switching lamps off, and one is not confirmed off (yet)."""
    return guard["doing"] in ("unsafe", "acting") and any(seen != "off" for seen in guard["lamps"].values())


def _alarm(unsafe: Sequence[Mapping[str, Any]], home: Path) -> None:
    """Print on standard error the lamps that the guards could not switch off, once for each observatory."""
    from safelight.commands.output import shout  # noqa: PLC0415
    from safelight.engine.command_hints import DEFAULT, CommandHints  # noqa: PLC0415
    from safelight.show.progress.messages import alarm  # noqa: PLC0415

    for source in dict.fromkeys(guard.get("source") or DEFAULT for guard in unsafe):
        mine = [guard for guard in unsafe if (guard.get("source") or DEFAULT) == source]
        lamps = {lamp: seen for guard in mine for lamp, seen in guard["lamps"].items() if seen != "off"}
        pids = [guard["pid"] for guard in mine]
        shout(alarm(lamps, {}, guards=pids, by_hand=CommandHints.at(source, home)))


def _now(guard: dict[str, Any]) -> dict[str, Any]:
    """Return a guard's status with its leases as they are now, s."""
    from safelight.engine.clock import wall_utc  # noqa: PLC0415

    age_s = (wall_utc() - datetime.fromisoformat(guard["told"])).total_seconds()
    left_s = {lamp: round(max(0.0, lease_s - age_s), 1) for lamp, lease_s in guard["leases"].items()}
    return {**guard, "leases": left_s}


def _show(found: list[dict[str, Any]]) -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.tables import paper, table  # noqa: PLC0415

    rows = table()
    rows.add_column("run", overflow="fold", min_width=24)
    rows.add_column("process", justify="right", no_wrap=True)
    rows.add_column("doing", no_wrap=True)
    rows.add_column("since (UTC)", no_wrap=True)
    rows.add_column("lamps", overflow="fold")
    if any(_time_of(guard) not in ("real", "simulated") for guard in found):
        rows.add_column("time", no_wrap=True)
    for guard in found:
        unsafe = guard["doing"] == "unsafe"
        style = "bold red" if unsafe else "yellow" if guard["doing"] == "acting" else ""
        doing = Text(guard["doing"].upper() if unsafe else guard["doing"], style=style)
        since = f"{datetime.fromisoformat(guard['since']):%H:%M:%S}"
        time = [Text(_time_of(guard))] if len(rows.columns) > _COLUMNS else []
        rows.add_row(Text(guard["run"]), str(guard["pid"]), doing, since, Text(_lamps(guard)), *time)
    paper().print(rows)


_COLUMNS = 5
"""Columns of the table where every guard lives in real time."""


def _time_of(guard: Mapping[str, Any]) -> str:
    """Say in which time the run of a guard lives. On-times of lamps are wall time all the same."""
    speed = guard.get("speed")
    if guard.get("simulated") is not True:
        return "real"
    if not isinstance(speed, int | float):
        return "simulated, max"
    return "simulated" if speed == 1 else f"simulated, {speed:g} x"


def _lamps(guard: dict[str, Any]) -> str:
    """Return the lamps that it could not switch off, or those that it watches and their times."""
    from safelight.text import brief  # noqa: PLC0415

    # Who is still acting will look again; who is unsafe has looked, and got no answer.
    early = guard["doing"] == "acting"
    burning = [
        f"{lamp} {'not read back yet' if early and seen == 'unknown' else f'read back as {seen}'}"
        for lamp, seen in guard.get("lamps", {}).items()
        if seen != "off"
    ]
    if burning:
        why = f" ({guard['why']})" if guard.get("why") else ""
        return ", ".join(burning) + why
    return ", ".join(f"{lamp} for {brief(left_s)} at most" for lamp, left_s in guard["leases"].items()) or "none yet"
