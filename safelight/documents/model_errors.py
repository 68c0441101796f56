"""Translation of pydantic's errors into messages for observers: line, path, value, expected value."""

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pydantic import ValidationError

from safelight.documents.errors import MOST_PROBLEMS, Problem, Refusal, in_quotes, shown, written
from safelight.documents.names import listed, nearest
from safelight.documents.parsed import Parsed, Path
from safelight.documents.places import dotted, line_of

__all__ = ["Guide", "problems_of"]

_KEY = "[key]"  # pydantic's mark for an error of a mapping's key
_WITH_UNIT = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*(s|sec|secs|second|seconds|min|mins|minutes|h|hours?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Guide:
    """Expectations of one kind of document.

    Attributes:
        keys: the known keys of the section at a path.
        expected: returns the expected value for pydantic's location, the path in the document and the value.
        numbered: the mappings whose entries the model numbers instead of naming them.
        words: other common words for known keys.
        elsewhere: returns where an unknown key belongs, from its path, or None.
    """

    keys: Callable[[Path], tuple[str, ...]]
    expected: Callable[[tuple[str | int, ...], Path, object], str | None]
    numbered: Container[Path] = frozenset()
    words: Callable[[str, tuple[str, ...]], str | None] = nearest
    elsewhere: Callable[[Path], str | None] = lambda path: None  # noqa: ARG005


def problems_of(error: ValidationError, parsed: Parsed, file: str, guide: Guide) -> Iterator[Problem]:
    """Yield each error of a model as a Problem, the same mistake once."""
    # No more than can be shown, because each one searches the nearest name with difflib.
    found = [_problem(item, parsed, file, guide) for item in error.errors(include_url=False)[: MOST_PROBLEMS + 1]]
    inside = {path[:end] for _, path, _ in found for end in range(len(path))}
    seen = set[Problem]()
    for problem, path, vague in found:
        # The error of the intended form of a value is clearer than "expected A, or B".
        if problem not in seen and not (vague and path in inside):
            seen.add(problem)
            yield problem


def _problem(found: Any, parsed: Parsed, file: str, guide: Guide) -> tuple[Problem, Path, bool]:
    """Return one error, its path, and whether it only says that another value was expected."""
    path, value = _place(found, parsed.raw, guide.numbered)
    message, allowed, near = _words(found, path, value, guide)
    there = "" if found["type"] == "missing" else shown(value)
    hint = _plain_name(value) if found["loc"][-1:] == (_KEY,) else _hint(value, allowed)
    said = message or f"expected {allowed or 'another value'}, got {written(value)}{hint}"
    return Problem(file, line_of(path, parsed.lines), dotted(path), there, said, allowed, near), path, not message


def _place(found: Any, raw: object, numbered: Container[Path]) -> tuple[Path, object]:
    """Return the place of the error in the document as written, and the value there.

    The model numbers the entries of some mappings (lamps, cards), wraps single values in lists and tags unions. Such
    parts of its path are not in the document.
    """
    path: Path = ()
    node = raw
    refusal = found.get("ctx", {}).get("error")
    at = refusal.at if isinstance(refusal, Refusal) else ()
    for part in (*found["loc"], *at):
        step = part
        if isinstance(node, dict):
            if path in numbered and isinstance(part, int):
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
    return path, node if isinstance(value, Refusal) or at else value


def _words(found: Any, path: Path, value: object, guide: Guide) -> tuple[str, str | None, str | None]:
    """Return the message, the allowed value, and the nearest name."""
    loc = found["loc"]
    refusal = found.get("ctx", {}).get("error")
    if isinstance(refusal, Refusal):
        allowed = refusal.allowed or (None if refusal.message else guide.expected(loc, path, value))
        return refusal.message, allowed, refusal.nearest
    if found["type"] == "extra_forbidden":
        keys = guide.keys(path[:-1])
        place = guide.elsewhere(path)
        if place is not None:
            return f"unknown key {shown(path[-1])}", f"{listed(keys)}; {place}", None
        return f"unknown key {shown(path[-1])}", listed(keys), guide.words(str(path[-1]), keys)
    if found["type"] == "string_unicode":
        return "half of a character that no file can hold", None, None
    allowed = guide.expected(loc, path, value)
    if found["type"] == "missing":
        return "missing", allowed, None
    return "", allowed, _near(value, allowed)


def _near(value: object, allowed: str | None) -> str | None:
    """Return the word that was probably meant, if only some words are allowed."""
    if isinstance(value, str) and allowed and allowed.startswith("one of "):
        return nearest(value, allowed.removeprefix("one of ").split(", "))
    return None


def _plain_name(name: object) -> str:
    """Return a name with `_` for refused characters, such as ` (write gcal_mirror)` for 'gcal mirror'."""
    plain = re.sub(r"[^A-Za-z0-9_+-]+", "_", str(name))[:40].strip("_+-")
    return f" (write {plain})" if plain and plain != name else ""


def _hint(value: object, allowed: str | None) -> str:
    """Return how to write a number that was written as a text, such as ` (write 20)` for '20s'."""
    if (allowed or "").startswith("a name of"):
        return in_quotes(value)
    if not isinstance(value, str) or "number" not in (allowed or ""):
        return ""
    if unit := _WITH_UNIT.fullmatch(value.strip().lower()):
        seconds = float(unit[1]) * _SECONDS[unit[2][0]]
        return f" (write {seconds:.15g})" if "seconds" in (allowed or "") else ""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f" (write {number:.15g})" if isfinite(number) and len(f"{number:.15g}") < 20 else ""  # noqa: PLR2004
