"""The table of `plan`, on narrow and on wide paper."""

import pytest
from rich.console import Console

from safelight.commands.plan import _table
from safelight.commands.plan_blocks import block_rows
from safelight.engine.planning.request import Request, plan_of


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
