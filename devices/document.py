"""Reading a YAML document (observatory, faults) into plain values, and saying where it is wrong."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from safelight.devices.errors import ObservatoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pydantic import ValidationError

__all__ = ["complaint", "nearest", "read_document"]

_LARGEST_BYTES = 1_000_000  # the shipped document has 8 kB; a thousand times that is not a configuration


def nearest(name: object, known: Iterable[str]) -> str:
    """A sentence that names the known word nearest to a wrong one, and all that are known."""
    words = sorted(known)
    folded = {word.casefold(): word for word in words}
    close = get_close_matches(str(name).casefold(), folded, n=1, cutoff=0.5)
    hint = f"did you mean {folded[close[0]]!r}? " if close else ""
    return f"{hint}Known: {', '.join(words) or 'none'}"


def read_document(path: Path) -> Any:
    """The plain values of a YAML or JSON file.

    Raises:
        ObservatoryError: no such file, not UTF-8, too large, not YAML, or a key twice in one mapping.
    """
    import yaml  # noqa: PLC0415  # only a process that reads a document pays for it

    text = _text(path)
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        doubled = next(_doubled(root), None)
        if doubled is None:
            return yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ObservatoryError(f"{path}: not a YAML document: {' '.join(str(error).split())}") from error
    raise ObservatoryError(f"{path}:{doubled[1]}: the key {doubled[0]!r} stands twice in one mapping")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ObservatoryError(f"{path}: larger than {_LARGEST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ObservatoryError(f"{path}: not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise ObservatoryError(f"{path}: can't be read: {error.strerror}") from error


def _doubled(node: Any) -> Iterator[tuple[str, int]]:
    """The keys that stand twice in one mapping, with their lines; every node once, whatever aliases do."""
    todo, seen = [node], set[int]()
    while todo:
        part = todo.pop()
        if id(part) in seen or not isinstance(getattr(part, "value", None), list):
            continue
        seen.add(id(part))
        keys = set[str]()
        for item in part.value:
            pair = item if isinstance(item, tuple) else (item,)
            todo.extend(pair)
            if len(pair) == 2:  # noqa: PLR2004  # a key and its value
                key = str(pair[0].value)
                if key in keys:
                    yield key, pair[0].start_mark.line + 1
                keys.add(key)


def complaint(path: Path, error: ValidationError, known: Sequence[str] = ()) -> ObservatoryError:
    """Every fault that pydantic found in a document, one line each: file, line, path, value, allowed."""
    lines = [_sentence(path, dict(item), known) for item in error.errors(include_url=False)]
    return ObservatoryError("\n".join(lines))


def _sentence(path: Path, item: dict[str, Any], known: Sequence[str]) -> str:
    where, kind = ".".join(str(part) for part in item["loc"]), item["type"]
    if kind == "extra_forbidden":
        allowed = f"unknown key; {nearest(item['loc'][-1], known)}" if known else "unknown key"
    else:
        allowed = _WORDS.get(kind) or str(item["msg"]).removeprefix("Value error, ")
    # What is said of the whole document begins with the part that is meant.
    line = _line(path, item["loc"] or (allowed.partition(" ")[0].rstrip(":").partition(".")[0],))
    got = "" if kind == "missing" or not where else f" (got {_shown(item.get('input'))})"
    return f"{path}:{line}: {where and where + ': '}{allowed}{got}"


_WORDS = {
    "missing": "is required",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "string_type": "should be a text",
    "too_short": "should not be empty",
}
"""What pydantic says in Python's words."""


def _shown(value: object) -> str:
    """A value of a document as one writes it there; a large one by its kind."""
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list" if value else "an empty list"
    words = repr(value)
    return words if len(words) < 60 else words[:57] + "..."  # noqa: PLR2004  # one line on a terminal


def _line(path: Path, location: tuple[object, ...]) -> int:
    """The line of a path in the document; of its nearest parent where the path itself is missing."""
    import yaml  # noqa: PLC0415

    node: Any = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    line = 1
    for part in location:
        step = _step(node, part)
        if step is None:
            continue  # pydantic adds parts of its own, for unions
        node, line = step
    return line


def _step(node: Any, part: object) -> tuple[Any, int] | None:
    value = getattr(node, "value", None)
    if not isinstance(value, list):
        return None
    if isinstance(part, int):
        hit = value[part] if part < len(value) and not isinstance(value[part], tuple) else None
        return None if hit is None else (hit, hit.start_mark.line + 1)
    pairs = (pair for pair in value if isinstance(pair, tuple) and str(pair[0].value) == str(part))
    return next(((inner, key.start_mark.line + 1) for key, inner in pairs), None)
