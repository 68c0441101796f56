"""Guard process, as the runner sees it over its pipes."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from safelight.engine.errors import GuardError
from safelight.engine.guard.lamp_paths import LampPath

__all__ = ["GuardPeer", "open_pipes"]


@dataclass(slots=True)
class GuardPeer:
    """One guard process, as seen over its pipes."""

    say_fd: int
    reader: asyncio.StreamReader
    lit: set[str] = field(default_factory=set)
    ready: bool = False
    gone: bool = False
    unanswered: int = 0
    closed: bool = False
    kept: bool = False
    charged: bool = False
    pid: int | None = None
    transport: asyncio.BaseTransport | None = None
    paths: dict[str, LampPath] = field(default_factory=dict)

    @property
    def reaches(self) -> bool:
        """Whether it can read the lamps by at least one path."""
        return any(found.answers for found in self.paths.values())

    def say(self, **message: Any) -> None:
        """Send one message. A member that can't be written to is gone, which its reader will notice."""
        if self.closed:
            return
        try:
            os.write(self.say_fd, json.dumps(message).encode() + b"\n")
        except OSError:
            self.gone = True

    def close(self) -> None:
        """Close the pipe. Without a goodbye before, the guard takes this as the runner's death."""
        if not self.closed:
            self.closed = True
            os.close(self.say_fd)

    @property
    def blindness(self) -> str:
        """Message for a person when it can't read the lamps by any path."""
        return f"the guards can't read the lamps: {'; '.join(map(str, self.paths.values()))}"

    async def line(self) -> bytes:
        """Return its next line, empty if there will be none."""
        try:
            return await self.reader.readline()
        except (OSError, ValueError):
            return b""

    def kill(self) -> None:
        """Kill a silent guard. The id of one that is gone may belong to another process by now."""
        if self.pid is not None and not self.gone:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def open_pipes(number: int) -> list[tuple[int, int]]:
    """Open `number` pipes. Close all of them if one fails."""
    made: list[tuple[int, int]] = []
    try:
        for _ in range(number):
            made.append(os.pipe())  # noqa: PERF401 - what was made before one fails must be known
    except OSError as error:
        for fd in (end for pipe in made for end in pipe):
            os.close(fd)
        raise GuardError(f"the guard can't be started: {error}") from None
    return made
