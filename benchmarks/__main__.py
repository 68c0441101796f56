"""Measure everything, print it, and write the page: `python -m benchmarks [--rounds N] [-o FILE] [TABLE ...]`."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table as Printed

from benchmarks import durable, engine, fleet, makespan, resuming, starting, stopping
from benchmarks.page import as_page
from benchmarks.rows import Table

TABLES: dict[str, Callable[[int], Table]] = {
    "makespan": makespan.table,
    "overhead": engine.overhead,
    "durable": durable.table,
    "compile": engine.compiling,
    "resume": resuming.table,
    "abort": stopping.aborting,
    "guard": stopping.killing,
    "start": starting.starting,
    "validate": starting.validating,
    "memory": engine.memory,
    "fleet": fleet.table,
}


def show(table: Table, console: Console) -> None:
    """On the terminal."""
    printed = Printed("what", "bar", "safelight", "alternative", "ratio", "", title=table.title, title_justify="left")
    for row in table.rows:
        printed.add_row(row.what, row.bar, row.ours, row.reference, row.ratio, row.verdict.strip("*"))
    console.print(printed)


def main(words: list[str]) -> int:
    """Measure what was asked for; 1 if a bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="some of them only")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("-o", "--output", type=Path, help="the page to write")
    asked = parser.parse_args(words)
    load = os.getloadavg()[0]
    console = Console(width=None if sys.stdout.isatty() else 150)
    tables = []
    for name, measure in TABLES.items():
        if name in (asked.tables or TABLES):
            tables.append(measure(asked.rounds))
            show(tables[-1], console)
            if asked.output is not None:
                # Table by table: who breaks off keeps what has been measured.
                page = as_page(tables, date=datetime.now(UTC).date().isoformat(), rounds=asked.rounds, load=load)
                asked.output.write_text(page, encoding="utf-8")
    missed = [row for table in tables for row in table.rows if row.holds is False]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
