"""A warm process that forks a child for each command of `safelight`, with standard streams that are broken.

    python tests/safelight/streams_cli.py

One job a line on standard input, JSON: `words` (the command), `environment`, `folder`, and `streams`: for standard
output and standard error what they are, `full`, `closed`, `broken`, or the path of a file. Answers: `{"pid"}`, then
`{"status"}`.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from safelight import __main__
from tests.warm_commands import import_everything
from tests.warm_guards import WarmGuards
from tests.warm_server import run_command_line, serve


def become(number: int, what: str) -> None:
    """Make a standard stream full, closed, broken, or a file."""
    if what == "closed":
        os.close(number)
    elif what == "broken":
        reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(reader)
        os.close(writer)
    else:
        opened = os.open("/dev/full" if what == "full" else what, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)


def child(job: Mapping[str, Any], _: int) -> NoReturn:
    """Live as a child."""
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    for number, what in enumerate(job["streams"], 1):
        become(number, what)
    # As the interpreter would find them.
    sys.stdout = None if job["streams"][0] == "closed" else open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = None if job["streams"][1] == "closed" else open(2, "w", closefd=False)  # noqa: SIM115
    sys.argv = ["safelight", *job["words"]]
    run_command_line(__main__.main)


if __name__ == "__main__":
    import_everything()
    guards = WarmGuards()
    guards.begin()
    with guards.in_use():
        serve(child)
    guards.close()
