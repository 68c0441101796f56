"""A graph as JSON, for programs: every state, every transition, what each frame needs, and the hash."""

import json

from safelight.states import StateGraph
from safelight.states.graph import plain

__all__ = ["plain_json"]


def plain_json(graph: StateGraph) -> str:
    """The graph as one JSON object; equal graphs give equal texts."""
    content = plain(graph)
    content["hash"] = graph.hash
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
