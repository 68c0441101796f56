"""Names of frame files, from the template of the observatory document, and the exposure that a name belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from safelight.devices.observatory.site_habits import FramesModel

__all__ = ["FileNames"]

_FORMS = {"number": r"(?P<number>\d{8,})", "frame": r".+", "night": r"\d{8}"}
"""Regular expression of each field of a name, without that of the cameras."""


@dataclass(frozen=True, slots=True)
class FileNames:
    """Names that a driver gives to the files which it writes.

    Attributes:
        model: the template.
        cameras: every camera; a name holds one of them.
        suffix: with its dot.
    """

    model: FramesModel
    cameras: tuple[str, ...]
    suffix: str = ".fits"

    def name(self, number: int, frame: str, camera: str, begun: datetime) -> str:
        """Return the name of one file.

        Args:
            number: of the exposure.
            frame: the order's name, safe in a file's name.
            camera: one of the cameras.
            begun: when integration began, UTC.
        """
        stem = self.model.file.format(number=f"{number:08d}", frame=frame, camera=camera, night=self.model.night(begun))
        return f"{stem}{self.suffix}"

    def files_of(self, number: int, folder: Path) -> tuple[Path, ...]:
        """Return the files of an exposure in a folder, in the order of the cameras."""
        found: dict[str, Path] = {}
        for path in sorted(folder.glob(f"*{number:08d}*{self.suffix}")):
            for camera in self.cameras:
                match = re.fullmatch(self._pattern(camera), path.name)
                if match is not None and int(match["number"]) == number:
                    found.setdefault(camera, path)
        return tuple(found[camera] for camera in self.cameras if camera in found)

    def _pattern(self, camera: str) -> str:
        forms = {**_FORMS, "camera": re.escape(camera)}
        parts = (
            re.escape(words) + ("" if field is None else forms[field])
            for words, field, _, _ in Formatter().parse(self.model.file)
        )
        return "".join(parts) + re.escape(self.suffix)
