"""Guards that are forked from a process which has imported everything already: hundreds of runs start a pair each.

    python -P tests/warm_guards.py safelight.engine.guard FD

What is imported is all that differs from a guard that a run starts itself; tests about guards use those. Over the
socket FD comes one message for each pair: the pipes, and the `environment` as JSON. It ends when the last process
that holds the other end is gone. The word among the arguments is how others recognise a guard.
"""

import array
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

__all__ = ["WarmGuards"]

_ROOT = Path(__file__).parents[1]
_LARGEST = 1 << 20
"""Bytes of the largest message: an environment."""


class WarmGuards:
    """The side of those who need guards. The process is started with the first pair, or by `begin`."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._program = sys.executable

    def begin(self) -> socket.socket:
        """Start the process if there is none. Return once it has imported everything."""
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [sys.executable, "-P", str(Path(__file__)), "safelight.engine.guard", str(theirs.fileno())]
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            assert self._socket.recv(16) == b"ready"
        return self._socket

    def close(self) -> None:
        """End the process. The guards that it has forked go on."""
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.wait(60.0)

    def start(self, command: Sequence[str], *, pass_fds: Sequence[int], **others: Any) -> Any:
        """Fork a pair. Takes the place of `subprocess.Popen` in the client of the guards."""
        if command[0] != self._program:
            # A test has put another program in the place of Python.
            return subprocess.Popen(command, pass_fds=pass_fds, **others)
        asked = json.dumps({"environment": dict(os.environ)}).encode()
        pipes = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", pass_fds))]
        self.begin().sendmsg([asked], pipes)
        return SimpleNamespace(poll=lambda: 0, wait=lambda timeout: 0)  # noqa: ARG005 - as it is called

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have every run of this process, and of those that are forked from it, start its guards so."""
        from safelight.engine.guard import runner_side  # noqa: PLC0415 - slow

        real: Any = runner_side.subprocess  # type: ignore[attr-defined]
        used: Any = SimpleNamespace(Popen=self.start, DEVNULL=real.DEVNULL, TimeoutExpired=real.TimeoutExpired)
        runner_side.subprocess = used  # type: ignore[attr-defined]
        try:
            yield
        finally:
            runner_side.subprocess = real  # type: ignore[attr-defined]


def _serve(asked: socket.socket) -> None:
    from safelight.devices.simulated import switch  # noqa: F401, PLC0415 - slow, and needed by every guard
    from safelight.engine.guard import fork_pair  # noqa: F401, PLC0415
    from tests.warm_server import keep  # noqa: PLC0415

    keep()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    asked.send(b"ready")
    while True:
        message, fds, _, _ = socket.recv_fds(asked, _LARGEST, 4)
        if not message:
            return
        if os.fork() == 0:
            asked.close()
            _guard(json.loads(message), fds)
        for fd in fds:
            os.close(fd)


def _guard(asked: Mapping[str, Any], fds: Sequence[int]) -> NoReturn:
    """Be what `python -P -m safelight.engine.guard` would be, from where its imports are done."""
    from safelight.engine.guard.fork_pair import main  # noqa: PLC0415 - imported already

    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.chdir("/")
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.path[:0] = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
        # The pipes keep their order; their numbers are others here.
        main([str(fd) for fd in fds])
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))
    _serve(socket.socket(fileno=int(sys.argv[2])))
