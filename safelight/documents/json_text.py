"""JSON text -> plain values with line numbers. Duplicate keys are found."""

import json
import re
from dataclasses import dataclass, field

from safelight.documents.errors import Unreadable, quoted
from safelight.documents.parsed import Parsed, Path, RefusedPart, plain

__all__ = ["parse_json"]

_PIECE = re.compile(r'\n|[{}\[\],:]|"(?:[^"\\]|\\.)*"|[^\s{}\[\],:"]+')


def parse_json(text: str) -> Parsed:
    """Read one JSON document. NaN and Infinity pass here, as numbers that no field allows.

    Raises:
        Unreadable: no JSON, too deep or too large.
    """
    try:
        raw, _ = plain(json.loads(text))
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"not valid JSON; {quoted('Python', error.msg)}", error.lineno) from error
    except ValueError as error:
        raise (
            error if isinstance(error, Unreadable) else Unreadable(f"not valid JSON; {quoted('Python', error)}")
        ) from error
    scan = _Scan()
    for piece in _PIECE.findall(text):
        scan.take(piece)
    return Parsed(raw, scan.lines, tuple(scan.faults))


@dataclass(slots=True)
class _Level:
    """Open object or list."""

    path: Path
    is_list: bool
    at: str | int | None
    seen: dict[str, int] = field(default_factory=dict)


class _Scan:
    """Scan for the places of keys and items in a text that is valid JSON."""

    def __init__(self) -> None:
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.faults: list[RefusedPart] = []
        self.levels: list[_Level] = []

    def take(self, piece: str) -> None:
        """Take one piece."""
        level = self.levels[-1] if self.levels else None
        if piece == "\n":
            self.line += 1
        elif piece in "{[":
            path = self.here(level)
            self.levels.append(_Level(path, piece == "[", 0 if piece == "[" else None))
        elif piece in "}]":
            self.levels.pop()
        elif piece == "," and level:
            level.at = level.at + 1 if isinstance(level.at, int) else None
        elif piece != ":":
            self.word(level, piece)

    def here(self, level: _Level | None) -> Path:
        """Return the path of the value that begins here, and note its line."""
        path: Path = () if level is None or level.at is None else (*level.path, level.at)
        self.lines.setdefault(path, self.line)
        return path

    def word(self, level: _Level | None, piece: str) -> None:
        """Take a key or a scalar."""
        if level is None or level.is_list or level.at is not None:
            self.here(level)
            return
        level.at = key = str(json.loads(piece))
        path = (*level.path, key)
        if key in level.seen:
            message = f"key given twice (first in line {level.seen[key]})"
            self.faults.append(RefusedPart(path, self.line, key, message, "each key once"))
        level.seen.setdefault(key, self.line)
        self.lines.setdefault(path, self.line)
