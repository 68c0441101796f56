"""Inventory of a run: the frames that are safely there, from the journal and the disk.

An `Inventory` changes nothing. `apply_inventory` records it when the run is really resumed.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from safelight.engine.gc_tuning import no_garbage_collection
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.frame_files import flaw_of, opened_folder
from safelight.engine.records.run_writer import SegmentRecord
from safelight.engine.records.stored_run import RunPage, file_entries, taken_frames
from safelight.engine.resume.stray_files import StrayFrame, find_stray_frames
from safelight.sequences import Frame
from safelight.states import TakenFrame

__all__ = ["Inventory", "apply_inventory", "take_inventory"]

_NAMED_AT_MOST = 500
"""Largest number of frames that a query names one by one. Databases accept at least a thousand."""
_DRAFT = re.compile(r"\..*\.fits\.part")
"""Name of a frame that was being written when its run was killed."""


Adoption = Callable[[Frame, TakenFrame], tuple[TakenFrame, str | None]]
"""Returns a frame as it is to be adopted, and why it can't be; None where it can."""


def kept_as_they_are(_frame: Frame, taken: TakenFrame) -> tuple[TakenFrame, str | None]:
    """Adopt a frame without another look."""
    return taken, None


@dataclass(frozen=True, slots=True)
class Inventory:
    """State of the frames of a run.

    Attributes:
        kept: good frames, whole on disk and journaled, and bad ones as a record.
        adopted: good frames that are whole on disk but not in the journal.
        lost: frames that are good in the journal and not whole on disk any more, with the reason.
        aside: files on disk that belong to no valid frame, with the reason.
        retaken: frames that were begun and have to be taken again, with the reason.
        left: the frames still to be taken, in order.
        attempts: frame -> number of tries, at least for the frames that are left.
    """

    kept: tuple[TakenFrame, ...]
    adopted: tuple[TakenFrame, ...]
    lost: tuple[tuple[TakenFrame, str], ...]
    aside: tuple[tuple[Path, str], ...]
    retaken: Mapping[str, str]
    left: tuple[Frame, ...]
    attempts: Mapping[str, int]

    @property
    def frames(self) -> tuple[TakenFrame, ...]:
        """All valid frames on disk."""
        return self.kept + self.adopted


def take_inventory(
    journal: Journal,
    page: RunPage,
    frames: Iterable[Frame],
    folder: Path,
    cameras: int,
    *,
    verify: bool = False,
    adopt: Adoption = kept_as_they_are,
) -> Inventory:
    """Read the journal and the disk.

    Args:
        journal: the run's journal.
        page: the run.
        frames: all frames of the sequence, in order.
        folder: the run's folder.
        cameras: number of files of a frame.
        verify: compare the sha256 of every file, not only its size.
        adopt: says of a frame that the journal does not know whether it can be adopted; it may judge its light.
    """
    with no_garbage_collection():
        return _inventory(journal, page, tuple(frames), folder, cameras, adopt, verify=verify)


def _inventory(
    journal: Journal,
    page: RunPage,
    asked: tuple[Frame, ...],
    folder: Path,
    cameras: int,
    adopt: Adoption,
    *,
    verify: bool,
) -> Inventory:
    names = {frame.id for frame in asked}
    kept: list[TakenFrame] = []
    lost: list[tuple[TakenFrame, str]] = []
    journaled: list[str] = []
    with opened_folder(folder) as opened:
        for taken in taken_frames(journal, page.run, folder):
            entries = file_entries(taken, folder)
            journaled += [name for name, _, _ in entries]
            why = flaw_of(taken, entries, folder, opened, verify=verify)
            if why is None:
                kept.append(taken)
            else:
                lost.append((taken, why))
    done = {taken.frame for taken in kept if taken.verdict == "good"}
    # Files in the journal are not checked again. The rest of a lost frame is not checked either: it can't be trusted,
    # and must not count as a frame in doubt.
    unknown = _unknown(folder, journaled)
    strangers = [folder / name for name in unknown if name.endswith((".fits", ".fits.gz"))]
    files = {frame.id: len(frame.cameras) for frame in asked if frame.cameras}
    in_doubt = find_stray_frames(filter(_is_file, strangers), run=page.run, cameras=cameras, files=files)
    adopted, aside = _sort_out(in_doubt, {frame.id: frame for frame in asked}, done, adopt)
    aside += [(folder / name, "it was never written to its end") for name in unknown if _DRAFT.fullmatch(name)]
    done |= {taken.frame for taken in adopted}
    left = tuple(frame for frame in asked if frame.id not in done)
    attempts = _attempts(journal, page.run, [frame.id for frame in left])
    return Inventory(
        kept=tuple(kept),
        adopted=tuple(adopted),
        lost=tuple(lost),
        aside=tuple(aside),
        retaken=_retaken(attempts, lost, done, names),
        left=left,
        attempts=attempts,
    )


