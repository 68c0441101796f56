"""Times at which a lamp was lit. Pure functions on its transitions, in the order in which they were made.

Stamps are seconds of UTC. Processes may use different (virtual) clocks: where a stamp is later than the
next one, the clock jumped in between, and only the state is believed, not the time.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safelight.devices.simulated.motion import Span

__all__ = ["Event", "believable", "spans"]

Event = tuple[float, bool]
"""Time of a switching, and whether it was to on."""


def believable(events: list[Event], until: float) -> list[Event]:
    """Return the transitions since the last jump of the clock. A state before it counts as held for ever."""
    kept: list[Event] = []
    later = until
    for utc, on in reversed(events):
        if utc > later:
            kept.append((-inf, on))
            break
        kept.append((utc, on))
        later = utc
    return kept[::-1]


def spans(events: list[Event], until: float) -> list[Span]:
    """Return the times at which the lamp was lit, from its transitions in order."""
    lit: list[Span] = []
    # The first transition is to off: its beginning is lost, so the lamp counts as on since ever.
    since: float | None = -inf if events and not events[0][1] and events[0][0] > -inf else None
    for utc, on in events:
        if on and since is None:
            since = utc
        elif not on and since is not None:
            lit.append((since, utc))
            since = None
    return lit if since is None else [*lit, (since, until)]
