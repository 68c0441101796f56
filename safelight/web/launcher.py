"""Start of runs as separate processes. They continue when the server dies, and write their output to a file."""

import secrets
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from safelight.engine.clock import wall_utc
from safelight.errors import SafelightError
from safelight.web.settings import ServerSettings

__all__ = ["LaunchError", "Launcher"]

_KEPT = 5
_KEPT_LOGS = 200
"""Number of kept logs of processes that were started from the page."""
_TAIL = 2000
"""Number of shown characters of a process's error."""
_TOLD_BY_JOURNAL = (0, 3, 4, 5, 10)
"""Exit codes of runs that have begun, whose outcome is in the journal."""


class LaunchError(SafelightError):
    """Process that can't be started."""


@dataclass(slots=True)
class _Launched:
    what: str
    process: "subprocess.Popen[bytes]"
    log: Path


@dataclass(slots=True)
class Launcher:
    """Starter of `safelight run` and `safelight resume`.

    Attributes:
        place: settings for them.
        notices: errors of processes that never became a run, newest last.
    """

    place: ServerSettings
    notices: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _going: list[_Launched] = field(default_factory=list)
    _lock: Any = field(default_factory=Lock)

    def run(self, sequence: str, who: str, *options: str) -> int:
        """Start a run. Return the process's id.

        Args:
            sequence: a name of the library, or an absolute path.
            who: the requester, for the journal.
            options: `--no-overlap`, `--park`, `--no-point`, `--take-over`.

        Raises:
            LaunchError: it can't be started.
        """
        place = self.place
        return self._start(
            f"run {Path(sequence).name}",
            ["run", *options, "--observatory", place.observatory, "--frames", str(place.frames.absolute())],
            who,
            sequence,
        )

    def resume(self, run: str, who: str) -> int:
        """Start the rest of a run. Return the process's id.

        Raises:
            LaunchError: it can't be started.
        """
        return self._start(f"resume {run}", ["resume"], who, run)

    def keep_document(self, text: str) -> Path:
        """Write a pasted document into the state folder. The run keeps its text, and names this file.

        Raises:
            LaunchError: it can't be written.
        """
        folder = self.place.home.absolute() / "pasted"
        path = folder / f"pasted-{wall_utc():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}.yaml"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise LaunchError(f"the document can't be kept in {folder}: {error.strerror}") from None
        return path

    def look(self) -> None:
        """Check which processes have ended, and report those that never became a run."""
        with self._lock:
            ended = [one for one in self._going if one.process.poll() is not None]
            self._going = [one for one in self._going if one not in ended]
        for one in ended:
            if one.process.returncode not in _TOLD_BY_JOURNAL:
                self.notices.append(
                    {
                        "time": wall_utc().isoformat(),
                        "what": one.what,
                        "code": one.process.returncode,
                        "words": _last_words(one.log),
                    }
                )

    def _start(self, what: str, options: list[str], who: str, subject: str) -> int:
        logs = self.place.home.absolute() / "logs"
        name = f"web-{wall_utc():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
        # `--`: the subject is never read as an option.
        told = [*self.place.whereabouts, "--speed", self.place.speed, "--asked-by", who]
        command = [*options, *told, "--", subject]
        try:
            logs.mkdir(parents=True, exist_ok=True)
            for old in sorted(logs.glob("web-*.log"))[: -_KEPT_LOGS + 1]:
                old.unlink(missing_ok=True)
            with (logs / f"{name}.log").open("xb") as log:
                process = subprocess.Popen(  # noqa: S603 - our own program, and nothing of a request but whole words
                    [sys.executable, "-P", "-m", "safelight", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Its own session: no terminal, no signal and no end of the server reaches it.
                    start_new_session=True,
                )
        except OSError as error:
            raise LaunchError(f"{what} can't be started: {error.strerror}") from None
        with self._lock:
            self._going.append(_Launched(what, process, logs / f"{name}.log"))
        return process.pid


def _last_words(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip()
    except OSError:
        return "its log can't be read"
