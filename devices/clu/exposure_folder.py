"""Folder of the spectrographs' actors: exposure numbers, and the files of an exposure.

The actors write `DATA/<night>/sdR-s-b1-00001234.fits.gz` and keep the next number in `DATA/nextExposureNumber`. Their
files stay in place, where observers and pipelines expect them. A run's own folder gets links to them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from safelight.files import sync

__all__ = ["ExposureFolder"]

_NAME = re.compile(r"-(?P<camera>[A-Za-z0-9][A-Za-z0-9_+]*)-(?P<number>\d{4,})\.fits(\.gz|\.fz)?$")
_LATEST = 3
"""Number of nights in which a file is searched: an exposure may end on another day than it began."""


@dataclass(frozen=True, slots=True)
class ExposureFolder:
    """Actors' folder, as this computer sees it.

    Attributes:
        root: path of the actors' `files.data_dir` on this computer.
        counter: the name of the file with the next number.
    """

    root: Path
    counter: str = "nextExposureNumber"

    def last_no(self) -> int:
        """Return the number of the present or last exposure, by any program. The actors count at its beginning.

        Raises:
            OSError, ValueError: the folder or its counter can't be read.
        """
        text = (self.root / self.counter).read_text(encoding="ascii").strip()
        if not text.isdecimal():
            raise ValueError(f"{self.root / self.counter}: expected the number of the next exposure, got {text[:40]!r}")
        return int(text) - 1

    def began(self, number: int) -> float | None:
        """Return when an exposure began, s of UTC, or None if another one has begun since.

        The actors write the counter at that moment.

        Raises:
            OSError, ValueError: the folder or its counter can't be read.
        """
        counted = (self.root / self.counter).stat().st_mtime
        return counted if self.last_no() == number else None

    def settled(self, number: int, cameras: Collection[str], before: float) -> bool:
        """Return whether the files of all these cameras were complete before a moment, s of UTC."""
        written = self.written(number)
        with suppress(OSError):
            return written.keys() >= set(cameras) and all(path.stat().st_mtime < before for path in written.values())
        return False

    def written(self, number: int) -> dict[str, Path]:
        """Return camera -> file of an exposure, among the latest nights."""
        found: dict[str, Path] = {}
        for night in self._nights():
            with suppress(OSError), os.scandir(night) as entries:
                found |= {camera: Path(entry) for entry in entries if (camera := _camera(entry.name, number))}
        return found

    def link(self, number: int, folder: Path) -> dict[str, Path]:
        """Sync files to the disk, and link them into a run's folder. Return camera -> link.

        Raises:
            OSError: a file or the folder can't be used.
        """
        written = self.written(number)
        for path in written.values():
            sync(path)
        for place in {path.parent for path in written.values()}:
            sync(place)
        for path in written.values():
            link = folder / path.name
            if not link.is_symlink() and not link.exists():
                link.symlink_to(path)
        if written:
            sync(folder)
        return self.linked(number, folder)

    @staticmethod
    def linked(number: int, folder: Path) -> dict[str, Path]:
        """Return camera -> file of an exposure in a run's folder."""
        links = folder.glob(f"*-{number:08d}.fits*")
        return {camera: path for path in links if (camera := _camera(path.name, number)) and path.exists()}

    def _nights(self) -> list[Path]:
        with suppress(OSError), os.scandir(self.root) as entries:
            nights = sorted((entry.name for entry in entries if entry.name.isdigit() and entry.is_dir()), key=int)
            return [self.root / night for night in nights[-_LATEST:]]
        return []


def _camera(name: str, number: int) -> str | None:
    match = _NAME.search(name)
    return match["camera"] if match and int(match["number"]) == number else None
