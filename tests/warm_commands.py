"""Command `safelight` as a process, without the time that its imports take: for tests that start it a hundred times.

    python -P tests/warm_commands.py SOCKET WARM_GUARDS MODULE...

`WarmCommands` starts that process, which has imported everything, and makes a small program `safelight`. Whoever starts
the small program gets a child of the warm process: with its words, folder, environment and standard streams. It hands
on the signals that it gets, ends as the child ends, and if it is killed, the child is killed. Who wants to see how
a command starts, what it imports, or what the kernel does to it starts `python -m safelight`.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["WarmCommands", "child_of", "import_everything"]

_ROOT = Path(__file__).parents[1]
_LARGEST = 1 << 20
"""Bytes of the largest message: an environment."""

_PROGRAM = """\
#!{python} -IS
import array, json, os, signal, socket, sys
handed_on = {{signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1}}
signal.pthread_sigmask(signal.SIG_BLOCK, handed_on)
ignored = [int(number) for number in handed_on if signal.getsignal(number) is signal.SIG_IGN]
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect({address!r})
job = dict(words=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd(), ignored=ignored)
line.sendmsg([json.dumps(job).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
child = int(line.recv(64))
with open("/proc/self/comm", "w") as name:
    name.write(str(child))
for number in handed_on:
    if int(number) not in ignored:
        signal.signal(number, lambda number, frame: os.kill(child, number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, handed_on)
status = int(line.recv(64) or -9)
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if status != -9 else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def child_of(program: int) -> int:
    """Return the process that does what a small program was asked for: the program bears its number as its name."""
    name = Path(f"/proc/{program}/comm")
    while not (found := name.read_text(encoding="utf-8").strip()).isdecimal():
        time.sleep(0.002)  # noqa: TID251 - a test of processes waits for processes
    return int(found)


class WarmCommands:
    """The warm process, and the program that asks it.

    Args:
        folder: for the program; its path must be short enough for a socket.
        rights: a program that gives up rights before it starts what follows, and its words.
        modules: what is imported besides.
        warm_guards: fork the guards of runs as well, instead of starting them as a run does.
    """

    def __init__(
        self, folder: Path, rights: Sequence[str] = (), modules: Sequence[str] = (), *, warm_guards: bool = True
    ) -> None:
        self.folder = folder
        self.program = folder / "safelight"
        address = str(folder / "socket")
        self._process = subprocess.Popen(
            [*rights, sys.executable, "-P", str(Path(__file__)), address, str(int(warm_guards)), *modules],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        self.program.write_text(_PROGRAM.format(python=sys.executable, address=address), encoding="utf-8")
        self.program.chmod(0o755)

    def close(self) -> None:
        """End the process, and what it has started."""
        self._process.terminate()
        self._process.wait(60.0)
        assert self._process.stdout is not None
        self._process.stdout.close()


class _Server:
    """Forks a child for each program that asks."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(address)
        self._listener.listen(64)
        self._lines: dict[int, socket.socket] = {}
        self._look = selectors.DefaultSelector()
        self._woken, wake = socket.socketpair()
        for end in (self._woken, wake):
            end.setblocking(False)
        self._wake = wake
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._look.register(self._listener, selectors.EVENT_READ)
        self._look.register(self._woken, selectors.EVENT_READ)

    def serve(self) -> NoReturn:
        """Never returns: it is ended by a signal."""
        while True:
            for key, _ in self._look.select():
                if key.fileobj is self._listener:
                    self._begin(self._listener.accept()[0])
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    self._lost(key.data)
            self._reap()

    def _begin(self, line: socket.socket) -> None:
        message, fds, _, _ = socket.recv_fds(line, _LARGEST, 3)
        if not message:
            line.close()
            return
        pid = os.fork()
        if not pid:
            self._look.close()
            for other in (line, self._listener, self._woken, self._wake, *self._lines.values()):
                other.close()
            _command(json.loads(message), fds)
        for fd in fds:
            os.close(fd)
        self._lines[pid] = line
        self._look.register(line, selectors.EVENT_READ, pid)
        self._answer(line, pid)

    def _lost(self, pid: int) -> None:
        """The program has been killed: so is its child."""
        self._look.unregister(self._lines[pid])
        os.kill(pid, signal.SIGKILL)
        self._lines.pop(pid).close()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            line = self._lines.pop(pid, None)
            if line is not None:
                self._look.unregister(line)
                self._answer(line, os.waitstatus_to_exitcode(status))
                line.close()

    @staticmethod
    def _answer(line: socket.socket, number: int) -> None:
        try:
            line.send(b"%d" % number)
        except OSError:
            # Killed in this moment; its end of the line is noticed next.
            return


def _command(job: Mapping[str, Any], fds: Sequence[int]) -> NoReturn:
    """Be what `python -m safelight` would be, from where its imports are done."""
    from safelight.__main__ import main  # noqa: PLC0415 - imported already
    from tests.warm_server import run_command_line  # noqa: PLC0415

    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in job["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    time.tzset()
    through = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as the interpreter opens them
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        stream.reconfigure(line_buffering=number == 2 or stream.isatty(), write_through=through)
        setattr(sys, name, stream)
    sys.path[:0] = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    sys.argv = ["safelight", *job["words"]]
    run_command_line(lambda: _flushed(main))


def _flushed(main: Callable[[], None]) -> None:
    """Write out what is left in the streams, as the interpreter does at its end."""
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def import_everything() -> None:
    """Import what the commands import when they run, but for what only a page or a broker needs."""
    from safelight import __main__, cli  # noqa: F401, PLC0415
    from safelight.commands import execution, tables  # noqa: F401, PLC0415
    from safelight.devices.simulated import faults, frame_writer  # noqa: F401, PLC0415
    from safelight.engine import perform  # noqa: F401, PLC0415
    from safelight.engine.manual import bench, lamp_lease  # noqa: F401, PLC0415
    from safelight.engine.records import database, stop_requests  # noqa: F401, PLC0415
    from safelight.engine.resume import resumption  # noqa: F401, PLC0415
    from safelight.show import report  # noqa: F401, PLC0415
    from safelight.show.history import run_history  # noqa: F401, PLC0415


def _serve(address: str, warm_guards: str, *modules: str) -> NoReturn:
    from tests.warm_guards import WarmGuards  # noqa: PLC0415
    from tests.warm_server import keep, warm_up  # noqa: PLC0415

    import_everything()
    for module in modules:
        import_module(module)
    warm_up("bias")
    guards = WarmGuards()
    if warm_guards == "1":
        guards.begin()
    with guards.in_use() if warm_guards == "1" else nullcontext():
        server = _Server(address)
        keep()
        print("ready", flush=True)  # noqa: T201 - the answer to who has started it
        server.serve()


if __name__ == "__main__":
    sys.path.insert(0, str(_ROOT))
    _serve(*sys.argv[1:])
