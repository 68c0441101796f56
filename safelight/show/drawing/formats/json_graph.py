"""Graph as JSON for programs: every state, every transition, the needs of each frame, and the hash."""

import json

from safelight.states import StateGraph
from safelight.states.graph import plain

__all__ = ["to_json"]


def to_json(graph: StateGraph) -> str:
    """Return the graph as one JSON object. Equal graphs give equal texts."""
    content = plain(graph)
    content["hash"] = graph.hash
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
