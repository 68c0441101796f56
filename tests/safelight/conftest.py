"""The command line: as a process of its own, and within this one."""

import json
import os
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.warm_commands import child_of

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Inside = Callable[..., Result]

LAMP = """
name: lamp
biases: {count: 1}
lamps: {Quartz: {warmup: 20, exposure_time: 100, count: 3}}
"""


class Going:
    """A command under way in a process of its own, that tells JSON lines."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.told = ""
        self.process = subprocess.Popen(
            command, text=True, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    @property
    def pid(self) -> int:
        """Process that runs it."""
        return child_of(self.process.pid)

    def wait_for(self, event: str, kind: str = "", frame: str | None = None) -> dict[str, Any]:
        """Read until an event (of a state of that kind, of that frame) has been told."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            self.events.append(told)
            if told["event"] == event and told.get("kind", "") == kind and frame in (None, told.get("frame")):
                return told
        pytest.fail(f"no {event}: {self.process.communicate()[1]}")

    def end(self) -> int:
        """Wait for the end. Return the exit code."""
        rest, self.told = self.process.communicate(timeout=180)
        self.events += [json.loads(line) for line in rest.splitlines()]
        return int(self.process.returncode)

    def kill(self) -> None:
        """Kill it, and take its status."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def close(self) -> None:
        """Close the pipes to a process that has ended: one that a test killed by itself has left them open."""
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home for the simulated instrument."""
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """Return the environment of a process with that home."""
    return {**os.environ, "SAFELIGHT_HOME": str(home), "COLUMNS": "100"}


@pytest.fixture
def safelight(environment: dict[str, str], tmp_path: Path, warm_safelight: Path) -> Command:
    """Run the command line as a process."""

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [warm_safelight, *words],
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
    """Run the command line within this process. Its own errors come out as they are raised."""
    from safelight.cli import app  # noqa: PLC0415 - other tests look at what is imported when

    monkeypatch.setenv("SAFELIGHT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def going(environment: dict[str, str], tmp_path: Path, warm_safelight: Path) -> Iterator[Callable[..., Going]]:
    """Start a command that tells JSON lines. What is still under way at the end is killed."""
    started: list[Going] = []

    def go(*words: str) -> Going:
        started.append(Going([str(warm_safelight), *words, "--json"], environment, tmp_path))
        return started[-1]

    yield go
    for one in started:
        if one.process.poll() is None:
            one.kill()
        one.close()


@pytest.fixture
def lamp_run(going: Callable[..., Going], tmp_path: Path) -> Callable[..., Going]:
    """Start a run with a bias and three frames under one lamp, 20 times faster than real: each exposure takes 5 s."""
    (tmp_path / "lamp.yaml").write_text(LAMP)
    return lambda *more: going("run", "lamp.yaml", "--no-point", "--speed", "20", *more)


@pytest.fixture
def until_gone() -> Callable[[int], bool]:
    """Wait until a process has ended. Whether it has, within 20 s."""

    def wait(pid: int) -> bool:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([handle], [], [], 20.0)[0])
        finally:
            os.close(handle)

    return wait


@pytest.fixture(autouse=True)
def no_guard_left(home: Path, until_gone: Callable[[int], bool]) -> Iterator[None]:
    """Yield every test ends with its lamps off and without a guard: lamps lit by hand go off when their outlets do."""
    yield
    if not (home / "guards").is_dir():
        return
    from safelight.engine.guard.status_files import guards  # noqa: PLC0415

    with suppress(FileNotFoundError):
        (home / "simulated" / "switch.json").unlink()
    assert all(until_gone(guard["pid"]) for guard in guards(home))


@pytest.fixture
def faults(tmp_path: Path) -> Callable[[str], Path]:
    """Write a file of faults."""

    def write(text: str) -> Path:
        path = tmp_path / "faults.yaml"
        path.write_text(text)
        return path

    return write
