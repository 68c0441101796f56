"""The table of `plan`, on narrow and on wide paper."""

from pathlib import Path

import pytest
from rich.console import Console

from safelight.commands.plan import _table
from safelight.commands.plan_blocks import block_rows
from safelight.engine.planning.request import Request, plan_of
from tests.engine.step_bench import written


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_numbers_are_never_cut_off(width: int) -> None:
    """However narrow the terminal, each state's start and length stand whole in its line, and no line is too long."""
    plan = plan_of(Request("quick-cals"))
    console = Console(width=width, color_system=None)
    with console.capture() as printed:
        console.print(_table(plan, width), crop=False)
    lines = [line.rstrip() for line in printed.get().splitlines()]
    rows = [line.removesuffix("*").rstrip() for line in lines if line.removesuffix("*").rstrip().endswith(" s")]
    assert len(rows) == len(plan.schedule.slots)
    for line, slot in zip(rows, plan.schedule.slots, strict=True):
        assert line.split()[-3:] == [f"{slot.start_s:.1f}", f"{slot.duration_s:.1f}", "s"]
        assert len(line) <= width


def test_a_block_has_one_row() -> None:
    """Moves between the frames of a block belong to it. The move before its first frame has a row of its own."""
    names = [name for name, *_ in block_rows(plan_of(Request("long-term")))]
    assert names.count("mask to P1-2") == 3
    assert not [name for name in names if name.startswith("mask to") and name != "mask to P1-2"]
    assert len(names) < 20


def test_a_lamp_that_is_lit_again_and_again_has_one_row(tmp_path: Path) -> None:
    """Rests and warm-ups within a series are counted, not listed. A wait of the sequence keeps its row."""
    path = written(tmp_path)
    arc = "{warmup_s: 10.0, flavour: arc, longest_on_s: 900.0, rest: {after: 60.0, for: 20.0}}"
    path.write_text(path.read_text("utf-8").replace("lamps:\n  units:\n", f"lamps:\n  units:\n    Neon: {arc}\n"))
    lamp = {"lamps": ["Neon"], "exposure_time": 30, "count": 4}
    document = {"name": "series", "steps": [lamp, {"wait": 60}, lamp]}
    names = [name for name, *_ in block_rows(plan_of(Request(document, observatory=path)))]
    assert names == [
        "all lamps off", "set slit narrow", "warm up Neon", "Neon (arc), lit 4 times", "lamp off Neon",
        "wait 60 s, lamps off", "warm up Neon", "Neon (arc), lit 4 times", "lamp off Neon", "set mirror out",
        "safing: all lamps off",
    ]  # fmt: skip
