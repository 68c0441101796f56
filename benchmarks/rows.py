"""A row of the table, and how it is measured: in turns with its reference, medians of several rounds."""

import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Row", "Table", "in_turns", "median", "ms", "ratio", "scratch", "us"]

SCRATCH = Path(__file__).parent.parent / ".run"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: that was measured.
        bar: what it has to hold; empty where it is only reported.
        ours: what safelight took.
        reference: what it was compared with, and what that took.
        ratio: ours by the reference.
        holds: whether the bar is held; None where there is none.
    """

    what: str
    bar: str
    ours: str
    reference: str = ""
    ratio: str = ""
    holds: bool | None = None

    @property
    def verdict(self) -> str:
        """In a word."""
        return {True: "held", False: "**missed**", None: ""}[self.holds]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that belong together, and what has to be known of them."""

    title: str
    rows: tuple[Row, ...]
    words: str = ""


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def in_turns(rounds: int, **measures: Callable[[], float]) -> Mapping[str, list[float]]:
    """Measure each in turn, so many times: what disturbs the machine disturbs all of them."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def ratio(ours: float, reference: float) -> str:
    """Two significant digits."""
    return f"{ours / reference:.2g}"


def ms(seconds: float) -> str:
    """Milliseconds, three significant digits."""
    return f"{seconds * 1e3:.3g} ms"


def us(seconds: float) -> str:
    """Microseconds, three significant digits."""
    return f"{seconds * 1e6:.0f} us"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the disk of the checkout (a folder in memory would make every commit free)."""
    SCRATCH.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=SCRATCH, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
