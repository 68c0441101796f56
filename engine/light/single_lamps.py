"""Judged frames of the journal in which one lamp was on: what they say about that lamp."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from safelight.engine.records import tables
from safelight.engine.records.database import Journal

__all__ = ["SingleLamp", "judged_rows", "single_lamp_in"]


@dataclass(frozen=True, slots=True)
class SingleLamp:
    """The only lamp of a frame.

    Attributes:
        lamp: its name.
        warm_s: for which it had been on when the frame began, s.
        light: contrast of all images of the frame, ADU.
    """

    lamp: str
    warm_s: float
    light: float


def judged_rows(journal: Journal) -> Sequence[Mapping[str, Any]]:
    """Return the good frames that were judged, each with the note of its exposures, the oldest first."""
    frames, states, runs = tables.frames.c, tables.states.c, tables.runs.c
    same = (states.run == frames.run) & (states.frame == frames.frame) & (states.kind == "expose")
    query = (
        sa.select(runs.observatory, frames.frame, frames.attempt, frames.kept, frames.light, states.note)
        .select_from(tables.frames.join(tables.states, same).join(tables.runs, runs.run == frames.run))
        .where((frames.verdict == "good") & frames.light.is_not(None) & states.note.is_not(None))
        .order_by(frames.kept)
    )
    return journal.read(query)


def single_lamp_in(row: Mapping[str, Any]) -> SingleLamp | None:
    """Return the lamp of a frame, or None for several lamps, another attempt, or an exposure time found from counts.

    Args:
        row: attempt, light and the note of its exposure, as the journal has them.
    """
    note, light = json.loads(row["note"]), json.loads(row["light"])
    warm_s = dict(note["seen"]["warm_s"])
    seen = [image["contrast_adu"] for image in light.get("images", {}).values() if "contrast_adu" in image]
    # Where counts give the exposure time, the light of a frame does not show that of its lamp.
    if len(warm_s) != 1 or not seen or note["attempt"] != row["attempt"] or "exposure_s" in note:
        return None
    ((lamp, seconds),) = warm_s.items()
    return SingleLamp(lamp, seconds, sum(seen))
