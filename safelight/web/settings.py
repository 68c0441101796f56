"""Settings of a page's server: state folder, journal and observatory."""

from dataclasses import dataclass
from pathlib import Path

from safelight.engine.records.database import default_url

__all__ = ["ServerSettings"]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings with which the server was started. No request changes them.

    Attributes:
        home: state folder with journal, logs and the simulated instrument.
        frames: folder in which runs that are started from the page make their folders.
        observatory: a shipped name or the path of a document.
        journal: its URL; None: the SQLite file in the state folder.
        speed: speed of runs started from the page: 1, N times faster, `max`.
        others: other observatories, as `observatory`, whose lamps and runs are shown next to it.
        public_url: origin that a reverse proxy serves, such as `https://calib.example`; empty: none.
    """

    home: Path
    frames: Path
    observatory: str = "simulated"
    journal: str | None = None
    speed: str = "1"
    others: tuple[str, ...] = ()
    public_url: str = ""

    @property
    def url(self) -> str:
        """URL of the watched journal."""
        return self.journal or default_url(self.home)

    @property
    def observatories(self) -> tuple[str, ...]:
        """All observatories whose lamps are shown, and switched off together."""
        return (self.observatory, *self.others)

    @property
    def whereabouts(self) -> list[str]:
        """Options with which a command finds state folder and journal."""
        return ["--state-dir", str(self.home), *(["--journal", self.journal] if self.journal else [])]
