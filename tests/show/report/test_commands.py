"""The commands that draw and report."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from safelight.cli import app
from safelight.engine.errors import DrawingError, RunRefused


def ask(*words: str) -> Result:
    """Run a command within this process."""
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize(("name", "begins"), [("a.svg", b"<svg "), ("a.png", b"\x89PNG"), ("a.dot", b"digraph ")])
def test_the_files_name_says_the_format(tmp_path: Path, name: str, begins: bytes) -> None:
    """`-o a.svg` is SVG, `-o a.png` PNG, `-o a.dot` dot, without a word more."""
    done = ask("graph", "bias", "-o", str(tmp_path / name))
    assert done.exit_code == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_blocks_as_text() -> None:
    """Mermaid with blocks has one state for the biases."""
    drawn = ask("graph", "normal", "--detail", "blocks").stdout
    assert 'state "5 biases"' in drawn
    assert "bias-005" not in drawn


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((), "expected one of: a SEQUENCE"),
        (("bias", "--run", "x"), "expected one of: a SEQUENCE"),
        (("bias", "--format", "json", "--detail", "blocks"), "for programs"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], hint: str) -> None:
    """Two things to draw, none, or a history in a format without one: an error that says so."""
    done = ask("graph", *words)
    assert isinstance(done.exception, DrawingError)
    assert hint in str(done.exception)


def test_a_run_is_drawn(ran: Any, tmp_path: Path) -> None:
    """`--run` draws what happened, as a picture and as text."""
    run, home = ran.first.run, str(ran.home)
    assert ask("graph", "--run", run, "--home", home, "-o", str(tmp_path / "a.svg")).exit_code == 0
    assert "m-retried" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "classDef retriedState" in ask("graph", "--run", run, "--home", home).stdout


def test_nothing_is_left_of_a_run_that_is_done(ran: Any) -> None:
    """`--rest` of a run that is done is refused with that reason."""
    done = ask("graph", "--rest", ran.first.run, "--home", str(ran.home))
    assert isinstance(done.exception, RunRefused)
    assert "nothing to resume" in str(done.exception)


def test_a_timeline_is_drawn_beside_the_plan(tmp_path: Path) -> None:
    """`plan --timeline` writes a picture and prints the plan all the same. Another kind of file is refused."""
    path = tmp_path / "a.svg"
    done = ask("plan", "bias", "--home", str(tmp_path), "--timeline", str(path))
    assert "shortest" in done.stdout
    assert path.read_text(encoding="utf-8").startswith("<svg ")
    wrong = ask("plan", "bias", "--home", str(tmp_path), "--timeline", str(tmp_path / "a.txt"))
    assert isinstance(wrong.exception, DrawingError)


def test_the_newest_run_is_reported(ran: Any, tmp_path: Path) -> None:
    """`report` without a run explains the newest, as HTML or as the file's name says."""
    for name, begins in (("a.html", "<!DOCTYPE html>"), ("a.md", "# short on simulated")):
        assert ask("report", "--home", str(ran.home), "-o", str(tmp_path / name)).exit_code == 0
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)


def test_a_log_is_printed(ran: Any) -> None:
    """`log` prints a line for each event that matters enough. A run that is none, or a path, is refused."""
    words = ask("log", ran.first.run, "--home", str(ran.home), "--level", "error").stdout.splitlines()
    assert [line.split()[2] for line in words] == ["state.failed", "run.finished"]
    for name in ("nothing", "../journal"):
        assert isinstance(ask("log", name, "--home", str(ran.home)).exception, RunRefused)
