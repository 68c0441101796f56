"""House-keeping: what old runs have left behind in a state folder and next to frames, and removing it.

Never touched: the journal, frames, `bad/`, manifests, exposure numbers, and anything of a run that can still be resumed
or that a guard watches.
"""

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from safelight.engine.clock import wall_utc
from safelight.engine.guard.status_files import guards
from safelight.engine.manual.interlock import existing_journal
from safelight.engine.notify import undelivered

__all__ = ["Leftover", "leftovers", "remove"]

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Leftover:
    """One file that is not needed any more.

    Attributes:
        path: the file.
        kind: what it is, for people.
        size: bytes.
        age_days: since it was last written.
    """

    path: Path
    kind: str
    size: int
    age_days: float


def leftovers(home: Path, days: float, journal: str | None = None) -> list[Leftover]:
    """Find what can be removed. Nothing is touched.

    Args:
        home: state folder.
        days: younger files stay.
        journal: its URL; None: the SQLite file in the state folder.

    Raises:
        JournalError: the journal can't be read, so it is unknown which runs are done.
    """
    watched = {str(guard["run"]) for guard in guards(home)}
    done, folders = _done_runs(home, journal)
    found: list[Leftover] = []

    def add(kind: str, paths: Iterator[Path]) -> None:
        found.extend(one for path in paths if (one := _leftover(path, kind, days)) is not None)

    logs = home / "logs"
    add("log of a run", (path for path in logs.glob("*.jsonl*") if path.name.partition(".")[0] in done))
    add("log of the web page", logs.glob("web-*.log"))
    add("pasted document", (home / "pasted").glob("pasted-*.yaml"))
    books = (home / "guards").glob("*.log")
    add("log of guards", (path for path in books if path.stem not in watched))
    waiting = {str((page.get("notice") or {}).get("run")) for page in undelivered(home)}
    notices = (home / "notify").glob("*.json")
    add("notification", (path for path in notices if path.name.partition(".")[0] not in waiting))
    add("file set aside", (path for folder in folders for path in (folder / "aside").glob("*")))
    if not watched and _is_dark(home / "simulated" / "switch.json"):
        add("simulated switch", iter([home / "simulated" / "switch.json"]))
    return found


def _leftover(path: Path, kind: str, days: float) -> Leftover | None:
    with suppress(OSError):
        facts = path.lstat()
        age_days = (wall_utc().timestamp() - facts.st_mtime) / _DAY_S
        if age_days >= days and not path.is_dir():
            return Leftover(path, kind, facts.st_size, age_days)
    return None


def _done_runs(home: Path, url: str | None) -> tuple[set[str], list[Path]]:
    """Return ids and folders of runs that are done. Nothing can be resumed in them."""
    journal = existing_journal(home, url)
    if journal is None:
        return set(), []
    from safelight.engine.records.database import Journal  # noqa: PLC0415 - slow, and needed only where runs have been
    from safelight.engine.records.run_list import run_entries  # noqa: PLC0415
    from safelight.engine.records.stored_run import run_page  # noqa: PLC0415

    with closing(Journal(journal, create=False, look=True)) as book:
        done = [entry.run for entry in run_entries(book) if entry.status == "done"]
        return set(done), [run_page(book, run).folder for run in done]


def _is_dark(switch: Path) -> bool:
    """Whether every outlet of a simulated switch is off."""
    try:
        outlets = json.loads(switch.read_text(encoding="utf-8"))["outlets"]
        return all(outlet["state"] == "off" for outlet in outlets.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def remove(found: list[Leftover]) -> list[str]:
    """Remove files, and return a sentence for each that could not be removed."""
    problems = []
    for one in found:
        try:
            one.path.unlink(missing_ok=True)
        except OSError as error:
            problems.append(f"{one.path} can't be removed: {error.strerror or error}")
    return problems
