"""DBOS on SQLite: what a durable step costs, and how long a workflow with many finished steps takes to continue.

python -m benchmarks.references.dbos_steps steps N FOLDER [wal]      seconds per step
python -m benchmarks.references.dbos_steps die-after N FOLDER        a workflow that is killed after N steps
python -m benchmarks.references.dbos_steps recover N FOLDER          continues; prints when its next step begins
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, SetWorkflowID

NEXT = threading.Event()


def _use_wal() -> None:
    """What DBOS does not do by itself: every SQLite connection of this process in WAL mode."""

    @sa.event.listens_for(sa.Engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")


@DBOS.step()
def step(number: int, last: int) -> int:
    """Does nothing; kills the process, or says that it was reached, after the last."""
    if number == last:
        if os.environ.get("BENCH_DIE"):
            os.kill(os.getpid(), signal.SIGKILL)
        NEXT.set()
    return number


@DBOS.workflow()
def walk(number: int) -> float:
    """So many steps, and one more."""
    began = time.perf_counter()
    for place in range(number):
        step(place, number)
    took = (time.perf_counter() - began) / number
    step(number, number)
    return took


def main(words: list[str]) -> float | None:
    """Measure what was asked for."""
    verb, number, folder = words[0], int(words[1]), Path(words[2])
    if "wal" in words:
        _use_wal()
    if verb == "die-after":
        os.environ["BENCH_DIE"] = "1"
    address = f"sqlite:///{folder / 'dbos.sqlite'}"
    config: DBOSConfig = {"name": "bench", "system_database_url": address, "run_admin_server": False}
    DBOS(config=config | {"log_level": "CRITICAL", "application_version": "1"})
    DBOS.launch()
    if verb == "recover":
        NEXT.wait(600)
        return None
    with SetWorkflowID("bench"):
        return walk(number)


if __name__ == "__main__":
    answer = main(sys.argv[1:])
    print(json.dumps(answer), flush=True)
    os._exit(0)
