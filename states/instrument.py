"""The instrument in the hands of the states: its devices, its time, and what a run has read back from them.

Nothing here is believed where a device can be asked. What is kept are times that no device tells: since when a lamp
has burnt, and for how long each fibre was lit.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.devices.protocols import AltAz, Devices, Timekeeper
from safelight.states.exposure import Card, Taken

if TYPE_CHECKING:
    from safelight.states.look import Seen

__all__ = ["Instrument", "Tolerances"]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far a read-back may be from what was asked.

    Attributes:
        pointing_deg: of a telescope, degrees.
        fibre_steps: of the mask, motor steps.
        dwell: by which part of its time a fibre of a sweep may fall short.
        computing_s: and by how much more, because the computer is not hurried with time, s.
    """

    pointing_deg: float
    fibre_steps: int
    dwell: float = 0.2
    computing_s: float = 0.0


async def _no_permission_needed(lamp: str, lease_s: float) -> None:
    """Light without anybody watching (a dry run on the bench)."""


@dataclass(slots=True)
class Instrument:
    """What an action acts on.

    Attributes:
        positions: named position -> telescope -> direction.
        fibres: fibre -> motor steps.
        keywords: lamp -> its FITS keyword.
        longest_on_s: lamp -> the longest time that it may burn, s.
        folder: where frames are written.
        cards: FITS cards that every frame of the run carries (run id, sequence name and hash).
        before_lamp_on: awaited before a lamp is commanded on, with the lamp and its lease in s; may refuse by raising.
        attempts: frame -> number of the present try.
        lit_at: lamp -> `clock.now()` when its on-command was acknowledged; read back as on since.
        doubtful: lamps whose on-command has no known outcome: it may still be obeyed.
        lamp_watch_s: how often lamps are read back while a frame integrates, s; 0: never.
        closed_at: frame -> `clock.now()` when its integration was said to have ended.
        dwells: frame -> (fibre, seconds) in the order in which the mask lit them.
        sweep_left: frame -> `clock.now()` when the mask was to leave the fibre that it has lit last.
        seen: frame -> what was read back right before its integration.
        taken: frame -> its integration, from expose to readout.
        faults: frame -> why its last integration was bad.
    """

    devices: Devices
    clock: Timekeeper
    positions: Mapping[str, Mapping[str, AltAz]]
    fibres: Mapping[str, int]
    keywords: Mapping[str, str]
    longest_on_s: Mapping[str, float]
    tolerances: Tolerances
    folder: Path
    cards: tuple[Card, ...] = ()
    before_lamp_on: Callable[[str, float], Awaitable[None]] = _no_permission_needed
    lamp_watch_s: float = 0.0
    attempts: dict[str, int] = field(default_factory=dict)
    lit_at: dict[str, float] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    closed_at: dict[str, float] = field(default_factory=dict)
    dwells: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    sweep_left: dict[str, float] = field(default_factory=dict)
    seen: dict[str, "Seen"] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def burnt_s(self, lamp: str) -> float:
        """Seconds for which the lamp has burnt, as far as this run knows; 0 where it doesn't."""
        lit_at = self.lit_at.get(lamp)
        return 0.0 if lit_at is None else self.clock.now() - lit_at
