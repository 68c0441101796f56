"""On-times and ignitions are added up from what was commanded and what was read back."""

from collections.abc import Mapping
from typing import Any

from safelight.engine.records.lamp_hours import LampHours, added_up


def event(second: int, action: str, seen: str | None = None, run: str = "a", lamp: str = "Neon") -> Mapping[str, Any]:
    """Return one lamp event."""
    time = f"2026-11-28T21:{second // 60:02d}:{second % 60:02d}+00:00"
    observatory = "mountain" if run else None
    return {"run": run, "lamp": lamp, "action": action, "seen": seen, "time": time, "observatory": observatory}


def test_runs_are_added_up() -> None:
    """An on-time goes from the command to the read-back of off. Confirmations between them change nothing."""
    rows = [
        *(event(0, "on"), event(1, "on", "on"), event(60, "off", "unknown"), event(61, "off", "off")),
        *(event(62, "off", "off"), event(100, "on"), event(130, "off", "off")),
        *(event(10, "on", run="b"), event(40, "off", "off", run="b")),
    ]
    [hours] = added_up(rows)
    assert (hours.seconds, hours.ignitions, hours.open_ends) == (121.0, 3, 0)


def test_an_open_end_is_not_guessed() -> None:
    """A lamp that nobody has read as off has an ignition and no time."""
    assert added_up([event(0, "on")]) == [LampHours("mountain", "Neon", 0.0, 1, 1, "2026-11-28T21:00:00+00:00")]


def test_what_was_done_by_hand_is_apart() -> None:
    """Lamps that were switched by hand belong to no run."""
    rows = [event(0, "on", run=""), event(5, "off", "off", run=""), event(0, "on"), event(9, "off", "off")]
    assert [(each.observatory, each.seconds) for each in added_up(rows)] == [("", 5.0), ("mountain", 9.0)]
