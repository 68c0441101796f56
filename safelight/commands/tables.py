"""Tables for people."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from safelight.show.console import SafeConsole

__all__ = ["TONES", "grid", "paper", "table"]

_PAPER = 110
"""Width in columns where it is unknown."""
TONES = {"plain": "", "good": "green", "warning": "yellow", "bad": "bold red"}


def paper() -> Console:
    """Return a console on standard output."""
    console = SafeConsole()
    if not console.is_terminal:
        console.width = _PAPER
    return console


def table(title: str | None = None) -> Table:
    """Return a table with a line below its heading, and a title above it if there is one."""
    heading = None if title is None else Text(title, style="bold")
    return Table(box=box.SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)


def grid() -> Table:
    """Return a narrow column and a wide one, whose lines are folded."""
    found = Table.grid(padding=(0, 2, 0, 0))
    found.add_column(no_wrap=True)
    found.add_column(overflow="fold")
    return found
