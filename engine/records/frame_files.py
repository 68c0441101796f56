"""Checks of the files of recorded frames: present, whole, unchanged."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from safelight.engine.records.stored_run import FileEntry, file_entries
from safelight.states import StateError, TakenFrame
from safelight.states.readout import fingerprint

__all__ = ["flaw_of", "not_whole", "opened_folder"]


def not_whole(frames: Iterable[TakenFrame], folder: Path) -> list[tuple[TakenFrame, str]]:
    """Return good frames whose files are not all there with their sizes, and the reason.

    Args:
        frames: the recorded frames.
        folder: the run's folder.
    """
    with opened_folder(folder) as opened:
        flaws = ((taken, flaw_of(taken, file_entries(taken, folder), folder, opened)) for taken in frames)
        return [(taken, why) for taken, why in flaws if why is not None]


@contextmanager
def opened_folder(folder: Path) -> Iterator[int | None]:
    """Open the folder, to look names up in it: half the time of whole paths. Give None if there is no folder."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield opened
    finally:
        os.close(opened)


def flaw_of(
    taken: TakenFrame, entries: Sequence[FileEntry], folder: Path, opened: int | None, *, verify: bool = False
) -> str | None:
    """Return why a good frame does not count any more, or None."""
    if taken.verdict != "good" or (not verify and _whole(entries, opened)):
        return None
    return _missing(entries, folder, verify=verify)


def _whole(entries: Sequence[FileEntry], opened: int | None) -> bool:
    """Return whether each file is there with the size in the journal.

    Files are checked in the journal's order, in which they were written. That takes a third less time than the folder's
    own order, and far less on a disk that has to be read.
    """
    if opened is None:
        return False
    try:
        return [os.stat(name, dir_fd=opened).st_size for name, _, _ in entries] == [size for _, size, _ in entries]
    except OSError:
        return False


def _missing(entries: Iterable[FileEntry], folder: Path, *, verify: bool) -> str | None:
    """Return why a good frame does not count any more, or None.

    Each file is looked up again: it may be elsewhere, or belong to two attempts.
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
