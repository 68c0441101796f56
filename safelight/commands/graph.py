"""`safelight graph`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from safelight.commands.options import Home, JournalUrl, NoOverlap, NoPoint, ObservatoryName, Park

if TYPE_CHECKING:
    from safelight.engine import Plan
    from safelight.engine.drawing import Mark

__all__ = ["Detail", "Format", "Layout", "Theme", "graph"]


class Format(StrEnum):
    """What a graph can be written as."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    PNG = "png"
    JSON = "json"
    SCXML = "scxml"
    PROMELA = "promela"


class Detail(StrEnum):
    """How much of it."""

    STATES = "states"
    BLOCKS = "blocks"


class Theme(StrEnum):
    """What a picture is to be looked at on."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Layout(StrEnum):
    """Who lays out a picture."""

    OURS = "ours"
    GRAPHVIZ = "graphviz"


_SUFFIXES = {".svg": Format.SVG, ".png": Format.PNG, ".dot": Format.DOT, ".gv": Format.DOT, ".mmd": Format.MERMAID}
_SUFFIXES |= {".json": Format.JSON, ".scxml": Format.SCXML, ".pml": Format.PROMELA}

TheSequence = Annotated[
    str | None, typer.Argument(show_default=False, help="A sequence of the library, or a file (YAML, JSON).")
]
TheFormat = Annotated[
    Format | None,
    typer.Option(
        "--format",
        show_default=False,
        help="SVG and PNG are pictures, mermaid and dot drawings, JSON and SCXML for programs, Promela for SPIN. "
        "Default: as FILE ends, or mermaid.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", show_default=False, help="Where it is written. Default: standard output."
    ),
]
TheDetail = Annotated[
    Detail, typer.Option("--detail", help="Every state, or one box for each lamp, the biases and the darks.")
]
ThePast = Annotated[
    str | None, typer.Option("--run", metavar="RUN", show_default=False, help="Colour what happened in this run.")
]
TheSegment = Annotated[
    int | None,
    typer.Option(
        "--segment",
        metavar="N",
        min=1,
        show_default=False,
        help="Of a run that was resumed: only what this part of it was to do, and did.  [default: the whole run]",
    ),
]
TheRest = Annotated[
    str | None, typer.Option("--rest", metavar="RUN", show_default=False, help="Draw what a resume would do.")
]
TheTheme = Annotated[Theme, typer.Option("--theme", help="Of SVG and PNG; auto: as the reader's screen is.")]

TheLayout = Annotated[
    Layout, typer.Option("--layout", help="Who lays out an SVG or PNG: we, or Graphviz's `dot` where it is installed.")
]


def graph(
    sequence: TheSequence = None,
    *,
    form: TheFormat = None,
    detail: TheDetail = Detail.STATES,
    output: Output = None,
    run: ThePast = None,
    segment: TheSegment = None,
    rest: TheRest = None,
    theme: TheTheme = Theme.AUTO,
    layout: TheLayout = Layout.OURS,
    observatory: ObservatoryName = "simulated",
    home: Home = None,
    journal: JournalUrl = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
) -> None:
    """Draw the state graph of a sequence, of what happened in a run, or of what is left of it."""
    from safelight.commands.sheets import as_it_ends, write_sheet  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine import Request, plan_of  # noqa: PLC0415
    from safelight.engine.errors import DrawingError  # noqa: PLC0415

    if sum(one is not None for one in (sequence, run, rest)) != 1:
        raise DrawingError("say one of: a SEQUENCE, --run RUN, --rest RUN")
    if segment is not None and run is None:
        raise DrawingError("--segment N goes with --run RUN: it is a part of what happened")
    chosen = form or as_it_ends(output, _SUFFIXES, Format.MERMAID)
    picture = chosen
    if layout is Layout.GRAPHVIZ and chosen in (Format.SVG, Format.PNG):
        chosen = Format.DOT
    look: tuple[Literal["states", "blocks"], Literal["auto", "light", "dark"]] = (detail.value, theme.value)
    if run is not None:
        drawn = _of_run(run, segment, home, journal, chosen, *look)
    elif rest is not None:
        plan = _rest(rest, home, journal)
        drawn = _of_plan(plan, chosen, *look, heading=f"what a resume of {rest} would do")
    else:
        request = Request(
            sequence=sequence or "",
            observatory=observatory,
            overlap=False if no_overlap else None,
            point=not no_point,
            park_after=True if park else None,
        )
        drawn = _of_plan(plan_of(request), chosen, *look)
    if picture is not chosen:
        drawn = _by_graphviz(drawn, picture)
    write_sheet(drawn, output)


def _by_graphviz(text: str | bytes, picture: Format) -> str | bytes:
    from safelight.engine.drawing.graphviz import laid_out  # noqa: PLC0415

    drawn = laid_out(str(text), "svg" if picture is Format.SVG else "png")
    return drawn.decode() if picture is Format.SVG else drawn


def _of_plan(
    plan: "Plan",
    form: Format,
    detail: Literal["states", "blocks"],
    theme: Literal["auto", "light", "dark"],
    heading: str = "",
) -> str | bytes:
    from safelight.engine.drawing import picture_of_plan  # noqa: PLC0415

    if form in (Format.SVG, Format.PNG):
        picture = picture_of_plan(plan, detail, theme, heading)
        return picture.svg if form is Format.SVG else picture.png()
    return _text(plan, form, detail)


def _text(
    plan: "Plan", form: Format, detail: Literal["states", "blocks"], marks: "dict[str, Mark] | None" = None
) -> str:
    from safelight.engine.drawing import (  # noqa: PLC0415
        dot,
        folded_as,
        marks_of_folded,
        mermaid,
        plain_json,
        promela,
        scxml,
    )
    from safelight.engine.errors import DrawingError  # noqa: PLC0415

    if form in (Format.MERMAID, Format.DOT):
        folded = folded_as(plan.graph, detail)
        told = None if marks is None else marks_of_folded(folded, marks)
        return (mermaid if form is Format.MERMAID else dot)(folded.graph, told)
    if marks is not None or detail == "blocks":
        raise DrawingError(f"{form} is for programs: it has every state, and no history; leave out --run and --detail")
    if form is Format.PROMELA:
        return promela(plan.graph, tuple(plan.observatory.lamps.units))
    return (plain_json if form is Format.JSON else scxml)(plan.graph)


def _of_run(
    run: str,
    segment: int | None,
    home: Path | None,
    journal: str | None,
    form: Format,
    detail: Literal["states", "blocks"],
    theme: Literal["auto", "light", "dark"],
) -> str | bytes:
    from safelight.commands.journals import opened  # noqa: PLC0415
    from safelight.engine.chronicle import chronicle  # noqa: PLC0415
    from safelight.engine.report.pinned import pinned_plan  # noqa: PLC0415
    from safelight.engine.report.segments import only_segment, segment_plan  # noqa: PLC0415
    from safelight.engine.report.walked import marks_of, picture_of_chronicle, picture_of_segment  # noqa: PLC0415

    with opened(home, journal) as book:
        told = chronicle(book, run)
    drawing = form in (Format.SVG, Format.PNG)
    if segment is not None:
        alone = only_segment(told, segment)
        if not drawing:
            return _text(segment_plan(told, segment), form, detail, marks_of(alone))
        picture = picture_of_segment(told, segment, detail, theme)
    else:
        plan = pinned_plan(told.page)
        if not drawing:
            return _text(plan, form, detail, marks_of(told))
        picture = picture_of_chronicle(told, plan, detail, theme)
    return picture.svg if form is Format.SVG else picture.png()


def _rest(run: str, home: Path | None, journal: str | None) -> "Plan":
    from safelight.commands.journals import opened  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415
    from safelight.engine.resume import ResumeRequest, rest_of  # noqa: PLC0415
    from safelight.speech import tell  # noqa: PLC0415

    with opened(home, journal) as book:
        found = rest_of(book, ResumeRequest(run=run, home=home, journal=journal))
    if found.nothing_to_do:
        raise RunRefused(f"nothing to resume: run {run} is done")
    for note in found.notes:
        tell(note)
    return found.plan
