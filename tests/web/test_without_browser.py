"""What becomes of the browser's tests where there is no browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("ci", "code", "outcome"), [("true", 1, "1 error"), ("", 0, "1 skipped")])
def test_without_chromium_tests_skip_and_in_ci_they_fail(tmp_path: Path, ci: str, code: int, outcome: str) -> None:
    """With nothing on the PATH the page's tests say what is missing: skipped by hand, an error where CI=true."""
    test = f"{Path(__file__).parent / 'test_page.py'}::test_the_page_can_be_used_by_keyboard_and_on_a_phone"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", test]
    environment = {**os.environ, "PATH": str(tmp_path), "CI": ci}
    told = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert told.returncode == code, told.stdout
    assert outcome in told.stdout
    assert "apt-get install chromium" in told.stdout
