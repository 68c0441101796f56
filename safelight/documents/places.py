"""Place of a value in a document: its path as a text, and its line."""

from collections.abc import Mapping

from safelight.documents.parsed import Path

__all__ = ["dotted", "line_of"]

LONGEST_KEY = 60


def dotted(path: Path) -> str:
    """Return a path as messages show it: `lamps.Quartz.exposure_time`."""
    return ".".join(_printable(str(part)) for part in path)


def _printable(part: str) -> str:
    """Return a key that is safe for any terminal: shortened, without control characters or lone surrogates."""
    short = part if len(part) <= LONGEST_KEY else part[:LONGEST_KEY] + "..."
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """Return the line of a path, or of the nearest part around it."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None
