"""Inclusion of steps of other documents."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safelight.documents.parsed import Parsed
from safelight.documents.parsed import Path as Place
from safelight.documents.places import dotted, line_of
from safelight.documents.source import parse, read_text
from safelight.sequences.errors import Problem, SequenceError, Unreadable, shown
from safelight.sequences.names import listed, nearest

__all__ = ["has_includes", "with_includes"]

_TAKEN = ("name", "description", "steps")
"""Keys of an included document. Other keys would apply to its own steps only."""
_DEEPEST = 16


def has_includes(parsed: Parsed) -> bool:
    """Return whether a document includes another one."""
    return any(_file_of(step) is not None for step in _steps(parsed))


def with_includes(parsed: Parsed, origin: str, trail: tuple[Path, ...] = ()) -> Parsed:
    """Return a document with the steps of all documents that it includes, at any depth.

    Args:
        parsed: as read.
        origin: its file, as it was named. Included files are relative to it.
        trail: the files on the way to this one.

    Raises:
        SequenceError: a file can't be read, includes itself, or has other keys than steps.
    """
    if not has_includes(parsed):
        return parsed
    folder = Path() if origin.startswith("<") else Path(origin).parent
    trail = trail or (() if origin.startswith("<") else (Path(origin).resolve(),))
    steps: list[Any] = []
    lines = {place: line for place, line in parsed.lines.items() if place[:1] != ("steps",) or len(place) == 1}
    for number, step in enumerate(_steps(parsed)):
        named = _file_of(step)
        inner = [step] if named is None else _included(parsed, origin, number, folder / named, trail)
        for place, line in parsed.lines.items():
            if place[:2] == ("steps", number):
                lines |= {("steps", len(steps) + n, *place[2:]): line for n in range(len(inner))}
        steps += inner
    raw = dict(parsed.raw) if isinstance(parsed.raw, Mapping) else {}
    return Parsed(raw | {"steps": steps}, lines, parsed.faults)


def _included(parsed: Parsed, origin: str, number: int, path: Path, trail: tuple[Path, ...]) -> list[Any]:
    """Return the steps of another document."""
    at: Place = ("steps", number, "include")

    def refused(message: str, allowed: str | None = None) -> SequenceError:
        return SequenceError(Problem(origin, line_of(at, parsed.lines), dotted(at), shown(str(path)), message, allowed))

    found = path.resolve()
    if found in trail:
        way = " includes ".join(each.name for each in (*trail[trail.index(found) :], found))
        raise refused(f"a document can't include itself: {way}", "another file")
    if len(trail) >= _DEEPEST:
        raise refused(f"includes are nested too deeply: more than {_DEEPEST} documents", "fewer")
    try:
        inner = parse(read_text(path), only_json=path.suffix.lower() == ".json")
    except Unreadable as error:
        raise refused(f"{path} can't be included: {error.message}", "the file of a document with `steps`") from error
    problems = list(_odd(inner, str(path)))
    if problems:
        raise SequenceError(*problems)
    return _steps(with_includes(inner, str(path), (*trail, found)))


def _odd(inner: Parsed, file: str) -> Iterator[Problem]:
    """Yield the problems of an included document."""
    for fault in inner.faults:
        yield Problem(file, fault.line, dotted(fault.path), shown(fault.value), fault.message, fault.allowed)
    raw = inner.raw if isinstance(inner.raw, Mapping) else {}
    if not isinstance(raw.get("steps"), list):
        yield Problem(file, 1, "steps", "", "there is nothing to include: `steps` is missing", "a list of steps")
    for key in raw:
        if key not in _TAKEN:
            said = f"`{key}` of an included document has no effect"
            line = line_of((key,), inner.lines)
            yield Problem(file, line, str(key), "", said, f"only {listed(_TAKEN)}", nearest(str(key), _TAKEN))


def _steps(parsed: Parsed) -> list[Any]:
    steps = parsed.raw.get("steps") if isinstance(parsed.raw, Mapping) else None
    return steps if isinstance(steps, list) else []


def _file_of(step: object) -> str | None:
    """Return the file that a step includes, or None for any other step."""
    named = step.get("include") if isinstance(step, Mapping) and len(step) == 1 else None
    return named if isinstance(named, str) and named else None
