"""configure: move selectors to named positions, and read them back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from safelight.devices.protocols import SelectorStatus
from safelight.states.errors import StateError
from safelight.states.exposure import AS_FOUND, Need, Places, Shield
from safelight.states.instrument import Instrument

__all__ = ["Configure", "misplaced", "not_blocking", "out_of_place", "read_selectors"]


def misplaced(setup: Places, status: Mapping[str, SelectorStatus], found: Mapping[str, str]) -> str | None:
    """Return, in words, the first selector that is not where it should be, or None if all are.

    Args:
        setup: where each should be. AS_FOUND means its position in `found`, or any position at rest.
        status: of every selector, as read back now.
        found: positions of selectors when a frame first used them as found.
    """
    for selector, asked in setup:
        position = found.get(selector) if asked == AS_FOUND else asked
        seen = status.get(selector)
        if seen is None or (seen.position is None and not seen.moving):
            return f"the selector {selector} does not report where it is"
        if seen.moving:
            return f"the selector {selector} still moves"
        if position is not None and seen.position != position:
            return f"the selector {selector} should be at {position} and is at {seen.position}"
    return None


def not_blocking(shields: Iterable[Shield], status: Mapping[str, SelectorStatus]) -> str | None:
    """Return, in words, the first selector that does not block the lamp behind it, or None if all do.

    Args:
        shields: lamps, each with its selector and the position that blocks it.
        status: of every selector, as read back now.
    """
    for lamp, selector, position in shields:
        problem = misplaced(((selector, position),), status, {})
        if problem:
            return f"{problem}, so that the light of {lamp} is not blocked"
    return None


def out_of_place(need: Need, status: Mapping[str, SelectorStatus], found: Mapping[str, str]) -> str | None:
    """Return, in words, the first selector that is not where a frame needs it, or None if all are.

    Args:
        need: what the frame needs.
        status: of every selector, as read back now.
        found: positions of selectors when a frame first used them as found.
    """
    return not_blocking(need.shields, status) or misplaced(need.setup, status, found)


async def read_selectors(instrument: Instrument) -> Mapping[str, SelectorStatus]:
    """Read every selector, if there are any."""
    selectors = instrument.devices.selectors
    return await selectors.status() if selectors else {}


@dataclass(frozen=True, slots=True)
class Configure:
    """Move selectors in parallel. Selectors that are already there do not move."""

    kind: ClassVar[str] = "configure"
    setup: Places

    async def act(self, instrument: Instrument) -> None:
        """Move, then read back.

        Raises:
            StateError: a selector is read back elsewhere.
        """
        selectors = instrument.devices.selectors
        if selectors is None:
            raise StateError(f"{self.setup} is requested, but this observatory has no selectors")
        targets = {name: instrument.found.get(name, at) if at == AS_FOUND else at for name, at in self.setup}
        await selectors.move({name: at for name, at in targets.items() if at != AS_FOUND})
        problem = misplaced(self.setup, await selectors.status(), instrument.found)
        if problem:
            raise StateError(f"after the move, {problem}")

    async def clean_up(self, instrument: Instrument, *, again: bool) -> None:  # noqa: ARG002
        """Stop all motion."""
        if instrument.devices.selectors is not None:
            await instrument.devices.selectors.stop()
