"""Paths that can't be read, or can't be written down: a sentence and exit code 2, and nothing touched."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from safelight.devices import shipped_observatories

Command = Callable[..., "subprocess.CompletedProcess[str]"]

SIMULATED = shipped_observatories()["simulated"]
ODD = b"bad\xff".decode(errors="surrogateescape")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "bias", "--speed", "max", "--home", ODD),
        ("run", "bias", "--speed", "max", "--frames", ODD),
        ("run", "bias", "--speed", "max", "--journal", f"sqlite:///{ODD}"),
        ("run", f"{ODD}.yaml", "--speed", "max"),
        ("run", "bias", "--speed", "max", "--observatory", f"{ODD}.obs.yaml"),
        ("check", "bias", "--observatory", ODD),
    ],
)
def test_a_path_that_is_not_utf8(safelight: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    """A path that a journal can't hold is refused before anything is touched."""
    (tmp_path / f"{ODD}.yaml").write_text("biases: {}\n")
    (tmp_path / f"{ODD}.obs.yaml").write_text(SIMULATED.read_text())
    told = safelight(*words)
    assert told.returncode == 2
    assert "failed" not in told.stderr
    assert "bad" in told.stderr
    assert not list(tmp_path.rglob("*.fits"))
    assert not list(tmp_path.rglob("switch.json"))


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize(
    "words",
    [
        ("check", "bias", "--observatory", "FILE"),
        ("check", "FILE"),
        ("run", "bias", "--speed", "max", "--faults", "FILE"),
        ("import-gort", "FILE", "-o", "out.yaml"),
        ("check", "bias", "--observatory", "with-policy.yaml"),
    ],
)
def test_what_is_no_regular_file_is_not_read(
    safelight: Command, tmp_path: Path, kind: str, words: tuple[str, ...]
) -> None:
    """No command waits for a FIFO or reads a device: both are refused at once."""
    odd = Path("/dev/zero") if kind == "device" else tmp_path / "fifo"
    if kind == "fifo":
        os.mkfifo(odd)
    text = SIMULATED.read_text().replace("policies: []", f"policies: [{odd}]")
    (tmp_path / "with-policy.yaml").write_text(text)
    told = safelight(*(str(odd) if word == "FILE" else word for word in words))
    assert told.returncode == 2
    assert "not a regular file" in told.stderr + told.stdout
