"""Drawings of graphs, plans and runs: pure functions to text, SVG and PNG."""

from safelight.engine.drawing.dot import dot
from safelight.engine.drawing.happened import Mark, marks, marks_of_folded
from safelight.engine.drawing.mermaid import mermaid
from safelight.engine.drawing.pictures import (
    Drawn,
    folded_as,
    picture_of,
    picture_of_plan,
    picture_of_run,
    timeline_of,
)
from safelight.engine.drawing.plain import plain_json
from safelight.engine.drawing.promela import promela
from safelight.engine.drawing.scxml import scxml

__all__ = [
    "Drawn",
    "Mark",
    "dot",
    "folded_as",
    "marks",
    "marks_of_folded",
    "mermaid",
    "picture_of",
    "picture_of_plan",
    "picture_of_run",
    "plain_json",
    "promela",
    "scxml",
    "timeline_of",
]
