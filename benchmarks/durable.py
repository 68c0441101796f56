"""What it costs to be safe from a power cut: intent and outcome of a state, each committed."""

import sqlite3
import time
from pathlib import Path

from benchmarks.documents import plan_of_size
from benchmarks.references.ask import ask
from benchmarks.rows import Row, Table, in_turns, median, ms, ratio, scratch
from safelight.devices import load_observatory
from safelight.engine.clock import Clock
from safelight.engine.planning.request import Request
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.run_writer import SegmentRecord
from safelight.engine.records.stored_run import write_run
from safelight.engine.run.start import page_of

__all__ = ["table"]

STATES = 200
INSERT = "INSERT INTO states (what, moment) VALUES (?, ?)"


def ours(*, apart: bool = True) -> float:
    """The journal, s per state.

    Args:
        apart: intent and outcome are committed each; otherwise an outcome with the next state's intent, as in a run.
    """
    plan = plan_of_size(100, load_observatory("simulated"))
    states = [state for state in plan.graph.states if state.work is not None][:STATES]
    with scratch() as folder:
        journal = Journal(default_url(folder))
        write_run(journal, page_of(plan, Request({}, home=folder), "bench", folder))
        record = SegmentRecord(journal, "bench", folder, Clock())
        record.begin("graph", "observatory")
        began = time.perf_counter()
        for state in states:
            record.intend(state, 1)
            record.commit()
            record.achieve(state)
            if apart:
                record.commit()
        record.commit()
        took = time.perf_counter() - began
        journal.close()
    return took / len(states)


def raw() -> float:
    """Two rows, each committed, through Python's own driver, s per pair."""
    with scratch() as folder:
        database = sqlite3.connect(folder / "raw.sqlite", isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE states (what TEXT, moment REAL)")
        began = time.perf_counter()
        for _ in range(2 * STATES):
            database.execute(INSERT, ("state", time.time()))
        took = time.perf_counter() - began
        database.close()
    return took / STATES


def _bluesky() -> float:
    with scratch() as folder:
        return ask("bluesky_engine", "durable", STATES, folder)


def _dbos(*words: str) -> float:
    with scratch() as folder:
        return ask("dbos_steps", "steps", STATES, Path(folder), *words)


def table(rounds: int) -> Table:
    """Side by side, on the same disk."""
    measured = in_turns(
        rounds,
        ours=lambda: ours(apart=False),
        apart=ours,
        raw=raw,
        bluesky=_bluesky,
        dbos=_dbos,
        dbos_wal=lambda: _dbos("wal"),
    )
    found = {name: median(values) for name, values in measured.items()}
    our, apart, bar = found["ours"], found["apart"], "<= 1/3 of a DBOS step"
    rows = (
        Row("durable state, as in a run", bar, ms(our), f"DBOS step as shipped {ms(found['dbos'])}",
            ratio(our, found["dbos"]), holds=our <= found["dbos"] / 3),
        Row("", bar, ms(our), f"DBOS step forced to WAL {ms(found['dbos_wal'])}",
            ratio(our, found["dbos_wal"]), holds=our <= found["dbos_wal"] / 3),
        Row("", "", ms(our), f"Bluesky message with the same sink {ms(found['bluesky'])}",
            ratio(our, found["bluesky"])),
        Row("one state alone: two commits", "", ms(apart), f"two raw SQLite inserts {ms(found['raw'])}",
            ratio(apart, found["raw"])),
        Row("", "", ms(apart), f"DBOS step as shipped {ms(found['dbos'])}", ratio(apart, found["dbos"])),
    )  # fmt: skip
    return Table(
        "Durable state",
        rows,
        "Intent committed before the device is asked, outcome after, so that both survive a power cut (SQLite, WAL, "
        "synchronous=FULL). In a run the outcome of one state shares a commit with the intent of the next (decision "
        "0004); a state alone takes two. DBOS commits one row per step, without an intent; so does the reference of "
        "raw inserts, twice.",
    )
