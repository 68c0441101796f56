"""Frames that lie on the disk without the journal knowing them: whole, or not, and whose."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.states import FrameFile, StateError, TakenFrame
from safelight.states.readout import fingerprint

__all__ = ["Found", "find_frames"]


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one exposure.

    Attributes:
        problem: why they make no good frame; None if they do.
    """

    frame: str
    attempt: int
    exposure_no: int
    paths: tuple[Path, ...]
    files: tuple[FrameFile, ...]
    problem: str | None

    @property
    def taken(self) -> TakenFrame:
        """As a frame that can be recorded."""
        return TakenFrame(self.frame, self.attempt, self.exposure_no, self.files)


def find_frames(paths: Iterable[Path], *, run: str, cameras: int) -> Iterator[Found]:
    """Read headers and contents of files, and put those of one exposure together.

    Args:
        paths: FITS files that nobody knows.
        run: the run that they should belong to.
        cameras: how many files make a frame.
    """
    exposures: dict[int, list[tuple[Path, dict[str, Any]]]] = {}
    for path in paths:
        header = _header(path)
        if header is None:
            yield Found("", 0, 0, (path,), (), "it can't be read as FITS")
        else:
            exposures.setdefault(_number(header, "EXPNO"), []).append((path, header))
    for number, group in exposures.items():
        yield _found(number, group, run, cameras)


def _found(number: int, group: list[tuple[Path, dict[str, Any]]], run: str, cameras: int) -> Found:
    header = group[0][1]
    paths = tuple(sorted(path for path, _ in group))
    frame, attempt = str(header.get("FRAMEID") or ""), _number(header, "ATTEMPT")
    problem: str | None = None
    files: list[FrameFile] = []
    if any(other.get("RUNID") != run for _, other in group):
        problem = f"it belongs to run {header.get('RUNID')}"
    elif any(other.get("FRAMEID") != frame for _, other in group):
        problem = "its files belong to several frames"
    elif any(other.get("QUALITY") != "GOOD" for _, other in group):
        problem = f"it is marked {header.get('QUALITY')}"
    elif len({str(other.get("CAMERA")) for _, other in group}) != cameras or len(group) != cameras:
        problem = f"{len(group)} files are there, not one from each of the {cameras} cameras"
    else:
        try:
            files = [fingerprint(path) for path in paths]
        except StateError as error:
            problem = str(error)
    return Found(frame, attempt, number, paths, tuple(files), problem)


def _number(header: Mapping[str, Any], keyword: str) -> int:
    """A whole number of the header; 0 where there is none, whatever somebody has written there."""
    value = header.get(keyword)
    return value if isinstance(value, int) else 0


def _header(path: Path) -> dict[str, Any] | None:
    """The primary header, with the data read to the end, so that a file cut short does not pass for whole."""
    from astropy.io import fits  # noqa: PLC0415 - slow, and needed only after a fault

    try:
        with warnings.catch_warnings(action="ignore"), fits.open(path, memmap=False) as file:
            file.verify("exception")
            for part in file:
                part.data  # noqa: B018 - reading is the test
            return dict(file[0].header)
    except Exception:  # noqa: BLE001 - what strangers have put there breaks readers in ways that nobody lists
        return None
