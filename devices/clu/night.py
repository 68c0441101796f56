"""The folder in which the spectrographs' actors write: exposure numbers, and the files of an exposure.

The actors write `DATA/<night>/sdR-s-b1-00001234.fits.gz` and keep the next number in `DATA/nextExposureNumber`. Their
files stay where they are, where observers and pipelines look for them; a run's own folder gets links to them.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Night"]

_NAME = re.compile(r"-(?P<camera>[A-Za-z]+\d+)-(?P<number>\d{4,})\.fits(\.gz|\.fz)?$")
_LATEST = 3
"""How many nights are looked through for a file: an exposure may end on another day than it began."""


@dataclass(frozen=True, slots=True)
class Night:
    """The actors' folder, as this computer sees it.

    Attributes:
        root: what the actors' `files.data_dir` is here.
        counter: the name of the file with the next number.
    """

    root: Path
    counter: str = "nextExposureNumber"

    def last_no(self) -> int:
        """The number of the present or last exposure, whoever asked for it: the actors count when one begins.

        Raises:
            OSError, ValueError: the folder or its counter can't be read.
        """
        return int((self.root / self.counter).read_text(encoding="ascii")) - 1

    def began(self, number: int) -> float | None:
        """When an exposure began, s of UTC: the actors counted then. None: another one has begun since.

        Raises:
            OSError, ValueError: the folder or its counter can't be read.
        """
        counted = (self.root / self.counter).stat().st_mtime
        return counted if self.last_no() == number else None

    def settled(self, number: int, cameras: int, before: float) -> bool:
        """Whether all files of an exposure are there, and were there before a moment, s of UTC."""
        written = self.written(number)
        with suppress(OSError):
            return len(written) >= cameras and all(path.stat().st_mtime < before for path in written.values())
        return False

    def written(self, number: int) -> dict[str, Path]:
        """Camera -> file of an exposure, among the latest nights."""
        found: dict[str, Path] = {}
        for night in self._nights():
            with suppress(OSError), os.scandir(night) as entries:
                found |= {camera: Path(entry) for entry in entries if (camera := _camera(entry.name, number))}
        return found

    def link(self, number: int, folder: Path) -> dict[str, Path]:
        """Make files safe on the disk, and link them into a run's folder; camera -> link.

        Raises:
            OSError: a file or the folder can't be used.
        """
        written = self.written(number)
        for path in written.values():
            _sync(path)
        for place in {path.parent for path in written.values()}:
            _sync(place)
        for path in written.values():
            link = folder / path.name
            if not link.is_symlink() and not link.exists():
                link.symlink_to(path)
        if written:
            _sync(folder)
        return self.linked(number, folder)

    @staticmethod
    def linked(number: int, folder: Path) -> dict[str, Path]:
        """Camera -> file of an exposure in a run's folder."""
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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
