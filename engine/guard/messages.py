"""Configuration of a guard, and the lines that runner and guard exchange."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safelight.devices import Observatory
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock, ScaledClock, wall_utc
from safelight.processes import process_started

__all__ = ["GuardConfig", "message_of"]

_HURRY = 100.0
"""Speed of a simulated switch for the guard of a run in virtual time."""


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """Configuration of a guard.

    Attributes:
        speed: speed of the simulated clock; None: virtual time.
        faults: faults of the simulated observatory, which affect the guard as well.
        journal: journal for the guard's acts; None: only its log.
        source: the shipped name of the observatory, or the path of its document; None: unknown.
        keep: a hand-lit lamp: there are no heartbeats, only the lease counts, and the guard ends when the lamp is off.
        client: what tells the guards of one client from those of others of the same run.
        begun: when the client was started, UTC, ISO 8601.
        runner: its process, and when that began, as `process_started` says it.
    """

    run: str
    home: Path
    observatory: Observatory
    speed: float | None = 1.0
    faults: tuple[Fault, ...] = ()
    keep: bool = False
    journal: str | None = None
    source: str | None = None
    client: str = ""
    begun: str = ""
    runner: tuple[int, str] = (0, "")

    def line(self) -> bytes:
        """Return it as it is sent."""
        plain = {
            "order": {
                "run": self.run,
                "home": str(self.home),
                "observatory": self.observatory.model_dump(mode="json"),
                "speed": self.speed,
                "faults": [fault.model_dump(mode="json") for fault in self.faults],
                "keep": self.keep,
                "journal": self.journal,
                "source": self.source,
                "client": self.client,
                "begun": self.begun,
                "runner": self.runner,
            }
        }
        return json.dumps(plain).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "GuardConfig":
        """Return the configuration from a sent line."""
        plain = json.loads(line)["order"]
        return cls(
            run=plain["run"],
            home=Path(plain["home"]),
            observatory=Observatory.model_validate(plain["observatory"]),
            speed=plain["speed"],
            faults=tuple(Fault.model_validate(fault) for fault in plain["faults"]),
            keep=plain["keep"],
            journal=plain["journal"],
            source=plain["source"],
            client=plain["client"],
            begun=plain["begun"],
            runner=(plain["runner"][0], plain["runner"][1]),
        )

    def signed(self) -> "GuardConfig":
        """Return it as that of a client of this process that starts now."""
        pid = os.getpid()
        now = wall_utc().isoformat()
        return replace(self, client=secrets.token_hex(8), begun=now, runner=(pid, process_started(pid)))

    @property
    def clock(self) -> Clock:
        """Return the clock for the switch."""
        if self.speed == 1:
            return Clock()
        return ScaledClock(self.speed or _HURRY)

    def on_the_wall_s(self, seconds: float) -> float:
        """Return the duration of `seconds` of the switch's time in wall time, s."""
        return seconds / (self.speed or _HURRY)


def message_of(line: bytes) -> Mapping[str, Any]:
    """Return the message of a line, empty if it was truncated or spoiled."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
