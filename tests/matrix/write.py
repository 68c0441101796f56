"""Play the whole fault matrix and write docs/reference/fault-matrix.md.

python tests/matrix/write.py
"""

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.matrix.bench import small_observatory
from tests.matrix.commands import Commands
from tests.matrix.device_cells import Cell, Found, Stage, cells_of
from tests.matrix.device_cells import play as play_cell
from tests.matrix.light_cells import LIGHT_ROWS, LightRow, Lit, play_light
from tests.matrix.page import PAGE, page
from tests.matrix.rows import ROWS, Row
from tests.matrix.signal_cells import BLOWS, Outcome, leave_behind, strike

Cells = list[tuple[Cell, Found]]
Blows = list[Outcome]


def play(row: Row) -> tuple[Cells, Blows]:
    """Return all cells of one row."""
    with tempfile.TemporaryDirectory() as name, Commands.warm() as commands:
        folder = Path(name)
        observatory = small_observatory(folder)
        left = leave_behind(folder / "left", observatory, commands) if row.name == "adopt" else folder
        stage = Stage(folder, observatory, left)
        cells = [(cell, play_cell(cell, stage)) for cell in cells_of(row, stage)]
        if row.name == "adopt":
            left = leave_behind(folder / "left-again", observatory, commands)
        places = (folder / f"blow-{number}" for number in range(len(BLOWS)))
        blows = [
            strike(row, blow, place, observatory, left, commands) for blow, place in zip(BLOWS, places, strict=True)
        ]
    return cells, blows


def play_both(row: LightRow) -> tuple[Lit, Lit]:
    """Return a fault of light, once and for ever."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        observatory = small_observatory(folder)
        once = play_light(row, 1, folder / "once", observatory)
        return once, play_light(row, None, folder / "ever", observatory)


def main() -> None:
    """Two rows at a time. A broken promise is reported, and nothing is written."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        coming = {row: pool.submit(play, row) for row in ROWS}
        lit = {row: pool.submit(play_both, row) for row in LIGHT_ROWS}
        played = {row: future.result() for row, future in coming.items()}
        light = {row: future.result() for row, future in lit.items()}
    problems = [
        f"{row.name}: {cell.verb} {cell.what}: {found.problem}"
        for row, (cells, _) in played.items()
        for cell, found in cells
        if found.problem
    ]
    problems += [
        f"{row.name}: {blow.name}: {outcome.problem}"
        for row, (_, blows) in played.items()
        for blow, outcome in zip(BLOWS, blows, strict=True)
        if outcome.problem
    ]
    problems += [f"{row.name}: {found.problem}" for row, both in light.items() for found in both if found.problem]
    if problems:
        sys.exit("\n".join(problems))
    devices = {row: cells for row, (cells, _) in played.items()}
    blows = {row: blows for row, (_, blows) in played.items()}
    PAGE.write_text(page(devices, blows, light), encoding="utf-8")
    print(f"{PAGE}: {sum(map(len, devices.values()))} + {sum(map(len, blows.values()))} + {2 * len(light)} cells")  # noqa: T201


if __name__ == "__main__":
    main()
