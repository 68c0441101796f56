"""What can be wrong with a sequence document.

SafelightError
+-- SequenceError    a document that can't be run, with every problem that was found in it

`Refusal` and `Unreadable` are signals inside this room; they never leave it.
"""

import reprlib
from dataclasses import dataclass

from safelight import SafelightError

__all__ = ["Problem", "Refusal", "SequenceError", "Unreadable", "shown"]

MOST_PROBLEMS = 100  # A page that nobody reads to its end helps nobody.

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


def shown(value: object) -> str:
    """A value as a message shows it: one short line, whatever its size."""
    try:
        return _REPR.repr(value)
    except ValueError:  # Python prints no integer of more than 4,300 digits.
        return f"a very large {type(value).__name__}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document; `str` of it is one readable line.

    Attributes:
        file: the file as it was named, or `<dict>`.
        line: counted from 1; None where there are no lines.
        path: where in the document, `lamps.Quartz.exposure_time`; empty for the document as a whole.
        value: what stands there, shortened; empty where nothing does.
        message: what is wrong with it.
        allowed: what would have been right.
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
        text = ": ".join(part for part in (place, self.path, self.message, self.allowed) if part)
        return text if self.nearest is None else f"{text}; did you mean {self.nearest!r}?"


class SequenceError(SafelightError):
    """A document that can't be run; `problems` holds all that is wrong with it, `str` one a line."""

    def __init__(self, *problems: Problem) -> None:
        kept, left = problems[:MOST_PROBLEMS], problems[MOST_PROBLEMS:]
        if left:
            kept = (*kept, Problem(kept[0].file, None, "", "", f"and {len(left)} more problems"))
        self.problems = kept
        super().__init__(*kept)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class Refusal(ValueError):
    """A value that is refused, before it is known where in which file it stands.

    An empty `message` stands for "VALUE is not allowed".
    """

    def __init__(self, message: str = "", allowed: str | None = None, nearest: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed
        self.nearest = nearest


class Unreadable(ValueError):
    """A text that is no document at all; reading stopped at `line`."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
