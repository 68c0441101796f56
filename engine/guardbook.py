"""What guards say of themselves, in small files of the home, for `safelight guard status` and for people.

One file for each guard process, `guards/<run>.<pid>.json`, removed when the guard has ended with lamps confirmed off;
and one log for each run, `guards/<run>.log`, which stays.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.engine.clock import wall_utc

__all__ = ["GuardBook", "guards"]


@dataclass(slots=True)
class GuardBook:
    """The files of one guard process.

    Writing them never raises: a full disk is no reason to leave a lamp burning.
    """

    home: Path
    run: str
    _doing: str = ""
    _since: str = ""

    @property
    def _folder(self) -> Path:
        return self.home / "guards"

    @property
    def _page(self) -> Path:
        return self._folder / f"{self.run}.{os.getpid()}.json"

    def say(self, doing: str, leases: Mapping[str, float], **facts: Any) -> None:
        """Write what it does (`watching`, `acting`, `unsafe`) and since when; `leases` are of this moment."""
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
            draft = self._page.with_suffix(".part")
            draft.write_text(json.dumps(page), encoding="utf-8")
            draft.replace(self._page)

    def log(self, event: str, **facts: Any) -> None:
        """Add a line to the run's log."""
        line = json.dumps({"time": wall_utc().isoformat(), "pid": os.getpid(), "event": event, **facts})
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / f"{self.run}.log").open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def close(self) -> None:
        """The guard has ended with all lamps confirmed off."""
        with suppress(OSError):
            self._page.unlink()


def guards(home: Path) -> Iterator[dict[str, Any]]:
    """Every guard that is at work, oldest run first; what dead ones have left behind is cleared away."""
    for page in sorted((home / "guards").glob("*.json")):
        try:
            guard = json.loads(page.read_text(encoding="utf-8"))
            if _alive(int(guard["pid"])):
                yield guard
            else:
                page.unlink()
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _alive(pid: int) -> bool:
    """Whether that process is a guard (the number may have been given to another one)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return _exists(pid) if not Path("/proc/self").exists() else False
    return b"safelight.engine.guard" in command


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
