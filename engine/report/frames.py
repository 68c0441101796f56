"""The frames of a run, for a report: those with a picture, and all of them as a table."""

from collections.abc import Sequence
from pathlib import Path

from safelight.devices import Observatory
from safelight.engine.chronicle import Chronicle, Row
from safelight.engine.report.parts import FrameCard, Frames, Part, Table, Words
from safelight.engine.report.pixels import Glance, glance
from safelight.engine.wording import family

__all__ = ["MOST_PICTURES", "MOST_ROWS", "chosen", "frame_parts"]

MOST_PICTURES = 48
"""So many frames get a picture: a report stays a file that can be sent."""
MOST_ROWS = 2000
"""So many frames are listed."""
_CAMERAS = 3
_LONGEST = 80
"""Letters of a header's value."""


def frame_parts(told: Chronicle, observatory: Observatory | None) -> tuple[Part, ...]:
    """Cards, then the table.

    Args:
        told: the run.
        observatory: says how its lamps are called in headers; None: nobody knows.
    """
    if not told.frames:
        return (Words("No frame came onto the disk."),)
    cards = tuple(_card(row, told.page.folder, observatory) for row in chosen(told.frames))
    without = len(told.frames) - len(cards)
    left_out = ""
    if without:
        left_out = (
            f"{without} more frames are without a picture here: bad ones and the first of each kind come first. "
            f"All files lie in {told.page.folder}."
        )
    return (Frames(cards, left_out), *_tables(told))


def chosen(rows: Sequence[Row]) -> list[Row]:
    """Those that get a picture: bad ones, the first of each family, then the others; in the order of the run."""
    firsts = {family(row["frame"]): number for number, row in reversed(list(enumerate(rows)))}
    ranked = sorted(
        range(len(rows)), key=lambda number: (rows[number]["verdict"] == "good", number not in firsts.values(), number)
    )
    return [rows[number] for number in sorted(ranked[:MOST_PICTURES])]


def _tables(told: Chronicle) -> list[Part]:
    listed = told.frames[:MOST_ROWS]
    rows = [
        (row["frame"], str(row["attempt"]), str(row["exposure_no"]), _verdict(row), row["kept"][:19].replace("T", " "))
        for row in listed
    ]
    head = ("frame", "try", "exposure", "verdict", "on disk at (UTC)")
    parts: list[Part] = [Table(head, rows, folded="" if len(rows) <= MOST_PICTURES else f"all {len(rows)} frames")]
    files = [(name, f"{size:,}", digest) for row in listed for name, size, digest in row["files"]]
    parts.append(Table(("file", "bytes", "sha256"), files, folded=f"{len(files)} files and their sha256"))
    if len(told.frames) > MOST_ROWS:
        parts.append(Words(f"{len(told.frames) - MOST_ROWS} more frames are not listed; manifest.json has them all."))
    return parts


def _verdict(row: Row) -> str:
    return f"{row['verdict']}: {row['reason']}" if row["reason"] else str(row["verdict"])


def _card(row: Row, folder: Path, observatory: Observatory | None) -> FrameCard:
    paths = [folder / name for name, _, _ in row["files"]]
    main, others = _cameras(paths)
    seen = glance(main, others) if main is not None else None
    number = f", try {row['attempt']}" if row["attempt"] > 1 else ""
    words = _verdict(row) + number + ("" if seen else "; its file can't be read")
    facts = _facts(seen, observatory) if seen else ()
    return FrameCard(
        frame=row["frame"],
        verdict=row["verdict"],
        words=words,
        thumbnail=seen.thumbnail if seen else b"",
        spectrum=seen.spectrum if seen else "",
        facts=facts,
    )


def _cameras(paths: Sequence[Path]) -> tuple[Path | None, list[Path]]:
    """The camera to be shown, the red one of the first spectrograph, and all cameras of that spectrograph."""
    if not paths:
        return None, []
    main = next((path for path in paths if path.stem.endswith("r1")), paths[len(paths) // 2])
    same = [path for path in paths if path.stem[-1:] == main.stem[-1:] and path.stem[:-2] == main.stem[:-2]]
    return main, same[:_CAMERAS]


def _facts(seen: Glance, observatory: Observatory | None) -> tuple[tuple[str, str], ...]:
    header = seen.header
    facts = [(words, str(header[key])[:_LONGEST]) for key, words in _KEYS.items() if key in header]
    if observatory is not None:
        lamps = {lamp: observatory.lamps.keyword(lamp) for lamp in observatory.lamps.units}
        lit = [
            f"{lamp} ({header.get(f'W{key}'[:8], '?')} s warm)"
            for lamp, key in lamps.items()
            if header.get(key) == "ON"
        ]
        facts.append(("lamps", ", ".join(lit) or "none lit"))
    return tuple(facts)


_KEYS = {
    "IMAGETYP": "flavour",
    "EXPTIME": "seconds",
    "DATE-OBS": "began (UTC)",
    "CAMERA": "camera shown",
    "FIBSTEPS": "mask, steps",
    "QUALITY": "quality",
}
