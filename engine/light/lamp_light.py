"""Light of each lamp from night to night, from frames that were judged: when to order the next bulb."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from safelight.engine.light.single_lamps import judged_rows, single_lamp_in
from safelight.engine.records.database import Journal
from safelight.text import family

__all__ = ["LampLight", "lamp_light_in", "lamp_light_of"]

_FIRST = 5
"""Frames of a kind whose light is called 1."""
_NOON = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class LampLight:
    """The light of one kind of frame in one night.

    Attributes:
        observatory: its name.
        lamp: the only one that was on.
        frames: frames of one kind: `Neon-10s`.
        night: the date of its evening, UTC.
        light: relative to the first five frames of that kind.
        count: frames that it is the median of.
    """

    observatory: str
    lamp: str
    frames: str
    night: str
    light: float
    count: int


def lamp_light_of(journal: Journal) -> list[LampLight]:
    """Return what the journal's good frames of single lamps say, the first night of each kind first."""
    return lamp_light_in(judged_rows(journal))


def lamp_light_in(rows: Iterable[Mapping[str, Any]]) -> list[LampLight]:
    """Group frames by observatory, lamp, kind and night. Pure.

    Args:
        rows: observatory, frame, attempt, light, when it was kept, and the note of its exposure, the oldest first.
    """
    found: dict[tuple[str, str, str], list[tuple[str, float]]] = defaultdict(list)
    for row in rows:
        one = single_lamp_in(row)
        if one is not None:
            night = (datetime.fromisoformat(row["kept"]) - _NOON).date().isoformat()
            found[row["observatory"], one.lamp, family(row["frame"])].append((night, one.light))
    return [
        LampLight(*kind, night, median(light / usual for light in lights), len(lights))
        for kind, points in sorted(found.items())
        if (usual := median(light for _, light in points[:_FIRST])) > 0
        for night, lights in _by_night(points).items()
    ]


def _by_night(points: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    nights: dict[str, list[float]] = {}
    for night, light in points:
        nights.setdefault(night, []).append(light)
    return nights
