"""Source shutters: positions of selectors that block the light of a lamp while it warms up. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from safelight.devices.observatory.selectors import require_positions
from safelight.documents.errors import Refusal
from safelight.documents.names import listed

if TYPE_CHECKING:
    from safelight.devices.observatory.parts import LampModel
    from safelight.devices.observatory.selectors import SelectorModel

__all__ = ["Shields", "require_blocking", "shields_of"]

Shields = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Lamp that may warm up behind a shutter -> selector -> the positions that block its light."""


def shields_of(lamps: Mapping[str, LampModel], selectors: Mapping[str, SelectorModel]) -> Shields:
    """Return the positions that block each lamp that may warm up while other frames integrate.

    Args:
        lamps: of the observatory document.
        selectors: of the same document.
    """
    return {name: _blocking(lamp, selectors) for name, lamp in lamps.items() if lamp.warm_behind_shutter}


def require_blocking(lamp: LampModel, selectors: Mapping[str, SelectorModel], at: tuple[str, ...]) -> None:
    """Check that something blocks a lamp that may warm up behind a shutter.

    Args:
        lamp: with known selectors and positions in `requires`.
        selectors: of the same document.
        at: place of the key within the document.

    Raises:
        Refusal: unknown names, a selector that the lamp does not require, or a position that lets its light through.
    """
    if not lamp.warm_behind_shutter:
        return
    if not lamp.requires:
        allowed = "`requires` of the lamp, such as {source_shutter: open}"
        raise Refusal("no selector blocks the light of this lamp", allowed, at=at)
    if lamp.warm_behind_shutter is True:
        if not any(_blocking(lamp, selectors).values()):
            said = f"{', '.join(lamp.requires)} has no other position that could block the light"
            raise Refusal(said, "a second position of the selector, or no `warm_behind_shutter`", at=at)
        return
    for selector, positions in _blocking(lamp, selectors).items():
        for position in positions:
            require_positions({selector: position}, selectors, at)
        if selector not in lamp.requires:
            said = f"the lamp does not require a position of {selector}, so that its own frames could be dark"
            raise Refusal(said, listed(lamp.requires), at=(*at, selector))
        if lamp.requires[selector] in positions:
            said = f"the lamp requires {lamp.requires[selector]!r}, where {selector} lets its light through"
            raise Refusal(said, "the other positions", at=(*at, selector))


def _blocking(lamp: LampModel, selectors: Mapping[str, SelectorModel]) -> Mapping[str, tuple[str, ...]]:
    given = lamp.warm_behind_shutter
    if isinstance(given, Mapping):
        return {name: (places,) if isinstance(places, str) else places for name, places in given.items()}
    return {
        name: tuple(each for each in selectors[name].names if each != position)
        for name, position in lamp.requires.items()
    }
