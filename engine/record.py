"""What the runner writes down, and when: the intent before the device is asked, the outcome after."""

from collections.abc import Mapping
from typing import Any, Protocol

from safelight.states import State, TakenFrame

__all__ = ["NoRecord", "Record"]


class Record(Protocol):
    """A record of one segment of a run.

    Entries are gathered, and `commit` makes them durable together; the runner commits before it lets any action
    begin. Every call may raise JournalError.
    """

    def intend(self, state: State, attempt: int, note: Mapping[str, Any] | None = None) -> None:
        """The state's action is about to begin; `note` holds what a resume would need to know."""

    def achieve(self, state: State) -> None:
        """The state's action has been done and read back."""

    def fail(self, state: State, error: BaseException | None) -> None:
        """The state's action has failed, or nobody knows; None: it was stopped."""

    def keep(self, taken: TakenFrame) -> None:
        """A frame is on the disk, good or bad."""

    def lamp(self, lamp: str, action: str, seen: str | None = None, why: str | None = None) -> None:
        """A lamp is about to be commanded, or was read back."""

    def commit(self) -> None:
        """Return when everything above is safe on disk."""


class NoRecord:
    """Writes nothing down (dry runs, tests)."""

    def intend(self, state: State, attempt: int, note: Mapping[str, Any] | None = None) -> None:
        """Nothing."""

    def achieve(self, state: State) -> None:
        """Nothing."""

    def fail(self, state: State, error: BaseException | None) -> None:
        """Nothing."""

    def keep(self, taken: TakenFrame) -> None:
        """Nothing."""

    def lamp(self, lamp: str, action: str, seen: str | None = None, why: str | None = None) -> None:
        """Nothing."""

    def commit(self) -> None:
        """Nothing."""
