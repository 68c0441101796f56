"""Frames on disk that are not in the journal: whether they are whole, and to which run they belong."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from safelight.states import FrameFile, StateError, TakenFrame
from safelight.states.readout import fingerprint

__all__ = ["StrayFrame", "find_stray_frames"]


@dataclass(frozen=True, slots=True)
class StrayFrame:
    """Files of one exposure.

    Attributes:
        problem: why they are not a good frame; None if they are.
    """

    frame: str
    attempt: int
    exposure_no: int
    paths: tuple[Path, ...]
    files: tuple[FrameFile, ...]
    problem: str | None

    @property
    def taken(self) -> TakenFrame:
        """Return it as a frame that can be recorded."""
        return TakenFrame(self.frame, self.attempt, self.exposure_no, self.files)


def find_stray_frames(
    paths: Iterable[Path], *, run: str, cameras: int, files: Mapping[str, int] = MappingProxyType({})
) -> Iterator[StrayFrame]:
    """Read headers and contents of files, and group them by exposure.

    Args:
        paths: FITS files that are not in the journal.
        run: the run to which they should belong.
        cameras: number of files of a frame.
        files: frame -> number of its files, for frames that do not have all cameras.
    """
    exposures: dict[int, list[tuple[Path, dict[str, Any]]]] = {}
    for path in paths:
        header = _header(path)
        if header is None:
            yield StrayFrame("", 0, 0, (path,), (), "it can't be read as FITS")
        else:
            exposures.setdefault(_number(header, "EXPNO"), []).append((path, header))
    for number, group in exposures.items():
        yield _found(number, group, run, files.get(str(group[0][1].get("FRAMEID")), cameras))


def _found(number: int, group: list[tuple[Path, dict[str, Any]]], run: str, cameras: int) -> StrayFrame:
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
    return StrayFrame(frame, attempt, number, paths, tuple(files), problem)


def _number(header: Mapping[str, Any], keyword: str) -> int:
    """Return a whole number of the header, or 0 if there is none."""
    value = header.get(keyword)
    return value if isinstance(value, int) else 0


def _header(path: Path) -> dict[str, Any] | None:
    """Return the primary header. The data are read to the end, so that a truncated file does not count as whole."""
    from astropy.io import fits  # noqa: PLC0415 - slow, and needed only after a fault

    try:
        with warnings.catch_warnings(action="ignore"), fits.open(path, memmap=False) as file:
            file.verify("exception")
            for part in file:
                part.data  # noqa: B018 - reading is the test
            return dict(file[0].header)
    except Exception:  # noqa: BLE001 - what strangers have put there breaks readers in ways that no list has
        return None
