"""The takeover of an observatory as a Promela model: SPIN checks it, and refuses it without any of its rules."""

import re
from pathlib import Path

import pytest

from safelight.engine.guard import keeper
from safelight.engine.records import tenure
from tests.engine.planning.test_promela import _tool, needs_spin

MODEL = Path(__file__).with_name("takeover.pml")
TICK_S = 2.0
"""Length of a tick of the model, s."""
LEFT_OUT = {
    "NO_LAST_LOOK": "age[h]<4",
    "NO_FENCE": "epoch[h]==fence",
    "FORGETS_FRAMES": "frames==0",
    "RELEASES_BY_PROCESS": "age[(1-h)]<3",
    "TAKES_EARLY": "age[(1-h)]<3",
    "NO_COMPARISON": "age[(1-h)]<3",
    "NO_KEEPER": "orphan<=5",
}
"""Rule that is left out -> part of the promise that is broken then."""


def checked(folder: Path, *defined: str) -> tuple[int, str]:
    """Let SPIN look at all that can happen. Return the number of errors, and its report."""
    (folder / "model.pml").write_text(MODEL.read_text(encoding="utf-8"), encoding="utf-8")
    _tool(["spin", *(f"-D{name}" for name in defined), "-a", "model.pml"], folder)
    _tool(["gcc", "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"], folder)
    report = _tool(["./pan", "-w20", "-m100000"], folder)
    found = re.search(r"errors: (\d+)", report)
    assert found is not None, report
    assert "max search depth too small" not in report
    return int(found[1]), report


@needs_spin
def test_one_fault_at_any_moment(tmp_path: Path) -> None:
    """Lamps go dark, no two runs hold an observatory, and the request is done exactly once."""
    errors, report = checked(tmp_path, "FAULTS=1")
    assert errors == 0, report
    states = re.search(r"(\d+) states, stored", report)
    assert states is not None
    assert int(states[1]) > 10_000


@needs_spin
@pytest.mark.soak
def test_two_faults_at_any_moments(tmp_path: Path) -> None:
    """The same with two faults, such as a run that wakes late on a host that is lost then."""
    errors, report = checked(tmp_path, "FAULTS=2")
    assert errors == 0, report


@needs_spin
@pytest.mark.parametrize("rule", LEFT_OUT)
def test_a_rule_that_is_left_out(tmp_path: Path, rule: str) -> None:
    """Without any of its rules, the protocol breaks a promise, and SPIN finds where."""
    errors, report = checked(tmp_path, "FAULTS=1", rule)
    assert errors == 1
    assert "assertion violated" in report
    assert LEFT_OUT[rule] in report.replace(" ", "")


def test_the_times_of_the_model_are_those_of_the_code() -> None:
    """Ticks stand for the times in the code, with their order and with the same room between them."""
    defined = dict(re.findall(r"#define (\w+) (\d+)\b", MODEL.read_text(encoding="utf-8")))
    in_s = {name: int(value) * TICK_S for name, value in defined.items()}
    assert in_s["STOP_AGE"] == tenure.LEASE_S - tenure.MARGIN_S
    assert in_s["OVER_AGE"] == tenure.LEASE_S
    assert in_s["DARK_SILENCE"] == keeper.DARK_S
    assert in_s["TAKE_SILENCE"] == tenure.TAKE_S
