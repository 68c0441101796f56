"""Graphs as pictures."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from safelight.engine import Plan
from safelight.engine.errors import DrawingError
from safelight.sequences import library_names
from safelight.show.drawing import picture_of, picture_of_plan, picture_of_run
from safelight.show.drawing.png import to_png
from safelight.show.drawing.state_marks import Mark
from safelight.states import ENDINGS, Shape, StateGraph

Planner = Callable[[str], Plan]
Reader = Callable[[str], Any]
EVIL = "<script>alert(1)</script>\"'&]]>\x00\x1b[2J\u202e"


@pytest.mark.parametrize("name", library_names())
def test_every_state_is_a_box(plan: Planner, read: Reader, name: str) -> None:
    """Each state that does something is one box with its id to be read, and so is every ending."""
    graph = plan(name).graph
    seen = read(picture_of_plan(plan(name), "states").svg)
    atomic = [state.id for state in graph.states if state.shape is Shape.ATOMIC]
    for state in (*atomic, *ENDINGS):
        assert seen.titles.count(state) == 1


def test_nothing_overlaps(plan: Planner, read: Reader) -> None:
    """No two boxes of steps lie upon each other, and all of them lie on the paper."""
    seen = read(picture_of_plan(plan("normal"), "states").svg)
    width, height = seen.size
    steps = [box for box in seen.boxes if re.search(r"\bk-", box.get("class") or "")]
    places = [tuple(float(box.get(key, "")) for key in ("x", "y", "width", "height")) for box in steps]
    for number, (x, y, wide, high) in enumerate(places):
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height
        for left, top, w, h in places[number + 1 :]:
            assert x + wide <= left or left + w <= x or y + high <= top or top + h <= y


def test_lanes_are_seen(plan: Planner, read: Reader) -> None:
    """Each part of the graph whose lanes run at the same time is a dashed frame between two bars."""
    graph = plan("normal").graph
    seen = read(picture_of_plan(plan("normal"), "states").svg)
    beside = sum(state.shape is Shape.PARALLEL for state in graph.states)
    assert seen.looks("lanes") == beside + 1  # one in the legend
    assert seen.svg.count('class="bar"') == 2 * beside
    assert {"in parallel: at the same time", "overlap: at the same time"} <= set(seen.words)


def test_500_frames_fold(plan: Planner, read: Reader) -> None:
    """Blocks of 500 frames are one box each, with their number, in a small picture."""
    seen = read(picture_of_plan(plan("many"), "blocks").svg)
    assert {"320 biases", "20 darks, 60 s", "LDLS: 80 flats, 10 s", "Argon: 80 arcs, 5 s"} <= set(seen.words)
    assert len(seen.svg) < 30_000
    assert max(seen.size) < 2000


def test_500_frames_whole(plan: Planner) -> None:
    """All states of 500 frames are drawn, on paper of a good shape."""
    drawn = picture_of_plan(plan("many"), "states")
    steps = sum(state.shape is Shape.ATOMIC and state.parent is not None for state in plan("many").graph.states)
    assert drawn.svg.count('class="box k-') == steps + len(ENDINGS)
    width, height = drawn.size
    assert 0.4 < width / height < 3


def test_times_are_the_plans(plan: Planner, read: Reader) -> None:
    """What stands in a box is what the schedule says."""
    seen = read(picture_of_plan(plan("quick-cals"), "states").svg)
    assert "at 0:00:00, 3 min 00 s" in seen.words
    assert "0:15:51" in seen.all_words()


def hostile(graph: StateGraph) -> StateGraph:
    """Return the same graph with a name that is an attack, and frames as well."""
    frames = (replace(state, frame=EVIL if state.frame else None) for state in graph.states)
    return replace(graph, name=EVIL, states=tuple(frames))


@pytest.mark.parametrize("detail", ["states", "blocks"])
def test_hostile_names_are_words(plan: Planner, read: Reader, detail: Any) -> None:
    """Markup, quotes and control characters in names are shown as words, and the picture stays one."""
    drawn = picture_of(hostile(plan("bias").graph), detail)
    seen = read(drawn.svg)
    assert "<script" not in drawn.svg
    assert not any(letter in drawn.svg for letter in "\x00\x1b\u202e")
    assert any("<script>alert(1)</script>" in words for words in seen.words)


def test_what_happened_is_told_twice(plan: Planner, read: Reader) -> None:
    """Every outcome has a colour, a sign and words. What was not begun is dashed."""
    bias = plan("bias")
    outcomes = ("done", "retried", "failed", "stopped", "now")
    steps = [state.id for state in bias.graph.states if state.shape is Shape.ATOMIC and state.parent]
    told = {
        step: Mark(outcome, f"told {outcome}", "2026-01-01T00:00:00+00:00")
        for step, outcome in zip(steps, outcomes, strict=False)
    }
    seen = read(picture_of_run(bias, told, "a run", [], "states").svg)
    for outcome in outcomes:
        assert seen.looks(f"m-{outcome}") == 2  # the box, and the legend
        assert seen.svg.count(f"sign mark-{outcome}") == 2
        assert f"told {outcome}" in seen.words
    assert seen.looks("waiting") >= len(steps) - len(outcomes)


def test_set_ups_of_a_resume_are_named(plan: Planner, read: Reader) -> None:
    """What a resume did and the graph does not have is named beneath the heading."""
    told = {"point/somewhere": Mark("done", "03:00:00, 5 s", "2026-01-01T03:00:00+00:00")}
    assert "point/somewhere" in read(picture_of_run(plan("bias"), told, "a run", [], "states").svg).all_words()


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_themes(plan: Planner, theme: Any) -> None:
    """A picture follows the reader's screen, unless it is asked for light or dark."""
    svg = picture_of(plan("bias").graph, theme=theme).svg
    assert ("prefers-color-scheme" in svg) == (theme == "auto")
    assert ("#15171b" in svg) == (theme != "light")


def test_png(plan: Planner) -> None:
    """The same picture comes out as PNG, twice as sharp, with words on it."""
    drawn = picture_of(plan("bias").graph, "blocks", "light")
    content = drawn.png()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 2 * drawn.size[0]
    without = to_png(re.sub(r"<text.*?</text>", "", drawn.svg), *drawn.size)
    assert len(content) > len(without) + 2000


def test_png_without_its_packages(plan: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the renderer is missing, the error says what to install."""
    monkeypatch.setattr("safelight.show.drawing.png.import_module", _missing)
    with pytest.raises(DrawingError, match=r"extra 'pictures'"):
        picture_of(plan("bias").graph).png()


def _missing(name: str) -> None:
    raise ImportError(name)


def test_notebooks_show_a_graph(plan: Planner, read: Reader) -> None:
    """A drawn graph and a plan show themselves."""
    read(picture_of(plan("bias").graph)._repr_svg_())
    read(plan("bias")._repr_html_())
