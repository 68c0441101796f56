"""A warm process that forks a child for each command of `safelight`. The child is the command line, signals and all.

    python tests/matrix/warm_cli.py

One job a line on standard input, JSON: `words` (the command), `environment` and `errors` (a file for its standard
error). The word `finish` is no command of safelight: it resumes the last run of HOME, with its frames in FRAMES, in
virtual time and without guards. Answers on standard output: `{"pid"}`, whatever the command prints, and
`{"status"}` when it has ended, as subprocess tells it.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from safelight import __main__
from safelight.commands import execution  # noqa: F401 - slow, and needed by every child
from safelight.devices.simulated import frame_writer  # noqa: F401
from safelight.devices.simulated.faults import load_faults  # noqa: F401
from safelight.engine import RunRefused
from safelight.engine.resume.resumption import ResumeRequest, resume
from tests.warm_guards import WarmGuards
from tests.warm_server import run_command_line, serve, warm_up


def finish(home: Path, frames: Path) -> int:
    """Bring the last run of a home to its end. Return 0 if it is done."""
    try:
        result = asyncio.run(resume(ResumeRequest(home=home, frames=frames, speed="max"), guarded=False))
    except RunRefused as refused:
        # Struck on the way out, after the last commit.
        return 0 if str(refused).endswith("is done") else 1
    return 0 if result.outcome == "done" else 1


def child(job: Mapping[str, Any], _: int) -> NoReturn:
    """Live as a child."""
    os.dup2(os.open(job["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.environ.update(job["environment"])
    if job["words"][0] == "finish":
        run_command_line(lambda: sys.exit(finish(*map(Path, job["words"][1:]))))
    sys.argv = ["safelight", *job["words"]]
    run_command_line(__main__.main)


if __name__ == "__main__":
    warm_up("bias")
    guards = WarmGuards()
    guards.begin()
    with guards.in_use():
        serve(child)
    guards.close()
