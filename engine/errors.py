"""Errors of the engine.

EngineError                 root: a run, graph or journal that can't continue
+-- ProofError              the graph breaks a promise; has the shortest path to the violation
+-- DrawingError            a picture can't be drawn: a package is missing
+-- GuardError              no guard watches the lamps
+-- JournalError            the journal can't be opened, read or written
|   +-- JournalBusy         another process holds it
|   +-- JournalFenced       the observatory was taken over, or may be; nothing was written
|   +-- JournalMoved        its file was deleted, moved or replaced while it was open
+-- LampOnTooLong           a lamp would be on for longer than the observatory allows; has the line of the document
+-- RunRefused              the run can't start (another one is running, nothing to resume); nothing was touched
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.errors import SafelightError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safelight.documents.errors import Problem
    from safelight.engine.leases import Broken

__all__ = [
    "DrawingError",
    "EngineError",
    "GuardError",
    "JournalBusy",
    "JournalError",
    "JournalFenced",
    "JournalMoved",
    "LampOnTooLong",
    "ProofError",
    "RunRefused",
    "in_words",
]


class EngineError(SafelightError):
    """Run, graph or journal that can't continue."""


class ProofError(EngineError):
    """Graph that breaks a promise.

    Args:
        promise: the property that does not hold, in one sentence.
        path: the events and states that lead to it, from the start, the shortest there is.
    """

    def __init__(self, promise: str, path: tuple[str, ...] = ()) -> None:
        walk = "".join(f"\n  {step}" for step in path)
        super().__init__(f"the graph is refused: {promise}" + (f"; the shortest way there:{walk}" if path else ""))
        self.promise = promise
        self.path = path


class LampOnTooLong(EngineError):
    """Lamp that would be on for longer than the observatory allows.

    Args:
        broken: each stretch that is too long.
        words: one sentence for each of them.
        problems: the same as problems of the document, if it is known.
    """

    def __init__(self, broken: Sequence[Broken], words: Sequence[str], problems: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join(str(problem) for problem in problems) or "\n".join(words))
        self.broken = tuple(broken)
        self.problems = tuple(problems)


class DrawingError(EngineError):
    """Picture that can't be drawn."""


class GuardError(EngineError):
    """Missing guard: no process watches the lamps, so none may be lit."""


class JournalError(EngineError):
    """Journal that can't be opened, read or written."""


class JournalBusy(JournalError):
    """Journal that another process holds. A later try may succeed."""


class JournalFenced(JournalError):
    """Refusal of a run whose observatory was taken over, or whose tenure is over. Nothing was written."""


class JournalMoved(JournalError):
    """Journal whose file was deleted, moved or replaced while it was open."""


class RunRefused(EngineError):
    """Run that can't start. Nothing was touched."""


def in_words(error: BaseException) -> str:
    """Return an error as one line. The type is named if the message was not written for people."""
    text = " ".join(str(error).split())
    return text if isinstance(error, SafelightError | TimeoutError) and text else f"{type(error).__name__}: {text}"
