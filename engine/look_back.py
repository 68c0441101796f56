"""A run of the past, or the one that goes on, for whoever works in Python."""

from pathlib import Path

from safelight.engine.chronicle import Chronicle, chronicle
from safelight.engine.errors import RunRefused
from safelight.engine.home import default_home
from safelight.engine.journal import Journal, default_url
from safelight.engine.runlist import newest_run

__all__ = ["look_back"]


def look_back(run: str | None = None, *, home: str | Path | None = None, journal: str | None = None) -> Chronicle:
    """What the journal tells of a run; nothing is touched. A notebook shows its graph as it was walked.

    Args:
        run: its id; None: the newest.
        home: state folder; None: the user's.
        journal: its URL; None: the SQLite file in the home.

    Raises:
        JournalError: there is no journal, or it can't be read.
        RunRefused: there is no such run.
    """
    book = Journal(journal or default_url(Path(home) if home is not None else default_home()), create=False)
    try:
        name = run or newest_run(book)
        if name is None:
            raise RunRefused(f"there is no run in the journal {book}")
        return chronicle(book, name)
    finally:
        book.close()
