"""`safelight runs`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, JournalUrl

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from safelight.engine.runlist import RunEntry

__all__ = ["runs"]

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="So many at most.")]

_TONES = {"done": "green", "running": "bold cyan", "paused": "yellow", "aborted": "yellow"}
_WIDE = 118
"""From so many columns on, everything has a column of its own."""


def runs(*, home: Home = None, journal: JournalUrl = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the runs that the journal knows, the newest first."""
    from safelight.commands.journals import found_with, no_journal_yet, opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.runlist import run_entries  # noqa: PLC0415
    from safelight.speech import put_json, tell  # noqa: PLC0415

    if no_journal_yet(home, journal):
        found = []
    else:
        with opened(home, journal) as book:
            found = run_entries(book, limit)
    if as_json:
        put_json({"runs": [_plain(entry) for entry in found]})
    elif found:
        _show(found, limit, found_with(home, journal))
    else:
        tell("nothing has been run here yet")


def _plain(entry: "RunEntry") -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    return {**asdict(entry), "resumable": entry.resumable}


def _show(found: list["RunEntry"], limit: int, options: str) -> None:
    from safelight.commands.paper import paper  # noqa: PLC0415

    console = paper()
    console.print(_table(found, console))
    resumable = next((entry for entry in found if entry.resumable), None)
    if resumable is not None:
        words = f"safelight resume {resumable.run} {options}".rstrip()
        console.print(f"to go on with one: `{words}`", markup=False, soft_wrap=True)
    if len(found) == limit:
        console.print(f"the newest {limit}; `--limit N` shows more", style="dim")


def _table(found: list["RunEntry"], console: "Console") -> "Table":
    """On a narrow terminal the run's id stands for its beginning and its sequence."""
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.paper import table  # noqa: PLC0415
    from safelight.engine.wording import lamps_in_words  # noqa: PLC0415

    rows, wide = table(), console.width >= _WIDE
    rows.add_column("run", overflow="fold", min_width=26)
    for name in ("sequence", "observatory", "started (UTC)") if wide else ("observatory",):
        rows.add_column(name, no_wrap=True, overflow="ellipsis", max_width=24)
    rows.add_column("frames", justify="right", no_wrap=True)
    rows.add_column("outcome", no_wrap=True)
    rows.add_column("lamps", overflow="fold")
    for entry in found:
        cells = [Text(entry.run), *([Text(entry.sequence)] if wide else []), Text(entry.observatory)]
        cells += [Text(entry.created[:19].replace("T", " "))] if wide else []
        outcome = Text(_outcome(entry.status), style=_TONES.get(entry.status, "bold red"))
        safe = all(state == "off" for state in entry.lamps.values())
        lamps = Text(lamps_in_words(entry.lamps) or "-", style="" if safe else "bold red")
        rows.add_row(*cells, Text(f"{entry.frames}/{entry.frames_asked}"), outcome, lamps)
    return rows


def _outcome(status: str) -> str:
    return "killed (resume it)" if status == "killed" else status
