"""What can go wrong in a state.

StateError              root: the action ended, but what was read back is not what was asked
+-- BadFrame            a frame was integrated under the wrong conditions: never recorded as good
"""

from safelight import SafelightError

__all__ = ["BadFrame", "StateError"]


class StateError(SafelightError):
    """What was read back is not what was asked; says what to look at."""


class BadFrame(StateError):
    """A frame was integrated, but not as declared; `reason` goes into its header."""

    def __init__(self, frame: str, reason: str) -> None:
        super().__init__(f"frame {frame} is bad: {reason}")
        self.frame = frame
        self.reason = reason
