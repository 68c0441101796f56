"""`safelight show`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.commands.options import AsJson, Home, JournalUrl, RunId

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from safelight.show.history.run_history import RunHistory

__all__ = ["show"]

_TONES = {"done": "good", "running": "plain", "paused": "warning", "aborted": "warning"}


def show(run: RunId = None, *, home: Home = None, journal: JournalUrl = None, as_json: AsJson = False) -> None:
    """Show what happened in a run, when, and why: RUN, or the newest. Nothing is touched."""
    from safelight.commands.open_journal import found_with, opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.engine.records.run_list import find_run  # noqa: PLC0415
    from safelight.show.history.run_history import read_history  # noqa: PLC0415

    with opened(home, journal) as book:
        told = read_history(book, find_run(book, run))
    if as_json:
        put_json(told.as_json())
    else:
        _show(told, found_with(home, journal), home)


def _show(told: "RunHistory", options: str, home: Path | None) -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.tables import TONES, paper  # noqa: PLC0415

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

    from safelight.commands.tables import TONES, grid  # noqa: PLC0415

    rows = grid()
    for name, words, tone in pairs:
        rows.add_row(Text(f"  {name:8}", style="dim"), Text(words, style=TONES[tone]))
    console.print(rows)


def _facts(told: "RunHistory") -> Iterator[tuple[str, str, str]]:
    """Yield the request of the run."""
    page, options = told.page, told.page.options
    yield "run", page.run, "plain"
    yield "requested", f"{page.created[:19].replace('T', ' ')} UTC", "plain"
    yield "sequence", f"{page.sequence_origin}, sha256 {page.sequence_hash[:12]}…", "plain"
    overlap = "set-ups during readouts" if options.get("overlap") else "one thing after the other"
    words = [overlap]
    if page.has_telescopes:
        words.append("pointing" if options.get("point") else "no pointing")
        words += ["park at the end"] if options.get("park_after") else []
    yield "options", ", ".join(words), "plain"
    if page.choices:
        yield "chosen", ", ".join(f"fibre {fibre} for {key}" for key, fibre in page.choices.items()), "plain"
    yield "folder", str(page.folder), "plain"


def _timeline(told: "RunHistory") -> "Table":
    """Return a table of the whole history, segment by segment, with a line for each new day."""
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.tables import TONES, grid  # noqa: PLC0415
    from safelight.show.history.entry import folded  # noqa: PLC0415

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


def _rest(told: "RunHistory", options: str, home: Path | None) -> Iterator[tuple[str, str, str]]:
    """Yield the results, and the next step."""
    from safelight.text import lamps_in_words, spans  # noqa: PLC0415

    safe = all(state == "off" for state in told.lamps.values())
    yield "lamps", lamps_in_words(told.lamps) or "never read back", "plain" if safe else "bad"
    on_times = _on_times(told)
    if on_times:
        yield "on-time", on_times, "plain"
    for row in told.not_good:
        tone = {"bad": "warning", "trial": "plain"}.get(row["verdict"], "bad")
        yield row["verdict"], f"{row['frame']} (try {row['attempt']}): {row['reason']}", tone
    for row in told.at_work if told.owner is not None else ():
        yield "at work", f"{row['state']}, since {_clock(row['intended'])}", "plain"
    if told.missing:
        yield "missing", ", ".join(spans(told.missing)), "warning"
    elif told.frames_missing:
        yield "missing", f"{told.frames_missing} frames", "warning"
    if _runs_backwards(told):
        yield "note", "guards and people use wall time, an accelerated run does not: the order is right", "plain"
    yield "next", told.next_step(options, home), "plain"


def _runs_backwards(told: "RunHistory") -> bool:
    """Return whether a time is before the one above it."""
    times = [(moment.segment, moment.time) for moment in told.moments]
    return times != sorted(times)


def _on_times(told: "RunHistory") -> str:
    """Return the total on-time of each lamp."""
    from safelight.text import brief  # noqa: PLC0415

    total: dict[str, float] = {}
    for burning in told.on_times:
        if burning.seconds is not None:
            total[burning.lamp] = total.get(burning.lamp, 0.0) + burning.seconds
    words = [f"{lamp} {brief(total_s)}" for lamp, total_s in total.items()]
    words += [
        f"{burning.lamp} since {_clock(burning.since)}, not read back as off"
        for burning in told.on_times
        if burning.seconds is None
    ]
    return ", ".join(words)
