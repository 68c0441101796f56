"""`safelight graph`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from safelight.commands.options import Detail, Home, JournalUrl, NoOverlap, NoPoint, ObservatoryName, Park

if TYPE_CHECKING:
    from safelight.engine import Plan
    from safelight.show.drawing import Mark

__all__ = ["Detail", "GraphFormat", "GraphLayout", "Theme", "graph"]


class GraphFormat(StrEnum):
    """Format of a graph."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    PNG = "png"
    JSON = "json"
    SCXML = "scxml"
    PROMELA = "promela"


class Theme(StrEnum):
    """Background for a picture."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class GraphLayout(StrEnum):
    """Layout program for a picture."""

    OURS = "ours"
    GRAPHVIZ = "graphviz"


_SUFFIXES = {
    ".svg": GraphFormat.SVG,
    ".png": GraphFormat.PNG,
    ".dot": GraphFormat.DOT,
    ".gv": GraphFormat.DOT,
    ".mmd": GraphFormat.MERMAID,
}
_SUFFIXES |= {".json": GraphFormat.JSON, ".scxml": GraphFormat.SCXML, ".pml": GraphFormat.PROMELA}

TheSequence = Annotated[
    str | None,
    typer.Argument(metavar="SEQUENCE", show_default=False, help="A sequence by its name, or a file (YAML, JSON)."),
]
TheFormat = Annotated[
    GraphFormat | None,
    typer.Option(
        "--format",
        show_default=False,
        help="SVG and PNG are pictures, mermaid and dot drawings, JSON and SCXML for programs, Promela for SPIN.  "
        "[default: as FILE ends, or mermaid]",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", show_default=False, help="Where it is written.  [default: standard output]"
    ),
]
TheDetail = Annotated[
    Detail, typer.Option("--detail", help="Every state, or one box for each lamp, the biases and the darks.")
]
ThePast = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="RUN",
        show_default=False,
        help="Colour what happened in this run: its id, the beginning of it, or `last`. At the end of the command line "
        "RUN may be left out: the newest.",
    ),
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
    str | None,
    typer.Option(
        "--rest",
        metavar="RUN",
        show_default=False,
        help="Draw what a resume of this run would do: its id, the beginning of it, or `last`.",
    ),
]
TheTheme = Annotated[Theme, typer.Option("--theme", help="Of SVG and PNG; auto: as the reader's screen is.")]

TheLayout = Annotated[
    GraphLayout,
    typer.Option("--layout", help="Who lays out an SVG or PNG: we, or Graphviz's `dot` where it is installed."),
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
    layout: TheLayout = GraphLayout.OURS,
    observatory: ObservatoryName = None,
    home: Home = None,
    journal: JournalUrl = None,
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
) -> None:
    """Draw the state graph of a sequence, of an executed run, or of the rest of a run."""
    from safelight.commands.manual_options import the_observatory  # noqa: PLC0415 - a command pays for what it uses
    from safelight.commands.output_files import as_it_ends, write_sheet  # noqa: PLC0415
    from safelight.engine import Request, plan_of  # noqa: PLC0415
    from safelight.engine.errors import DrawingError  # noqa: PLC0415

    if sum(one is not None for one in (sequence, run, rest)) != 1:
        raise DrawingError("expected one of: a SEQUENCE, --run RUN, --rest RUN")
    if segment is not None and run is None:
        raise DrawingError("--segment N goes with --run RUN: it is a part of what happened")
    chosen = form or as_it_ends(output, _SUFFIXES, GraphFormat.MERMAID)
    picture = chosen
    if layout is GraphLayout.GRAPHVIZ and chosen in (GraphFormat.SVG, GraphFormat.PNG):
        chosen = GraphFormat.DOT
    look: tuple[Literal["states", "blocks"], Literal["auto", "light", "dark"]] = (detail.value, theme.value)
    if run is not None:
        drawn = _of_run(run, segment, home, journal, chosen, *look)
    elif rest is not None:
        plan = _rest(rest, home, journal)
        drawn = _of_plan(plan, chosen, *look, heading=f"what a resume of {rest} would do")
    else:
        request = Request(
            sequence=sequence or "",
            observatory=the_observatory(observatory, home),
            overlap=False if no_overlap else None,
            point=not no_point,
            park_after=True if park else None,
        )
        drawn = _of_plan(plan_of(request), chosen, *look)
    if picture is not chosen:
        drawn = _by_graphviz(drawn, picture)
    write_sheet(drawn, output)


def _by_graphviz(text: str | bytes, picture: GraphFormat) -> str | bytes:
    from safelight.show.drawing.graphviz import laid_out  # noqa: PLC0415

    drawn = laid_out(str(text), "svg" if picture is GraphFormat.SVG else "png")
    return drawn.decode() if picture is GraphFormat.SVG else drawn


def _of_plan(
    plan: "Plan",
    form: GraphFormat,
    detail: Literal["states", "blocks"],
    theme: Literal["auto", "light", "dark"],
    heading: str = "",
) -> str | bytes:
    from safelight.show.drawing import picture_of_plan  # noqa: PLC0415

    if form in (GraphFormat.SVG, GraphFormat.PNG):
        picture = picture_of_plan(plan, detail, theme, heading)
        return picture.svg if form is GraphFormat.SVG else picture.png()
    return _text(plan, form, detail)


def _text(
    plan: "Plan", form: GraphFormat, detail: Literal["states", "blocks"], marks: "dict[str, Mark] | None" = None
) -> str:
    from safelight.engine.errors import DrawingError  # noqa: PLC0415
    from safelight.show.drawing import (  # noqa: PLC0415
        folded_as,
        marks_of_folded,
        to_dot,
        to_json,
        to_mermaid,
        to_promela,
        to_scxml,
    )

    if form in (GraphFormat.MERMAID, GraphFormat.DOT):
        folded = folded_as(plan.graph, detail)
        told = None if marks is None else marks_of_folded(folded, marks)
        return (to_mermaid if form is GraphFormat.MERMAID else to_dot)(folded.graph, told)
    if marks is not None or detail == "blocks":
        raise DrawingError(f"{form} is for programs: it has every state, and no history; leave out --run and --detail")
    if form is GraphFormat.PROMELA:
        lamps = plan.observatory.lamps
        return to_promela(plan.graph, tuple(lamps.units), lamps.exclusive, plan.observatory.shields)
    return (to_json if form is GraphFormat.JSON else to_scxml)(plan.graph)


def _of_run(
    run: str,
    segment: int | None,
    home: Path | None,
    journal: str | None,
    form: GraphFormat,
    detail: Literal["states", "blocks"],
    theme: Literal["auto", "light", "dark"],
) -> str | bytes:
    from safelight.commands.open_journal import opened  # noqa: PLC0415
    from safelight.engine.records.run_list import find_run  # noqa: PLC0415
    from safelight.show.history.recorded_plan import (  # noqa: PLC0415
        only_segment,
        pinned_plan,
        segment_plan,
    )
    from safelight.show.history.run_history import read_history  # noqa: PLC0415
    from safelight.show.report.executed_graph import marks_of, picture_of_history, picture_of_segment  # noqa: PLC0415

    with opened(home, journal) as book:
        told = read_history(book, find_run(book, run))
    drawing = form in (GraphFormat.SVG, GraphFormat.PNG)
    if segment is not None:
        alone = only_segment(told, segment)
        if not drawing:
            return _text(segment_plan(told, segment), form, detail, marks_of(alone))
        picture = picture_of_segment(told, segment, detail, theme)
    else:
        plan = pinned_plan(told.page)
        if not drawing:
            return _text(plan, form, detail, marks_of(told))
        picture = picture_of_history(told, plan, detail, theme)
    return picture.svg if form is GraphFormat.SVG else picture.png()


def _rest(run: str, home: Path | None, journal: str | None) -> "Plan":
    from safelight.commands.open_journal import opened  # noqa: PLC0415
    from safelight.commands.output import tell  # noqa: PLC0415
    from safelight.engine.errors import RunRefused  # noqa: PLC0415
    from safelight.engine.resume.resumption import ResumeRequest, remaining_of  # noqa: PLC0415

    with opened(home, journal) as book:
        found = remaining_of(book, ResumeRequest(run=run, home=home, journal=journal))
    if found.nothing_to_do:
        raise RunRefused(f"nothing to resume: run {run} is done")
    for note in found.notes:
        tell(note)
    return found.plan
