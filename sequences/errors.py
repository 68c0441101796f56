"""Errors of sequence documents.

SafelightError
+-- SequenceError    a document that can't be run, with every problem that was found in it

`Refusal` and `Unreadable` are signals between the reader of a document and its model. They never leave the package.
"""

from safelight.documents.errors import MOST_PROBLEMS, Problem, Refusal, Unreadable, quoted, shown
from safelight.errors import SafelightError

__all__ = ["Problem", "Refusal", "SequenceError", "Unreadable", "quoted", "shown"]


class SequenceError(SafelightError):
    """Document that can't be run.

    `problems` holds everything that is wrong with it, and `str` prints one problem a line.
    """

    def __init__(self, *problems: Problem) -> None:
        kept, left = problems[:MOST_PROBLEMS], problems[MOST_PROBLEMS:]
        if left:
            kept = (*kept, Problem(kept[0].file, None, "", "", f"and {len(left)} more problems"))
        self.problems = kept
        super().__init__(*kept)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
