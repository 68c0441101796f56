"""Runs of steps killed with -9 and resumed: each frame once, in its set-up, and no lamp on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.engine.records import tables
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Warm
from tests.engine.shutter_bench import DAY, SHOWN, behind_shutters
from tests.engine.step_bench import STEPS, TIMED, with_arcs, written

MakeCase = Callable[..., Case]
CARDS = ("MIRROR", "OCTAGON", "SLIT", "GRATING", "LQUARTZ", "OBJECT", "EXPTIME", "SHUTTER")
NOTHING_THERE = {"RunRefused", "JournalError"}


def cards(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """(frame, camera) -> what its header says of how it was taken. Selectors of a bias are nobody's wish."""
    found = {}
    for path in sorted(folder.glob("*.fits")):
        header = fits.getheader(path)
        wanted = ("OBJECT", "SHUTTER") if header["FRAMEID"].startswith("bias") else CARDS
        if header["FRAMEID"].startswith("dark"):
            wanted = ("OBJECT", "EXPTIME", "MIRROR")
        found[header["FRAMEID"], header["CAMERA"]] = {card: header.get(card) for card in wanted}
    return found


def killed_and_resumed(
    warm: Warm, make_case: MakeCase, sequence: Any, observatory: Path, what: str, stride: int
) -> None:
    """Kill runs at every `stride`th moment of a kind, and demand the frames of an undisturbed run after a resume."""
    whole = make_case(sequence, observatory=observatory)
    ended = warm.do(whole.job("run"))
    assert ended.outcome == "done", ended
    expected, last = cards(whole.frames / ended.answer["run"]), ended.answer["counts"][what]
    frames = {frame for frame, _ in expected}
    assert last > 2 * stride
    for n in range(2, last, stride):
        case = make_case(sequence, observatory=observatory)
        first = warm.do(case.job("run", at={"what": what, "n": n, "do": "kill"}))
        # Where threads change the order of things the last moments may not come.
        if first.killed:
            ended = warm.do(case.job("resume"))
            if ended.outcome in NOTHING_THERE and not rows_of_runs(case):
                ended = warm.do(case.job("run"))
            if ended.outcome not in NOTHING_THERE:
                assert ended.outcome == "done", (n, ended)
        (row,) = rows_of_runs(case)
        assert_whole(case, str(row["run"]), frames)
        assert cards(case.frames / str(row["run"])) == expected, n
        shutil.rmtree(case.home.parent)


SITES = {"steps": (STEPS, written), "timed": (TIMED, with_arcs), "opened": (SHOWN, behind_shutters)}
EVERY_SITE = SITES | {"behind shutters": (DAY, behind_shutters)}
"""With a day of lamps behind source shutters, of which test_behind_shutters.py takes a sample."""
QUICK = {"commit": 9, "verb": 37}


@pytest.mark.parametrize("what", list(QUICK))
@pytest.mark.parametrize("name", list(SITES))
def test_kill_anywhere_and_resume(name: str, what: str, warm: Warm, make_case: MakeCase, tmp_path: Path) -> None:
    """Killed at a commit or a device command and resumed, a run of steps has the frames of an undisturbed one."""
    sequence, written_by = SITES[name]
    killed_and_resumed(warm, make_case, sequence, written_by(tmp_path), what, QUICK[what])


@pytest.mark.soak
@pytest.mark.parametrize("what", list(QUICK))
@pytest.mark.parametrize("name", list(EVERY_SITE))
def test_kill_at_every_moment(name: str, what: str, warm: Warm, make_case: MakeCase, tmp_path: Path) -> None:
    """The same at every single commit and device command."""
    sequence, written_by = EVERY_SITE[name]
    killed_and_resumed(warm, make_case, sequence, written_by(tmp_path), what, 1)


def rows_of_runs(case: Case) -> list[Any]:
    """Return the runs in a case's journal."""
    try:
        return list(rows_of(case.journal, tables.runs))
    except Exception:  # noqa: BLE001 - there is none yet
        return []


def test_what_was_found_is_demanded_at_a_resume(warm: Warm, make_case: MakeCase, tmp_path: Path) -> None:
    """A selector that the first frame took as it was found is moved back there after somebody has moved it."""
    steps = {"name": "found", "steps": [{"lamps": ["ThAr"], "exposure_time": 6, "count": 3}]}
    case = make_case(steps, observatory=written(tmp_path))
    paused = warm.do(case.job("run", at={"what": "event", "n": 22, "do": "pause"}))
    assert paused.outcome == "paused", paused
    # Somebody turns the grating meanwhile.
    path = case.home / "simulated" / "selectors.json"
    text = path.read_text(encoding="utf-8")
    assert '"grating": []' in text
    path.write_text(text.replace('"grating": []', '"grating": [[0.0, [1.0], 1.0, [0.0]]]'), encoding="utf-8")
    ended = warm.do(case.job("resume"))
    assert ended.outcome == "done", ended
    seen = cards(case.frames / ended.answer["run"])
    assert {found["GRATING"] for found in seen.values()} == {"blue"}
