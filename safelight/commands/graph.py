"""`safelight graph`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from safelight.commands.options import NoOverlap, NoPoint, ObservatoryName, Park, Sequence

__all__ = ["Format", "graph"]


class Format(StrEnum):
    """What a graph can be written as."""

    MERMAID = "mermaid"
    DOT = "dot"
    JSON = "json"


def graph(
    sequence: Sequence,
    *,
    form: Annotated[Format, typer.Option("--format", help="Mermaid and dot are drawings, JSON is for programs.")] = (
        Format.MERMAID
    ),
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", show_default=False, help="Default: standard output."),
    ] = None,
    observatory: ObservatoryName = "simulated",
    no_overlap: NoOverlap = False,
    park: Park = False,
    no_point: NoPoint = False,
) -> None:
    """Write the state graph of a sequence: every state and every transition."""
    from safelight.engine import Request, plan_of  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.drawing import dot, mermaid, plain_json  # noqa: PLC0415
    from safelight.speech import put  # noqa: PLC0415

    draw = {Format.MERMAID: mermaid, Format.DOT: dot, Format.JSON: plain_json}[form]
    request = Request(
        sequence=sequence,
        observatory=observatory,
        overlap=False if no_overlap else None,
        point=not no_point,
        park_after=True if park else None,
    )
    text = draw(plan_of(request).graph)
    if output is None:
        put(text.rstrip("\n"))
    else:
        _write(text, output)


def _write(text: str, path: Path) -> None:
    """Write a file whole or not at all."""
    import os  # noqa: PLC0415

    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")  # a pipe or a device has no whole
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
