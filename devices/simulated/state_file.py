"""Small JSON files with the state of the simulated hardware, shared by all processes.

Like hardware, they outlive the process. Writers take a lock, write a temporary file and rename it, so that a reader
never sees half a file. A lock is tried for a limited time only: a stopped process that holds it must not keep a lamp
on.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from safelight.devices.errors import DeviceFailed
from safelight.files import read_regular, write_atomically
from safelight.processes import process_exists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CorruptStateError", "StateFile", "alive", "whoami"]

_QUICK = 20_000  # tries, about 50 ms; a working process holds the lock for less than 1 ms
_SLOW = 1_000  # further tries of who can wait, where the disk is slow or the machine is busy
_PAUSE_S = 0.002

_TOKEN = uuid4().hex[:8]  # distinguishes this process from a dead one with the same number


class CorruptStateError(Exception):
    """File that can't be understood. The error never leaves the simulated devices."""


def whoami() -> str:
    """Return this process, as state files name it."""
    return f"pid {os.getpid()} {_TOKEN}"


def alive(who: str) -> bool:
    """Return whether the process that a state file names still runs."""
    try:
        _, number, token = who.split()
        pid = int(number)
    except ValueError:
        return False
    return token == _TOKEN if pid == os.getpid() else process_exists(pid)


class StateFile:
    """One state file.

    Args:
        path: its path.
        device: the device whose state it holds, for errors.
        stubborn: write even without the lock. The power switch does, because off must always work.
    """

    def __init__(self, path: Path, *, device: str, stubborn: bool = False) -> None:
        self.path = path
        self._device = device
        self._stubborn = stubborn

    def read(self) -> Any:
        """Return the content, or None if there is no file yet.

        Raises:
            CorruptStateError: not readable, or not JSON.
        """
        try:
            return json.loads(read_regular(self.path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise CorruptStateError(f"{self.path}: {error}") from error

    def write(self, content: Any, *, durable: bool = False) -> None:
        """Replace the content. With `durable`, it survives a power cut.

        Raises:
            DeviceFailed: the file can't be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_dir():
                self.path.rename(self.path.with_name(f"{self.path.name}.{_TOKEN}.aside"))
            write_atomically(self.path, json.dumps(content).encode(), durable=durable)
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
            if not _take(lock, patient=not self._stubborn) and not self._stubborn:
                raise DeviceFailed(f"{self.path} is held by another process", device=self._device, verb="lock")
            yield
        finally:
            os.close(lock)


def _take(lock: int, *, patient: bool) -> bool:
    for number in range(_QUICK + _SLOW if patient else _QUICK):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if number < _QUICK:
                os.sched_yield()
            else:
                # Nothing else is waited for: the time of files, not of the observatory.
                select.select([], [], [], _PAUSE_S)
        else:
            return True
    return False
