"""Paths to the lamps. A guard reads them by each path when it starts, and stays connected.

Wrong credentials, a dead broker or a dead switch are therefore known before the first lamp is lit, and the first `off`
does not wait for a connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safelight.devices import DeviceError, Lamps, Observatory
from safelight.engine.guard.safing import Safing, patience_of

__all__ = ["PATHS", "LampPath", "longest_s", "paths_of", "read_by"]

PATHS: Mapping[str, str] = {"lamps": "the first path", "second_lamps": "the second path"}
"""Paths to the lamps, and their names in messages."""


@dataclass(frozen=True, slots=True)
class LampPath:
    """Result for one path.

    Attributes:
        path: its key in PATHS.
        answers: whether the lamps can be read by it.
        why: its fault, or None.
    """

    path: str
    answers: bool
    why: str | None = None

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> "LampPath":
        """Return a result from a guard's message."""
        return cls(str(message["path"]), bool(message.get("answers")), message.get("why"))

    def __str__(self) -> str:
        """Return the result in words."""
        return f"{PATHS.get(self.path, self.path)}: {self.why}"


def paths_of(observatory: Observatory) -> tuple[str, ...]:
    """Return the paths of an observatory."""
    return tuple(PATHS) if observatory.lamps.second_path else ("lamps",)


def longest_s(observatory: Observatory) -> float:
    """Return the longest duration of `read_by`, s."""
    waits_s, try_s = patience_of(observatory)
    return try_s * (1 + len(waits_s)) + sum(waits_s)


async def read_by(path: str, lamps: Lamps, safing: Safing) -> LampPath:
    """Read the lamps by one path, with as many tries as safing. Nothing is commanded. Raises nothing."""
    why = ""
    for wait_s in (0.0, *safing.waits_s):
        await safing.clock.sleep(wait_s)
        try:
            async with safing.clock.timeout(safing.try_s):
                status = await lamps.status()
        except TimeoutError:
            why = f"no answer in {safing.try_s:g} s"
        except DeviceError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, by this path no lamp can be read
            why = repr(error)
        else:
            unread = [lamp for lamp in lamps.names if status.get(lamp, "unknown") == "unknown"]
            return LampPath(path, answers=True, why=f"it does not report {', '.join(unread)}" if unread else None)
    return LampPath(path, answers=False, why=why)
