"""What it costs to be safe from a power cut: intent and outcome of a state, each committed."""

import sqlite3
import time
from pathlib import Path

from benchmarks.documents import plan_of_size
from benchmarks.references.ask import ask
from benchmarks.rows import Row, Table, in_turns, median, ms, ratio, scratch
from safelight.devices import load_observatory
from safelight.engine.calibrate import page_of
from safelight.engine.clock import Clock
from safelight.engine.journal import Journal, default_url
from safelight.engine.logbook import SegmentRecord, write_run
from safelight.engine.request import Request

__all__ = ["table"]

STATES = 200
INSERT = "INSERT INTO states (what, moment) VALUES (?, ?)"


def ours() -> float:
    """The journal: intent and commit, outcome and commit, s per state."""
    plan = plan_of_size(100, load_observatory("simulated"))
    states = [state for state in plan.graph.states if state.work is not None][:STATES]
    with scratch() as folder:
        journal = Journal(default_url(folder))
        write_run(journal, page_of(plan, Request({}, home=folder), "bench", folder, Clock()))
        record = SegmentRecord(journal, "bench", folder, Clock())
        record.begin("graph", "observatory")
        began = time.perf_counter()
        for state in states:
            record.intend(state, 1)
            record.commit()
            record.achieve(state)
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
    measured = in_turns(rounds, ours=ours, raw=raw, bluesky=_bluesky, dbos=_dbos, dbos_wal=lambda: _dbos("wal"))
    found = {name: median(values) for name, values in measured.items()}
    our = found["ours"]
    best = min(found["dbos"], found["dbos_wal"])
    rows = (
        Row("durable state", "<= 1/2 of a DBOS step", ms(our), f"DBOS step as shipped {ms(found['dbos'])}",
            ratio(our, found["dbos"]), holds=our <= best / 2),
        Row("", "<= 1/2 of a DBOS step", ms(our), f"DBOS step forced to WAL {ms(found['dbos_wal'])}",
            ratio(our, found["dbos_wal"]), holds=our <= best / 2),
        Row("", "", ms(our), f"two raw SQLite inserts {ms(found['raw'])}", ratio(our, found["raw"])),
        Row("", "", ms(our), f"Bluesky message with the same sink {ms(found['bluesky'])}",
            ratio(our, found["bluesky"])),
    )  # fmt: skip
    return Table(
        "Durable state",
        rows,
        "Intent committed before the device is asked, outcome after: two commits that survive a power cut (SQLite, "
        "WAL, synchronous=FULL). In a run the outcome of one state and the intent of the next share a commit "
        "(decision 0004), which halves it. DBOS commits one row per step, without an intent.",
    )
