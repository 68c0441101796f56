"""Where tables for people are printed."""

from rich import box
from rich.console import Console
from rich.table import Table

from safelight.engine.console import SafeConsole

__all__ = ["TONES", "grid", "paper", "table"]

_PAPER = 110
"""Columns where nobody tells how many there are."""
TONES = {"plain": "", "good": "green", "warning": "yellow", "bad": "bold red"}


def paper() -> Console:
    """Standard output."""
    console = SafeConsole()
    if not console.is_terminal:
        console.width = _PAPER
    return console


def table() -> Table:
    """A table with a line below its heading."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def grid() -> Table:
    """A narrow column and a wide one, whose lines are folded."""
    found = Table.grid(padding=(0, 2, 0, 0))
    found.add_column(no_wrap=True)
    found.add_column(overflow="fold")
    return found
