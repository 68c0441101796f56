"""The other side of a warm process: fork for each job that comes in, wait for the child, answer."""

import asyncio
import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["keep", "run_command_line", "say", "serve", "warm_up"]


def keep() -> None:
    """Keep all that there is. A child that looks for garbage does not touch it, so that its pages are not copied."""
    gc.collect()
    gc.freeze()


def warm_up(sequence: str) -> None:
    """Begin a run of a shipped sequence and resume it: all that is imported, compiled and kept only once."""
    from safelight.engine import Request, perform  # noqa: PLC0415 - slow
    from safelight.engine.resume.resumption import ResumeRequest, resume  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = Request(sequence, observatory="simulated", home=folder, frames=folder, speed="max")
        asyncio.run(perform(request, on_start=lambda runner: runner.stop("pause", "warm enough"), guarded=False))
        asyncio.run(resume(ResumeRequest(home=folder, speed="max"), guarded=False))


def say(**message: Any) -> None:
    """Write one line, at once and undivided."""
    os.write(1, json.dumps(message).encode() + b"\n")


def serve(child: Callable[[Mapping[str, Any], int], NoReturn]) -> None:
    """Do each job of standard input in a child of its own.

    Args:
        child: never returns; its second argument is a descriptor, and what it writes there, JSON, is added to the last
            answer.
    """
    keep()
    say(ready=True)
    for request in sys.stdin:
        job = json.loads(request)
        hear_fd, answer_fd = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(hear_fd)
            child(job, answer_fd)
        os.close(answer_fd)
        say(pid=pid)
        with os.fdopen(hear_fd, "rb") as pipe:
            # Guards must not keep it open: descriptors are not handed down.
            answer = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        say(status=status, **(json.loads(answer) if answer else {}))


def run_command_line(command: Callable[[], object]) -> NoReturn:
    """Be a command to its end, and leave without any of the clean-up that belongs to the parent."""
    code: Any = 1
    try:
        command()
        code = 0
    except SystemExit as exit_:
        code = exit_.code or 0
    finally:
        os._exit(code if isinstance(code, int) else 1)
