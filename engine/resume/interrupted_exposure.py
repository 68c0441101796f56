"""Exposure that may still be in the spectrographs after its runner died, and whether it can be used."""

import json
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import sqlalchemy as sa

from safelight.devices import SpectrographStatus
from safelight.engine.records import tables
from safelight.engine.records.begun_exposures import exposure_number
from safelight.engine.records.database import Journal
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
    """Return the run's last exposure, if it is in the spectrographs and can be used.

    An integration that had ended, with its lamps read back, can be read out. If its readout is running, its files are
    waited for. One that was still integrating when the runner died can be used only if it needs darkness, and no lamp
    has been lit since: the guards have switched every lamp off.

    Args:
        journal: the run's journal.
        run: its id.
        left: frames still to take.
        status: state of every spectrograph, as read back now.
        dark: whether every lamp is read back as off now.
    """
    row = _last_exposure(journal, run)
    exposure = next((item for item in left if row and item.frame == row["frame"]), None)
    if row is None or exposure is None or row["outcome"] not in (None, "done"):
        return None
    seen = json.loads(row["note"])["seen"]
    number = exposure_number(row)
    if exposure.cameras:
        # Spectrographs that take no part are idle.
        status = {name: state for name, state in status.items() if state.activity != "idle"}
    if not status or any(state.exposure_no != number for state in status.values()):
        return None
    if row["outcome"] is None and not (dark and _nobody_lit(journal, run)):
        return None
    activities = {state.activity for state in status.values()}
    usable = _being_read(activities) if row["outcome"] == "done" else False
    return _adopt(exposure, row, seen, number) if usable or _waiting(exposure, row, activities) else None


def _being_read(activities: AbstractSet[str]) -> bool:
    """Return whether the dead runner's own readout is running in the spectrographs. It has the header already."""
    return "reading" in activities and activities <= {"reading", "idle"}


def _waiting(exposure: Exposure, row: Mapping[str, Any], activities: AbstractSet[str]) -> bool:
    """Return whether a charge waits, or soon will, that can be read out with a true header."""
    if exposure.sweep or exposure.partly or exposure.counts:
        # Only the dead runner knew the times of mask, lamps, source shutters and integration, which the header gives.
        return False
    if row["outcome"] == "done":
        return activities == {"holding"}
    # With the shutter open, it is unknown whether mask and selectors stayed where they were.
    dark = not (exposure.need.lamps or exposure.need.bearable or exposure.order.opens_shutter)
    return dark and activities <= {"holding", "integrating"}


def last_exposure_no(journal: Journal, run: str) -> int | None:
    """Return the spectrographs' number of the run's last exposure, or None if there was none."""
    row = _last_exposure(journal, run)
    return None if row is None else exposure_number(row)


def _nobody_lit(journal: Journal, run: str) -> bool:
    """Return whether no lamp was lit by hand since the runner's last record of lamps.

    The order of the records decides, because the clock of a simulated run may be ahead of the wall clock.
    """
    events = tables.lamp_events.c
    last = sa.select(sa.func.coalesce(sa.func.max(events.id), 0)).where((events.run == run) & (events.who == "runner"))
    by_hand = (events.who == "hand") & (events.action == "on") & (events.id > last.scalar_subquery())
    return not journal.read(sa.select(events.id).where(by_hand).limit(1))


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
        warm_s=tuple((lamp, float(on_time_s)) for lamp, on_time_s in seen["warm_s"]),
        pointing=tuple((name, where["alt_deg"], where["az_deg"]) for name, where in seen["pointing"]),
        fibre_steps=seen["fibre_steps"],
        setup=tuple((name, position) for name, position in seen.get("setup", ())),
        levels=tuple((lamp, float(percent)) for lamp, percent in seen.get("levels", ())),
        detector_c=seen.get("detector_c"),
    )
