"""Problem of a document, and the form of values and foreign words in it."""

import reprlib
from dataclasses import dataclass

__all__ = ["MOST_PROBLEMS", "Problem", "Refusal", "Unreadable", "in_quotes", "is_unicode", "quoted", "shown", "written"]

MOST_PROBLEMS = 100  # A longer list would not be read to its end.
LONGEST_QUOTATION = 300

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


def shown(value: object) -> str:
    """Return a value for a message: one short line, for a value of any size."""
    try:
        return _REPR.repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits.
        return f"a very large {type(value).__name__}"


def quoted(library: str, reason: object) -> str:
    """Quote a library's own words, on one line and marked as such."""
    words = " ".join(str(reason).split())
    return f'{library} says: "{words if len(words) <= LONGEST_QUOTATION else words[:LONGEST_QUOTATION] + "..."}"'


def written(value: object) -> str:
    """Return a value as a person writes it in a document: `true`, not Python's `True`."""
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else shown(value)


def in_quotes(value: object) -> str:
    """Return how to write a number that is meant as a name, such as ` (write "460")`, and nothing for other values."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f' (write "{value}")' if number else ""


def is_unicode(text: str) -> bool:
    """Return whether a text can be written as UTF-8. A file name may not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Problem:
    """Problem of a document. `str` of it is one readable line.

    Attributes:
        file: the file as it was named, or `<dict>`.
        line: counted from 1; None where there are no lines.
        path: its path in the document, `lamps.Quartz.exposure_time`; empty for the document as a whole.
        value: the value there, shortened; empty if there is none.
        message: the fault.
        allowed: the expected value.
        nearest: the known name that was probably meant.
    """

    file: str
    line: int | None
    path: str
    value: str
    message: str
    allowed: str | None = None
    nearest: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        # "expected A, got V" already contains the allowed value.
        allowed = None if self.allowed and self.allowed in self.message else self.allowed
        text = ": ".join(part for part in (place, self.path, self.message, allowed) if part)
        return text if self.nearest is None else f"{text}; did you mean {self.nearest!r}?"


class Refusal(ValueError):
    """Refused value, before its place in a file is known.

    An empty `message` means "expected ALLOWED, got VALUE". `at` leads from the refused value to the part of it that is
    wrong.
    """

    def __init__(
        self,
        message: str = "",
        allowed: str | None = None,
        nearest: str | None = None,
        *,
        at: tuple[str | int, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed
        self.nearest = nearest
        self.at = at


class Unreadable(ValueError):
    """Text that is not a document at all. Reading stopped at `line`."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
