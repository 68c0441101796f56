"""Protocol of displays, and the simplest one: lines of text."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from safelight.show.progress.messages import ProgressMessage
from safelight.text import legible

__all__ = ["Display", "PlainDisplay"]


class Display(Protocol):
    """Display of progress."""

    def say(self, line: ProgressMessage) -> None:
        """Show one line."""

    def draw(self) -> None:
        """Show the present picture."""

    def shout(self, lines: Sequence[str]) -> None:
        """Show lines that must not be missed."""

    def close(self) -> None:
        """Leave the terminal tidy."""


class PlainDisplay:
    """Display of lines of text, one for each event: for logs and pipes.

    Args:
        write: takes one line, without its end.
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def say(self, line: ProgressMessage) -> None:
        """Write one line."""
        first = f"{line.stamp}  " if line.stamp else ""
        self._write(first + legible(line.text).replace("\n", "\n" + " " * len(first)))

    def draw(self) -> None:
        """Do nothing: the written lines stay."""

    def shout(self, lines: Sequence[str]) -> None:
        """Write lines between rows of exclamation marks."""
        rule = "!" * 78
        for line in ("\a" + rule, *(f"!! {legible(line)}" for line in lines), rule):
            self._write(line)

    def close(self) -> None:
        """Do nothing."""