def _unknown(folder: Path, journaled: Iterable[str]) -> list[str]:
    """Return the names in the folder that are not in the journal."""
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 - names, not 90,000 paths
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(names.difference(journaled))


def _is_file(path: Path) -> bool:
    """Return whether the path is a file. A broken link counts as well, because its target may come back."""
    return path.is_file() or path.is_symlink()


def _sort_out(
    found: Iterable[StrayFrame], asked: Mapping[str, Frame], done: set[str], adopt: Adoption
) -> tuple[list[TakenFrame], list[tuple[Path, str]]]:
    """Adopt whole frames that are still missing, the newest attempt first. Everything else goes aside."""
    adopted: dict[str, TakenFrame] = {}
    aside: list[tuple[Path, str]] = []
    for candidate in sorted(found, key=lambda item: -item.exposure_no):
        why = candidate.problem
        if why is None and candidate.frame not in asked:
            why = f"{candidate.frame} is not a frame of this sequence"
        if why is None and (candidate.frame in done or candidate.frame in adopted):
            why = f"{candidate.frame} is there already"
        if why is None:
            taken, why = adopt(asked[candidate.frame], candidate.taken)
        if why is None:
            words = "found on the disk, whole, at the resume"
            adopted[taken.frame] = replace(taken, reason=f"{words}; {taken.reason}" if taken.reason else words)
        else:
            aside += [(path, why) for path in candidate.paths]
    return sorted(adopted.values(), key=lambda taken: taken.exposure_no), aside


def _attempts(journal: Journal, run: str, frames: list[str]) -> dict[str, int]:
    """Return how often the integration of each of these frames was begun, or of all frames if these are too many."""
    mine = (tables.states.c.run == run) & (tables.states.c.kind == "expose")
    if len(frames) <= _NAMED_AT_MOST:
        mine &= tables.states.c.frame.in_(frames)
    query = sa.select(tables.states.c.frame, sa.func.count().label("tries")).where(mine).group_by(tables.states.c.frame)
    return {row["frame"]: row["tries"] for row in journal.read(query)}


def _retaken(
    attempts: Mapping[str, int], lost: Iterable[tuple[TakenFrame, str]], done: set[str], names: set[str]
) -> dict[str, str]:
    reasons = dict.fromkeys(
        (frame for frame in attempts if frame not in done and frame in names), "begun, never finished"
    )
    reasons.update({taken.frame: why for taken, why in lost if taken.frame not in done})
    return reasons


def apply_inventory(assessment: Inventory, record: SegmentRecord, *, folder: Path) -> None:
    """Move invalid files aside, and record the inventory. Nothing is deleted.

    The files are moved first. Otherwise the files of a lost frame, already removed from the journal, could be taken for
    a frame that was never recorded.

    Raises:
        JournalError, OSError: nothing has been lost then.
    """
    gone = [file.path for taken, _ in assessment.lost for file in taken.files]
    for path in [*(path for path, _ in assessment.aside), *gone]:
        # A broken link is moved as well, because its target may come back.
        if os.path.lexists(path):
            _move_aside(path, folder / "aside")
    for taken, why in assessment.lost:
        record.lose(taken, why)
    for taken in assessment.adopted:
        record.keep(taken)
    record.commit()


def _move_aside(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    number = 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{path.name}.{number}"
    path.rename(target)
