"""Drawings of a graph: pure functions from a graph to text."""

from safelight.engine.drawing.dot import dot
from safelight.engine.drawing.mermaid import mermaid
from safelight.engine.drawing.plain import plain_json

__all__ = ["dot", "mermaid", "plain_json"]
