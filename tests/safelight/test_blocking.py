"""`safelight.run`: for scripts that know nothing of asyncio, and for notebooks."""

import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import safelight
from safelight.blocking import run_to_end
from tests.web.hosting import wait_for

SCRIPT = """
import safelight
result = safelight.run({sequence!r}, home="home", speed={speed!r}, show_progress=False, point=False)
print(result.outcome, len(result.frames))
"""
IN_A_LOOP = """
import asyncio
async def cell():
    exec(script)
asyncio.run(cell())
"""
LAMP = {"lamps": {"Quartz": {"warmup": 1, "exposure_time": 600}}}


def test_it_takes_what_calibrate_takes() -> None:
    """Both have the same parameters, with the same defaults."""
    assert inspect.signature(safelight.run).parameters == inspect.signature(safelight.calibrate).parameters


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_a_script(tmp_path: Path, in_a_loop: bool) -> None:  # noqa: FBT001 - a case
    """The result comes back, without a loop and from within one."""
    text = SCRIPT.format(sequence={"biases": {"count": 2}}, speed="max")
    ended = _start(tmp_path, text, in_a_loop=in_a_loop).communicate(timeout=60)
    assert ended[0].strip() == "done 2"


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_ctrl_c_makes_the_lamps_safe_first(tmp_path: Path, in_a_loop: bool) -> None:  # noqa: FBT001 - a case
    """An interrupt aborts. The lamp that was on reads off when the script ends, and the script has not gone on."""
    text = SCRIPT.format(sequence=LAMP, speed=20)
    process = _start(tmp_path, text, in_a_loop=in_a_loop)
    switch = tmp_path / "home" / "simulated" / "switch.json"
    wait_for(lambda: _quartz(switch) == "on", 60.0)
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert told == ""
    assert "KeyboardInterrupt" in errors
    assert _quartz(switch) == "off"
    assert safelight.runs(home=tmp_path / "home")[0].status == "aborted"


def test_an_error_comes_out_of_the_other_thread() -> None:
    """What the coroutine raises is raised where it was called."""

    async def fail() -> None:
        raise safelight.RunRefused("no")

    async def cell() -> None:
        run_to_end(fail)

    with pytest.raises(safelight.RunRefused):
        asyncio.run(cell())


def _start(folder: Path, text: str, *, in_a_loop: bool) -> "subprocess.Popen[str]":
    code = f"script = {text!r}\n{IN_A_LOOP}" if in_a_loop else text
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "SAFELIGHT_OBSERVATORY": "simulated"},
    )


def _quartz(switch: Path) -> str:
    try:
        return str(json.loads(switch.read_text())["outlets"]["Quartz"]["state"])
    except (OSError, ValueError, KeyError):
        return "unknown"
