"""Timers of earlier lightings that still run in a lamp's switch, and that will switch the lamp off."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from safelight.devices import Lamps

__all__ = ["timer_warnings", "timers_of"]


def timers_of(lamps: Lamps) -> Mapping[str, tuple[datetime, ...]]:
    """Return lamp -> ends of its timers, UTC, the next first, or empty where the driver has none, or can't say."""
    found: Mapping[str, tuple[datetime, ...]] = {}
    # A missing warning must not prevent a run.
    with suppress(Exception):
        found = getattr(lamps, "timers", dict)()
    return found


def timer_warnings(timers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one sentence for each lamp that a timer will switch off.

    Args:
        timers: lamp -> its timers' ends, as times or in ISO 8601.
    """
    return tuple(
        f"{lamp}: a timer of an earlier lighting switches it off at {_first(times):%Y-%m-%d %H:%M:%S} UTC, "
        "even if it has been lit again; it can't be cancelled"
        for lamp, times in timers.items()
        if times
    )


def _first(times: Any) -> datetime:
    first = times[0]
    return first if isinstance(first, datetime) else datetime.fromisoformat(first)
