"""Where a run is shown, and the simplest such place: lines of text."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from safelight.engine.legible import legible
from safelight.engine.lines import Line

__all__ = ["Display", "PlainDisplay"]


class Display(Protocol):
    """Where progress is shown."""

    def say(self, line: Line) -> None:
        """Show one line."""

    def draw(self) -> None:
        """Show the present picture."""

    def shout(self, lines: Sequence[str]) -> None:
        """Show lines that nobody may miss."""

    def close(self) -> None:
        """Leave the terminal tidy."""


class PlainDisplay:
    """Lines of text, one for each event: for logs, pipes and notebooks.

    Args:
        write: takes one line, without its end.
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def say(self, line: Line) -> None:
        """Write one line."""
        first = f"{line.stamp}  " if line.stamp else ""
        self._write(first + legible(line.text).replace("\n", "\n" + " " * len(first)))

    def draw(self) -> None:
        """Nothing: what has been written stays."""

    def shout(self, lines: Sequence[str]) -> None:
        """Write lines between rows of exclamation marks."""
        rule = "!" * 78
        for line in ("\a" + rule, *(f"!! {legible(line)}" for line in lines), rule):
            self._write(line)

    def close(self) -> None:
        """Nothing."""
