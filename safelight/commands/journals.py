"""How commands that look into the journal find it and open it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.engine.home import found_with

if TYPE_CHECKING:
    from safelight.engine.journal import Journal

__all__ = ["found_with", "no_journal_yet", "opened"]


@contextmanager
def opened(home: Path | None, url: str | None) -> Iterator["Journal"]:
    """The journal that is there, for as long as the body lasts.

    Raises:
        JournalError: there is none, or it can't be opened.
    """
    from safelight.engine.home import default_home  # noqa: PLC0415 - a command pays for what it uses
    from safelight.engine.journal import Journal, default_url  # noqa: PLC0415

    journal = Journal(url or default_url(home or default_home()), create=False)
    try:
        yield journal
    finally:
        journal.close()


def no_journal_yet(home: Path | None, url: str | None) -> bool:
    """Whether nothing has ever been written down here: no journal was named, and the home has none."""
    from safelight.engine.hands import the_journal  # noqa: PLC0415
    from safelight.engine.home import default_home  # noqa: PLC0415

    return the_journal(home or default_home(), url) is None
