"""What must be true of a run that has come to its end, however often it was interrupted."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from astropy.io import fits

from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.records.lock import Owner
from tests.crash.crashes import Case

__all__ = ["assert_dark", "assert_whole", "cards_of", "rows_of"]

SAME = ("IMAGETYP", "EXPTIME", "OBJECT", "CALIBFIB", "SWEEPN", "DWELLASK", "SEQNAME", "SEQHASH", "SHUTTER")
"""Cards that a frame has however often its run was interrupted; lamps and the fibres of a sweep come on top."""


def rows_of(url: str, table: sa.Table, **equal: Any) -> list[Mapping[str, Any]]:
    """Rows of the journal, in the order of their keys."""
    journal = Journal(url, create=False)
    try:
        query = sa.select(table).where(*(table.c[name] == value for name, value in equal.items()))
        return journal.read(query.order_by(*table.primary_key.columns))
    finally:
        journal.close()


def assert_dark(case: Case) -> None:
    """Demand that no lamp is on."""
    assert case.burning() == []


def header_of(path: Path) -> fits.Header:
    """Return the header of a frame's file."""
    return fits.Header.fromstring(path.read_bytes()[: 2880 * 6].decode("latin-1"))


def cards_of(folder: Path, lamps: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Frame -> what its header says of how it was taken.

    Args:
        folder: of the run.
        lamps: keywords of the lamps.
    """
    cards: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.fits")):
        header = header_of(path)
        same = {key for key in header if key in SAME or key in lamps or key.startswith("FIB0")}
        cards[header["FRAMEID"]] = {key: header[key] for key in same}
    return cards


def assert_whole(
    case: Case, run: str, expected: Iterable[str], folder: Path | None = None, *, forgotten: bool = False
) -> None:
    """Demand that no frame lost, none doubled: the journal, the manifest, the disk and the headers say the same.

    Args:
        case: whose run.
        run: its id.
        expected: the frames that an undisturbed run takes.
        folder: of its frames, where it is not the case's.
        forgotten: the journal has been cut, and may know less than the disk of what was tried.
    """
    folder = folder or case.frames / run
    wanted = sorted(expected)
    kept = rows_of(case.journal, tables.frames, run=run)
    good = [row for row in kept if row["verdict"] == "good"]
    assert sorted(row["frame"] for row in good) == wanted, "the journal's good frames"
    numbers = [row["exposure_no"] for row in kept]
    assert len(set(numbers)) == len(numbers), "exposure numbers"

    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["frames"]
    listed_good = [frame for frame in listed if frame["verdict"] == "good"]
    assert sorted(frame["frame"] for frame in listed_good) == wanted, "the manifest's good frames"
    assert {(frame["frame"], frame["exposure_no"]) for frame in listed_good} == {
        (row["frame"], row["exposure_no"]) for row in good
    }
    _assert_files(folder, run, good, listed_good)
    tries = Counter(row["frame"] for row in rows_of(case.journal, tables.states, run=run, kind="expose"))
    for row in good if not forgotten else ():
        assert 1 <= row["attempt"] <= tries[row["frame"]], f"attempts of {row['frame']}"
    outcomes = [row["outcome"] for row in rows_of(case.journal, tables.runs, run=run)]
    assert outcomes == ["done"]
    left = [Owner(**row) for row in rows_of(case.journal, tables.locks)]
    assert [owner for owner in left if owner.alive] == [], "a living lock"
    assert_dark(case)


def _assert_files(
    folder: Path, run: str, good: Iterable[Mapping[str, Any]], listed: Iterable[Mapping[str, Any]]
) -> None:
    """Demand that every file is whole, as journal and manifest say, and of the frame that its header names."""
    told = {file["path"]: (file["bytes"], file["sha256"]) for frame in listed for file in frame["files"]}
    on_disk = {path.name for path in folder.glob("*.fits")}
    assert on_disk == set(told), "files beside those of the manifest"
    for row in good:
        for name, size, digest in json.loads(row["files"]):
            content = (folder / name).read_bytes()
            assert told[name] == (size, digest) == (len(content), hashlib.sha256(content).hexdigest())
            header = header_of(folder / name)
            assert (header["RUNID"], header["FRAMEID"], header["ATTEMPT"], header["EXPNO"], header["QUALITY"]) == (
                run,
                row["frame"],
                row["attempt"],
                row["exposure_no"],
                "GOOD",
            ), name
