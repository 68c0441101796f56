"""FITS cards that a document may add, and the keywords that are reserved."""

import math
import re

from safelight.sequences.errors import Refusal, shown
from safelight.sequences.names import Vocabulary

__all__ = ["KEYWORD", "Card", "header_keyword", "header_value", "is_reserved"]

Card = tuple[str, str | int | float | bool]
"""Keyword and value."""
KEYWORD = r"^[A-Z0-9_-]{1,8}$"
LONGEST_TEXT = 68  # FITS 4.0, section 4.2.1: what is left of a card of 80 characters.

_STRUCTURE = """
    SIMPLE XTENSION BITPIX NAXIS EXTEND PCOUNT GCOUNT GROUPS TFIELDS THEAP END COMMENT HISTORY CONTINUE
    HIERARCH BSCALE BZERO BLANK INHERIT EXTNAME EXTVER EXTLEVEL CHECKSUM DATASUM LONGSTRN
"""
_WRITTEN = """
    RUN RUNID FRAME FRAMEID SEGMENT ATTEMPT SEQ SEQNAME SEQHASH SEQUENCE QUALITY BADWHY IMAGETYP EXPTIME
    LIGHTQC QCWHY QCREFS QCAMOUNT QCSHAPE QCSAT QCLEVEL QCNOISE QCPEAK EXPASK WSTEADY
    OBJECT FLAVOUR FILENAME EXPNO CAMERA CCD SPEC DATE DATE-OBS DATE-BEG DATE-END MJD MJD-OBS SHUTTER HARTMANN
    DARKTIME SHUTTIME CALIBFIB FIBSTEPS SWEEPN DWELLASK POSITION TESTMODE SIMULATE INTEND LAMPS
"""
_DEFAULTS = frozenset({"OBJECT", "COMMENT"})
"""Cards that the program writes unless the document sets them."""
_RESERVED = frozenset((_STRUCTURE + " " + _WRITTEN).split())
# Axes and table columns; fibres and seconds of a sweep; altitude and azimuth of each telescope.
_RESERVED_LIKE = re.compile(r"(NAXIS|TFORM|TTYPE|TUNIT|TDIM|TSCAL|TZERO|FIB|DWE)\d+|ZN?[A-Z]*CMP\w*|[A-Z]{1,5}(ALT|AZ)")


def is_reserved(keyword: str) -> bool:
    """Return whether the file's structure or the program itself uses this keyword."""
    return keyword in _RESERVED or _RESERVED_LIKE.fullmatch(keyword) is not None


def header_keyword(keyword: str, vocabulary: Vocabulary | None) -> str:
    """Return the keyword, if a document may write it.

    Raises:
        Refusal: it is not a FITS keyword, or the program writes it.
    """
    if not re.fullmatch(KEYWORD, keyword):
        upper = keyword.upper()
        raise Refusal(
            f"{shown(keyword)} is not a FITS keyword",
            "1 to 8 of A-Z, 0-9, _ and -",
            upper if re.fullmatch(KEYWORD, upper) else None,
        )
    said = vocabulary.site.cards.get(keyword) if vocabulary else None
    if said is not None or (is_reserved(keyword) and keyword not in _DEFAULTS):
        says = f": it says {said}" if said else ""
        raise Refusal(f"the keyword {keyword} is written by the program{says}", "a keyword of your own")
    return keyword


def header_value(value: object) -> str | int | float | bool:
    """Return the value, if a FITS card can hold it.

    Raises:
        Refusal: it can't.
    """
    allowed = f"a finite number, true, false or at most {LONGEST_TEXT} printable ASCII characters"
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and value.isascii() and (value.isprintable() or not value):
        if len(value) + value.count("'") <= LONGEST_TEXT:  # FITS writes a quote as two.
            return value
        raise Refusal("the text is too long for a FITS card", allowed)
    raise Refusal(allowed=allowed)
