"""An exposure that may still be in the spectrographs after its runner died: which one, and whether it can be used."""

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import sqlalchemy as sa

from safelight.devices import SpectrographStatus
from safelight.engine import tables
from safelight.engine.journal import Journal
from safelight.states import Adopt, Exposure

__all__ = ["last_exposure_no", "pending_exposure"]


def pending_exposure(
    journal: Journal,
    run: str,
    left: Iterable[Exposure],
    status: Mapping[str, SpectrographStatus],
    *,
    dark: bool = True,
) -> Adopt | None:
    """The run's last exposure, if it is in the spectrographs and nothing speaks against it.

    An integration that had ended, its lamps read back, can be read out; where its read-out goes on, its files are
    waited for. One that was still integrating when the runner died can be used only if it needs darkness, and nobody
    has lit a lamp since: the guards have switched every lamp off.

    Args:
        journal: where the run is written down.
        run: its id.
        left: what is still to be taken.
        status: of every spectrograph, as read back now.
        dark: every lamp is read back as off now.
    """
    row = _last_exposure(journal, run)
    exposure = next((item for item in left if row and item.frame == row["frame"]), None)
    if row is None or exposure is None or row["outcome"] not in (None, "done"):
        return None
    seen = json.loads(row["note"])["seen"]
    number = _number(row)
    if not status or any(state.exposure_no != number for state in status.values()):
        return None
    if row["outcome"] is None and not (dark and _nobody_lit(journal, run)):
        return None
    activities = {state.activity for state in status.values()}
    usable = _being_read(activities) if row["outcome"] == "done" else False
    return _adopt(exposure, row, seen, number) if usable or _waiting(exposure, row, activities) else None


def _being_read(activities: AbstractSet[str]) -> bool:
    """Whether the dead runner's own read-out goes on in the spectrographs; its header was sent with it."""
    return "reading" in activities and activities <= {"reading", "idle"}


def _waiting(exposure: Exposure, row: Mapping[str, Any], activities: AbstractSet[str]) -> bool:
    """Whether a charge waits, or will soon, that can be read out with a true header."""
    if exposure.sweep:
        # Where the mask stood, and for how long, was known to the dead runner alone: the header could not say it.
        return False
    if row["outcome"] == "done":
        return activities == {"holding"}
    dark = not (exposure.need.lamps or exposure.need.tolerated)
    return dark and activities <= {"holding", "integrating"}


def last_exposure_no(journal: Journal, run: str) -> int | None:
    """The spectrographs' number for the run's last exposure; None where there was none."""
    row = _last_exposure(journal, run)
    return None if row is None else _number(row)


def _nobody_lit(journal: Journal, run: str) -> bool:
    """Whether no lamp was lit by hand since the runner's last word of lamps.

    By the order in which they were written: the clock of a simulated run may be ahead of the one on the wall.
    """
    events = tables.lamp_events.c
    last = sa.select(sa.func.coalesce(sa.func.max(events.id), 0)).where((events.run == run) & (events.who == "runner"))
    by_hand = (events.who == "hand") & (events.action == "on") & (events.id > last.scalar_subquery())
    return not journal.read(sa.select(events.id).where(by_hand).limit(1))


def _number(row: Mapping[str, Any]) -> int:
    return int(json.loads(row["note"])["seen"]["exposure_no"]) + 1


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
