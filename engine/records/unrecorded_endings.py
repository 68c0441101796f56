"""Ends of runs that could not be written into the journal: a note in the run's folder, which a resume enters."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.files import write_atomically

__all__ = ["UnrecordedEnd", "note_end", "unrecorded_end"]

_NAME = "ending.json"
_OUTCOMES = {"done", "aborted", "faulted", "paused", "unsafe"}
_LAMP_STATES = {"off", "on", "unknown"}


@dataclass(frozen=True, slots=True)
class UnrecordedEnd:
    """End of a segment, from the note in its folder.

    Attributes:
        segment: its number.
        ended: time, UTC, ISO 8601.
        lamps: each lamp as read back last.
    """

    segment: int
    ended: str
    outcome: str
    reason: str | None
    lamps: Mapping[str, str]


def note_end(folder: Path, end: UnrecordedEnd) -> None:
    """Write the note. If the disk is full as well, the run is shown as killed."""
    note = {name: getattr(end, name) for name in UnrecordedEnd.__slots__} | {"lamps": dict(end.lamps)}
    with suppress(OSError, UnicodeError):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / _NAME, json.dumps(note).encode())


def unrecorded_end(folder: Path, segment: int) -> UnrecordedEnd | None:
    """Return the note about a segment, or None if there is none, or it can't be understood."""
    try:
        note: Any = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        lamps = {str(lamp): str(seen) for lamp, seen in note["lamps"].items()}
        found = UnrecordedEnd(int(note["segment"]), str(note["ended"]), str(note["outcome"]), note["reason"], lamps)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    known = found.outcome in _OUTCOMES and set(lamps.values()) <= _LAMP_STATES
    said = found.reason is None or isinstance(found.reason, str)
    return found if known and said and found.segment == segment else None
