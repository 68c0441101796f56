"""Where safelight keeps what outlives a process: the journal, locks, logs, the simulated instrument."""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["OBSERVATORY_VARIABLE", "default_home", "found_with", "users_home"]

OBSERVATORY_VARIABLE = "SAFELIGHT_OBSERVATORY"
"""The environment variable that says which observatory is meant where nobody does."""


def default_home() -> Path:
    """$SAFELIGHT_HOME, or the user's state folder."""
    named = os.environ.get("SAFELIGHT_HOME")
    if named:
        return Path(named)
    return users_home()


def users_home() -> Path:
    """The user's state folder, which every command finds by itself."""
    import platformdirs  # noqa: PLC0415 - only where nothing else is named

    return Path(platformdirs.user_state_dir("safelight"))


def found_with(home: Path | None, url: str | None) -> str:
    """The options with which another command finds the same journal; a password is not repeated."""
    options = ["--home", str(home)] if home is not None else []
    if url is not None:
        options += ["--journal", "URL" if urlsplit(url).password else url]
    return shlex.join(options)
