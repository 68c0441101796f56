"""The rules that pages keep, so that whatever they tell a reader to do is done by the tests."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from safelight.cli import app
from tests.docs.blocks import CTRL_C, DOCS, FREE, Block, blocks_of, pages
from tests.docs.documents import kind_of
from tests.docs.hurry import hurried
from tests.docs.loosely import begins_with, is_like

NOT_RUN = {
    "docs/how-to/from-alpaca-or-indi.md: ALPACA=10.0.0.5:11111",
    "docs/how-to/from-alpaca-or-indi.md: INDI=localhost:7624",
    'docs/how-to/from-alpaca-or-indi.md: indi_setprop "Shelyak Spox.DEVICE_PORT.PORT=/dev/ttyUSB0"',
    "docs/how-to/from-relays.md: RELAYS=10.0.0.5",
    "docs/tutorial.md: make setup",
    # Each of these is done by tests/packaging/test_wheel.py, in folders of its own and with the locked versions.
    "docs/how-to/install.md: make wheel",
    "docs/how-to/install.md: python3 -m venv ~/safelight",
    "docs/how-to/install.md: ~/safelight/bin/pip install --require-hashes -r locks/web.txt -r locks/pictures.txt",
    "docs/how-to/install.md: pip install './safelight-0.1.0-py3-none-any.whl[web,pictures]'",
}
"""All that no test does; each tells why in its page."""

LANGUAGES = {"console", "yaml", "python", "sh", "json", "toml", "ini", "nginx"}

BLOCKS = [block for page in pages() for block in blocks_of(page)]


def test_what_is_not_run_is_counted() -> None:
    """Whatever a page shows and no test does is listed here, and gives its reason."""
    left = [block for block in BLOCKS if "not run" in block.marks]
    assert {f"{str(block).partition(':')[0]}: {block.commands[0].text}" for block in left} == NOT_RUN
    assert all(len(block.marks["not run"]) > 20 for block in left)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_language_is_one_that_is_checked(block: Block) -> None:
    """Every block says what it is, and nothing that a reader would type hides in one that is only looked at."""
    assert block.language in LANGUAGES | FREE | {CTRL_C}
    if block.language in FREE:
        assert not re.search(r"^\s*(\$ |safelight )", block.text, re.MULTILINE)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(DOCS)))
def test_no_command_stands_outside_of_a_block(page: Path) -> None:
    """Commands stand in `console` blocks: none is indented text, which nobody would run."""
    assert re.findall(r"^    (?:\$ |safelight ).*$", _without_blocks(page), re.MULTILINE) == []


def _without_blocks(page: Path) -> str:
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _inline() -> Iterator[tuple[str, str]]:
    for page in pages():
        for words in re.findall(r"`(safelight [^`]+)`", _without_blocks(page)):
            yield str(page.relative_to(DOCS)), " ".join(words.split())


@pytest.mark.parametrize(("page", "words"), sorted(set(_inline())))
def test_commands_in_the_text_exist(page: str, words: str) -> None:
    """A command that is named in the text is one that the command line has, with the options that are named."""
    command: Any = get_command(app)
    for word in words.split()[1:]:
        inner = getattr(command, "commands", None)
        if inner is not None and not word.startswith("-"):
            assert word in inner, page
            command = inner[word]
    known = {name for parameter in command.params for name in parameter.opts} | {"-h", "--help"}
    assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", words)) <= known, page


@pytest.mark.parametrize(
    ("shown", "printed", "alike"),
    [
        ("done: 2 of 2", "done: 2 of 2\n", True),
        ("done: 2 of 2", "done: 1 of 2\n", False),
        ("a\nc", "a\nb\nc\n", False),
        ("a\n...\nc", "a\nb\nc\n", True),
        ("a\n...", "b\n", False),
        ("", "whatever", True),
        ("frames .../x-...", "frames  /some/where/x-1\n", True),
        ("16:20:00  run 20260101T000000-demo-0000", "17:00:01  run 20261123T161406-demo-43c5", True),
        ("run 20260101T000000-demo-0000", "run 20261123T161406-normal-43c5", False),
        ("0:03:55 (235.2 s)", "0:03:56 (235.2 s)", False),
    ],
)
def test_output_is_compared_loosely(shown: str, printed: str, alike: bool) -> None:  # noqa: FBT001 - a column
    """Times and ids may differ, `...` is anything, and all else has to be as it is shown."""
    assert is_like(shown, printed) is alike


def test_the_beginning_of_what_goes_on() -> None:
    """A command that goes on is waited for until it has printed all that is shown, and not less."""
    assert begins_with("a\n...\nb", "a\nx\nb\nmore\n")
    assert not begins_with("a\n...\nb", "a\nx\n")


@pytest.mark.parametrize(
    ("typed", "done"),
    [
        ("safelight run demo", "safelight run --speed max demo"),
        ("safelight run demo --speed 60 &", "safelight run demo --speed 60 &"),
        ("safelight resume --dry-run", "safelight resume --dry-run"),
        ("safelight run a; safelight run b --speed 2", "safelight run --speed max a; safelight run b --speed 2"),
        ("safelight runs", "safelight runs"),
        ("safelight serve", "safelight serve --port 0"),
        ("safelight run arc --observatory relays.yaml", "safelight run arc --observatory relays.yaml"),
    ],
)
def test_the_night_is_left_out(typed: str, done: str) -> None:
    """A command is accelerated where it tells no speed and could have one. Nothing else is changed."""
    assert hurried(typed) == done


@pytest.mark.parametrize(
    ("plain", "kind"),
    [
        ({"biases": {"count": 1}}, "sequence"),
        ({"lamps": {"Argon": {"exposure_time": 1}}}, "sequence"),
        ({"lamps": [{"lamps": ["Argon"]}]}, "sequence"),
        ({"lamps": {"driver": "dli"}}, "part"),
        ({"fibsel": {"fibres": {}}}, "part"),
        ({"name": "x", "lamps": {"units": {}}, "spectrographs": {}}, "observatory"),
        ({"faults": []}, "faults"),
    ],
)
def test_yaml_is_told_apart(plain: Any, kind: str) -> None:
    """A block of YAML is checked as what its keys say that it is."""
    assert kind_of(plain) == kind
