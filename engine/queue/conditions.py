"""Conditions of a night, such as a closed dome: read before a request begins, and while its run is running.

They are interlocks for good frames, not for the safety of people. What can't be read is not met.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine.clock import boot_s
from safelight.engine.run.condition_cards import why_unmet

__all__ = ["Conditions", "why_unmet"]

_FRESH_S = 10.0
"""Time for which a reading counts, s."""


@dataclass(slots=True)
class Conditions:
    """Conditions of one observatory.

    Attributes:
        models: name -> how it is read.
        clock_s: time, s.
    """

    models: Mapping[str, ConditionModel]
    clock_s: Callable[[], float] = boot_s
    _read: dict[str, tuple[float, str]] = field(default_factory=dict)

    def lost(self, names: Iterable[str]) -> tuple[str, str]:
        """Return what a running run has to do, `abort` or `pause`, and why. Nothing: all conditions are met."""
        words = ("", "")
        for name in names:
            why = self.unmet([name])
            aborts = name in self.models and self.models[name].abort
            if why and (aborts or not words[0]):
                words = ("abort" if aborts else "pause", why)
        return words

    def unmet(self, names: Iterable[str]) -> str:
        """Return the first condition that is not met, with the reason, or nothing. Readings count for 10 s."""
        for name in names:
            if name not in self.models:
                return f"{name}: the worker's observatory document has no such condition"
            at_s, why = self._read.get(name, (-_FRESH_S, ""))
            if self.clock_s() - at_s >= _FRESH_S:
                why = why_unmet(self.models[name])
                self._read[name] = (self.clock_s(), why)
            if why:
                return f"{name}: {why}"
        return ""
