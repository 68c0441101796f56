"""What can go wrong in the engine.

EngineError                 root: a run, graph or journal that can't go on
+-- ProofError              the graph breaks a promise; carries the shortest path to the violation
+-- DrawingError            a picture can't be drawn: a package is missing
+-- RunRefused              the run can't start (another one is running, nothing to resume); nothing was touched
"""

from safelight import SafelightError

__all__ = ["DrawingError", "EngineError", "GuardError", "JournalError", "ProofError", "RunRefused"]


class EngineError(SafelightError):
    """A run, graph or journal that can't go on."""


class ProofError(EngineError):
    """The graph breaks a promise.

    Args:
        promise: the property that does not hold, in one sentence.
        path: the events and states that lead to it, from the start, the shortest there is.
    """

    def __init__(self, promise: str, path: tuple[str, ...] = ()) -> None:
        walk = "".join(f"\n  {step}" for step in path)
        super().__init__(f"the graph is refused: {promise}" + (f"; the shortest way there:{walk}" if path else ""))
        self.promise = promise
        self.path = path


class DrawingError(EngineError):
    """A picture can't be drawn."""


class GuardError(EngineError):
    """No guard watches the lamps: none may be lit."""


class JournalError(EngineError):
    """The journal can't be opened, read or written."""


class RunRefused(EngineError):
    """The run can't start; nothing was touched."""
