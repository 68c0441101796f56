"""Lamps on Debian's own INDI drivers of Shelyak's controllers: what reaches the serial line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("on_debian.py")
UNSHARE = shutil.which("unshare") or "unshare"
ROOT = Path(__file__).parents[3]
OFF = {"Argon": "off", "Neon": "off"}


def missing() -> str | None:
    """Why Debian's drivers can't be run here, or None if they can."""
    for program in ("indiserver", "indi_shelyakspox_spectrograph", "indi_shelyakeshel_spectrograph"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: indi-bin, indi-shelyak)"
    probe = subprocess.run([UNSHARE, "--net", "true"], capture_output=True, check=False)
    return None if probe.returncode == 0 else "a network namespace can't be made here (root is needed)"


@pytest.mark.parametrize("scenario", ["spox", "eshel"])
def test_lamps_at_the_serial_line(scenario: str, tmp_path: Path) -> None:
    """Each lamp goes on and off at the line. After a kill of the driver it is unknown, and an off still darkens it."""
    reason = missing()
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    script = f'ip link set lo up; exec "{sys.executable}" "{SCRIPT}" {scenario} "{tmp_path}"'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [UNSHARE, "--net", "sh", "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=200,
    )
    steps: dict[str, dict[str, Any]] = {step["did"]: step for step in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, done.stderr
    for lamp in ("Argon", "Neon"):
        assert steps[f"on {lamp}"] == {"did": f"on {lamp}", "lit": [lamp], "seen": OFF | {lamp: "on"}}
        assert steps[f"off {lamp}"] == {"did": f"off {lamp}", "lit": [], "seen": OFF}
    # The driver was started anew, and is not connected. What it says is old, or nothing.
    assert steps["driver killed"]["lit"] == ["Argon"]
    assert "off" not in str(steps["driver killed"]["seen"])
    for step in ("all off", "all off at last"):
        assert (steps[step]["lit"], steps[step]["seen"]) == ([], OFF)
    assert steps["on at last"]["lit"] == ["Argon"]
