"""`safelight sequences` and `safelight schema`."""

from typing import TYPE_CHECKING, Annotated

import typer

from safelight.commands.options import AsJson, ObservatoryName

if TYPE_CHECKING:
    from safelight.engine.planning.offers import Offer

__all__ = ["schema", "sequences"]

OfObservatory = Annotated[
    bool, typer.Option("--observatory", help="Of observatory documents, with the options of every driver.")
]


Everything = Annotated[
    bool, typer.Option("--all", help="Also list sequences of the library that can't be run here, and why.")
]


def sequences(*, observatory: ObservatoryName = None, everything: Everything = False, as_json: AsJson = False) -> None:
    """List the sequences that can be run here: the site's own ones first, then those of the library."""
    from safelight.commands.manual_options import the_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output import put_json  # noqa: PLC0415
    from safelight.engine.planning.offers import offers_of  # noqa: PLC0415

    found = offers_of(the_observatory(observatory))
    if as_json:
        put_json({"sequences": [offer.as_json() for offer in found]})
    else:
        _show(found, everything=everything)


def _show(found: "list[Offer]", *, everything: bool) -> None:
    from rich.text import Text  # noqa: PLC0415

    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.commands.tables import paper, table  # noqa: PLC0415
    from safelight.text import clock_face  # noqa: PLC0415

    console, rows = paper(), table()
    shown = [offer for offer in found if everything or offer.worth_showing]
    rows.add_column("sequence", no_wrap=True, style="bold")
    of_a_site = any(offer.origin == "site" for offer in found)
    if of_a_site:
        rows.add_column("of", no_wrap=True)
    rows.add_column("frames", justify="right")
    rows.add_column("takes", justify="right", no_wrap=True)
    rows.add_column("description")
    for offer in shown:
        cells = [offer.name, *([offer.origin] if of_a_site else [])]
        if offer.error:
            rows.add_row(*cells, "-", "-", Text(f"can't be run here: {offer.error}", style="yellow"))
        else:
            facts = offer.facts
            rows.add_row(*cells, str(facts["frames"]), clock_face(facts["total_s"]), Text(facts["description"]))
    if shown:
        console.print(rows)
    hidden = [offer.name for offer in found if offer not in shown]
    if hidden:
        tell(f"not for this observatory: {', '.join(hidden)} (`safelight sequences --all` prints why)")


def schema(*, observatory: OfObservatory = False) -> None:
    """Print the JSON Schema of sequence documents, or of observatory documents, for editors and other programs."""
    from safelight.commands.output import put  # noqa: PLC0415

    if observatory:
        import json  # noqa: PLC0415

        from safelight.devices.schema import observatory_schema  # noqa: PLC0415

        put(json.dumps(observatory_schema(), indent=2, ensure_ascii=False))
        return
    from safelight.sequences.json_schema import SCHEMA_FILE  # noqa: PLC0415

    put(SCHEMA_FILE.read_text(encoding="utf-8").rstrip("\n"))
