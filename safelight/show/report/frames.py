"""Frames of a run for a report: some with a picture, and all of them as a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from safelight.devices import Observatory
from safelight.devices.files.cards import warm_keyword
from safelight.show.history.run_history import Row, RunHistory
from safelight.show.report.frame_preview import Glance, glance
from safelight.show.report.light_strip import light_strip
from safelight.show.report.parts import Figure, FrameCard, Frames, Part, Table, Words
from safelight.text import family

__all__ = ["MOST_PICTURES", "MOST_ROWS", "chosen", "frame_parts"]

MOST_PICTURES = 48
"""Largest number of frames with a picture, so that a report can be sent by mail."""
MOST_ROWS = 2000
"""Largest number of listed frames."""
_CAMERAS = 3
_LONGEST = 80
"""Longest value of a header, characters."""


def frame_parts(told: RunHistory, observatory: Observatory | None) -> tuple[Part, ...]:
    """Return the cards, then the table.

    Args:
        told: the run.
        observatory: gives the keywords of its lamps; None: unknown.
    """
    if not told.frames:
        return (Words("No frame came onto the disk."),)
    cards = tuple(_card(row, told.page.folder, observatory) for row in chosen(told.frames))
    without = len(told.frames) - len(cards)
    left_out = ""
    if without:
        left_out = (
            f"{without} more frames are without a picture here: bad ones and the first of each kind come first. "
            f"All files are in {told.page.folder}."
        )
    return (Frames(cards, left_out), *_light(told), *_tables(told))


def _light(told: RunHistory) -> Iterator[Part]:
    """Each frame's light against its reference, where it was judged."""
    strip = light_strip(told.frames)
    if strip:
        judged = [str(row["light"]["quality"]) for row in told.frames if row.get("light")]
        counts = ", ".join(f"{judged.count(name)} {name}" for name in ("good", "suspect", "bad") if name in judged)
        words = (
            "Light of each frame against earlier frames of its kind: one point for each image, the usual range shaded, "
            f"times the usual light. Judged: {counts or 'none'}."
        )
        yield Figure(strip, words)


def chosen(rows: Sequence[Row]) -> list[Row]:
    """Return the frames with a picture: bad ones, the first of each family, then others, in the order of the run."""
    firsts = {family(row["frame"]): number for number, row in reversed(list(enumerate(rows)))}
    ranked = sorted(
        range(len(rows)), key=lambda number: (rows[number]["verdict"] == "good", number not in firsts.values(), number)
    )
    return [rows[number] for number in sorted(ranked[:MOST_PICTURES])]


def _tables(told: RunHistory) -> list[Part]:
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
    """Return the camera to show, the red one of the first spectrograph, and all cameras of that spectrograph."""
    if not paths:
        return None, []
    main = next((path for path in paths if path.stem.endswith("r1")), paths[len(paths) // 2])
    same = [path for path in paths if path.stem[-1:] == main.stem[-1:] and path.stem[:-2] == main.stem[:-2]]
    return main, same[:_CAMERAS]


def _facts(seen: Glance, observatory: Observatory | None) -> tuple[tuple[str, str], ...]:
    header = seen.header
    facts = [(words, str(header[key])[:_LONGEST]) for key, words in _KEYS.items() if key in header]
    # As in the other tables: what is after the second is in the file.
    facts = [(words, value[:19].replace("T", " ") if words == _BEGAN else value) for words, value in facts]
    if observatory is not None:
        lamps = {lamp: observatory.lamps.keyword(lamp) for lamp in observatory.lamps.units}
        lit = [
            f"{lamp} ({header.get(warm_keyword(key), '?')} s warm)"
            for lamp, key in lamps.items()
            if header.get(key) == "ON"
        ]
        facts.append(("lamps", ", ".join(lit) or "none lit"))
    return tuple(facts)


_BEGAN = "began (UTC)"
_KEYS = {
    "IMAGETYP": "flavour",
    "EXPTIME": "seconds",
    "DATE-OBS": _BEGAN,
    "CAMERA": "camera shown",
    "FIBSTEPS": "mask, steps",
    "QUALITY": "quality",
}
