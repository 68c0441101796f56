"""An exposure that may still be in the spectrographs after its runner died: which one, and whether it can be used."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from safelight.devices import SpectrographStatus
from safelight.engine import tables
from safelight.engine.journal import Journal
from safelight.states import Adopt, Exposure

__all__ = ["pending_exposure"]


def pending_exposure(
    journal: Journal, run: str, left: Iterable[Exposure], status: Mapping[str, SpectrographStatus]
) -> Adopt | None:
    """The run's last exposure, if it is in the spectrographs and nothing speaks against it.

    An integration that had ended, its lamps read back, can be read out. One that was still going on when the runner
    died can be used only if it needs darkness: the guards have switched every lamp off.

    Args:
        journal: where the run is written down.
        run: its id.
        left: what is still to be taken.
        status: of every spectrograph, as read back now.
    """
    row = _last_exposure(journal, run)
    exposure = next((item for item in left if row and item.frame == row["frame"]), None)
    if row is None or exposure is None or row["outcome"] not in (None, "done"):
        return None
    if exposure.sweep:
        # Where the mask stood, and for how long, was known to the dead runner alone: the header could not say it.
        return None
    seen = json.loads(row["note"])["seen"]
    number = int(seen["exposure_no"]) + 1
    activities = {state.activity for state in status.values()}
    if not status or any(state.exposure_no != number for state in status.values()):
        return None
    if row["outcome"] is None and (exposure.need.lamps or exposure.need.tolerated):
        return None
    if not activities <= {"holding", "integrating"} or (row["outcome"] == "done" and activities != {"holding"}):
        return None
    return _adopt(exposure, row, seen, number)


def _last_exposure(journal: Journal, run: str) -> Mapping[str, Any] | None:
    mine = (tables.states.c.run == run) & (tables.states.c.kind == "expose")
    query = sa.select(tables.states).where(mine)
    rows = journal.read(query.order_by(tables.states.c.segment.desc(), tables.states.c.number.desc()).limit(1))
    return rows[0] if rows and rows[0]["note"] else None


def _adopt(exposure: Exposure, row: Mapping[str, Any], seen: Mapping[str, Any], number: int) -> Adopt:
    return Adopt(
        exposure=exposure,
        exposure_no=number,
        attempt=int(json.loads(row["note"])["attempt"]),
        started=row["intended"],
        lamps=tuple((lamp, state) for lamp, state in seen["lamps"]),
        warm_s=tuple((lamp, float(burnt_s)) for lamp, burnt_s in seen["warm_s"]),
        pointing=tuple((name, where["alt_deg"], where["az_deg"]) for name, where in seen["pointing"]),
        fibre_steps=seen["fibre_steps"],
    )
