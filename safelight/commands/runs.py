"""`safelight runs`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from safelight.commands.options import AsJson, Home, JournalUrl

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from safelight.engine.records.run_list import RunEntry

__all__ = ["runs"]

Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Largest number of runs.")]

_TONES = {"done": "green", "running": "bold cyan", "paused": "yellow", "aborted": "yellow"}
_WIDE = 118
"""Width of a terminal, in columns, from which each value has its own column."""


def runs(*, home: Home = None, journal: JournalUrl = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the runs in the journal, the newest first."""
    from safelight.commands.open_journal import (  # noqa: PLC0415 - a command pays for what it uses
        found_with,
        no_journal_yet,
        opened,
    )
    from safelight.commands.output import put_json, tell  # noqa: PLC0415
    from safelight.engine.records.run_list import run_entries  # noqa: PLC0415

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
    from safelight.commands.tables import paper  # noqa: PLC0415

    console = paper()
    console.print(_table(found, console))
    resumable = next((entry for entry in found if entry.resumable), None)
    if resumable is not None:
        words = f"safelight resume {resumable.run} {options}".rstrip()
        console.print(f"to continue one: `{words}`", markup=False, soft_wrap=True)
    if len(found) == limit:
        console.print(f"the newest {limit}; `--limit N` shows more", style="dim")


def _table(found: list["RunEntry"], console: "Console") -> "Table":
    """Return the table. On a narrow terminal the run's id replaces its beginning and its sequence."""
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.tables import table  # noqa: PLC0415
    from safelight.text import lamps_in_words  # noqa: PLC0415

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
