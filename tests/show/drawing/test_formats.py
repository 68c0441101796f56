import json
import re
from dataclasses import replace

import pytest

from safelight.engine import Request, plan_of
from safelight.sequences import library_names
from safelight.show.drawing import to_dot, to_json, to_mermaid
from safelight.show.drawing.formats.mermaid import arrows
from safelight.show.drawing.labels import identifiers, label
from safelight.states import Shape, StateGraph

EVIL = 'x"\n%%{init} --> [*] : #;</script>\\ `{}end\x00'


def graph_of(name: str) -> StateGraph:
    """Return the graph of a sequence of the library."""
    return plan_of(Request(name)).graph


def renamed(graph: StateGraph, tail: str) -> StateGraph:
    """Return the same graph with hostile names: what stands below `run` ends in `tail`."""
    ids = {state.id: state.id + tail for state in graph.states if state.parent == "run"}
    name = {state.id: ids.get(state.id, state.id) for state in graph.states}
    states = tuple(
        replace(
            state,
            id=name[state.id],
            parent=name.get(state.parent or "", state.parent),
            initial=name.get(state.initial or "", state.initial),
            frame=(state.frame or "") + tail,
        )
        for state in graph.states
    )
    transitions = tuple(replace(edge, source=name[edge.source], target=name[edge.target]) for edge in graph.transitions)
    return replace(graph, name=tail, states=states, transitions=transitions)


@pytest.mark.parametrize("name", library_names())
def test_mermaid_draws_every_state(name: str) -> None:
    """Every state that is more than the end of a lane is declared once, and every box is closed."""
    graph = graph_of(name)
    text = to_mermaid(graph)
    ids = identifiers(graph)
    lanes = {lane.id for state in graph.states if state.shape == "parallel" for lane in graph.children[state.id]}
    for state in graph.states:
        inner_end = state.shape is Shape.FINAL and state.parent is not None
        declared = len(re.findall(rf'^ *state ".*" as {ids[state.id]}(?: {{)?$', text, re.MULTILINE))
        assert declared == (0 if inner_end or state.id in lanes else 1)
    assert text.count("{\n") == len(re.findall(r"^ *}$", text, re.MULTILINE))


def test_mermaid_shows_lanes() -> None:
    """Lanes in parallel are regions, divided by `--`. The ways out of a run are on the drawing."""
    text = to_mermaid(graph_of("quick-cals"))
    assert text.startswith("stateDiagram-v2\n")
    assert len(re.findall(r"^ *--$", text, re.MULTILINE)) == 4
    for event in ("abort", "fault", "pause"):
        assert f"  s_run --> s_safing : {event}\n" in text
    assert "  s_unsafe --> [*]" in text


def test_arrows_stay_in_their_box() -> None:
    """No arrow crosses a border: drawing languages can't draw that between boxes."""
    graph = graph_of("normal")
    for arrow in arrows(graph):
        assert graph.by_id[arrow.source].parent == arrow.scope
        assert arrow.target is None or graph.by_id[arrow.target].parent == arrow.scope


def test_dot_has_every_edge_and_cluster() -> None:
    """Every transition is an edge and every box a cluster, dashed where its lanes run in parallel."""
    graph = graph_of("normal")
    text = to_dot(graph)
    assert text.count(" -> ") == len(graph.transitions) + 1
    boxes = [state for state in graph.states if state.shape in (Shape.COMPOUND, Shape.PARALLEL)]
    assert text.count("subgraph cluster_") == len(boxes)
    assert text.count("style=dashed") == sum(state.shape is Shape.PARALLEL for state in boxes)
    assert text.count("{") == text.count("}")


def test_hostile_names_are_harmless() -> None:
    """Quotes, newlines, comments, arrows and markup in a name neither break a drawing nor get into it as such."""
    graph = renamed(graph_of("bias"), EVIL)
    plain = renamed(graph_of("bias"), "")
    drawn = to_mermaid(graph)
    assert drawn.count("\n") == to_mermaid(plain).count("\n")
    assert "</script>" not in drawn
    assert "\x00" not in drawn
    assert not re.search(r"%%(?! )", drawn)
    assert all(re.fullmatch(r'[^"]*("[^"]*"[^"]*)?', line) for line in drawn.splitlines())
    graphviz = to_dot(graph)
    assert graphviz.count("\n") == to_dot(plain).count("\n")
    assert all(len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0 for line in graphviz.splitlines())


def test_identifiers_are_unique_and_plain() -> None:
    """Names that differ only in signs or case get identifiers that differ."""
    graph = graph_of("bias")
    state = graph.states[1]
    doubled = replace(
        graph, states=(*graph.states, replace(state, id="lamp off/all"), replace(state, id="LAMP-off-all"))
    )
    ids = list(identifiers(doubled).values())
    assert len({one.casefold() for one in ids}) == len(ids)
    assert all(re.fullmatch(r"s_\w+", one) for one in ids)


def test_labels_are_short() -> None:
    """A label is one line of at most 80 letters."""
    state = replace(graph_of("bias").by_id["readout/bias-001"], frame="x" * 500)
    assert len(label(state)) == 80


def test_json_holds_everything() -> None:
    """The JSON of a graph has its states, transitions, exposures and hash, and equal graphs have equal texts."""
    graph = graph_of("normal")
    content = json.loads(to_json(graph))
    assert content["hash"] == graph.hash
    assert [state["id"] for state in content["states"]] == [state.id for state in graph.states]
    assert len(content["transitions"]) == len(graph.transitions)
    assert [one["frame"] for one in content["exposures"]] == [one.frame for one in graph.exposures]
    assert to_json(graph_of("normal")) == to_json(graph)
