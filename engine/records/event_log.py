"""Log of each run: every event as one line of JSON in the state folder, with a level, and limited in size.

The journal is the record of a run. A log helps people and programs to find a reason, and can be deleted.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["LEVELS", "RunLog", "level_of", "log_lines", "log_path", "logged_runs", "run_log"]

LEVELS = ("debug", "info", "warning", "error")
_LARGEST_BYTES = 8_000_000
_KEPT_PARTS = 3
"""Number of full parts of a log that are kept in addition to the current one."""
_KEPT_RUNS = 500
_QUIET = frozenset({"state.started", "state.ended", "progress.graph"})
_WARNINGS = frozenset(
    {
        "state.failed",
        "state.retried",
        "frame.bad",
        "frame.lost",
        "frame.retaken",
        "stop.requested",
        "clean-up.failed",
        "devices.failed",
        "guard.path.failed",
        "guard.acted",
        "guard.lost",
        "guard.silent",
        "guard.waiting",
        "others.waiting",
        "journal.waiting",
        "notify.waiting",
    }
)
_ERRORS = frozenset({"guard.stays", "journal.failed", "manifest.failed", "machine.failed", "notify.failed"})


def level_of(event: Mapping[str, Any]) -> str:
    """Return the level of an event, one of `LEVELS`."""
    name = event["event"]
    if name == "run.finished":
        return {"done": "info", "aborted": "warning", "paused": "warning"}.get(event.get("outcome", ""), "error")
    if name == "safing.lamp":
        return "info" if event.get("seen") == "off" else "error"
    if name == "state.failed" and event.get("retry_in_s") is None:
        return "error"
    if name in _ERRORS:
        return "error"
    return "warning" if name in _WARNINGS else "debug" if name in _QUIET else "info"


def log_path(home: Path, run: str) -> Path:
    """Return the path of a run's log."""
    return home / "logs" / f"{run}.jsonl"


class RunLog:
    """Writer of the events of one run (a `Listener`). It begins its file with the first of them.

    Args:
        path: its file. Full parts get `.1`, `.2`, ... at the end of their names, the newest first.
        level: lowest level that is written.
        largest_bytes: size limit of one part.
    """

    def __init__(self, path: Path, level: str = "debug", largest_bytes: int = _LARGEST_BYTES) -> None:
        self._path = path
        self._level = LEVELS.index(level)
        self._largest_bytes = largest_bytes
        self._file: IO[str] | None = None
        self._bytes = 0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Write one event.

        Raises:
            OSError: it can't be written. The announcer then removes this listener.
        """
        level = level_of(event)
        if LEVELS.index(level) < self._level:
            return
        line = json.dumps({"level": level, **event}) + "\n"
        if self._file is None or self._bytes + len(line) > self._largest_bytes:
            self._begin(len(line))
        if self._file is not None:
            self._file.write(line)
            self._file.flush()
            self._bytes += len(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _begin(self, coming: int) -> None:
        """Open the file, after a full one was renamed."""
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._bytes = self._path.stat().st_size if self._path.exists() else 0
        if self._bytes and self._bytes + coming > self._largest_bytes:
            _put_aside(self._path)
            self._bytes = 0
        elif not self._bytes:
            _forget_old(self._path.parent)
        self._file = self._path.open("a", encoding="utf-8")


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _put_aside(path: Path) -> None:
    for number in range(_KEPT_PARTS, 1, -1):
        if _part(path, number - 1).exists():
            _part(path, number - 1).replace(_part(path, number))
    path.replace(_part(path, 1))


def _forget_old(folder: Path) -> None:
    """Keep the logs of the newest runs. Their names sort by time."""
    for old in sorted(folder.glob("*.jsonl"))[:-_KEPT_RUNS]:
        for part in (old, *(_part(old, number) for number in range(1, _KEPT_PARTS + 1))):
            part.unlink(missing_ok=True)


@contextmanager
def run_log(home: Path, run: str, level: str = "debug") -> Iterator[RunLog]:
    """Open the log of one run for the duration of the body."""
    log = RunLog(log_path(home, run), level)
    try:
        yield log
    finally:
        log.close()


def logged_runs(home: Path) -> list[str]:
    """Return the runs with a log in a state folder, the newest first. Their names sort by time."""
    return sorted((path.stem for path in (home / "logs").glob("*.jsonl")), reverse=True)


def log_lines(home: Path, run: str, level: str = "debug") -> Iterator[Mapping[str, Any]]:
    """Yield the logged events of a run, oldest first. A truncated line is skipped.

    Args:
        home: state folder.
        run: its id.
        level: lowest level to return.

    Raises:
        FileNotFoundError: there is no log of it.
    """
    path = log_path(home, run)
    parts = [_part(path, number) for number in range(_KEPT_PARTS, 0, -1)]
    for part in (*(part for part in parts if part.exists()), path):
        with part.open(encoding="utf-8") as lines:
            for line in lines:
                with suppress(ValueError, KeyError, TypeError):
                    event = json.loads(line)
                    if LEVELS.index(event["level"]) >= LEVELS.index(level):
                        yield event
