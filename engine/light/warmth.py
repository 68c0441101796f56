"""How much light each second of warm-up was worth, from frames that were judged: no lamp monitor is needed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from safelight.engine.light.single_lamps import judged_rows, single_lamp_in
from safelight.engine.records.database import Journal
from safelight.text import family

__all__ = ["Warmth", "warmth_in", "warmth_of"]

_STEP_S = 10.0
"""Warm-ups that differ by less than this are taken together, s."""


@dataclass(frozen=True, slots=True)
class Warmth:
    """Light of the frames that began at one age of their lamp.

    Attributes:
        frames: frames of one kind: `Neon-10s`.
        warm_s: since the lamp was lit, s, to the next 10 s.
        light: relative to the frames that began last.
        count: frames that it is the median of.
    """

    frames: str
    warm_s: float
    light: float
    count: int


def warmth_of(journal: Journal, lamp: str) -> list[Warmth]:
    """Return what the journal's good frames say of a lamp. Frames of several lamps are left out."""
    return warmth_in(judged_rows(journal), lamp)


def warmth_in(rows: Iterable[Mapping[str, Any]], lamp: str) -> list[Warmth]:
    """Group frames by kind and by the age of their lamp. Pure.

    Args:
        rows: frame, attempt, light and the note of its exposure, as the journal has them.
        lamp: its name.
    """
    found: dict[tuple[str, float], list[float]] = defaultdict(list)
    for row in rows:
        one = single_lamp_in(row)
        if one is not None and one.lamp == lamp:
            found[family(row["frame"]), round(one.warm_s / _STEP_S) * _STEP_S].append(one.light)
    usual = {kind: found[kind, max(age for name, age in found if name == kind)] for kind, _ in found}
    return [
        Warmth(kind, warm_s, median(lights) / median(usual[kind]), len(lights))
        for (kind, warm_s), lights in sorted(found.items())
        if median(usual[kind]) > 0
    ]
