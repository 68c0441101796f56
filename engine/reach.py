"""Which ways lead to the lamps: a guard reads them by each when it starts, and is connected from then on.

So wrong credentials, a dead broker or a dead switch are known before the first lamp is lit, and the first `off` does
not wait for a connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safelight.devices import DeviceError, Lamps, Observatory
from safelight.engine.safing import Safing, patience_of

__all__ = ["PATHS", "Reach", "longest_s", "paths_of", "read_by"]

PATHS: Mapping[str, str] = {"lamps": "the first path", "second_lamps": "the second path"}
"""The ways to the lamps, and how they are called."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What came of one path.

    Attributes:
        path: which.
        answers: whether the lamps can be read by it.
        why: what is wrong with it; None: nothing is.
    """

    path: str
    answers: bool
    why: str | None = None

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> "Reach":
        """From what a guard has said."""
        return cls(str(message["path"]), bool(message.get("answers")), message.get("why"))

    def __str__(self) -> str:
        """In words."""
        return f"{PATHS.get(self.path, self.path)}: {self.why}"


def paths_of(observatory: Observatory) -> tuple[str, ...]:
    """The ways that an observatory has."""
    return tuple(PATHS) if observatory.lamps.second_path else ("lamps",)


def longest_s(observatory: Observatory) -> float:
    """How long `read_by` takes at the most, s."""
    waits_s, try_s = patience_of(observatory)
    return try_s * (1 + len(waits_s)) + sum(waits_s)


async def read_by(path: str, lamps: Lamps, safing: Safing) -> Reach:
    """Read the lamps by one path, as often as safing would try; nothing is commanded. Raises nothing."""
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
            return Reach(path, answers=True, why=f"it does not tell {', '.join(unread)}" if unread else None)
    return Reach(path, answers=False, why=why)
