"""Make the golden journals of this version: small runs whose journals must open and resume for ever.

    python -m tests.golden.make

Writes `v<version>-<what>.sqlite` beside this file. What is there is never written anew: a journal of an old version
can't be made again, and is worth more than any new one. The runs lie in a folder that no longer exists, on a host that
nobody has.
"""

import asyncio
import os
import shutil
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from safelight.engine.records import lock, tables
from safelight.engine.records.database import Journal
from safelight.engine.run.start import Request, perform

HERE = Path(__file__).parent
FOLDER = Path("/var/tmp/safelight-golden")  # noqa: S108 - the journal keeps it for ever, and nothing is read from it
HOST = "golden"


def never(number: int) -> None:
    """Do not die."""


def perform_demo(at_commit: Callable[[int], None] = never) -> None:
    """Run the demo in virtual time. `at_commit` is told the number of each commit of the runner's record."""
    count = 0

    def count_commits(runner: object) -> None:
        record = runner.record  # type: ignore[attr-defined]
        journal, commit = record.journal, record.journal.commit

        def counted() -> None:
            nonlocal count
            if journal._connection.in_transaction():
                count += 1
                commit()
                at_commit(count)

        journal.commit = counted

    request = Request("demo", home=FOLDER / "home", frames=FOLDER / "frames", speed="max")
    asyncio.run(perform(request, on_start=count_commits, guarded=False))


def killed(number: int) -> None:
    """Die at once, after the first frame is on the disk and while the lamp is on."""
    if number == 22:
        os.kill(os.getpid(), signal.SIGKILL)


def make(name: str, at_commit: Callable[[int], None] = never) -> None:
    """Make one, in a process that may die of it."""
    target = HERE / f"v{tables.VERSION}-{name}.sqlite"
    if target.exists():
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    pid = os.fork()
    if not pid:
        socket.gethostname = lambda: HOST
        lock.process_started = lambda pid: HOST  # noqa: ARG005 - as it is called
        perform_demo(at_commit)
        os._exit(0)
    os.waitpid(pid, 0)
    journal = FOLDER / "home" / "journal.sqlite"
    # The last one to close it brings the log home.
    Journal(f"sqlite:///{journal}", create=False).close()
    with closing(sqlite3.connect(journal)) as connection, connection:  # noqa: TID251 - to make it small
        connection.execute("VACUUM")
    connection.close()
    shutil.copy(journal, target)
    target.chmod(0o644)
    shutil.rmtree(FOLDER)


if __name__ == "__main__":
    make("done-demo")
    make("killed-demo", killed)
