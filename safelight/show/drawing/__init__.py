"""Drawings of graphs, plans and runs, as text, SVG and PNG. Pure functions."""

from safelight.engine.planning.promela import to_promela
from safelight.show.drawing.formats.dot import to_dot
from safelight.show.drawing.formats.json_graph import to_json
from safelight.show.drawing.formats.mermaid import to_mermaid
from safelight.show.drawing.formats.scxml import to_scxml
from safelight.show.drawing.pictures import Drawn, folded_as, picture_of, picture_of_plan, picture_of_run, timeline_of
from safelight.show.drawing.state_marks import Mark, marks, marks_of_folded

__all__ = [
    "Drawn",
    "Mark",
    "folded_as",
    "marks",
    "marks_of_folded",
    "picture_of",
    "picture_of_plan",
    "picture_of_run",
    "timeline_of",
    "to_dot",
    "to_json",
    "to_mermaid",
    "to_promela",
    "to_scxml",
]
