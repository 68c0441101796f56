"""`safelight report`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from safelight.commands.options import Home, JournalUrl, RunId

__all__ = ["ReportFormat", "report"]


class ReportFormat(StrEnum):
    """Format of a report."""

    HTML = "html"
    MD = "md"


_SUFFIXES = {".md": ReportFormat.MD, ".html": ReportFormat.HTML, ".htm": ReportFormat.HTML}

TheFormat = Annotated[
    ReportFormat | None,
    typer.Option("--format", show_default=False, help="What it is written as.  [default: as FILE ends, or html]"),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", show_default=False, help="Where it is written.  [default: standard output]"
    ),
]


def report(
    run: RunId = None, *, form: TheFormat = None, output: Output = None, home: Home = None, journal: JournalUrl = None
) -> None:
    """Write a report of a run as one file, with its frames: RUN, or the newest. It needs no network."""
    from safelight.commands.open_journal import opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output_files import as_it_ends, write_sheet  # noqa: PLC0415
    from safelight.engine.records.run_list import find_run  # noqa: PLC0415
    from safelight.show.history.run_history import read_history  # noqa: PLC0415
    from safelight.show.report import report_on as written  # noqa: PLC0415

    with opened(home, journal) as book:
        told = read_history(book, find_run(book, run))
    form = form or as_it_ends(output, _SUFFIXES, ReportFormat.HTML)
    write_sheet(written(told, form.value), output)
