"""The time on the wall, for tests that kill processes: no clock of safelight's own is to be believed there."""

import time

__all__ = ["now", "pause"]


def now() -> float:
    """Seconds, monotonic."""
    return time.monotonic()  # noqa: TID251 - see above


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(max(0.0, seconds))  # noqa: TID251 - see above
