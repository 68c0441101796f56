"""Places of mask, telescopes and selectors when a run first used them as found, from its journal."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from safelight.devices.protocols import AltAz
from safelight.engine.planning.start_position import StartPosition
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.states import AS_FOUND, Exposure

__all__ = ["pinned", "pinned_by"]

Row = Mapping[str, Any]

_NAMED_AT_MOST = 500
"""Largest number of frames in a query. The first exposed frame is among the first of the sequence."""


def pinned(start: StartPosition, journal: Journal, run: str, exposures: Iterable[Exposure]) -> StartPosition:
    """Return `start` with the first read-back places of the run, or unchanged if no frame was exposed yet.

    Args:
        start: the present state of the instrument.
        journal: the run's journal.
        run: its id.
        exposures: all exposures of the sequence, in order.
    """
    exposures = tuple(exposures)
    mask, pointing = _as_found(exposures)
    found = {name: _first_seen(journal, run, frames) for name, frames in _selectors_as_found(exposures).items()}
    start = replace(start, found_setup=_positions(found))
    return _added(start, _first_seen(journal, run, mask), _first_seen(journal, run, pointing))


def pinned_by(states: Iterable[Row], exposures: Iterable[Exposure]) -> StartPosition:
    """Return the first read-back places of the states of earlier segments, for pictures of a later one."""
    exposures = tuple(exposures)
    mask, pointing = (set(frames) for frames in _as_found(exposures))
    seen = [(row["frame"], row["note"]["seen"]) for row in states if row["kind"] == "expose" and row.get("note")]
    first = (next((note for frame, note in seen if frame in frames), None) for frames in (mask, pointing))
    start = StartPosition(
        found_setup=_positions(
            {
                name: next((note for frame, note in seen if frame in frames), None)
                for name, frames in _selectors_as_found(exposures).items()
            }
        )
    )
    return _added(start, *first)


def _selectors_as_found(exposures: Iterable[Exposure]) -> dict[str, list[str]]:
    """Return selector -> the frames that use it as found."""
    frames: dict[str, list[str]] = {}
    for exposure in exposures:
        for name, position in exposure.need.setup:
            if position == AS_FOUND:
                frames.setdefault(name, []).append(exposure.frame)
    return frames


def _positions(seen: Mapping[str, Row | None]) -> dict[str, str]:
    """Return selector -> its read-back position, if there was one."""
    found = {name: dict(row.get("setup", ())).get(name) for name, row in seen.items() if row is not None}
    return {name: position for name, position in found.items() if position is not None}


def _as_found(exposures: Iterable[Exposure]) -> tuple[list[str], list[str]]:
    """Return the frames that use the mask as found, and those that use the telescopes as found."""
    exposures = tuple(exposures)
    mask = [exposure.frame for exposure in exposures if exposure.need.fibre == AS_FOUND]
    return mask, [exposure.frame for exposure in exposures if exposure.need.position == AS_FOUND]


def _added(start: StartPosition, mask: Row | None, pointing: Row | None) -> StartPosition:
    steps = None if mask is None else mask["fibre_steps"]
    return replace(start, found_steps=steps, found_pointing=None if pointing is None else _directions(pointing))


def _first_seen(journal: Journal, run: str, frames: Sequence[str]) -> Row | None:
    """Return the read-back right before the first integration of any of these frames."""
    if not frames:
        return None
    states = tables.states.c
    mine = (states.run == run) & (states.kind == "expose") & states.frame.in_(frames[:_NAMED_AT_MOST])
    query = sa.select(states.note).where(mine & states.note.is_not(None)).order_by(states.segment, states.number)
    rows = journal.read(query.limit(1))
    return dict(json.loads(rows[0]["note"])["seen"]) if rows else None


def _directions(seen: Row) -> dict[str, AltAz]:
    return {name: AltAz(where["alt_deg"], where["az_deg"]) for name, where in seen["pointing"]}
