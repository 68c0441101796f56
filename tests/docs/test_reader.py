"""The reader itself: pages that are wrong fail."""

import os
import subprocess
from pathlib import Path

import pytest

from safelight.errors import SafelightError
from tests.docs.blocks import blocks_of
from tests.docs.conftest import until_gone
from tests.docs.reader import Reader


def follow(reader: Reader, folder: Path, text: str) -> list[str]:
    """Do what a page says. Return what it has begun and not ended."""
    page = folder / "page.md"
    page.write_text(text.replace("'''", "```"), encoding="utf-8")
    for block in blocks_of(page):
        reader.do(block)
    return reader.close()


RIGHT = """
'''console
$ mkdir -p deep/er
$ cd deep/er
$ word=before
'''
<!-- file: name.sh -->
'''sh
echo "$1 is here"
'''
'''console
$ pwd
.../deep/er
$ sh name.sh $word
before is here
$ cat <<END
> two
> lines
> END
two
lines
'''
<!-- exits: 3 -->
'''console
$ (exit 3)
'''
'''console
$ echo it was $?
it was 3
'''
<!-- goes on -->
'''console
$ echo waiting; cat ../../pipe; echo over
waiting
'''
<!-- another terminal -->
'''console
$ echo word > pipe
'''
'''console
word
over
'''
<!-- goes on -->
'''console
$ echo waiting; sleep 1000
waiting
'''
<!-- Ctrl-C; exits: 130 -->
'''python
import asyncio
answer = await asyncio.sleep(0, 42)
'''
'''python
assert answer == 42
'''
"""


def test_a_page_that_is_right(reader: Reader, folder: Path, tmp_path: Path) -> None:
    """Folders, variables, exit codes, files, jobs, a second terminal, Ctrl-C and notebooks are as a reader has them."""
    os.mkfifo(folder / "pipe")
    assert follow(reader, tmp_path, RIGHT) == []


WRONG = {
    "another output": "'''console\n$ echo one\ntwo\n'''",
    "more output than shown": "'''console\n$ echo one; echo two\none\n'''",
    "an exit code that is not told": "'''console\n$ (exit 3)\n'''",
    "an exit code that does not come": "<!-- exits: 3 -->\n'''console\n$ true\n'''",
    "a failing command that is not the last": "<!-- exits: 3 -->\n'''console\n$ (exit 3)\n$ (exit 3)\n'''",
    "an end before all is told": "<!-- goes on -->\n'''console\n$ echo one\none\ntwo\n'''",
    "Ctrl-C where nothing goes on": "<!-- Ctrl-C -->",
    "Ctrl-C that ends otherwise": "<!-- goes on -->\n'''console\n$ echo one; sleep 1000\none\n'''\n<!-- Ctrl-C -->",
    "a word that means nothing": "<!-- exits: 0; slowly -->\n'''console\n$ true\n'''",
    "Python that fails": "'''python\nassert 1 == 2\n'''",
    "a syntax error": "<!-- file: x.py -->\n'''python\nassert assert\n'''",
    "a script with an error": "<!-- file: x.sh -->\n'''sh\nif true; then\n'''",
    "an unknown lamp": "'''yaml\nlamps: {Agron: {exposure_time: 1}}\n'''",
    "an unknown fault": "'''yaml\nfaults: [{device: lamps, verb: sing, what: error}]\n'''",
    "an observatory with a wrong key": "'''yaml\nguard: {heartbeats: 1.0}\n'''",
    "a sequence in JSON that is wrong": "'''json\n{\"biases\": {\"count\": -1}}\n'''",
}


@pytest.mark.parametrize("page", WRONG.values(), ids=WRONG)
def test_a_page_that_is_wrong(reader: Reader, tmp_path: Path, page: str) -> None:
    """Whatever a page says that is not so fails its test."""
    with pytest.raises((AssertionError, SafelightError, SyntaxError, ValueError, subprocess.CalledProcessError)):
        follow(reader, tmp_path, page)


def test_a_page_that_leaves_something_going(reader: Reader, tmp_path: Path) -> None:
    """A command that a page has begun and not ended is found, and ended."""
    page = "<!-- goes on -->\n'''console\n$ echo waiting; sleep 1000\nwaiting\n'''"
    assert follow(reader, tmp_path, page) == ["echo waiting; sleep 1000"]


def test_a_page_that_leaves_a_job_in_the_background(reader: Reader, folder: Path, tmp_path: Path) -> None:
    """What runs in the background when a page ends is ended with it."""
    assert follow(reader, tmp_path, "'''console\n$ sleep 1000 &\n$ echo $! > number\n'''") == []
    assert until_gone(int((folder / "number").read_text(encoding="ascii")))


def test_a_page_whose_loop_never_ends(reader: Reader, tmp_path: Path) -> None:
    """A loop of the shell itself is ended with the page, however many programs it would still start."""
    page = "<!-- goes on -->\n'''console\n$ until false; do echo waiting; sleep 1000; done\nwaiting\n'''"
    assert follow(reader, tmp_path, page) == ["until false; do echo waiting; sleep 1000; done"]
