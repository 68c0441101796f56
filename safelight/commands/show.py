"""`safelight show`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.commands.options import AsJson, Home, JournalUrl, RunId

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from safelight.engine.chronicle import Chronicle

__all__ = ["show"]

_TONES = {"done": "good", "running": "plain", "paused": "warning", "aborted": "warning"}


def show(run: RunId = None, *, home: Home = None, journal: JournalUrl = None, as_json: AsJson = False) -> None:
    """Tell what happened in a run, when, and why: RUN, or the newest; from the journal, nothing is touched."""
    from safelight.commands.journals import found_with, opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.chronicle import chronicle  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415
    from safelight.engine.runlist import newest_run  # noqa: PLC0415
    from safelight.speech import put_json  # noqa: PLC0415

    with opened(home, journal) as book:
        name = run or newest_run(book)
        if name is None:
            raise RunRefused(f"there is no run in the journal {book}")
        told = chronicle(book, name)
    if as_json:
        put_json(told.as_json())
    else:
        _show(told, found_with(home, journal), home)


def _show(told: "Chronicle", options: str, home: Path | None) -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.paper import TONES, paper  # noqa: PLC0415

    console = paper()
    page, status = told.page, told.status
    head = Text(f"{page.sequence} on {page.observatory}: ", style="bold")
    head.append(status, style=TONES[_TONES.get(status, "bad")])
    head.append(f", {len(told.good)} of {page.frames_asked} frames")
    console.print(head)
    _print_pairs(console, _facts(told))
    console.print(_timeline(told))
    _print_pairs(console, _rest(told, options, home))


def _print_pairs(console: "Console", pairs: Iterator[tuple[str, str, str]]) -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.paper import TONES, grid  # noqa: PLC0415

    rows = grid()
    for name, words, tone in pairs:
        rows.add_row(Text(f"  {name:8}", style="dim"), Text(words, style=TONES[tone]))
    console.print(rows)


def _facts(told: "Chronicle") -> Iterator[tuple[str, str, str]]:
    """What was asked for."""
    page, options = told.page, told.page.options
    yield "run", page.run, "plain"
    yield "asked", f"{page.created[:19].replace('T', ' ')} UTC", "plain"
    yield "sequence", f"{page.sequence_origin}, sha256 {page.sequence_hash[:12]}…", "plain"
    overlap = "set-ups beside read-outs" if options.get("overlap") else "one thing after the other"
    point = "pointing" if options.get("point") else "no pointing"
    yield "options", ", ".join([overlap, point, *(["park at the end"] if options.get("park_after") else [])]), "plain"
    if page.choices:
        yield "chosen", ", ".join(f"fibre {fibre} for {key}" for key, fibre in page.choices.items()), "plain"
    yield "folder", str(page.folder), "plain"


def _timeline(told: "Chronicle") -> "Table":
    """Everything that happened, segment by segment; a line for the day where it changes."""
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.paper import TONES, grid  # noqa: PLC0415
    from safelight.engine.moment import folded  # noqa: PLC0415

    rows, segment, day = grid(), 0, ""
    for moment in folded(told.moments):
        if (moment.segment, moment.time[:10]) != (segment, day):
            segment, day = moment.segment, moment.time[:10]
            number = f"segment {segment}, " if len(told.segments) > 1 else ""
            rows.add_row("", "")
            rows.add_row(Text("UTC", style="dim"), Text(f"{number}{day}", style="dim"))
        until = f" (until {_clock(moment.until)})" if moment.until else ""
        rows.add_row(Text(_clock(moment.time), style="dim"), Text(moment.words + until, style=TONES[moment.tone]))
    rows.add_row("", "")
    return rows


def _clock(time: str) -> str:
    return f"{datetime.fromisoformat(time):%H:%M:%S}"


def _rest(told: "Chronicle", options: str, home: Path | None) -> Iterator[tuple[str, str, str]]:
    """What has come of it, and what is next."""
    from safelight.engine.wording import lamps_in_words, spans  # noqa: PLC0415

    safe = all(state == "off" for state in told.lamps.values())
    yield "lamps", lamps_in_words(told.lamps) or "never looked at", "plain" if safe else "bad"
    burnt = _burnt(told)
    if burnt:
        yield "burnt", burnt, "plain"
    for row in told.not_good:
        tone = "warning" if row["verdict"] == "bad" else "bad"
        yield row["verdict"], f"{row['frame']} (try {row['attempt']}): {row['reason']}", tone
    for row in told.at_work if told.owner is not None else ():
        yield "at work", f"{row['state']}, since {_clock(row['intended'])}", "plain"
    if told.missing:
        yield "missing", ", ".join(spans(told.missing)), "warning"
    elif told.frames_missing:
        yield "missing", f"{told.frames_missing} frames", "warning"
    if _runs_backwards(told):
        yield "note", "guards and people go by the wall's clock, a hurried run does not: the order tells", "plain"
    yield "next", told.next_step(options, home), "plain"


def _runs_backwards(told: "Chronicle") -> bool:
    """Whether a time is before the one above it."""
    times = [(moment.segment, moment.time) for moment in told.moments]
    return times != sorted(times)


def _burnt(told: "Chronicle") -> str:
    """How long each lamp burnt, all in all."""
    from safelight.engine.wording import brief  # noqa: PLC0415

    total: dict[str, Any] = {}
    for burning in told.burnt:
        total[burning.lamp] = total.get(burning.lamp, 0.0) + (burning.seconds or 0.0)
    endless = {burning.lamp for burning in told.burnt if burning.seconds is None}
    words = (f"{lamp} {brief(total_s)}" + (" and on" if lamp in endless else "") for lamp, total_s in total.items())
    return ", ".join(words)
