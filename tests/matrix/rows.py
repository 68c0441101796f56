"""The rows of the fault matrix: every kind of state, and one state of the sequence that stands for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ROWS", "SPEED", "Row"]

SPEED = 150
"""How much faster than real these runs are."""


@dataclass(frozen=True)
class Row:
    """One kind of state.

    Attributes:
        name: as the page calls it.
        state: the state that stands for it.
        slow: a fault that makes it last, so that a signal finds it; all other states are as they are.
        before: how the state is come to, where it is not on the way.
        sequence: name of the sequence in which it occurs.
        silent: it commands and reads nothing, so that no device can strike it.
        speed: how much faster than real it is struck; less where a state is judged by its own time.
    """

    name: str
    state: str
    slow: Mapping[str, Any] | None = field(default=None, compare=False)
    before: str | None = None
    sequence: str = "matrix"
    silent: bool = False
    speed: int = SPEED


def _late(device: str, verb: str, nth: int, times: int = 1) -> Mapping[str, Any]:
    """Return the device obeys, and answers 40 s late."""
    return {"device": device, "verb": verb, "nth": nth, "times": times, "what": "timeout", "seconds": 40.0}


ROWS = (
    Row("lamps off at the start", "lamp-off/all", _late("lamps", "off", 1, 6)),
    Row("point", "point/Neon-20s-001"),
    Row("fibsel-step", "fibsel-step/Neon-20s-001"),
    Row("expose, bias", "expose/bias-001", _late("spectrographs", "expose", 1)),
    Row("expose, dark", "expose/dark-20s-001"),
    Row("lamp-warmup", "lamp-warmup/Neon-20s-001"),
    Row("ready", "ready/Neon-20s-001", _late("telescopes", "status", 4)),
    Row("expose, lamp", "expose/Neon-20s-001"),
    Row("lamp-off", "lamp-off/Neon-20s-001", _late("lamps", "off", 7)),
    Row("readout", "readout/Neon-20s-001", _late("spectrographs", "read_out", 3)),
    Row("expose, swept", "expose/Quartz-30s-001"),
    Row("fibsel-step of a sweep", "fibsel-step/Quartz-30s-001/02-P1-10"),
    Row("park", "park"),
    Row("safing", "safing", _late("lamps", "off", 7, 6), before="lamp-warmup/Neon-20s-001"),
    Row("adopt", "adopt/dark-600s-001", sequence="adopted"),
    Row("configure", "configure/Quartz-5s-001", _late("selectors", "move", 1), sequence="stepped"),
    Row("lamp-warmup, dimmed", "lamp-warmup/Quartz-5s-001", sequence="stepped"),
    Row("ready of a step", "ready/Quartz-5s-001", _late("spectrographs", "temperatures", 1), sequence="stepped"),
    Row("wait-dark", "wait-dark/dark-4s-001", sequence="stepped", silent=True),
    Row("lamp-timed", "lamp-timed/Argon-40s-001/Argon", sequence="stepped", speed=50),
    Row("lamp-warmup, blocked", "lamp-warmup/Argon-5s-001/ahead-Argon", _late("lamps", "on", 2), sequence="shielded"),
    Row("expose, another lamp blocked", "expose/Neon-40s-001", sequence="shielded"),
    Row("shutter-timed", "shutter-timed/Argon-50s-001/Argon", sequence="opened", speed=50),
    Row("readout, judged", "readout/Neon-20s-001", _late("spectrographs", "read_out", 1), sequence="judged"),
    Row("restore", "restore/Neon-20s-001", sequence="judged"),
)
