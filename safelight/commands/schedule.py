"""`safelight schedule add|list|pause|resume|remove`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.open_journal import opened
from safelight.commands.options import (
    AsJson,
    AskedBy,
    Home,
    JournalUrl,
    NoOverlap,
    NoPoint,
    ObservatoryName,
    Park,
    Sequence,
)
from safelight.commands.queue import Priority, Require
from safelight.commands.usage import CommandLine

if TYPE_CHECKING:
    from datetime import datetime

    from safelight.engine.queue.schedules import RequestSchedule

__all__ = ["app"]

app = CommandLine(
    no_args_is_help=True, help="Schedules, which add requests to the queue at their times.", rich_markup_mode=None
)

ScheduleName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")]
CronLine = Annotated[
    str | None,
    typer.Option(
        "--cron",
        metavar="LINE",
        show_default=False,
        help="Minute, hour, day of the month, month, day of the week, as crontab has them: '0 16 * * *'. In the time "
        "zone of the site (`frames.timezone` of the observatory), or UTC.",
    ),
]
SunTime = Annotated[
    str | None,
    typer.Option(
        "--sun",
        metavar="TIME",
        show_default=False,
        help="`sunset - 45 min`; also sunrise, and civil, nautical or astronomical dusk and dawn.",
    ),
]
WindowEnd = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        show_default=False,
        help="Begin only if it ends before, by the plan: `sunset + 10 min`, or a clock time such as `16:30`.",
    ),
]
UnlessDoneWithin = Annotated[
    float | None,
    typer.Option(
        "--unless-done-within",
        metavar="HOURS",
        min=0.0,
        show_default=False,
        help="Take nothing if a run of the same sequence was done so many hours before.",
    ),
]
_HOUR_S = 3600.0


@app.callback()
def schedule() -> None:
    """Add, list, pause and remove schedules. At each of its times, a schedule adds one request to the queue.

    A worker of the observatory has to be running then. Of the times that no worker was there for, only the last one
    counts, if its window is still open, or without --until, for 15 minutes.
    """


@app.command()
def add(
    name: ScheduleName,
    sequence: Sequence,
    *,
    cron: CronLine = None,
    sun: SunTime = None,
    until: WindowEnd = None,
    unless_done_within: UnlessDoneWithin = None,
    observatory: ObservatoryName = None,
    priority: Priority = 0,
    require: Require = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    journal: JournalUrl = None,
    home: Home = None,
    asked_by: AskedBy = None,
    as_json: AsJson = False,
) -> None:
    """Add a schedule. The sequence is kept as it is now."""
    from safelight.commands.output import put, put_json  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.queue import pinned_request  # noqa: PLC0415
    from safelight.engine.queue.requests import run_options  # noqa: PLC0415
    from safelight.engine.queue.rules import Rule, SitePlace  # noqa: PLC0415
    from safelight.engine.queue.schedules import RequestSchedule, add_schedule  # noqa: PLC0415

    rule, option = (cron, "--cron") if cron else (sun, "--sun")
    if rule is None or (cron and sun):
        raise typer.BadParameter("expected either --cron LINE or --sun TIME")
    options = run_options(no_overlap=no_overlap, park=park, no_point=no_point)
    pinned, observed = pinned_request(sequence, observatory, home, asked_by, options, require or ())
    place, zone = observed.site, observed.frames.timezone or "UTC"
    site = SitePlace(place.latitude_deg, place.longitude_deg, zone) if place else SitePlace(None, None, zone)
    Rule.of(rule, site, option)
    made = RequestSchedule(
        name,
        replace(pinned, priority=priority),
        " ".join(rule.lower().split()),
        until,
        site,
        None if unless_done_within is None else unless_done_within * _HOUR_S,
    )
    with opened(home, journal, look=False, create=True) as desk:
        first = add_schedule(desk, made)
    if as_json:
        put_json({"schedule": name, "next": first.isoformat()})
    else:
        put(f"schedule {name}: {pinned.sequence} at {pinned.observatory}, next at {first:%Y-%m-%d %H:%M} UTC")


@app.command("list")
def list_schedules(*, journal: JournalUrl = None, home: Home = None, as_json: AsJson = False) -> None:
    """List the schedules with their next times."""
    from rich.text import Text  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.commands.tables import paper, table  # noqa: PLC0415
    from safelight.engine.clock import wall_utc  # noqa: PLC0415
    from safelight.engine.queue.schedules import schedules  # noqa: PLC0415

    with opened(home, journal, look=False) as desk:
        found = [(one, None if one.paused else one.times.next(wall_utc())) for one in schedules(desk)]
    if as_json:
        put_json({"schedules": [_plain(one, due) for one, due in found]})
        return
    rows = table()
    for name in ("schedule", "sequence", "observatory", "at", "until", "next (UTC)"):
        rows.add_column(name, overflow="fold")
    for one, due in found:
        when = "paused" if one.paused else f"{due:%Y-%m-%d %H:%M}" if due else "never"
        words = (one.name, one.request.sequence, one.request.observatory, one.rule, one.until or "", when)
        rows.add_row(*(Text(word) for word in words))
    paper().print(rows)


@app.command()
def pause(name: ScheduleName, *, journal: JournalUrl = None, home: Home = None) -> None:
    """Let a schedule add no requests until it is resumed."""
    _pause(name, journal, home, paused=True)


@app.command()
def resume(name: ScheduleName, *, journal: JournalUrl = None, home: Home = None) -> None:
    """Let a schedule add requests again, at its times from now on."""
    _pause(name, journal, home, paused=False)


@app.command()
def remove(name: ScheduleName, *, journal: JournalUrl = None, home: Home = None) -> None:
    """Remove a schedule. Requests that it has added stay."""
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.queue.schedules import remove_schedule  # noqa: PLC0415

    with opened(home, journal, look=False) as desk:
        remove_schedule(desk, name)
    put(f"schedule {name} is removed")


def _pause(name: str, journal: str | None, home: Path | None, *, paused: bool) -> None:
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.queue.schedules import pause_schedule  # noqa: PLC0415

    with opened(home, journal, look=False) as desk:
        pause_schedule(desk, name, paused=paused)
    put(f"schedule {name} is {'paused' if paused else 'resumed'}")


def _plain(one: "RequestSchedule", due: "datetime | None") -> dict[str, Any]:
    request = one.request
    return {
        "name": one.name,
        "sequence": request.sequence,
        "observatory": request.observatory,
        "rule": one.rule,
        "until": one.until,
        "time_zone": one.site.time_zone,
        "priority": request.priority,
        "paused": one.paused,
        "asked_by": request.asked_by,
        "next": due and due.isoformat(),
    }
