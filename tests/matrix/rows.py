"""The rows of the fault matrix: every kind of state, and one state of the sequence that stands for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ROWS", "Row"]


@dataclass(frozen=True)
class Row:
    """One kind of state.

    Attributes:
        name: as the page calls it.
        state: the state that stands for it.
        slow: a fault that makes it last, so that a signal finds it; all other states are as they are.
        before: how the state is come to, where it is not on the way.
    """

    name: str
    state: str
    slow: Mapping[str, Any] | None = field(default=None, compare=False)
    before: str | None = None


def _late(device: str, verb: str, nth: int, times: int = 1) -> Mapping[str, Any]:
    """The device obeys, and answers 40 s late."""
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
    Row("adopt", "adopt/dark-600s-001"),
)
