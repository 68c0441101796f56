"""The journal's pages for one run: written while it goes on, read when it is resumed or shown."""

import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import sqlalchemy as sa
from pydantic_core import from_json

from safelight import __version__
from safelight.devices import Timekeeper
from safelight.engine import tables
from safelight.engine.errors import RunRefused
from safelight.engine.journal import Journal
from safelight.engine.words import in_words
from safelight.states import FrameFile, LampOff, LampWarmup, State, TakenFrame

__all__ = ["JournaledFiles", "RunPage", "SegmentRecord", "last_unfinished", "run_page", "taken_frames", "write_run"]


@dataclass(frozen=True, slots=True)
class RunPage:
    """What a run was asked to do; pinned when it was made.

    Attributes:
        sequence_text: letter by letter; a resume uses this, not today's file.
        options: overlap, park_after, point.
        choices: fibres that were chosen for the run.
        outcome: of its last segment; None while one is running, or was killed.
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


def write_run(journal: Journal, page: RunPage) -> bool:
    """Enter a new run and commit; False where there is a run of that name already, and nothing is written."""
    values = {name: getattr(page, name) for name in RunPage.__slots__}
    values |= {"options": json.dumps(page.options), "choices": json.dumps(page.choices), "folder": str(page.folder)}
    with journal.alone():
        taken = journal.read(sa.select(tables.runs.c.run).where(tables.runs.c.run == page.run))
        if not taken:
            journal.write(sa.insert(tables.runs), values)
    return not taken


def run_page(journal: Journal, run: str) -> RunPage:
    """The page of one run.

    Raises:
        RunRefused: there is no such run; names the nearest.
    """
    rows = journal.read(sa.select(tables.runs).where(tables.runs.c.run == run))
    if not rows:
        likely = journal.read(sa.select(tables.runs.c.run).where(tables.runs.c.run.contains(run, autoescape=True)))
        hint = f"; did you mean {likely[-1]['run']}?" if likely else "; `safelight runs` lists them"
        raise RunRefused(f"there is no run {run!r} in the journal {journal}{hint}")
    row = dict(rows[0])
    row |= {"options": json.loads(row["options"]), "choices": json.loads(row["choices"]), "folder": Path(row["folder"])}
    return RunPage(**row)


def last_unfinished(journal: Journal) -> RunPage:
    """The newest run that has not ended in done.

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
    """The files of a frame as the journal has them: made into paths only where somebody looks.

    Attributes:
        entries: path relative to the folder, bytes, sha256; as lists, where they come from JSON.
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


def taken_frames(journal: Journal, run: str, folder: Path) -> tuple[TakenFrame, ...]:
    """Every frame of a run that came onto the disk, in the order in which they came; `lost` ones left out."""
    columns = tables.frames.c
    mine = (columns.run == run) & (columns.verdict != "lost")
    query = sa.select(
        columns.frame, columns.attempt, columns.exposure_no, columns.verdict, columns.reason, columns.files
    )
    return tuple(
        TakenFrame(
            frame=row["frame"],
            attempt=row["attempt"],
            exposure_no=row["exposure_no"],
            # Thousands of texts in which no word comes twice: nothing is gained by remembering words.
            files=JournaledFiles(folder, from_json(row["files"], cache_strings="none")),
            verdict=row["verdict"],
            reason=row["reason"],
        )
        for row in journal.read(query.where(mine).order_by(columns.number))
    )


Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""One row, or several."""


