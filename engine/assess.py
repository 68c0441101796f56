"""What is left of a run: the journal and the disk are asked which frames are safely there.

Nothing is changed here: an `Assessment` says what is so, and `settle` (when the run is really resumed) writes it down.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from safelight.engine import tables
from safelight.engine.collector import no_garbage_collection
from safelight.engine.found import Found, find_frames
from safelight.engine.journal import Journal
from safelight.engine.logbook import JournaledFiles, RunPage, SegmentRecord, taken_frames
from safelight.sequences import Frame
from safelight.states import StateError, TakenFrame
from safelight.states.readout import fingerprint

__all__ = ["Assessment", "assess", "not_whole", "settle"]

_NAMED_AT_MOST = 500
"""How many frames a query names one by one; databases take a thousand at least."""
_DRAFT = re.compile(r"\..*\.fits\.part")
"""A frame that was being written when its run was killed."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is so.

    Attributes:
        kept: good frames, whole on the disk, journaled; bad ones too, as the record of what happened.
        adopted: good frames that are whole on the disk although the journal does not know them.
        lost: frames that the journal knows as good and that are not whole any more, with the reason.
        aside: files on the disk that belong to no frame that counts, with the reason.
        retaken: frames that were begun and have to be taken again, with the reason.
        left: the frames still to be taken, in order.
        attempts: frame -> how often it has been tried; of those that are left at least.
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
        """All that is on the disk and counts."""
        return self.kept + self.adopted


def assess(
    journal: Journal, page: RunPage, frames: Iterable[Frame], folder: Path, cameras: int, *, verify: bool = False
) -> Assessment:
    """Look at the journal and the disk.

    Args:
        journal: where the run is written down.
        page: the run.
        frames: all that the sequence asks for, in order.
        folder: where its frames lie.
        cameras: how many files make a frame.
        verify: compare the sha256 of every file, not only its size.
    """
    with no_garbage_collection():
        return _assess(journal, page, tuple(frames), folder, cameras, verify=verify)


def _assess(
    journal: Journal, page: RunPage, asked: tuple[Frame, ...], folder: Path, cameras: int, *, verify: bool
) -> Assessment:
    names = {frame.id for frame in asked}
    kept: list[TakenFrame] = []
    lost: list[tuple[TakenFrame, str]] = []
    journaled: list[str] = []
    with _opened(folder) as opened:
        for taken in taken_frames(journal, page.run, folder):
            entries = _entries(taken, folder)
            journaled += [name for name, _, _ in entries]
            why = _flaw(taken, entries, folder, opened, verify=verify)
            if why is None:
                kept.append(taken)
            else:
                lost.append((taken, why))
    done = {taken.frame for taken in kept if taken.verdict == "good"}
    # What the journal knows is not looked at again, what is left of a lost frame neither: it is not to be trusted, and
    # must not pass for a frame in doubt.
    unknown = _unknown(folder, journaled)
    strangers = [folder / name for name in unknown if name.endswith((".fits", ".fits.gz"))]
    in_doubt = find_frames(filter(_is_file, strangers), run=page.run, cameras=cameras)
    adopted, aside = _sort_out(in_doubt, names, done)
    aside += [(folder / name, "it was never written to its end") for name in unknown if _DRAFT.fullmatch(name)]
    done |= {taken.frame for taken in adopted}
    left = tuple(frame for frame in asked if frame.id not in done)
    attempts = _attempts(journal, page.run, [frame.id for frame in left])
    return Assessment(
        kept=tuple(kept),
        adopted=tuple(adopted),
        lost=tuple(lost),
        aside=tuple(aside),
        retaken=_retaken(attempts, lost, done, names),
        left=left,
        attempts=attempts,
    )


