import asyncio
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import safelight
import safelight.engine

FUNCTIONS = [name for name in safelight.__all__ if inspect.isfunction(getattr(safelight, name))]
SHORT = {"name": "short", "biases": {"count": 2}}


def test_every_name_is_sorted_and_there() -> None:
    """Every public name exists, the list is sorted, and `dir` shows it."""
    assert safelight.__all__ == sorted(safelight.__all__)
    assert all(hasattr(safelight, name) for name in safelight.__all__)
    assert set(safelight.__all__) <= set(dir(safelight))


def test_a_name_that_is_not_there() -> None:
    """An unknown name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="calibrat'"):
        safelight.calibrat  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_is_typed_and_explained(name: str) -> None:
    """Every parameter and result has a type, and every parameter a line in the docstring."""
    function = getattr(safelight, name)
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)
    assert hints.keys() == {*signature.parameters, "return"}
    assert all(f"{parameter}:" in (function.__doc__ or "") for parameter in signature.parameters)


def test_import_is_light() -> None:
    """`import safelight` imports none of its packages, no loop and no numbers."""
    code = "import sys, safelight; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not {"safelight.engine", "safelight.devices", "safelight.show", "asyncio", "numpy", "pydantic"} & loaded


def test_the_engine_has_them_too() -> None:
    """`from safelight.engine import calibrate` goes on working, and means the same function."""
    assert safelight.engine.calibrate is safelight.calibrate
    assert safelight.engine.look_back is safelight.look_back
    assert all(hasattr(safelight.engine, name) for name in safelight.engine.__all__)


def test_plan_and_check() -> None:
    """What can be planned has no problems. What can't has each of them as a sentence."""
    assert safelight.check(SHORT).plan == safelight.plan(SHORT)
    bad = safelight.check({"name": "bad", "biases": {"count": 0}, "lamps": {"Neom": {}}})
    assert not bad.ok
    assert bad.plan is None
    assert any("Neom" in problem for problem in bad.problems)
    nowhere = safelight.check(SHORT, observatory="nowhere")
    assert [("nowhere" in problem) for problem in nowhere.problems] == [True]


def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    """Run, list, look back, report. Then there is nothing to resume and nothing to stop."""
    home = tmp_path / "home"
    result = asyncio.run(safelight.calibrate(SHORT, home=home, frames=tmp_path / "frames", speed="max"))
    assert result.outcome == "done"
    assert [entry.run for entry in safelight.runs(home=home)] == [result.run]
    assert safelight.look_back(home=home).page.run == result.run
    assert result.run in safelight.report(home=home, form="md")
    with pytest.raises(safelight.RunRefused, match="nothing to resume"):
        asyncio.run(safelight.resume(result.run, home=home, speed="max"))
    for stop in (safelight.abort, safelight.pause):
        with pytest.raises(safelight.RunRefused, match="no run is running"):
            stop(home=home)


def test_a_resume(tmp_path: Path) -> None:
    """A run that has lost a frame takes it again."""
    home = tmp_path / "home"
    result = asyncio.run(safelight.calibrate(SHORT, home=home, frames=tmp_path / "frames", speed="max"))
    for file in result.frames[0].files:
        file.path.unlink()
    again = asyncio.run(safelight.resume(result.run, home=home, speed="max"))
    assert again.outcome == "done"
    assert [frame.frame for frame in again.frames] == ["bias-002", "bias-001"]
