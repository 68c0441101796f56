"""Levels of the simulated lamps that can be dimmed, in a file that outlives the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.simulated.state_file import CorruptStateError, StateFile

if TYPE_CHECKING:
    from safelight.devices.drivers import DriverSite

__all__ = ["Dimmers"]

_KEPT = 60
"""Number of changes that are kept for each lamp."""


class Dimmers:
    """File of the levels. A lamp whose level was never set is at its highest level."""

    def __init__(self, site: DriverSite) -> None:
        self._most = {name: unit.level[1] for name, unit in site.observatory.lamps.units.items() if unit.level}
        self._clock = site.clock
        self._file = StateFile(site.home / "simulated" / "levels.json", device="lamps")

    @property
    def names(self) -> tuple[str, ...]:
        """Lamps that can be dimmed."""
        return tuple(self._most)

    def set(self, lamp: str, percent: float) -> None:
        """Set a level."""
        with self._file.locked():
            plain = self._plain()
            plain[lamp] = [*plain.get(lamp, [])[-_KEPT:], [self._clock.utc().timestamp(), percent]]
            self._file.write(plain)

    def at(self, lamp: str, utc: float | None = None) -> float:
        """Return the level of a lamp in percent, now or at a time. It is 100 for a lamp that can't be dimmed."""
        changes = self._plain().get(lamp, [])
        if utc is not None:
            changes = [change for change in changes if change[0] <= utc] or changes[:1]
        return float(changes[-1][1]) if changes else self._most.get(lamp, 100.0)

    def _plain(self) -> dict[str, Any]:
        try:
            plain = self._file.read()
        except CorruptStateError:
            return {}
        return plain if isinstance(plain, dict) else {}
