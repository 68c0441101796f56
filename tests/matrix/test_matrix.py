"""The fault matrix: every kind of state meets every fault, and the page in the documentation says what comes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.matrix.commands import Commands
from tests.matrix.device_cells import Stage, cells_of, play
from tests.matrix.light_cells import LIGHT_ROWS, LightRow, play_light
from tests.matrix.page import (
    BLOWS_TEXT,
    DEVICES,
    INTRODUCTION,
    LIGHT_TEXT,
    PAGE,
    device_lines,
    light_line,
    signal_line,
)
from tests.matrix.rows import ROWS, Row
from tests.matrix.signal_cells import BLOWS, strike

Left = Callable[[], Path]


def by_name(row: Row | LightRow) -> str:
    """Return a test's name."""
    return row.name.replace(" ", "-").replace(",", "")


def written() -> list[str]:
    """Return the lines of the page."""
    return PAGE.read_text(encoding="utf-8").splitlines()


def table(number: int) -> list[str]:
    """Return the lines of one of the page's three tables, without their heads."""
    blocks = "\n".join(written()).split("\n| --- ")
    lines = blocks[number].splitlines()[1:]
    return [line for line in lines if line.startswith("| ") and not line.startswith(("| state |", "| what is wrong |"))]


@pytest.mark.parametrize("row", ROWS, ids=by_name)
def test_device_faults(row: Row, observatory: Path, tmp_path: Path, left_behind: Left) -> None:
    """Whatever a device gets wrong, lamps are off or the run says unsafe, and no frame is lost or doubled."""
    stage = Stage(tmp_path, observatory, left_behind() if row.name == "adopt" else tmp_path)
    played = [(cell, play(cell, stage)) for cell in cells_of(row, stage)]
    problems = [f"{cell.verb} {cell.what} x {cell.times}: {found.problem}" for cell, found in played if found.problem]
    assert not problems
    assert not played if row.silent else len(played) >= 10
    assert device_lines(played) == [line for line in table(1) if line.startswith(f"| {row.name} |")]


@pytest.mark.parametrize("row", ROWS, ids=by_name)
def test_blows(row: Row, observatory: Path, tmp_path: Path, commands: Commands, left_behind: Left) -> None:
    """Whatever strikes the process, the lamps go off in time, and the resumed run has every frame once."""
    left = left_behind() if row.name == "adopt" else tmp_path
    outcomes = []
    for number, blow in enumerate(BLOWS):
        outcome = strike(row, blow, tmp_path / f"blow-{number}", observatory, left, commands)
        assert outcome.problem is None, f"{blow.name}: {outcome.problem}"
        assert blow.dark_s is None or outcome.seconds < blow.dark_s, f"{blow.name}: {outcome.seconds:.3f} s"
        outcomes.append(outcome)
    assert signal_line(row, outcomes) in written()


@pytest.mark.parametrize("row", LIGHT_ROWS, ids=by_name)
def test_faults_of_light(row: LightRow, observatory: Path, tmp_path: Path) -> None:
    """What pixels show is found and named. No frame is lost to it, and none without light is called good."""
    once = play_light(row, 1, tmp_path / "once", observatory)
    ever = play_light(row, None, tmp_path / "ever", observatory)
    assert (once.problem, ever.problem) == (None, None)
    assert light_line(row, (once, ever)) in written()


def test_the_page_has_nothing_else() -> None:
    """The page consists of its explanations and of one line for each cell that is played."""
    text = PAGE.read_text(encoding="utf-8")
    for part in (INTRODUCTION, DEVICES, BLOWS_TEXT, LIGHT_TEXT):
        assert part in text
    names = {row.name for row in ROWS if not row.silent}
    assert {line.split(" | ")[0].removeprefix("| ") for line in table(1)} == names
    assert [line.split(" | ")[0].removeprefix("| ") for line in table(2)][:-1] == [row.name for row in ROWS]
    assert [line.split(" | ")[0].removeprefix("| ") for line in table(3)] == [row.name for row in LIGHT_ROWS]


def test_every_verb_is_in_the_page() -> None:
    """Every verb of every device, but those of the second path, is struck in some state."""
    from safelight.devices.simulated.faults import VERBS  # noqa: PLC0415

    verbs = {f"`{device}.{verb}`" for device, known in VERBS.items() for verb in known if device != "second_lamps"}
    assert verbs == {line.split(" | ")[1] for line in table(1)}
