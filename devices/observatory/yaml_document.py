"""Reading of an observatory's documents (its description, faults, a configuration of gort), and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safelight.devices.errors import ObservatoryError
from safelight.documents.errors import Problem, Unreadable, shown
from safelight.documents.names import listed
from safelight.documents.names import nearest as meant
from safelight.documents.places import dotted, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic import BaseModel, ValidationError

    from safelight.documents.parsed import Parsed
    from safelight.documents.parsed import Path as Place

__all__ = ["nearest", "read_foreign", "read_parsed", "refusal", "unknown", "wrong"]


def nearest(name: object, known: Iterable[str]) -> str:
    """Return what was expected in place of a name: one of the known ones, and the nearest of them."""
    words = sorted(known)
    close = meant(str(name), words)
    hint = f"; did you mean {close!r}?" if close else ""
    return f"expected {listed(words)}{hint}" if words else "there is none here"


def read_foreign(path: Path) -> Any:
    """Return the plain values of another program's configuration, in which keys may be numbers.

    Raises:
        ObservatoryError: as `read_parsed`.
    """
    return read_parsed(path, any_key=True).raw


def read_parsed(path: Path, *, may_be_empty: bool = False, any_key: bool = False) -> Parsed:
    """Return the plain values of a YAML or JSON file, and the line of each.

    Args:
        path: the file.
        may_be_empty: a file without content says nothing, and that is right.
        any_key: take a number or a date as a key's text, instead of refusing it.

    Raises:
        ObservatoryError: no regular file, not UTF-8, too large, neither YAML nor JSON, or a key given twice.
    """
    # Imported here, so that only a process that reads a document pays for it.
    from safelight.documents.parsed import Parsed  # noqa: PLC0415
    from safelight.documents.source import parse, read_text  # noqa: PLC0415

    try:
        text = read_text(path)
        if may_be_empty and not text.strip():
            return Parsed(None)
        parsed = parse(text, only_json=path.suffix.lower() == ".json", loose=True, any_key=any_key)
    except Unreadable as error:
        raise ObservatoryError(problems=[Problem(str(path), error.line, "", "", error.message)]) from error
    problems = [
        Problem(
            str(path),
            fault.line or line_of(fault.path, parsed.lines),
            dotted(fault.path),
            shown(fault.value),
            fault.message,
            fault.allowed,
        )
        for fault in parsed.faults
    ]
    if problems:
        raise ObservatoryError(problems=problems)
    return parsed


def refusal(error: ValidationError, model: type[BaseModel], parsed: Parsed, file: str) -> ObservatoryError:
    """Return every error that the model found in a document: line, path, value, expected value."""
    from safelight.documents.expectations import guide_of  # noqa: PLC0415
    from safelight.documents.model_errors import problems_of  # noqa: PLC0415

    found = problems_of(error, parsed, file, guide_of(model))
    return ObservatoryError(problems=sorted(found, key=lambda problem: problem.line or 0))


def wrong(path: Place, message: str, allowed: str | None = None, value: object = "") -> ObservatoryError:
    """Return the error for one part of an observatory document. File and line are added where they are known."""
    return ObservatoryError(problems=[Problem("", None, dotted(path), shown(value), message, allowed)])


def unknown(path: Place, what: str, name: object, known: Iterable[str]) -> ObservatoryError:
    """Return the error for an unknown name, with the nearest known one."""
    names = sorted(known)
    problem = Problem(
        "", None, dotted(path), shown(name), f"unknown {what} {shown(name)}", listed(names), meant(str(name), names)
    )
    return ObservatoryError(problems=[problem])
