"""Shared parts of drawings: safe identifiers and readable labels. Pure functions."""

import re
from collections.abc import Mapping

from safelight.show.drawing.state_marks import Mark
from safelight.states import State, StateGraph
from safelight.states.titles import title

__all__ = ["identifiers", "label", "told"]

LONGEST_LABEL = 80


def identifiers(graph: StateGraph) -> Mapping[str, str]:
    """Return state id -> an identifier for every drawing language: letters, digits, underscores, unique."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for state in graph.states:
        # The prefix avoids reserved words of drawing languages (`end`, `state`, `graph`).
        name = plain_name = "s_" + re.sub(r"[^A-Za-z0-9]+", "_", state.id).strip("_")
        number = 2
        while name.casefold() in taken:
            name, number = f"{plain_name}_{number}", number + 1
        taken.add(name.casefold())
        given[state.id] = name
    return given


def label(state: State) -> str:
    """Return a state's words on one line, without control characters, shortened."""
    words = f"safing: {title(state)}" if state.id == "safing" else title(state) if state.work else _box(state)
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return clean if len(clean) <= LONGEST_LABEL else clean[: LONGEST_LABEL - 1] + "…"


def told(mark: Mark | None) -> str:
    """Return the outcome of a state to append to its words, such as ` | done 03:15:20, 32 s`, or nothing."""
    if mark is None:
        return ""
    words = f" | {mark.outcome} {mark.words}"
    return words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1] + "…"


def _box(state: State) -> str:
    """Return a box's name without the slash of its kind, such as `frame bias-001`."""
    return state.id.replace("/", " ", 1)
