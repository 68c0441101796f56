"""Run as the journal stores it: the request, and the frames taken."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import sqlalchemy as sa
from pydantic_core import from_json

from safelight.engine.errors import RunRefused
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.states import FrameFile, SeenLight, TakenFrame

__all__ = [
    "FileEntry",
    "JournaledFiles",
    "RunPage",
    "file_entries",
    "last_unfinished",
    "light_of",
    "run_page",
    "taken_frames",
    "withdraw_run",
    "write_run",
]

FileEntry = tuple[str, int, str]
"""Path (relative to the run's folder if it is in it), bytes, sha256."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Request of a run, fixed when it was made.

    Attributes:
        sequence_text: verbatim; a resume uses this, not today's file.
        options: overlap, park_after, point.
        choices: fibres that were chosen for the run.
        outcome: outcome of its last segment; None while one is running, or was killed.
    """

    run: str
    created: str
    sequence: str
    sequence_text: str
    sequence_origin: str
    sequence_hash: str
    observatory: str
    observatory_source: str
    observatory_text: str
    observatory_hash: str
    options: Mapping[str, Any]
    choices: Mapping[str, str]
    folder: Path
    frames_asked: int
    outcome: str | None = None

    @property
    def has_telescopes(self) -> bool:
        """Whether the observatory had telescopes when the run was made."""
        return json.loads(self.observatory_text).get("telescopes") is not None


def write_run(journal: Journal, page: RunPage, *, requested: bool = False) -> bool:
    """Enter a new run and commit. Return False, and write nothing, if there is already a run of that name.

    Args:
        journal: the journal.
        page: the run.
        requested: write nothing either unless a running request in the queue names it.
    """
    values = {name: getattr(page, name) for name in RunPage.__slots__}
    values |= {"options": json.dumps(page.options), "choices": json.dumps(page.choices), "folder": str(page.folder)}
    with journal.alone():
        free = not journal.read(sa.select(tables.runs.c.run).where(tables.runs.c.run == page.run))
        if requested:
            mine = (tables.requests.c.run == page.run) & (tables.requests.c.state == "running")
            free = free and bool(journal.read(sa.select(tables.requests.c.id).where(mine)))
        if free:
            journal.write(sa.insert(tables.runs), values)
    return free


def withdraw_run(journal: Journal, run: str) -> bool:
    """Remove a run of which no segment has begun: there is nothing to resume. Return False if one has."""
    if journal.read(sa.select(tables.segments.c.run).where(tables.segments.c.run == run)):
        return False
    with journal.alone():
        journal.write(sa.delete(tables.runs).where(tables.runs.c.run == run))
    return True


def run_page(journal: Journal, run: str) -> RunPage:
    """Return the stored run.

    Raises:
        RunRefused: there is no such run.
    """
    rows = journal.read(sa.select(tables.runs).where(tables.runs.c.run == run))
    if not rows:
        raise RunRefused(f"there is no run {run!r} in the journal {journal}; `safelight runs` lists them")
    row = dict(rows[0])
    row |= {"options": json.loads(row["options"]), "choices": json.loads(row["choices"]), "folder": Path(row["folder"])}
    return RunPage(**row)


def last_unfinished(journal: Journal) -> RunPage:
    """Return the newest run that did not end as done.

    Raises:
        RunRefused: there is none.
    """
    unfinished = tables.runs.c.outcome.is_(None) | (tables.runs.c.outcome != "done")
    query = (
        sa.select(tables.runs.c.run).where(unfinished).order_by(tables.runs.c.created.desc(), tables.runs.c.run.desc())
    )
    rows = journal.read(query.limit(1))
    if not rows:
        raise RunRefused(f"nothing to resume: every run in the journal {journal} is done")
    return run_page(journal, rows[0]["run"])


@dataclass(frozen=True, slots=True)
class JournaledFiles(Sequence[FrameFile]):
    """Files of a frame as the journal has them. Paths are made only when they are used.

    Attributes:
        entries: path relative to the folder, bytes, sha256; lists if they come from JSON.
    """

    folder: Path
    entries: Sequence[tuple[str, int, str]]

    @overload
    def __getitem__(self, place: int) -> FrameFile: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[FrameFile, ...]: ...
    def __getitem__(self, place: int | slice) -> FrameFile | tuple[FrameFile, ...]:
        if isinstance(place, slice):
            return tuple(self[number] for number in range(*place.indices(len(self))))
        name, size, digest = self.entries[place]
        return FrameFile(self.folder / name, size, digest)

    def __len__(self) -> int:
        return len(self.entries)


def file_entries(taken: TakenFrame, folder: Path) -> Sequence[FileEntry]:
    """Return the files of a frame as a journal or a manifest names them.

    Args:
        taken: the frame.
        folder: the run's folder. What is in it is named relative to it.
    """
    if isinstance(taken.files, JournaledFiles) and taken.files.folder == folder:
        return taken.files.entries
    return [(_relative(file.path, folder), file.bytes, file.sha256) for file in taken.files]


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def light_of(seen: SeenLight) -> dict[str, Any]:
    """Return what was seen in a frame's pixels as plain values, for journal and manifest."""
    return {"quality": seen.quality, "words": seen.words, **seen.detail}


def _seen(light: dict[str, Any]) -> SeenLight:
    return SeenLight(light.pop("quality"), light.pop("words"), light)


def taken_frames(journal: Journal, run: str, folder: Path) -> tuple[TakenFrame, ...]:
    """Return every frame of a run that was written to disk, in order, without `lost` ones."""
    columns = tables.frames.c
    mine = (columns.run == run) & (columns.verdict != "lost")
    query = sa.select(
        columns.frame,
        columns.attempt,
        columns.exposure_no,
        columns.verdict,
        columns.reason,
        columns.files,
        columns.light,
    )
    return tuple(
        TakenFrame(
            frame=row["frame"],
            attempt=row["attempt"],
            exposure_no=row["exposure_no"],
            # Thousands of texts without repeated words, so that a memo of words is no gain.
            files=JournaledFiles(folder, from_json(row["files"], cache_strings="none")),
            verdict=row["verdict"],
            reason=row["reason"],
            light=None if row["light"] is None else _seen(from_json(row["light"])),
        )
        for row in journal.read(query.where(mine).order_by(columns.number))
    )
