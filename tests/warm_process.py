"""A process that has imported everything already, and forks a child for each job: a campaign of many short lives.

It reads a line of JSON for each job and answers in lines of JSON: `ready` once, then for each job
the child's process number, whatever the child tells, and its exit status.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

__all__ = ["LONGEST_S", "WarmProcess", "ended"]

_ROOT = Path(__file__).parents[1]

LONGEST_S = 120.0
"""A job that says nothing for longer hangs."""


def ended(said: Mapping[str, Any]) -> bool:
    """Return whether this is the last answer to a job."""
    return "status" in said and "event" not in said


class WarmProcess:
    """The test's side of it. One job at a time.

    Args:
        script: what the process runs.
        environment: variables that it has in addition.
    """

    def __init__(self, script: Path, **environment: str) -> None:
        surroundings = (
            os.environ
            | {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "error", "PYTHONPATH": str(_ROOT)}
            | environment
        )
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=surroundings
        )
        self._rest = b""
        self.child = 0

    @classmethod
    @contextmanager
    def started(cls, script: Path, **environment: str) -> Iterator[Self]:
        """One for as long as the body takes. It has imported everything when the body begins."""
        warm = cls(script, **environment)
        try:
            assert warm.hear() == {"ready": True}
            yield warm
        finally:
            warm.close()

    def close(self) -> None:
        """End it. A child that still runs is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        if self._process.poll() is None and self.child:
            with suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)
        self._process.wait(LONGEST_S)
        self._process.stdout.close()

    def begin(self, job: Mapping[str, Any]) -> int:
        """Begin one job. Return the child's process number. One that was left in the middle is killed first."""
        assert self._process.stdin is not None
        self._end_what_was_left()
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self.child = int(self.hear()["pid"])
        return self.child

    def _end_what_was_left(self) -> None:
        if self.child:
            with suppress(ProcessLookupError):
                os.kill(self.child, signal.SIGKILL)
        while self.child:
            self.hear()

    def hear(self) -> dict[str, Any]:
        """Return the next line of the child, or of the process itself."""
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([fd], [], [], LONGEST_S)[0]:
                raise AssertionError("the job hangs")
            got = os.read(fd, 1 << 16)
            if not got:
                raise AssertionError("the warm process is gone")
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        if ended(said):
            self.child = 0
        return said
