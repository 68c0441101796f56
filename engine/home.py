"""State folder: the journal, locks, logs and the simulated instrument, which outlive a process."""

import os
import shlex
from pathlib import Path
from urllib.parse import quote, urlsplit

__all__ = ["OBSERVATORY_VARIABLE", "default_home", "file_url", "found_with", "users_home"]

OBSERVATORY_VARIABLE = "SAFELIGHT_OBSERVATORY"
"""Environment variable with the observatory to use if none is named."""


def default_home() -> Path:
    """Return $SAFELIGHT_HOME, or the user's state folder."""
    named = os.environ.get("SAFELIGHT_HOME")
    if named:
        return Path(named)
    return users_home()


def users_home() -> Path:
    """Return the user's state folder, which every command finds by itself."""
    import platformdirs  # noqa: PLC0415 - only where nothing else is named

    return Path(platformdirs.user_state_dir("safelight"))


def file_url(path: Path) -> str:
    """Return the URL of a SQLite journal, percent-encoded, so that no part of a path is taken for a query."""
    return f"sqlite:///{quote(os.fsencode(path.absolute()))}"


def found_with(home: Path | None, url: str | None) -> str:
    """Return the options with which another command finds the same journal. A password is not repeated."""
    options = ["--state-dir", str(home)] if home is not None else []
    if url is not None:
        options += ["--journal", "URL" if urlsplit(url).password else url]
    return shlex.join(options)