def not_whole(frames: Iterable[TakenFrame], folder: Path) -> list[tuple[TakenFrame, str]]:
    """Good frames whose files are not all there, with their sizes, and the reason.

    Args:
        frames: as they were kept.
        folder: where the run's frames lie.
    """
    with _opened(folder) as opened:
        flaws = ((taken, _flaw(taken, _entries(taken, folder), folder, opened)) for taken in frames)
        return [(taken, why) for taken, why in flaws if why is not None]


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """The folder's descriptor, to look names up in it: half the time of whole paths. None where there is no folder."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield opened
    finally:
        os.close(opened)


_Entry = tuple[str, int, str]


def _entries(taken: TakenFrame, folder: Path) -> Sequence[_Entry]:
    """Name, bytes and sha256 of each file; the name alone where it lies in the run's folder."""
    if isinstance(taken.files, JournaledFiles) and taken.files.folder == folder:
        return taken.files.entries
    return [(str(file.path), file.bytes, file.sha256) for file in taken.files]


def _flaw(
    taken: TakenFrame, entries: Sequence[_Entry], folder: Path, opened: int | None, *, verify: bool = False
) -> str | None:
    """Why a good frame does not count any more; None if it does, and of a bad one."""
    if taken.verdict != "good" or (not verify and _whole(entries, opened)):
        return None
    return _missing(entries, folder, verify=verify)


def _whole(entries: Sequence[_Entry], opened: int | None) -> bool:
    """Whether each file lies there with the size that the journal has.

    Asked in the journal's order, which is that in which they were written: a third less time than in the order in which
    the folder lists them, and far less on a disk that has to be read.
    """
    if opened is None:
        return False
    try:
        return [os.stat(name, dir_fd=opened).st_size for name, _, _ in entries] == [size for _, size, _ in entries]
    except OSError:
        return False


def _unknown(folder: Path, journaled: Iterable[str]) -> list[str]:
    """What lies in the folder and the journal does not name."""
    try:
        names = set(os.listdir(folder))  # noqa: PTH208 - names, not 90,000 paths
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(names.difference(journaled))


def _is_file(path: Path) -> bool:
    """A link into nothing counts: what it points to may come back."""
    return path.is_file() or path.is_symlink()


def _missing(entries: Iterable[_Entry], folder: Path, *, verify: bool) -> str | None:
    """Why a frame that was good does not count any more; None if it does.

    Each file is looked for anew: it may lie elsewhere, or belong to two attempts.
    """
    for name, expected, digest in entries:
        size = _size(folder / name)
        if size is None:
            return f"{name} is missing"
        if size != expected:
            return f"{name} has {size} bytes instead of {expected}"
        if verify and _digest(folder / name) != digest:
            return f"{name} has been changed: its sha256 is another one"
    return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _digest(path: Path) -> str | None:
    try:
        return fingerprint(path).sha256
    except StateError:
        return None


def _sort_out(
    found: Iterable[Found], names: set[str], done: set[str]
) -> tuple[list[TakenFrame], list[tuple[Path, str]]]:
    """Adopt what is whole and still wanted, the newest attempt first; everything else goes aside."""
    adopted: dict[str, TakenFrame] = {}
    aside: list[tuple[Path, str]] = []
    for candidate in sorted(found, key=lambda item: -item.exposure_no):
        why = candidate.problem
        if why is None and candidate.frame not in names:
            why = f"{candidate.frame} is no frame of this sequence"
        if why is None and (candidate.frame in done or candidate.frame in adopted):
            why = f"{candidate.frame} is there already"
        if why is None:
            taken = candidate.taken
            adopted[taken.frame] = replace(taken, reason="found on the disk, whole, at the resume")
        else:
            aside += [(path, why) for path in candidate.paths]
    return sorted(adopted.values(), key=lambda taken: taken.exposure_no), aside


def _attempts(journal: Journal, run: str, frames: list[str]) -> dict[str, int]:
    """How often the integration of each of these frames was begun; of all frames, where these are too many to name."""
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


def settle(assessment: Assessment, record: SegmentRecord, *, folder: Path) -> None:
    """Move aside what does not count, and write the assessment down; nothing is deleted.

    In this order: files of a lost frame that still lay there when the journal does not know them any more could be
    taken for a frame that was never written down.

    Raises:
        JournalError, OSError: then nothing has been lost.
    """
    gone = [file.path for taken, _ in assessment.lost for file in taken.files]
    for path in [*(path for path, _ in assessment.aside), *gone]:
        # A link into nothing, too: what it points to may come back.
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
