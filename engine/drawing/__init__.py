"""Drawings of a graph: pure functions from a graph to text."""

from safelight.engine.drawing.dot import dot
from safelight.engine.drawing.mermaid import mermaid
from safelight.engine.drawing.plain import plain_json
from safelight.engine.drawing.promela import promela
from safelight.engine.drawing.scxml import scxml

__all__ = ["dot", "mermaid", "plain_json", "promela", "scxml"]
