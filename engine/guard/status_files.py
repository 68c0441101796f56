"""Status files of the guards in the state folder, for `safelight guard status` and for people.

There is one file for each guard process, `guards/<run>.<pid>.json`, removed when the guard has ended with lamps
confirmed off, and one log for each run, `guards/<run>.log`, which is kept.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.engine.clock import wall_utc
from safelight.engine.guard.status_page import guard_page
from safelight.files import append_regular, write_atomically
from safelight.processes import process_runs

__all__ = ["GuardStatusFile", "guards"]


@dataclass(slots=True)
class GuardStatusFile:
    """Files of one guard process.

    Writing them never raises: a full disk must not keep a lamp on.
    """

    home: Path
    run: str
    _doing: str = ""
    _since: str = ""

    @property
    def doing(self) -> str:
        """Last written activity."""
        return self._doing

    @property
    def _folder(self) -> Path:
        return self.home / "guards"

    @property
    def _page(self) -> Path:
        return self._folder / f"{self.run}.{os.getpid()}.json"

    def say(self, doing: str, leases: Mapping[str, float], **facts: Any) -> None:
        """Write the activity (`watching`, `acting`, `unsafe`) and its beginning. `leases` are the present ones."""
        now = wall_utc().isoformat()
        if doing != self._doing:
            self._doing, self._since = doing, now
        page = {
            "pid": os.getpid(),
            "run": self.run,
            "doing": doing,
            "since": self._since,
            "told": now,
            "leases": dict(leases),
            **facts,
        }
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._page, json.dumps(page).encode())

    def log(self, event: str, **facts: Any) -> None:
        """Add a line to the run's log."""
        line = json.dumps({"time": wall_utc().isoformat(), "pid": os.getpid(), "event": event, **facts})
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            append_regular(self._folder / f"{self.run}.log", line.encode() + b"\n")

    def close(self) -> None:
        """Remove the file: the guard has ended with all lamps confirmed off."""
        with suppress(OSError):
            self._page.unlink()


def guards(home: Path) -> Iterator[dict[str, Any]]:
    """Yield every working guard, the oldest run first. Files of dead ones are removed."""
    for page in sorted((home / "guards").glob("*.json")):
        try:
            guard = guard_page(page)
            if guard is None:
                continue
            if process_runs(guard["pid"], "safelight.engine.guard"):
                yield guard
            else:
                page.unlink()
        except OSError:
            continue
