"""What a sequence has to know of its observatory: names, defaults and the speed of the mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LampDefaults", "Site"]


@dataclass(frozen=True, slots=True)
class LampDefaults:
    """One lamp of the observatory: its name as written in headers, its usual warm-up (s) and flavour."""

    name: str
    warmup_s: float
    flavour: str


@dataclass(frozen=True, slots=True)
class Site:
    """The observatory's vocabulary; names match without regard to case.

    Attributes:
        lamps: in the observatory's order.
        fibres: name -> motor steps of the mask; empty where there is no fibre selector.
        default_fibres: the regular expression that `fibsel: true` stands for.
        positions: named positions of the telescopes.
        default_position: where lamp frames point unless the document says otherwise; None: pointing does not
            matter.
        steps_per_s: speed of the mask, motor steps per second.
        settle_s: time that each move of the mask takes beside the motion itself, s.
        policies: JSON Schemas that narrow what may be run here, name -> schema.
    """

    lamps: tuple[LampDefaults, ...]
    fibres: Mapping[str, int] = field(default_factory=dict)
    default_fibres: str = "P1-"
    positions: tuple[str, ...] = ()
    default_position: str | None = None
    steps_per_s: float = 1.0
    settle_s: float = 0.0
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def move_s(self, start: str, end: str) -> float:
        """Seconds that the mask takes from one fibre to another; 0 where they are the same."""
        distance = abs(self.fibres[end] - self.fibres[start])
        return distance / self.steps_per_s + self.settle_s if distance else 0.0
