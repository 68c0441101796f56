"""A warm process that forks a child for each command of `safelight`; the child is the command line, signals and all.

    python tests/matrix/warm_cli.py

One job a line on standard input, JSON: `words` (the command), `environment` and `errors` (a file for its standard
error). The word `finish` is no command of safelight: it resumes the last run of HOME, with its frames in FRAMES, in
virtual time and without guards. Answers on standard output: `{"pid"}`, whatever the command prints, and `{"code"}` when
it has ended, as subprocess tells it.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from safelight import __main__
from safelight.commands import conducting  # noqa: F401 - slow, and needed by every child
from safelight.devices.simulated import fits  # noqa: F401
from safelight.devices.simulated.faults import load_faults  # noqa: F401
from safelight.engine import Request, RunRefused, perform
from safelight.engine.resume import ResumeRequest, resume


def warm_up() -> None:
    """One run and one resume, for all that is imported, compiled and kept only once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = Request("bias", home=folder, frames=folder, speed="max")
        asyncio.run(perform(request, on_start=lambda runner: runner.stop("pause", "warm enough"), guarded=False))
        asyncio.run(resume(ResumeRequest(home=folder, speed="max"), guarded=False))


def say(**message: Any) -> None:
    """One line, at once and undivided."""
    os.write(1, json.dumps(message).encode() + b"\n")


def finish(home: Path, frames: Path) -> int:
    """Bring the last run of a home to its end; returns 0 if it is done."""
    try:
        result = asyncio.run(resume(ResumeRequest(home=home, frames=frames, speed="max"), guarded=False))
    except RunRefused as refused:
        # Struck on the way out, after the last commit.
        return 0 if str(refused).endswith("is done") else 1
    return 0 if result.outcome == "done" else 1


def child(job: dict[str, Any]) -> None:
    """The life of a child."""
    os.dup2(os.open(job["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.environ.update(job["environment"])
    code: Any = 1
    try:
        if job["words"][0] == "finish":
            sys.exit(finish(*map(Path, job["words"][1:])))
        sys.argv = ["safelight", *job["words"]]
        __main__.main()
    except SystemExit as exit_:
        code = exit_.code or 0
    finally:
        os._exit(code if isinstance(code, int) else 1)


def main() -> None:
    """Fork for each job, wait, answer."""
    warm_up()
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if not pid:
            child(job)
        say(pid=pid)
        say(code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
