"""Bluesky's RunEngine: raw messages, the same with a durable sink, and the way from an abort to the clean-up.

In a shell::

    python -m benchmarks.references.bluesky_engine messages|durable N FOLDER
    python -m benchmarks.references.bluesky_engine abort
"""

import json
import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from bluesky import Msg, RunEngine
from bluesky.plan_stubs import sleep
from bluesky.preprocessors import finalize_wrapper

logging.getLogger("bluesky").setLevel(logging.CRITICAL)
INSERT = "INSERT INTO messages (what, moment) VALUES (?, ?)"


def messages(number: int) -> float:
    """Seconds per raw message that does nothing."""
    return _timed(RunEngine({}, context_managers=[]), number)


def durable(number: int, folder: Path) -> float:
    """The same, with intent and outcome of each message committed to SQLite (WAL, synchronous=FULL)."""
    database = sqlite3.connect(folder / "bluesky.sqlite", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE messages (what TEXT, moment REAL)")
    engine = RunEngine({}, context_managers=[])

    async def act(_message: Msg) -> None:
        database.execute(INSERT, ("intent", time.time()))
        database.execute(INSERT, ("outcome", time.time()))

    engine.register_command("act", act)
    took = _timed(engine, number, "act")
    database.close()
    return took


def _timed(engine: RunEngine, number: int, word: str = "null") -> float:
    def plan() -> Iterator[Msg]:
        for _ in range(number):
            yield Msg(word)

    began = time.perf_counter()
    engine(plan())
    return (time.perf_counter() - began) / number


def abort() -> float:
    """Seconds from an abort in another thread to the first message of the clean-up."""
    engine = RunEngine({}, context_managers=[])
    moments: dict[str, float] = {}

    def clean_up() -> Iterator[Msg]:
        moments["clean-up"] = time.perf_counter()
        yield Msg("null")

    def later() -> None:
        time.sleep(0.3)
        moments["asked"] = time.perf_counter()
        engine.abort("bench")

    thread = threading.Thread(target=later)
    thread.start()
    with suppress(Exception):
        engine(finalize_wrapper(sleep(20), clean_up()))
    thread.join()
    return moments["clean-up"] - moments["asked"]


def main(words: list[str]) -> Any:
    """Measure what was asked for."""
    if words[0] == "abort":
        return abort()
    if words[0] == "messages":
        return messages(int(words[1]))
    return durable(int(words[1]), Path(words[2]))


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        answer = main(sys.argv[1:])
    print(json.dumps(answer))
