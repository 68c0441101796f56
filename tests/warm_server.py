"""The other side of a warm process: fork for each job that comes in, wait for the child, answer."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

__all__ = ["run_command_line", "say", "serve"]


def say(**message: Any) -> None:
    """Write one line, at once and undivided."""
    os.write(1, json.dumps(message).encode() + b"\n")


def serve(child: Callable[[Mapping[str, Any], int], NoReturn]) -> None:
    """Do each job of standard input in a child of its own.

    Args:
        child: never returns; its second argument is a descriptor, and what it writes there, JSON, is added to the last
            answer.
    """
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
