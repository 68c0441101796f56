"""Commands that no argument can break, and the reasons that actors give."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.devices.clu.protocol import Reply, UnspeakableError, as_json, command_string, complaint

_TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc"))).filter(lambda text: "--help" not in text)


@given(st.lists(_TEXT))
def test_arguments_stay_apart(arguments: list[str]) -> None:
    """Whatever stands in an argument, the actor's parser sees exactly that argument."""
    assert shlex.split(command_string("on", *arguments)) == ["on", *arguments]


@pytest.mark.parametrize("argument", ["a\nb", "x --help", "--help", "\x00"])
def test_unspeakable(argument: str) -> None:
    """What would break a command, or turn it into a request for help that is answered with done, is refused."""
    with pytest.raises(UnspeakableError):
        command_string("on", argument)


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_in_a_command(value: object) -> None:
    """Any header survives the way to the actor."""
    assert json.loads(shlex.split(command_string("read", "--header", as_json(value)))[2]) == value


def test_help_in_a_header() -> None:
    """A header that says --help is a header."""
    assert json.loads(as_json({"OBJECT": "--help"})) == {"OBJECT": "--help"}
    assert "--help" not in as_json({"OBJECT": "--help"})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("no such outlet", "no such outlet"),
        ({"message": "it broke", "module": "x", "type": "E"}, "it broke"),
        ({"controller": "sp1", "error": "locked"}, "sp1: locked"),
        ({"other": 1}, "{'other': 1}"),
    ],
)
def test_reasons(error: object, words: str) -> None:
    """The reason is found in each form that an error may have."""
    assert complaint([Reply("i", {"text": "x"}), Reply("f", {"error": error})]) == words


def test_no_reason() -> None:
    """An actor that gives no reason is said to give none."""
    assert complaint([Reply("f")]) == "it gave no reason"
