"""What pydantic found, in words that an observer understands: file, line, path, value, what is allowed."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from safelight.sequences.errors import MOST_PROBLEMS, Problem, Refusal, shown
from safelight.sequences.fields import LONGEST_S, MOST_FRAMES
from safelight.sequences.model import Biases, Block, Choice, Darks, Fibsel, LampSettings, SequenceSpec
from safelight.sequences.names import LONGEST_PATTERN, listed, nearest
from safelight.sequences.parsed import Parsed, Path

__all__ = ["dotted", "line_of", "problems_of"]

LONGEST_KEY = 60

_SECONDS = f"a number of seconds above 0, at most {LONGEST_S}"
_ALLOWED = {
    "": "a mapping with biases, darks or lamps",
    "name": "a text of 1 to 68 printable ASCII characters",
    "description": "a text of at most 2000 characters",
    "position": "the name of a position",
    "park_after": "true or false",
    "overlap": "true or false",
    "header": "a mapping of FITS keyword to value",
    "biases": "a mapping with `count`",
    "darks": "a mapping with `exposure_time` and `count`",
    "block": "a mapping with at least `exposure_time`",
    "lamps": "the names of one or more lamps, in a list",
    "warmup": f"a number of seconds, 0 to {LONGEST_S}",
    "exposure_time": f"{_SECONDS}, or a list of such numbers",
    "count": f"a whole number from 1 to {MOST_FRAMES}",
    "flavour": "arc, flat or object",
    "fibsel": "true, false or a mapping",
    "positions": f"a regular expression of at most {LONGEST_PATTERN} characters, or a list of fibres",
    "initial_position": "the name of a fibre",
    "time_per_position": _SECONDS,
    "mode": "sweep or each",
    "fit": "shorten or strict",
    "fibre": "the name of a fibre, or {choose: PATTERN}",
    "choose": f"a regular expression of at most {LONGEST_PATTERN} characters",
}
_PARTS: dict[object, type[BaseModel]] = {
    "biases": Biases,
    "darks": Darks,
    "fibsel": Fibsel,
    "fibre": Choice,
}


def dotted(path: Path) -> str:
    """`lamps.Quartz.exposure_time`."""
    return ".".join(_printable(str(part)) for part in path)


def _printable(part: str) -> str:
    """A key as it can go to any terminal: shortened, without control characters or halves of surrogates."""
    short = part if len(part) <= LONGEST_KEY else part[:LONGEST_KEY] + "..."
    return short if short.isprintable() else short.encode("unicode_escape").decode("ascii")


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of a path, or of the nearest thing around it."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def problems_of(error: ValidationError, parsed: Parsed, file: str) -> Iterator[Problem]:
    """Each error of the model as a Problem."""
    # No more than can be shown: each asks difflib for the nearest name.
    for found in error.errors(include_url=False)[: MOST_PROBLEMS + 1]:
        path, value = _place(found, parsed.raw)
        message, allowed, near = _words(found, path, parsed.raw)
        there = "" if found["type"] == "missing" else shown(value)
        yield Problem(
            file,
            line_of(path, parsed.lines),
            dotted(path),
            there,
            message or f"{there} is not allowed",
            allowed,
            near,
        )


def _place(found: Any, raw: object) -> tuple[Path, object]:
    """Where the error is in the document as written, and what stands there.

    The model numbers what a mapping names (lamps, cards), wraps single values in lists and tags unions; such
    parts of its path have no counterpart in the document.
    """
    path: Path = ()
    node = raw
    for part in found["loc"]:
        step = part
        if isinstance(node, dict):
            if path in {("lamps",), ("header",)} and isinstance(part, int):
                step = list(node)[part]
            if step not in node:
                continue
            node = node[step]
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        else:
            continue
        path = (*path, step)
    if found["type"] == "missing":
        return (*path, found["loc"][-1]), None
    value = found["input"]
    return path, node if isinstance(value, Refusal) else value


def _words(found: Any, path: Path, raw: object) -> tuple[str, str | None, str | None]:
    """Message, what is allowed, and the nearest name."""
    loc = found["loc"]
    refusal = found.get("ctx", {}).get("error")
    if isinstance(refusal, Refusal):
        return (
            refusal.message,
            refusal.allowed or (None if refusal.message else _allowed(loc)),
            refusal.nearest,
        )
    if found["type"] == "extra_forbidden":
        keys = _keys(path, raw)
        return f"unknown key {shown(path[-1])}", listed(keys), nearest(str(path[-1]), keys)
    if found["type"] == "string_unicode":
        return "half of a character that no file can hold", None, None
    if found["type"] == "missing":
        return "missing", _allowed(loc), None
    return "", _allowed(loc), None


def _allowed(loc: Path) -> str | None:
    names = [part for part in loc if isinstance(part, str) and part in _ALLOWED]
    if names == ["lamps"]:
        return _ALLOWED["block"]
    return _ALLOWED[names[-1] if names else ""]


def _keys(path: Path, raw: object) -> tuple[str, ...]:
    """The keys that are known where an unknown one stands."""
    if len(path) == 1:
        return tuple(SequenceSpec.model_fields)
    named = isinstance(raw, dict) and isinstance(raw.get("lamps"), dict)
    model = _PARTS.get(path[-2]) or (LampSettings if named else Block)
    return tuple(model.model_fields)
