"""Timers that still run in a switch: whoever looks at a lamp or lights it is told when it will go dark."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from safelight.cli import app
from safelight.devices.simulated.switch import SimulatedLamps
from safelight.engine import Request, perform

DUE = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def _a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the simulated switch a timer that will darken Neon."""

    def timers(_: SimulatedLamps) -> Mapping[str, tuple[datetime, ...]]:
        return {"Neon": (DUE,)}

    monkeypatch.setattr(SimulatedLamps, "timers", timers, raising=False)


@pytest.mark.usefixtures("_a_timer")
def test_status_warns(tmp_path: Path) -> None:
    """`lamps status` names the lamp and the time, and has both in its JSON."""
    words = ["lamps", "status", "--observatory", "simulated", "--home", str(tmp_path)]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "Neon: a timer of an earlier lighting switches it off at 2031-05-06 07:08:09 UTC" in told.stderr
    assert json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["timers"] == {"Neon": [DUE.isoformat()]}


@pytest.mark.usefixtures("_a_timer")
def test_run_warns(tmp_path: Path) -> None:
    """A run that begins tells of the timer among its warnings."""
    events: list[Mapping[str, Any]] = []
    request = Request("bias", home=tmp_path / "home", frames=tmp_path / "frames", speed="max")
    asyncio.run(perform(request, listeners=(events.append,), guarded=False))
    (started,) = (event for event in events if event["event"] == "run.started")
    assert any("Neon" in warning and "2031-05-06 07:08:09" in warning for warning in started["warnings"])


def test_no_timer_no_word(tmp_path: Path) -> None:
    """Without timers nothing is said of them."""
    told = CliRunner().invoke(app, ["lamps", "status", "--observatory", "simulated", "--home", str(tmp_path)])
    assert (told.exit_code, told.stderr) == (0, "")
