"""Where safelight keeps what outlives a process: the journal, locks, logs, the simulated instrument."""

import os
from pathlib import Path

__all__ = ["default_home"]


def default_home() -> Path:
    """$SAFELIGHT_HOME, or the user's state folder."""
    named = os.environ.get("SAFELIGHT_HOME")
    if named:
        return Path(named)
    import platformdirs  # noqa: PLC0415 - only where nothing else is named

    return Path(platformdirs.user_state_dir("safelight"))
