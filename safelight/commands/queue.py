"""`safelight queue add|list|move|cancel`."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
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
from safelight.commands.usage import CommandLine

if TYPE_CHECKING:
    from safelight.devices import Observatory
    from safelight.engine.queue.requests import QueuedRequest

__all__ = ["Priority", "Require", "app", "pinned_request"]

app = CommandLine(no_args_is_help=True, help="Requests for runs, which workers take.", rich_markup_mode=None)

Priority = Annotated[int, typer.Option("--priority", metavar="N", help="A higher one begins first.")]
After = Annotated[
    int | None,
    typer.Option("--after", metavar="REQUEST", show_default=False, help="Begin only when this request is done."),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", show_default=False, help="Begin at this time (ISO 8601, UTC) or later."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", show_default=False, help="Begin only if it ends before, by the plan."),
]
UnlessDoneSince = Annotated[
    str | None,
    typer.Option(
        "--unless-done-since",
        metavar="TIME",
        show_default=False,
        help="Take nothing if a run of the same sequence is done since this time (ISO 8601, UTC).",
    ),
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="CONDITION",
        show_default=False,
        help="Begin only when this condition of the observatory is met. It can be repeated.",
    ),
]
Before = Annotated[
    int | None,
    typer.Option("--before", metavar="REQUEST", show_default=False, help="Begin right before this waiting request."),
]
NewPriority = Annotated[
    int | None, typer.Option("--priority", metavar="N", show_default=False, help="Its new priority.")
]
Number = Annotated[int, typer.Argument(metavar="REQUEST", help="The request's number.")]


@app.callback()
def queue() -> None:
    """Add, list, move and cancel requests for runs, which workers take."""


@app.command()
def add(
    sequence: Sequence,
    *,
    observatory: ObservatoryName = None,
    priority: Priority = 0,
    after: After = None,
    at: At = None,
    until: Until = None,
    unless_done_since: UnlessDoneSince = None,
    require: Require = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
    journal: JournalUrl = None,
    home: Home = None,
    asked_by: AskedBy = None,
    as_json: AsJson = False,
) -> None:
    """Request a run. The document is kept as it is now, and a worker of the observatory begins it.

    A request that could not end inside its window by its plan ends as missed, and one whose frames are there already
    as skipped.
    """
    from safelight.commands.output import put, put_json  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.queue.requests import add, run_options  # noqa: PLC0415

    options = run_options(no_overlap=no_overlap, park=park, no_point=no_point)
    pinned, _ = pinned_request(sequence, observatory, home, asked_by, options, require or ())
    asked = replace(
        pinned,
        priority=priority,
        after=after,
        not_before=_time("--at", at),
        not_after=_time("--until", until),
        unless_done_since=_time("--unless-done-since", unless_done_since),
    )
    with opened(home, journal, look=False, create=True) as desk:
        number = add(desk, asked)
    if as_json:
        put_json({"request": number})
    else:
        put(f"request {number}: {asked.sequence} at {asked.observatory}")


@app.command("list")
def list_requests(*, journal: JournalUrl = None, home: Home = None, as_json: AsJson = False) -> None:
    """List the requests, the newest at the end."""
    from rich.text import Text  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.commands.tables import paper, table  # noqa: PLC0415
    from safelight.engine.queue.requests import requests  # noqa: PLC0415

    with opened(home, journal) as desk:
        found = requests(desk)
    if as_json:
        put_json({"requests": [_plain(one) for one in found]})
        return
    rows = table()
    for name in ("request", "sequence", "observatory", "priority", "state", "run", "why"):
        rows.add_column(name, overflow="fold")
    for one in found:
        why = one.reason or (_waits_for(one) if one.state == "waiting" else "")
        words = (one.id, one.sequence, one.observatory, one.priority, one.state, one.run or "", why)
        rows.add_row(*(Text(str(word)) for word in words))
    paper().print(rows)


@app.command()
def move(
    request: Number,
    *,
    before: Before = None,
    priority: NewPriority = None,
    journal: JournalUrl = None,
    home: Home = None,
) -> None:
    """Let a waiting request begin before another one of its observatory, or give it another priority."""
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.queue.requests import move  # noqa: PLC0415

    if (before is None) == (priority is None):
        raise typer.BadParameter("expected either --before REQUEST or --priority N")
    with opened(home, journal, look=False) as desk:
        move(desk, request, before=before, priority=priority)
    put(f"request {request} begins before request {before}" if before else f"request {request} has priority {priority}")


@app.command()
def cancel(request: Number, *, journal: JournalUrl = None, home: Home = None, asked_by: AskedBy = None) -> None:
    """Cancel a request. If its run is running, it is aborted, lamps off first.

    One that has ended as unsafe keeps the queue of its observatory until it is cancelled.
    """
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.queue.requests import cancel  # noqa: PLC0415
    from safelight.engine.requester import command_line_requester  # noqa: PLC0415

    with opened(home, journal, look=False) as desk:
        before = cancel(desk, request, command_line_requester(asked_by))
    put(f"request {request} is cancelled; it was {before}")


def pinned_request(
    sequence: str,
    observatory: str | None,
    home: Path | None,
    asked_by: str | None,
    options: Mapping[str, bool],
    requires: Iterable[str],
) -> "tuple[QueuedRequest, Observatory]":
    """Return a request with the document as it is now and its planned duration, and its observatory."""
    from safelight.engine import Request  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.planning.request import plan_of  # noqa: PLC0415
    from safelight.engine.queue.requests import QueuedRequest  # noqa: PLC0415
    from safelight.engine.requester import command_line_requester  # noqa: PLC0415

    overlap, park_after, point = options.get("overlap"), options.get("park_after"), options.get("point", True)
    plan = plan_of(Request(sequence, observatory, home, overlap=overlap, park_after=park_after, point=point))
    pinned = QueuedRequest.pinned(plan, command_line_requester(asked_by), options)
    return replace(pinned, requires=_known(requires, plan.observatory)), plan.observatory


def _known(requires: Iterable[str], observatory: "Observatory") -> tuple[str, ...]:
    """Return the required conditions, each once. Refuse one that the observatory does not have."""
    from safelight.documents.names import nearest  # noqa: PLC0415 - a command pays for what it uses

    for name in requires:
        if name not in observatory.conditions:
            close = nearest(name, observatory.conditions)
            known = ", ".join(observatory.conditions) or "none"
            meant = f" (did you mean {close}?)" if close else ""
            raise typer.BadParameter(
                f"--require: expected a condition of {observatory.name} ({known}), got {name!r}{meant}"
            )
    return tuple(dict.fromkeys(requires))


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option}: expected a time such as 2026-11-29T18:30, got {text!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _waits_for(one: "QueuedRequest") -> str:
    waits = [f"after request {one.after}"] if one.after is not None else []
    waits += [f"from {one.not_before:%Y-%m-%d %H:%M} UTC"] if one.not_before else []
    waits += [f"until {one.not_after:%Y-%m-%d %H:%M} UTC"] if one.not_after else []
    return ", ".join(waits)


def _plain(one: "QueuedRequest") -> Mapping[str, Any]:
    names = (
        "id",
        "state",
        "observatory",
        "sequence",
        "priority",
        "after",
        "run",
        "host",
        "tries",
        "reason",
        "asked_by",
    )
    times = {
        name: value and value.isoformat()
        for name in ("not_before", "not_after", "unless_done_since", "due")
        for value in [getattr(one, name)]
    }
    more = {"expected_s": one.expected_s, "schedule": one.schedule, "requires": list(one.requires)}
    return {name: getattr(one, name) for name in names} | times | more
