"""Positions of selectors during a run, as the compiler knows them, and the moves that frames need."""

from collections.abc import Iterable, Mapping

from safelight.devices.observatory.observatory import Observatory
from safelight.engine.planning.start_position import StartPosition
from safelight.states.exposure import AS_FOUND, Places

__all__ = ["Setups"]


class Setups:
    """Selectors of an observatory while a run is compiled.

    Their positions are unknown at first, except for estimates. A frame that names a position gets a move there. A frame
    that uses a selector as found does not move it.

    Attributes:
        distant: the selectors of the last change that are elsewhere, as far as is known.
    """

    def __init__(self, observatory: Observatory, start: StartPosition) -> None:
        self._units = observatory.selectors.units if observatory.selectors else {}
        self._sure: dict[str, str] = {}
        self._there = dict(start.setup)
        self._found = dict(start.found_setup)
        self.distant: tuple[str, ...] = ()

    def change(self, setup: Places) -> Places:
        """Return the moves for this set-up, and count them as done."""
        moving = tuple((name, at) for name, at in setup if self._sure.get(name, self._at_first(name)) != at)
        self.distant = tuple(name for name, at in moving if self._there.get(name) != self._named(name, at))
        for name, at in moving:
            self._sure[name] = at
            self._there[name] = self._named(name, at) or self._there.get(name, "")
        return moving

    @property
    def sure(self) -> Mapping[str, str]:
        """Position of each selector that was moved in this run, or is used as found."""
        return self._sure

    def at_the_end(self, closing: Iterable[tuple[str, str]]) -> Places:
        """Return the positions after the last frame: those of the sequence, or the safe ones."""
        safe = {name: unit.safe for name, unit in self._units.items()} | dict(closing)
        return tuple((name, at) for name, at in safe.items() if at is not None)

    def _at_first(self, name: str) -> str | None:
        """Return the position before the first move: as found, unless an earlier segment has pinned another one."""
        return None if name in self._found else AS_FOUND

    def _named(self, name: str, at: str) -> str | None:
        return self._found.get(name, self._there.get(name)) if at == AS_FOUND else at
