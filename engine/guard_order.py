"""What a guard is told when it starts, and the lines that runner and guard exchange."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.devices import Observatory
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock, ScaledClock

__all__ = ["Order", "message_of"]

_HURRY = 100.0
"""How much faster a simulated switch is for the guard of a run in virtual time."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a guard has to know.

    Attributes:
        speed: of the simulated clock; None: virtual time.
        faults: of the simulated observatory, which strike the guard as well.
        journal: where the guard writes down what it did; None: only into its log.
        source: the shipped name of the observatory, or the path of its document; None: it came without.
        keep: a hand-lit lamp: nobody beats, only the lease counts, and the guard ends when the lamp is off.
    """

    run: str
    home: Path
    observatory: Observatory
    speed: float | None = 1.0
    faults: tuple[Fault, ...] = ()
    keep: bool = False
    journal: str | None = None
    source: str | None = None

    def line(self) -> bytes:
        """As it is sent."""
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
            }
        }
        return json.dumps(plain).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "Order":
        """From what was sent."""
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
        )

    @property
    def clock(self) -> Clock:
        """The time in which the switch is spoken to."""
        if self.speed == 1:
            return Clock()
        return ScaledClock(self.speed or _HURRY)

    def on_the_wall_s(self, seconds: float) -> float:
        """How long so many of the switch's seconds last, s."""
        return seconds / (self.speed or _HURRY)


def message_of(line: bytes) -> Mapping[str, Any]:
    """What a line says; nothing where it was cut off or spoiled."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
