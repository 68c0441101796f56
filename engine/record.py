"""What the runner writes down, and when: the intent before the device is asked, the outcome after."""

from typing import Protocol

from safelight.states import State, TakenFrame

__all__ = ["NoRecord", "Record"]


class Record(Protocol):
    """A durable record of one segment of a run. Each call returns when it is safe on disk."""

    def intend(self, state: State, attempt: int) -> None:
        """The state's action is about to begin."""

    def achieve(self, state: State, attempt: int) -> None:
        """The state's action has been done and read back."""

    def fail(self, state: State, attempt: int, error: BaseException) -> None:
        """The state's action has failed, or nobody knows."""

    def keep(self, taken: TakenFrame) -> None:
        """A frame is on the disk, good or bad."""


class NoRecord:
    """Writes nothing down (dry runs, tests)."""

    def intend(self, state: State, attempt: int) -> None:
        """Nothing."""

    def achieve(self, state: State, attempt: int) -> None:
        """Nothing."""

    def fail(self, state: State, attempt: int, error: BaseException) -> None:
        """Nothing."""

    def keep(self, taken: TakenFrame) -> None:
        """Nothing."""
