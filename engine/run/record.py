"""Record of a run: each intent before the device is commanded, and each outcome after."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from safelight.states import State, TakenFrame

__all__ = ["NoRecord", "Record"]


class Record(Protocol):
    """Record of one segment of a run.

    Entries are gathered, and `commit` makes them durable together. The runner commits before it starts any action.
    Every call may raise JournalError.
    """

    def intend(self, state: State, attempt: int, note: Mapping[str, Any] | None = None) -> None:
        """Record that the state's action is about to begin. `note` has the facts that a resume needs."""

    def achieve(self, state: State) -> None:
        """Record that the state's action has been done and read back."""

    def fail(self, state: State, error: BaseException | None) -> None:
        """Record that the state's action has failed, or may have. With None, it was stopped."""

    def keep(self, taken: TakenFrame) -> None:
        """Record that a frame is on disk, good or bad."""

    def lamp(self, lamp: str, action: str, seen: str | None = None, why: str | None = None) -> None:
        """Record that a lamp is about to be commanded, or was read back."""

    def commit(self) -> "asyncio.Future[None] | None":
        """Make everything above durable. Return a future to be awaited, or None if it already is."""


class NoRecord:
    """Record that keeps nothing (dry runs, tests)."""

    def intend(self, state: State, attempt: int, note: Mapping[str, Any] | None = None) -> None:
        """Do nothing."""

    def achieve(self, state: State) -> None:
        """Do nothing."""

    def fail(self, state: State, error: BaseException | None) -> None:
        """Do nothing."""

    def keep(self, taken: TakenFrame) -> None:
        """Do nothing."""

    def lamp(self, lamp: str, action: str, seen: str | None = None, why: str | None = None) -> None:
        """Do nothing."""

    def commit(self) -> None:
        """Do nothing."""
