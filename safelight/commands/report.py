"""`safelight report`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from safelight.commands.options import Home, JournalUrl, RunId

__all__ = ["Format", "report"]


class Format(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    MD = "md"


_SUFFIXES = {".md": Format.MD, ".html": Format.HTML, ".htm": Format.HTML}

TheFormat = Annotated[
    Format | None,
    typer.Option("--format", show_default=False, help="What it is written as. Default: as FILE ends, or html."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", show_default=False, help="Where it is written. Default: standard output."
    ),
]


def report(
    run: RunId = None, *, form: TheFormat = None, output: Output = None, home: Home = None, journal: JournalUrl = None
) -> None:
    """Explain a run in one file, with its frames: RUN, or the newest; needs no network, and nothing is touched."""
    from safelight.commands.journals import opened  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.sheets import as_it_ends, write_sheet  # noqa: PLC0415
    from safelight.engine.chronicle import chronicle  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415
    from safelight.engine.report import report as written  # noqa: PLC0415
    from safelight.engine.runlist import newest_run  # noqa: PLC0415

    with opened(home, journal) as book:
        name = run or newest_run(book)
        if name is None:
            raise RunRefused(f"there is no run in the journal {book}")
        told = chronicle(book, name)
    form = form or as_it_ends(output, _SUFFIXES, Format.HTML)
    write_sheet(written(told, form.value), output)