@dataclass(slots=True)
class SegmentRecord:
    """Writes one segment (fulfils `Record`).

    What is told is gathered here, then written and committed in one go: a transaction that stayed open while something
    is awaited would keep every other writer of a shared SQLite file waiting, its lamps included.
    """

    journal: Journal
    run: str
    folder: Path
    clock: Timekeeper
    segment: int = 0
    _number: int = 0
    _frame_number: int = 0
    _open: dict[str, tuple[int, float]] = field(default_factory=dict)
    _gathered: list[tuple[sa.Executable, Values]] = field(default_factory=list)

    def begin(self, graph_hash: str, observatory_hash: str, asked_by: str | None = None) -> None:
        """Enter the segment, and who has asked for it, and commit."""
        of_run = tables.segments.c.run == self.run
        last = self.journal.read(sa.select(sa.func.max(tables.segments.c.segment).label("last")).where(of_run))
        self.segment = (last[0]["last"] or 0) + 1
        mine = tables.frames.c.run == self.run
        frames = self.journal.read(sa.select(sa.func.max(tables.frames.c.number).label("last")).where(mine))
        self._frame_number = frames[0]["last"] or 0
        started = self._now()
        self.journal.write(
            sa.insert(tables.segments),
            {
                "run": self.run,
                "segment": self.segment,
                "graph_hash": graph_hash,
                "observatory_hash": observatory_hash,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": __version__,
                "started": started,
            },
        )
        if asked_by is not None:
            # Obeyed when it is written: nobody looks for it any more, and the time says which segment came of it.
            word = "start" if self.segment == 1 else "resume"
            row = {"run": self.run, "time": started, "word": word, "who": asked_by, "obeyed": started}
            self.journal.write(sa.insert(tables.control), row)
        # A resume may have been told of another folder.
        now = {"outcome": None, "folder": str(self.folder)}
        self.journal.write(sa.update(tables.runs).where(tables.runs.c.run == self.run), now)
        self.journal.commit()

    def intend(self, state: State, attempt: int, note: Mapping[str, Any] | None = None) -> None:
        """The state's action is about to begin."""
        self._number += 1
        self._open[state.id] = (self._number, self.clock.now())
        self._gather(
            _INSERT_STATE,
            {
                "run": self.run,
                "segment": self.segment,
                "number": self._number,
                "state": state.id,
                "kind": state.kind,
                "frame": state.frame,
                "attempt": attempt,
                "intended": self._now(),
                "note": json.dumps(note) if note else None,
            },
        )

    def achieve(self, state: State) -> None:
        """The state's action has been done and read back."""
        self._close(state, "done", None)
        if isinstance(state.work, LampOff):
            for lamp in state.work.lamps:
                self.lamp(lamp, "off", "off", state.id)
        elif isinstance(state.work, LampWarmup):
            for lamp in state.work.lamps:
                self.lamp(lamp, "on", "on", state.id)

    def fail(self, state: State, error: BaseException | None) -> None:
        """The state's action has failed, or was stopped."""
        self._close(state, "stopped" if error is None else "failed", None if error is None else in_words(error))

    def _close(self, state: State, outcome: str, error: str | None) -> None:
        number, began_s = self._open.pop(state.id, (0, 0.0))
        self._gather(
            _UPDATE_STATE,
            {
                "the_run": self.run,
                "the_segment": self.segment,
                "the_number": number,
                "ended": self._now(),
                "outcome": outcome,
                "duration_s": round(self.clock.now() - began_s, 3),
                "error": error,
            },
        )

    def keep(self, taken: TakenFrame) -> None:
        """A frame is on the disk, good or bad."""
        self._frame_number += 1
        self._gather(
            sa.insert(tables.frames),
            {
                "run": self.run,
                "number": self._frame_number,
                "segment": self.segment,
                "frame": taken.frame,
                "attempt": taken.attempt,
                "exposure_no": taken.exposure_no,
                "verdict": taken.verdict,
                "reason": taken.reason,
                "kept": self._now(),
                "files": json.dumps([[self._relative(file.path), file.bytes, file.sha256] for file in taken.files]),
            },
        )

    def lose(self, taken: TakenFrame, why: str) -> None:
        """A frame that was recorded as good is not whole on the disk any more."""
        mine = (tables.frames.c.run == self.run) & (tables.frames.c.frame == taken.frame)
        statement = sa.update(tables.frames).where(mine & (tables.frames.c.exposure_no == taken.exposure_no))
        self._gather(statement, {"verdict": "lost", "reason": why})

    def lamp(self, lamp: str, action: str, seen: str | None = None, why: str | None = None) -> None:
        """A lamp is about to be commanded, or was read back."""
        self._gather(_INSERT_LAMP, _lamp_rows(self.run, [(lamp, action, seen)], "runner", why, self._now()))

    def finish(self, outcome: str, reason: str | None, lamps: Mapping[str, str]) -> None:
        """The segment has ended; commits."""
        mine = (tables.segments.c.run == self.run) & (tables.segments.c.segment == self.segment)
        values = {"ended": self._now(), "outcome": outcome, "reason": reason, "lamps": json.dumps(dict(lamps))}
        self._gather(sa.update(tables.segments).where(mine), values)
        self._gather(sa.update(tables.runs).where(tables.runs.c.run == self.run), {"outcome": outcome})
        for lamp, seen in lamps.items():
            self.lamp(lamp, "off", seen, "safing")
        self.commit()

    def commit(self) -> None:
        """Return when everything is safe on disk."""
        gathered, self._gathered = self._gathered, []
        for statement, values in gathered:
            self.journal.write(statement, values)
        self.journal.commit()

    def _gather(self, statement: sa.Executable, values: Values) -> None:
        self._gathered.append((statement, values))

    def _now(self) -> str:
        return self.clock.utc().isoformat(timespec="milliseconds")

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)


def write_lamp_events(
    journal: Journal, run: str, events: Iterable[tuple[str, str, str | None]], *, who: str, why: str | None, time: str
) -> None:
    """Enter (lamp, action, as read back) of one moment; `who` is runner, guard or hand."""
    journal.write(_INSERT_LAMP, _lamp_rows(run, events, who, why, time))


def _lamp_rows(
    run: str, events: Iterable[tuple[str, str, str | None]], who: str, why: str | None, time: str
) -> list[dict[str, Any]]:
    return [
        {"run": run, "time": time, "lamp": lamp, "action": action, "seen": seen, "who": who, "why": why}
        for lamp, action, seen in events
    ]


_INSERT_STATE = sa.insert(tables.states)
_INSERT_LAMP = sa.insert(tables.lamp_events)
_UPDATE_STATE = (
    sa.update(tables.states)
    .where(
        tables.states.c.run == sa.bindparam("the_run"),
        tables.states.c.segment == sa.bindparam("the_segment"),
        tables.states.c.number == sa.bindparam("the_number"),
    )
    .values(
        ended=sa.bindparam("ended"),
        outcome=sa.bindparam("outcome"),
        duration_s=sa.bindparam("duration_s"),
        error=sa.bindparam("error"),
    )
)
