"""Plans in time."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.engine import Plan, Request, plan_of
from safelight.engine.planning.schedule import critical_path
from safelight.sequences import library_names
from safelight.show.drawing import picture_of, timeline_of
from safelight.show.drawing.time_lanes import Bar, planned_lanes
from safelight.show.drawing.timeline_picture import merged
from tests.engine.shutter_bench import SHOWN, behind_shutters
from tests.engine.step_bench import STEPS, written

Planner = Callable[[str], Plan]
Reader = Callable[[str], Any]


@pytest.mark.parametrize("name", library_names())
def test_the_critical_path_is_as_long_as_the_run(plan: Planner, name: str) -> None:
    """The states that decide follow each other without a gap, from the first moment to the last."""
    slots = plan(name).schedule.slots
    deciding = sorted(critical_path(plan(name).graph, slots))
    lasting = sum(slot.duration_s for slot in slots if slot.state.id in deciding)
    assert lasting == pytest.approx(plan(name).total_s)


@pytest.mark.parametrize("name", library_names())
def test_lamps_are_on_as_planned(plan: Planner, name: str) -> None:
    """The bars of a lamp are as long as the plan says that it burns, but for how long a command takes."""
    lanes = {lane.name: lane for lane in planned_lanes(plan(name))}
    for lamp, on_s in plan(name).schedule.lamp_on_s.items():
        times = len([bar for bar in lanes[lamp].bars if bar.look == "lit"])
        drawn_s = sum(bar.end_s - bar.start_s for bar in lanes[lamp].bars)
        assert drawn_s == pytest.approx(on_s, abs=times * 2 * plan(name).observatory.lamps.on_s)


def test_the_numbers_are_written_on_it(plan: Planner, read: Reader) -> None:
    """Total, bound, what the overlap saves and each lamp's minutes stand on the picture."""
    normal = plan("normal")
    words = read(timeline_of(normal).svg).all_words()
    serial_s = plan_of(Request("normal", overlap=False)).total_s
    for number in (normal.total_s, normal.bound_s, serial_s):
        assert f"{number:.1f} s" in words
    assert f"overlap saves {int(serial_s - normal.total_s) // 60} min" in words
    for lamp, on_s in normal.schedule.lamp_on_s.items():
        assert f"{lamp} {on_s / 60:.1f} min" in words
    for lane in ("telescopes", "mask", "integration", "readout"):
        assert lane in words


def test_the_legend_says_what_moves(plan: Planner, read: Reader, tmp_path: Path) -> None:
    """The colour of what moves is explained by what there is: telescopes and mask, or selectors."""
    steps = plan_of(Request(STEPS, observatory=written(tmp_path)))
    for planned, moving in ((plan("normal"), "telescopes, mask"), (steps, "selectors")):
        for picture in (timeline_of(planned), picture_of(planned.graph)):
            words = read(picture.svg).all_words()
            assert moving in words
            assert ("mask" in words) == ("mask" in moving)


def test_a_source_shutter_within_an_exposure_is_seen(read: Reader, tmp_path: Path) -> None:
    """Graph and timeline show when a source shutter lets its lamp through, and what the colour means."""
    planned = plan_of(Request(SHOWN, observatory=behind_shutters(tmp_path)))
    graph = read(picture_of(planned.graph).svg)
    assert "light for a part of an exposure" in graph.all_words()
    assert graph.words.count("let Th through for 20 s") == 2
    (lane,) = [lane for lane in planned_lanes(planned) if lane.name == "selectors"]
    lit = [bar.words for bar in lane.bars if bar.look == "lit"]
    assert lit == ["let Th through for 20 s"] * 2 + ["let Th through for 10 s", "let U through for 4 s"]
    assert lane.bars == tuple(sorted(lane.bars, key=lambda bar: bar.start_s))


def test_500_frames_are_readable(plan: Planner, read: Reader) -> None:
    """500 frames are as wide as one, and not many bytes."""
    one, many = read(timeline_of(plan("bias")).svg), read(timeline_of(plan("many")).svg)
    assert one.size[0] == many.size[0]
    assert len(many.svg) < 200_000
    assert "LDLS: 80 flats, 10 s" in many.words


def test_bars_stay_on_the_axis(plan: Planner, read: Reader) -> None:
    """No bar begins before the beginning or ends after the end."""
    seen = read(timeline_of(plan("normal")).svg)
    bars = [box for box in seen.boxes if re.match("f-", box.get("class") or "") and box.find("*") is not None]
    assert len(bars) > 40
    for bar in bars:
        assert float(bar.get("x", "")) >= 160
        assert float(bar.get("x", "")) + float(bar.get("width", "")) <= 1180 - 138 + 1.3


def test_short_bars_are_merged() -> None:
    """Short bars of one look without a visible gap are one. A gap, a length or another look keeps them apart."""
    near = [Bar(0, 1, "expose", "a"), Bar(1.1, 2, "expose", "b"), Bar(2.1, 3, "bad", "c"), Bar(9, 10, "bad", "d")]
    assert [(bar.start_s, bar.end_s) for bar in merged(near, 0.5)] == [(0, 2), (2.1, 3), (9, 10)]
    assert merged(near, 0.01) == near
