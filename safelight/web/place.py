"""Where a page's server works: which home, which journal, which observatory."""

from dataclasses import dataclass
from pathlib import Path

from safelight.engine.journal import default_url

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """What the server was started with; no request changes any of it.

    Attributes:
        home: state, journal, logs, the simulated instrument.
        frames: runs that are started from the page make their folders in here.
        observatory: a shipped name or the path of a document.
        journal: its URL; None: the SQLite file in the home.
        speed: for runs started from the page: 1, N times faster, `max`.
    """

    home: Path
    frames: Path
    observatory: str = "simulated"
    journal: str | None = None
    speed: str = "1"

    @property
    def url(self) -> str:
        """The journal that is watched."""
        return self.journal or default_url(self.home)

    @property
    def whereabouts(self) -> list[str]:
        """The options that a command needs to find home and journal."""
        return ["--home", str(self.home), *(["--journal", self.journal] if self.journal else [])]
