"""Tables in Markdown."""

from collections.abc import Iterable, Sequence

__all__ = ["code", "table"]


def code(value: object) -> str:
    """As it is typed."""
    return f"`{value}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line ends within cells do no harm."""
    lines = [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    plain = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(plain)} |".replace("|  |", "| |").replace("|  |", "| |")
