"""Numbers of the exposures that the runs of a journal have begun."""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.states.errors import NOT_OURS

__all__ = ["exposure_number", "ours"]

_NEWEST = 20
"""Number of exposures that are searched for one that may still be in the spectrographs."""


def ours(journal: Journal, observatory: str) -> set[int]:
    """Return the numbers of exposures that runs of this journal have begun and never read out.

    Args:
        journal: the journal with every run.
        observatory: its name.
    """
    states, runs, frames = tables.states.c, tables.runs.c, tables.frames.c
    here = sa.select(runs.run).where(runs.observatory == observatory)
    begun = sa.select(states.note, states.error).where((states.kind == "expose") & states.run.in_(here))
    rows = journal.read(begun.order_by(states.intended.desc()).limit(_NEWEST))
    numbers = {exposure_number(row) for row in rows if row["note"] and not str(row["error"] or "").startswith(NOT_OURS)}
    home = sa.select(frames.exposure_no).where(frames.exposure_no.in_(numbers) & frames.run.in_(here))
    return numbers - {int(row["exposure_no"]) for row in journal.read(home)}


def exposure_number(row: Mapping[str, Any]) -> int:
    """Return the number of the exposure that a row of the table of states has begun, by its note."""
    return int(json.loads(row["note"])["seen"]["exposure_no"]) + 1
