"""The tables as a page of the docs, and on the terminal."""

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.rows import Table

__all__ = ["as_page", "machine"]

HEAD = "| what | bar | safelight | alternative | ratio | |\n|---|---|---|---|---|---|\n"
LIBRARIES = ("python-statemachine", "pydantic", "sqlalchemy", "jsonschema", "bluesky", "dbos")

INTRODUCTION = """# Performance

What safelight costs, compared with alternatives. `make bench` measures every row anew, each in turns with its
alternative, and writes this page. Times are medians. Machines are noisy and shared, so trust the ratios. A bar is
what the design asks for. A row without one is for information.
"""


def machine() -> str:
    """Where it was measured, without names."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = platform.release().split("-")[0]
    return f"{os.cpu_count()} cores ({model}), {memory_gib:.0f} GiB, {platform.system()} {kernel}"


def as_page(tables: Iterable[Table], *, date: str, rounds: int, load: float) -> str:
    """The page, from its title to its end.

    Args:
        tables: in the order of the page.
        date: when it was measured.
        rounds: how often.
        load: of the machine when the measuring began (its own load is not in it).
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    where = (
        f"Measured on {date}: {machine()}; load {load:.1f} before it began; Python {platform.python_version()}; "
        f"{libraries}; {rounds} rounds.\n"
    )
    return "\n".join([INTRODUCTION, where, *map(_section, tables)])


def _section(table: Table) -> str:
    lines = "".join(
        f"| {row.what} | {row.bar} | {row.ours} | {row.reference} | {row.ratio} | {row.verdict} |\n"
        for row in table.rows
    )
    words = f"\n{table.words}\n" if table.words else ""
    return f"## {table.title}\n{words}\n{HEAD}{lines}"
