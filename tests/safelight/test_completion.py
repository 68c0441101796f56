"""Completion in real shells: commands, options, choices, sequences and runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Inside = Callable[..., Result]

BASH = """
source <(safelight completion bash)
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_safelight safelight
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
compdef() {{ : }}
compadd() {{ print -l -- "${{words_found[@]}}" }}
_files() {{ print FILES }}
source <(safelight completion zsh)
words=({words}); CURRENT=${{#words}}
_safelight
"""
FISH = "safelight completion fish | source; complete -C '{words}'"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["ru"], "run\tRun a sequence, from the first lamps-off to the last"),
        (["lamps", "sta"], "status\t"),
        (["plan", "--detail", "b"], "blocks"),
        (["plan", "--det"], "--detail\t"),
        (["run", "--speed", "max", "norm"], "normal\tsequence of the library"),
        (["check", "bias", "dem"], "demo\t"),
        (["show", "la"], "last\tthe newest run"),
        (["graph", "--run", "la"], "last\t"),
        (["run", "bias", "--observatory", "lv"], "lvm\t"),
        (["completion", "f"], "fish"),
        (["lamps", "on", "Q"], "Quartz\tof simulated"),
        (["point", "cal"], "calibration\tof simulated"),
        (["fibsel", "P1-1"], "P1-1\tof simulated"),
        (["expose", "1", "--flavour", "o"], "object"),
        (["init", "--board", "tas"], "tasmota\tdevices with the firmware"),
    ],
)
def test_suggestions(inside: Inside, words: list[str], first: str) -> None:
    """Each place of a command line has its words, with what they mean."""
    if "la" in words:
        assert inside("run", "bias", "--speed", "max", "--observatory", "simulated").exit_code == 0
    assert inside("complete", "--", *words).stdout.startswith(first)


def test_nothing_to_suggest_is_no_error(inside: Inside) -> None:
    """Where a file fits, or nothing can be read, the shell goes on alone."""
    for words in (["run", "--frames", "x"], ["plan", "normal", "x"], ["nonsense", "x"], ["run", "--faults", ""]):
        told = inside("complete", "--", *words)
        assert (told.exit_code, told.stdout) == (0, "")


SHELLS = [
    ("bash", BASH, "safelight plan --detail ''"),
    ("zsh", ZSH, "safelight plan --detail ''"),
    ("fish", FISH, "safelight plan --detail "),
]


@pytest.mark.parametrize(("shell", "script", "words"), SHELLS)
def test_a_real_shell(shell: str, script: str, words: str, environment: dict[str, str], tmp_path: Path) -> None:
    """The script is read by the shell, and its function finds the words."""
    if shutil.which(shell) is None:
        missing = f"{shell} is not installed: tests/install-servers {shell}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    here = environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}", "HOME": str(tmp_path)}
    told = subprocess.run(
        [shell, "-c", script.format(words=words)], capture_output=True, text=True, check=False, timeout=120, env=here
    )
    assert [line.split("\t")[0] for line in told.stdout.split("\n") if line] == ["states", "blocks"] or sorted(
        told.stdout.split()
    ) == ["blocks", "states"]
