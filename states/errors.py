"""Errors of states.

StateError              root: the action ended, but the read-back state is not the requested one
+-- BadFrame            a frame was integrated under the wrong conditions: never recorded as good
+-- Occupied            another program exposes: waited for, never aborted
+-- Spoilt              an integration was interrupted because its frame could only have been bad
"""

from safelight.errors import SafelightError

__all__ = ["NOT_OURS", "BadFrame", "Occupied", "Spoilt", "StateError"]

NOT_OURS = "the spectrographs are in use: "
"""Mark in the journal of an exposure that never began, because the spectrographs were busy with a foreign one."""


class StateError(SafelightError):
    """Read-back state that is not the requested one. The message says what to check."""


class BadFrame(StateError):
    """Frame that was integrated, but not as declared. `reason` goes into its header."""

    def __init__(self, frame: str, reason: str) -> None:
        super().__init__(f"frame {frame} is bad: {reason}")
        self.frame = frame
        self.reason = reason


class Occupied(StateError):
    """Spectrographs that are busy with something that is not ours. Nothing was begun, and nothing is aborted."""

    def __init__(self, words: str) -> None:
        super().__init__(f"{NOT_OURS}{words}")
        self.words = words


class Spoilt(StateError):
    """Integration that was interrupted, because it can't become a good frame."""
