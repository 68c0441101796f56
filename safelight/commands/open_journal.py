"""Finding and opening of the journal for commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.engine.home import found_with

if TYPE_CHECKING:
    from safelight.engine.records.database import Journal

__all__ = ["found_with", "no_journal_yet", "opened"]


@contextmanager
def opened(home: Path | None, url: str | None, *, look: bool = True, create: bool = False) -> Iterator["Journal"]:
    """Open the journal for the duration of the body.

    Args:
        home: state folder; None: the user's.
        url: URL of the journal; None: the one in the state folder.
        look: only read it.
        create: make it if there is none.

    Raises:
        JournalError: there is none, or it can't be opened.
    """
    from safelight.engine.home import default_home  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.records.database import Journal, default_url  # noqa: PLC0415

    journal = Journal(url or default_url(home or default_home()), create=create, look=look)
    try:
        yield journal
    finally:
        journal.close()


def no_journal_yet(home: Path | None, url: str | None) -> bool:
    """Return whether no journal was named, and the state folder has none."""
    from safelight.engine.home import default_home  # noqa: PLC0415
    from safelight.engine.manual.interlock import existing_journal  # noqa: PLC0415

    return existing_journal(home or default_home(), url) is None
