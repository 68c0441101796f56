"""The command line: as a process of its own, and within this one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Inside = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home for the simulated instrument."""
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The environment of a process with that home."""
    return {**os.environ, "SAFELIGHT_HOME": str(home), "COLUMNS": "100"}


@pytest.fixture
def safelight(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run the command line as a process."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "safelight", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
            cwd=tmp_path,
        )

    return run


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> Inside:
    """Run the command line within this process; its own errors come out as they are raised."""
    from safelight.cli import app  # noqa: PLC0415 - other tests look at what is imported when

    monkeypatch.setenv("SAFELIGHT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])
