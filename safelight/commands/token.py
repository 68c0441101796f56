"""`safelight token add|list|remove`."""

from enum import StrEnum
from typing import Annotated

import typer

from safelight.commands.open_journal import opened
from safelight.commands.options import AsJson, AskedBy, Home, JournalUrl
from safelight.commands.usage import CommandLine

__all__ = ["app"]

app = CommandLine(
    no_args_is_help=True, help="Tokens with which people use the web page under their names.", rich_markup_mode=None
)


class Rights(StrEnum):
    """Rights on the page."""

    watch = "watch"
    darken = "darken"
    run = "run"


PersonName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the person, as the journal will have it.")]
May = Annotated[
    Rights,
    typer.Option(
        "--may",
        help="watch: look at everything. darken: also switch all lamps off, pause and abort. run: everything.",
        show_default=False,
    ),
]


@app.callback()
def token() -> None:
    """Add, list and remove tokens. Who controls the page with one is named in the journal as the requester.

    The page accepts a new token, and refuses a removed one, within seconds. Tokens are hashed in the journal.
    """


@app.command()
def add(
    name: PersonName,
    *,
    may: May,
    journal: JournalUrl = None,
    home: Home = None,
    asked_by: AskedBy = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, once. Hand it over by a way that only that person can read."""
    from safelight.commands.output import put, put_json, tell  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.fleet.people import add_person  # noqa: PLC0415
    from safelight.engine.requester import command_line_requester  # noqa: PLC0415

    with opened(home, journal, look=False, create=True) as desk:
        made = add_person(desk, name, may.value, command_line_requester(asked_by))
    if as_json:
        put_json({"name": name, "may": may.value, "token": made})
        return
    tell(f"The token of {name}, who may {may.value}. It is not shown again:")
    put(made)


@app.command("list")
def list_tokens(*, journal: JournalUrl = None, home: Home = None, as_json: AsJson = False) -> None:
    """List who has a token, and what they may do."""
    from rich.text import Text  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.commands.tables import paper, table  # noqa: PLC0415
    from safelight.engine.fleet.people import people  # noqa: PLC0415

    with opened(home, journal) as desk:
        found = list(people(desk).values())
    if as_json:
        put_json({"tokens": [{"name": o.name, "may": o.may, "made": o.made, "made_by": o.made_by} for o in found]})
        return
    rows = table()
    for column in ("name", "may", "made (UTC)", "made by"):
        rows.add_column(column, overflow="fold")
    for one in found:
        rows.add_row(*(Text(words) for words in (one.name, one.may, one.made[:16].replace("T", " "), one.made_by)))
    paper().print(rows)


@app.command()
def remove(name: PersonName, *, journal: JournalUrl = None, home: Home = None) -> None:
    """Remove a token, which is not accepted any more. What was done with it keeps its name."""
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.fleet.people import remove_person  # noqa: PLC0415

    with opened(home, journal, look=False) as desk:
        remove_person(desk, name)
    put(f"the token of {name} is removed")
