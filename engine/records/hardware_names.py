"""Names of the hardware of the lamps, so that two documents for one switch exclude each other."""

from collections.abc import Iterable
from pathlib import Path

from safelight.devices import Observatory, open_lamps
from safelight.engine.clock import Clock

__all__ = ["hardware_of"]


async def hardware_of(observatory: Observatory, clock: Clock, home: Path) -> tuple[str, ...]:
    """Return the names of the lamps' outlets, by every path. Nothing is sent to them.

    A driver that does not name its hardware (`hardware`) contributes nothing.
    """
    lamps, second, close = open_lamps(observatory, clock=clock, home=home)
    try:
        named: Iterable[str] = (*getattr(lamps, "hardware", ()), *getattr(second, "hardware", ()))
        return tuple(dict.fromkeys(named))
    finally:
        await close()
