"""A terminal as a reader has it: one shell that stays, so that folders, variables and jobs stay as well."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["Ended", "Terminal"]

PATIENCE_S = 120.0
"""How long a command may take, s."""
_STATUS = 9
"""The file descriptor on which the shell tells exit codes."""


class Ended(NamedTuple):
    """A command that has ended."""

    code: int
    printed: str


class Terminal:
    """One bash, with every command's output in one pipe.

    Args:
        folder: where it begins.
        environment: its variables.
        scripts: a folder for the commands.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], scripts: Path) -> None:
        self._scripts = scripts
        self._count = 0
        self._code = 0
        self._read = b""
        self._told = b""
        self.going = ""
        self._output, output = os.pipe()
        self._status, status = os.pipe()
        self._shell = subprocess.Popen(
            ["/usr/bin/env", "bash", "-c", f"exec {_STATUS}>&{status}; exec bash --noprofile --norc"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=dict(environment),
            pass_fds=(status,),
            start_new_session=True,
        )
        os.close(output)
        os.close(status)
        # As where somebody types: each command in a group of its own, and Ctrl-C does not end the shell.
        self._type("set -m; trap : INT")

    @property
    def folder(self) -> Path:
        """Where the shell stands."""
        return Path(f"/proc/{self._shell.pid}/cwd").readlink()

    def begin(self, command: str) -> None:
        """Type a command."""
        assert not self.going, f"{self.going!r} has not ended yet"
        self._count += 1
        script = self._scripts / f"{self._shell.pid}-{self._count}.sh"
        script.write_text(command + "\n", encoding="utf-8")
        self.going, self._read = command, b""
        # In the shell itself: what it changes stays. `$?` is as the command before has left it.
        self._type(f"(exit {self._code}); . '{script}' </dev/null 2>&1 {_STATUS}>&-")
        # On a line of its own: Ctrl-C breaks off the line.
        self._type(f"echo $? >&{_STATUS}")

    def run(self, command: str) -> Ended:
        """Type a command, and wait for its end."""
        self.begin(command)
        return self.end()

    def wait_for(self, enough: Callable[[str], bool]) -> str:
        """Wait until a command that goes on has printed enough. Return what it has printed."""
        deadline = time.monotonic() + PATIENCE_S  # noqa: TID251 - a test of processes waits for processes
        while not enough(self.printed) and not self._told and self._look(deadline):
            pass
        return self.printed

    def end(self) -> Ended:
        """Wait for the end of the command."""
        deadline = time.monotonic() + PATIENCE_S  # noqa: TID251 - the same
        while b"\n" not in self._told:
            assert self._look(deadline), f"no end of {self.going!r} after {PATIENCE_S:g} s:\n{self.printed}"
        while self._look(0.0):
            pass
        self._code, self._told, self.going = int(self._told), b"", ""
        return Ended(self._code, self.printed)

    def interrupt(self) -> None:
        """Press Ctrl-C, once there is a program to interrupt: what is still the shell would only be told so."""
        while not self._told and not any(_program(child) not in ("", "bash") for child in self._children()):
            self._look(time.monotonic() + 0.05)  # noqa: TID251 - the same
        self._signal(signal.SIGINT)

    def close(self) -> None:
        """Close the window. Whatever still runs in it, or is about to, is ended."""
        # Stopped first: a shell in a loop would start its next program for each one that is ended.
        with suppress(ProcessLookupError):
            self._shell.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self._shell.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self._signal(signal.SIGKILL)
        self._shell.kill()
        self._shell.wait()
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        os.close(self._output)
        os.close(self._status)

    @property
    def printed(self) -> str:
        """What the command has printed until now."""
        return self._read.decode(errors="replace")

    def _type(self, line: str) -> None:
        assert self._shell.stdin is not None
        self._shell.stdin.write(f"{line}\n".encode())
        self._shell.stdin.flush()

    def _children(self) -> list[int]:
        """Return the leaders of what the shell has started. Each command has a group of its own."""
        with suppress(OSError):
            words = Path(f"/proc/{self._shell.pid}/task/{self._shell.pid}/children").read_text(encoding="ascii")
            return [int(word) for word in words.split()]
        return []

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children():
            with suppress(ProcessLookupError):
                os.killpg(child, number)

    def _look(self, deadline: float) -> bool:
        """Take in what has come. False where nothing has come by the deadline, or all that will be needed is here."""
        wait_s = max(0.0, deadline - time.monotonic())  # noqa: TID251 - the same
        ready, _, _ = select.select([self._output, self._status], [], [], wait_s)
        if self._output in ready:
            self._read += os.read(self._output, 65536)
        elif self._status in ready:
            self._told += os.read(self._status, 64)
        return bool(ready)


def _program(pid: int) -> str:
    """Return what a process is called."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
