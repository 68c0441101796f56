"""Writing FITS files: one that has its name is whole, and no header value can break it (astropy).

All files of an exposure are written under temporary names, synced, renamed, and the folder synced once.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from safelight.devices.simulated.pixels import image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from safelight.devices.simulated.bench import Bench
    from safelight.devices.simulated.detector import Charge

__all__ = ["Exposed", "write_frames"]

Card = tuple[str, object, str]

_BLOCK = 2880  # FITS standard 4.0, 3.1
_PAIR = 2  # a value and its comment
_CARD = 80  # characters, 3.3.1
_KEYWORD = 8  # characters of a standard keyword, 4.1.2.1
_LONGEST = 2000  # characters of one value: more is no header any more
_WHOLE = 2**63  # what readers take for an integer
_STRUCTURAL = re.compile(
    r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|BZERO|BSCALE|BLANK|END|COMMENT|HISTORY|CONTINUE|HIERARCH|XTENSION|GROUPS"
    r"|[PG]COUNT|CHECKSUM|DATASUM|INHERIT|LONGSTRN|"
)


@dataclass(frozen=True, slots=True)
class Exposed:
    """One camera's part of an exposure.

    Attributes:
        charge: the exposure.
        spectrograph: its name.
        camera: as in file names: `b1`.
        place: the camera's place among all cameras, part of the noise's seed.
    """

    charge: Charge
    spectrograph: str
    camera: str
    place: int

    def path(self, folder: Path) -> Path:
        """The file's name: exposure number, the order's name, camera."""
        return folder / f"{self.charge.exposure_no:08d}-{self.charge.name}-{self.camera}.fits"


def write_frames(bench: Bench, frames: Sequence[Exposed], header: Mapping[str, object], folder: Path) -> None:
    """Write one file for each camera.

    Raises:
        OSError: the disk is full, or the folder can't be written; no file has its name then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cards = safe_cards(header)
    light = {id(charge): bench.light(charge) for charge in {id(f.charge): f.charge for f in frames}.values()}
    parts = {frame.path(folder): folder / f".{frame.path(folder).name}.part" for frame in frames}
    try:
        for frame in frames:
            part = parts[frame.path(folder)]
            seed = (frame.charge.exposure_no, frame.place)
            pixels = image(bench.layout, light[id(frame.charge)], frame.place % bench.layout.cameras, seed)
            part.write_bytes(_fits(pixels, [*_facts(frame), *cards]))
        for part in parts.values():
            _sync(part)
        for path, part in parts.items():
            part.replace(path)
        _sync(folder)
    except OSError:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _facts(frame: Exposed) -> list[Card]:
    """What the detector itself knows; the caller's header doesn't override it."""
    charge = frame.charge
    lit_s = charge.exposure_s if charge.order.opens_shutter else 0.0
    began = datetime.fromtimestamp(charge.begins_utc, UTC).replace(tzinfo=None)
    return [
        ("EXPNO", charge.exposure_no, "exposure number"),
        ("SPEC", frame.spectrograph, "spectrograph"),
        ("CAMERA", frame.camera, "camera"),
        ("DATE-OBS", began.isoformat(timespec="milliseconds"), "start of integration, UTC"),
        ("EXPTIME", charge.exposure_s, "[s] integration time asked for"),
        ("DARKTIME", charge.ends_utc - charge.begins_utc, "[s] integration time"),
        ("SHUTTIME", lit_s, "[s] shutter open"),
        ("SHUTTER", "OPEN" if charge.order.opens_shutter else "CLOSED", "shutter during integration"),
    ]


def _fits(pixels: NDArray[np.uint16], cards: Sequence[Card]) -> bytes:
    """A FITS file as bytes: astropy makes the header, the pixels are big-endian with an offset (5.2)."""
    header = fits.Header()
    rows, columns = pixels.shape
    start = [
        ("SIMPLE", True, "conforms to FITS"),
        ("BITPIX", 16, "bits of a pixel"),
        ("NAXIS", 2, "rows and columns"),
        ("NAXIS1", columns, "columns"),
        ("NAXIS2", rows, "rows"),
        ("EXTEND", True, ""),
        ("BSCALE", 1, ""),
        ("BZERO", 32768, "unsigned integers"),
    ]
    facts = {card[0] for card in start}
    for keyword, value, comment in [*start, *cards]:
        if keyword in facts and len(header) >= len(start):
            continue
        facts.add(keyword)
        header.append(fits.Card(keyword, value, comment), end=True)
    body = (pixels.astype(np.int32) - 32768).astype(">i2").tobytes()
    text: str = header.tostring()
    return text.encode("ascii") + body + bytes(-len(body) % _BLOCK)


def safe_cards(header: Mapping[str, object]) -> list[Card]:
    """The caller's header as cards that FITS can hold, whatever is in it, without structural keywords."""
    cards: list[Card] = []
    for key, given in header.items():
        keyword = re.sub(r"[^A-Z0-9_-]", "_", str(key).strip().upper())[:60]
        if _STRUCTURAL.fullmatch(keyword):
            continue
        value, comment = given if isinstance(given, tuple) and len(given) == _PAIR else (given, "")
        name = keyword if len(keyword) <= _KEYWORD else f"HIERARCH {keyword}"
        cards.append(_fitting(name, _safe_value(value), _ascii(str(comment))))
    return cards


def _fitting(keyword: str, value: object, comment: str) -> Card:
    """A card with its comment cut to what one card holds, and long text only where CONTINUE can carry it."""
    used = max(len(keyword), _KEYWORD) + len("= ") + len(" / ")
    if isinstance(value, str):
        quoted = len(value) + value.count("'") + 2
        long = used - len(" / ") + quoted > _CARD
        if long and keyword.startswith("HIERARCH"):
            room = _CARD - used
            while len(value) + value.count("'") + 2 > room:
                value = value[:-1]
            return keyword, value, ""
        if long:
            return keyword, value, ""
        return keyword, value, comment[: max(0, _CARD - used - max(quoted, 20))]
    return keyword, value, comment[: max(0, _CARD - used - max(len(str(value)) + 2, 20))]


def _safe_value(value: object) -> object:
    if value is None or isinstance(value, bool | np.bool_):
        return value
    if isinstance(value, int | np.integer) and abs(int(value)) < _WHOLE:
        return int(value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        return float(value)
    return _ascii(str(value))


def _ascii(text: str) -> str:
    """Printable ASCII: accents dropped, everything else that isn't printable replaced."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST])
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"[\x00-\x1f\x7f]+", " ", plain)
    return "".join(c if " " <= c <= "~" else "?" for c in plain).strip()
