"""Small JSON files that hold what the simulated hardware is doing, for every process that looks.

Like hardware, they outlive the process. Writers take a lock, write beside and rename, so a reader never sees
half a file. A lock is tried for a bounded time only: a stopped process that holds it must not keep a lamp
burning.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from safelight.devices.errors import DeviceFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CorruptStateError", "StateFile", "alive", "whoami"]

_TRIES = 20_000  # some 50 ms of trying; who holds the lock properly holds it for less than 1 ms

_TOKEN = uuid4().hex[:8]  # tells this process from a dead one with the same number


class CorruptStateError(Exception):
    """The file is there, and can't be understood; never leaves the simulated devices."""


def whoami() -> str:
    """This process, as state files name it."""
    return f"pid {os.getpid()} {_TOKEN}"


def alive(who: str) -> bool:
    """Whether the process that a state file names still runs."""
    try:
        _, number, token = who.split()
        pid = int(number)
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ValueError, OSError):
        return False
    return pid != os.getpid() or token == _TOKEN


class StateFile:
    """One file.

    Args:
        path: where it is.
        device: whose state it holds, for errors.
        stubborn: write even where the lock can't be had (the power switch: off must work whatever holds the
            lock).
    """

    def __init__(self, path: Path, *, device: str, stubborn: bool = False) -> None:
        self.path = path
        self._device = device
        self._stubborn = stubborn

    def read(self) -> Any:
        """The content; None where there is no file yet.

        Raises:
            CorruptStateError: not readable, or not JSON.
        """
        try:
            return json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise CorruptStateError(f"{self.path}: {error}") from error

    def write(self, content: Any, *, durable: bool = False) -> None:
        """Replace the content; durable: a power cut doesn't take it back.

        Raises:
            DeviceFailed: the file can't be written.
        """
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                stream.write(json.dumps(content).encode())
                if durable:
                    stream.flush()
                    os.fsync(stream.fileno())
            if self.path.is_dir():
                self.path.rename(self.path.with_name(f"{self.path.name}.{_TOKEN}.aside"))
            part.replace(self.path)
        except OSError as error:
            raise DeviceFailed(f"{self.path} can't be written: {error}", device=self._device, verb="write") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out.

        Raises:
            DeviceFailed: another process doesn't let go (never where stubborn).
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if not self._stubborn:
                raise DeviceFailed(f"{error}", device=self._device, verb="lock") from error
            yield
            return
        try:
            if not _take(lock) and not self._stubborn:
                raise DeviceFailed(f"{self.path} is held by another process", device=self._device, verb="lock")
            yield
        finally:
            os.close(lock)


def _take(lock: int) -> bool:
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.sched_yield()
        else:
            return True
    return False
