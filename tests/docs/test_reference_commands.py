"""The reference says what commands really print and with which codes they end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from safelight.cli import app
from safelight.commands import output
from safelight.commands.execution import CODES
from safelight.devices.simulated import Fault
from safelight.errors import SafelightError
from tests.docs.pages_as_data import named, rows

Say = Callable[..., tuple[int, dict[str, Any]]]

SEQUENCE = "biases: {count: 1}\nlamps: {Quartz: {warmup: 1, exposure_time: 3}}\n"
FAULT = Fault(device="spectrographs", verb="expose", what="error", nth=2, times=None)
INSIDE = {"plan": "states", "check": "documents", "sequences": "sequences", "runs": "runs"}


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Say a command in this process. Its exit code and the last line of JSON."""
    monkeypatch.setenv("SAFELIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SEQUENCE, encoding="utf-8")
    Path("bad.yaml").write_text("biases: {}\nlamp: {}\n", encoding="utf-8")
    Path("f.json").write_text(json.dumps([FAULT.model_dump(mode="json") | {"times": "forever"}]), encoding="utf-8")

    def words(command: str, *, silent: bool = False) -> tuple[int, dict[str, Any]]:
        found = CliRunner().invoke(app, command.split() + ([] if silent else ["--json"]))
        if isinstance(found.exception, SafelightError):
            return output.complain(found.exception), {}  # as the process does
        return found.exit_code, {} if silent else json.loads(found.stdout.splitlines()[-1])

    return words


def _told(command: str) -> list[str]:
    (row,) = [row for row in rows("reference/command-line.md", "command", "keys") if command in named(row["command"])]
    return named(row["keys"])


def _within(key: str) -> list[str]:
    (row,) = [row for row in rows("reference/command-line.md", "within", "keys of each") if key in named(row["within"])]
    return named(row["keys of each"])


@pytest.mark.parametrize(
    "command",
    [
        "plan s.yaml",
        "check s.yaml",
        "sequences",
        "runs",
        "lamps status",
        "lamps off",
        "guard status",
        "queue add s.yaml",
    ],
)
def test_keys_are_as_told(say: Say, command: str) -> None:
    """The JSON of a command that looks has the keys that the page tells, and those of its parts."""
    word = " ".join(part for part in command.split() if part != "s.yaml")
    _, found = say(command)
    assert list(found) == _told(word)
    for part in found.get(INSIDE.get(word, ""), ()):
        assert set(part) <= set(_within(INSIDE[word]))


@pytest.mark.parametrize(
    ("command", "more"), [("point calibration", ""), ("fibsel P1-3", ""), ("expose 1 --flavour arc", "files")]
)
def test_keys_of_work_by_hand_are_as_told(say: Say, command: str, more: str) -> None:
    """The JSON of a command that moves something has the keys that the page tells."""
    code, found = say(f"{command} --speed max")
    assert code == 0
    assert set(found) == set(_told(command.split(maxsplit=1)[0]))
    if more:
        assert set(found[more][0]) == set(_within(more))


def test_keys_and_codes_of_a_run_that_faults(say: Say) -> None:
    """A fault ends with 3, and what is told of it has the keys of the page. A resume ends with 0."""
    assert say("run s.yaml --speed max --faults f.json", silent=True)[0] == 3
    assert list(say("show")[1]) == _told("show")
    assert list(say("resume --dry-run")[1]) == _told("resume --dry-run")
    assert set(say("runs")[1]["runs"][0]) == set(_within("runs"))
    code, last = say("resume --speed max")
    assert (code, last["event"], last["outcome"]) == (0, "run.finished", "done")


def test_codes_of_outcomes_are_as_told() -> None:
    """The page has each outcome's exit code, and those of internal errors and invalid input."""
    told = {row["outcome"].split(":")[0].strip("*"): int(row["code"]) for row in _codes()}
    assert told == {
        **CODES,
        "internal error": output.INTERNAL,
        "invalid input, nothing to do, or another run holds the observatory": output.INVALID,
    }


def _codes() -> list[dict[str, str]]:
    return [
        row | {"outcome": row["outcome"].replace("**unsafe**", "unsafe")}
        for row in rows("reference/exit-codes.md", "code", "outcome")
    ]


def test_codes_of_commands_are_as_told(say: Say) -> None:
    """A bad document, a run that does not exist and a lamp that can't be read have the codes of the page."""
    Path("unread.json").write_text(
        json.dumps([{"device": "lamps.Neon", "verb": "status", "what": "error", "times": "forever"}]), encoding="utf-8"
    )
    assert say("check bad.yaml")[0] == 2
    assert say("run bad.yaml", silent=True)[0] == 2
    assert say("run s.yaml --speed max", silent=True)[0] == 0
    assert say("resume", silent=True)[0] == 2
    assert say("abort", silent=True)[0] == 2
    assert say("lamps status --faults unread.json")[0] == 3
    assert say("lamps off --faults unread.json --speed 100")[0] == 10
