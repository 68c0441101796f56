"""Mistakes in a command line: told in our words, with exit code 2."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import Result

from safelight.cli import app
from safelight.devices import shipped_observatories

Inside = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plan",), " plan: the argument sequence is missing; `"),
        (("plan", "normal", "--hom", "x"), " plan: there is no option '--hom'; did you mean '--home'?"),
        (("plna",), ": there is no command 'plna'; did you mean 'plan'?"),
        (("--nope",), ": there is no option '--nope'"),
        (("run", "normal", "--log-level", "x"), " run: --log-level: expected one of debug, info, warning, error"),
        (("serve", "--port", "x"), " serve: --port: expected a whole number from 0 to 65535; `"),
        (("serve", "--port", "65536"), " serve: --port: expected a whole number from 0 to 65535; `"),
        (("runs", "--limit", "0"), " runs: --limit: expected a whole number, 1 or more; `"),
        (("plan", "demo", "--detail", "all"), " plan: --detail: expected one of states, blocks, got 'all'; `"),
        (("plan", "demo", "again"), " plan: expected no more arguments, got 'again' as well; `"),
        (("plan", "demo", "--json=3"), "--json: expected no value after it; `"),
        (("plan", "demo", "--detail"), "--detail: expected a value after it; `"),
        (("lamps", "of"), " lamps: there is no command 'of'; did you mean 'off'?; `"),
        (("lamps", "on"), " lamps on: the argument"),
    ],
)
def test_a_mistake_is_told_in_our_words(inside: Inside, words: tuple[str, ...], told: str) -> None:
    """A mistake in the command line names the command, the part and what is expected."""
    result = inside(*words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_too_many_frames_are_refused_at_once(inside: Inside, tmp_path: Path) -> None:
    """A hundred thousand biases are refused by arithmetic alone, with the limit."""
    path = tmp_path / "many.yaml"
    path.write_text("biases: {count: 100000}\n")
    result = inside("check", str(path))
    assert result.exit_code == 2
    assert "many.yaml:1: biases.count: expected a whole number from 1 to 10000, got 100000" in result.stdout


def test_an_observatory_alone(inside: Inside, tmp_path: Path) -> None:
    """`check --observatory F` checks the document, its drivers and its policies, and needs no sequence."""
    text = shipped_observatories()["simulated"].read_text()
    path = tmp_path / "own.yaml"
    path.write_text(text)
    good = inside("check", "--observatory", str(path))
    assert good.exit_code == 0
    assert "ok, observatory simulated: 6 lamps (simulated), 3 spectrographs (simulated)" in good.stdout
    path.write_text(text.replace("{home_steps: 0}", "{home_step: 0}"))
    bad = inside("check", "--observatory", str(path), "--json")
    assert bad.exit_code == 2
    (problem,) = json.loads(bad.stdout)["observatory"]["problems"]
    assert (problem["file"], problem["line"], problem["path"]) == (str(path), 117, "fibsel.options.home_step")
    assert problem["nearest"] == "home_steps"


def test_the_other_kind_of_document(inside: Inside, tmp_path: Path) -> None:
    """A sequence in place of an observatory, or the other way round, is said to be one, in a single sentence."""
    assert inside("init", "--yes").exit_code == 0
    sequence = inside("plan", "hilltop.yaml").exception
    assert str(sequence) == (
        "hilltop.yaml:5: expected a sequence, got an observatory document (name it with --observatory)"
    )
    observatory = inside("use", "sequences/first-light.yaml").exception
    assert str(getattr(observatory, "reason", "")) == (
        "sequences/first-light.yaml:3: expected an observatory document, got a sequence"
    )


def test_spectrographs_of_a_sequence(inside: Inside, tmp_path: Path) -> None:
    """A list of spectrographs beside a sequence's lamps is a key at the wrong place, and no observatory document."""
    (tmp_path / "one.yaml").write_text("spectrographs: [sp2]\nlamps:\n  Argon: {exposure_time: 10}\n")
    result = inside("check", str(tmp_path / "one.yaml"))
    assert result.exit_code == 2
    assert "one.yaml:1: spectrographs: unknown key 'spectrographs'" in result.stdout
    assert "`spectrographs` goes into a step, under `steps`" in result.stdout


def test_a_wrong_name_is_answered_with_the_right_ones(inside: Inside) -> None:
    """A name that an observatory does not have is answered as in documents: what was expected, and the nearest."""
    error = inside("lamps", "on", "Quarz").exception
    assert "expected one of Argon, HgNe, LDLS, Neon, Quartz, Xenon; did you mean 'Quartz'?" in str(error)


def test_the_schema_of_observatories(inside: Inside) -> None:
    """`schema --observatory` prints a JSON Schema, with the options of every driver."""
    found = json.loads(inside("schema", "--observatory").stdout)
    assert found["title"] == "safelight observatory document"
    assert "dead_man" in found["$defs"]["clu.lamps"]["properties"]
    assert "host" in found["$defs"]["dli.second_lamps"]["required"]


def commands(group: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command."""
    for name, command in group.commands.items():
        yield from commands(command, *words, name) if hasattr(command, "commands") else ((*words, name),)


@pytest.mark.parametrize("words", list(commands(get_command(app))), ids=" ".join)
def test_help_speaks_of_what_is_given(inside: Inside, words: tuple[str, ...]) -> None:
    """The help of every command names its values by what they are, and no type of a programming language."""
    result = inside(*words, "--help")
    assert result.exit_code == 0
    assert not re.search(r"<\w+>|x>=|<=x|\b(TEXT|INTEGER|FLOAT|BOOLEAN)\b", result.stdout), result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
