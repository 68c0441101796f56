"""Times of a line of cron: minute, hour, day of the month, month, day of the week."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from safelight.engine.errors import RunRefused

__all__ = ["Cron"]

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {
    "month": dict(zip(_MONTHS, range(1, 13), strict=True)),
    "day of the week": {n: i for i, n in enumerate(_DAYS)},
}

_PART = re.compile(r"(?P<begin>\*|\w+)(?:-(?P<end>\w+))?(?:/(?P<step>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields of cron, as crontab(5) has them: `*`, numbers, names, ranges, lists and steps.

    Where day of the month and day of the week are both given, either is enough. A local time that a change of the
    clocks skips comes as much later, and one that comes twice is taken the first time.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    zone: ZoneInfo

    @classmethod
    def of(cls, text: str, zone: ZoneInfo) -> "Cron":
        """Read five fields.

        Raises:
            RunRefused: there are not five, or one of them is wrong.
        """
        parts = text.lower().split()
        if len(parts) != len(_FIELDS):
            raise RunRefused(f"--cron: expected five fields such as '0 16 * * *', got {text!r}")
        minutes, hours, days, months, weekdays = (
            _numbers(part, *field) for part, field in zip(parts, _FIELDS, strict=True)
        )
        weekdays = frozenset(number % 7 for number in weekdays)
        either = not parts[2].startswith("*") and not parts[4].startswith("*")
        return cls(minutes, hours, days, months, weekdays, either, zone)

    def times(self, first: datetime, days: int) -> Iterator[datetime]:
        """Yield the times of some days, UTC.

        Args:
            first: a moment of the first day.
            days: number of days.
        """
        begin = first.astimezone(self.zone).date()
        for day in (begin + timedelta(days=number) for number in range(days)):
            if self._on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        yield datetime.combine(day, time(hour, minute), self.zone).astimezone(UTC)

    def _on(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (in_month or in_week if self.either else in_month and in_week)


def _numbers(text: str, name: str, lowest: int, highest: int) -> frozenset[int]:
    """Return the numbers of a field."""
    found: set[int] = set()
    for part in text.split(","):
        numbers = _range(part, name, lowest, highest)
        if not numbers or numbers[0] < lowest or numbers[-1] > highest:
            wanted = f"numbers from {lowest} to {highest}, such as {lowest}, 1-5 or */2"
            raise RunRefused(f"--cron: {name}: expected {wanted}, got {part!r}")
        found.update(numbers)
    return frozenset(found)


def _range(part: str, name: str, lowest: int, highest: int) -> range:
    """Return the numbers of a part of a field; empty: it is wrong."""
    matched = _PART.fullmatch(part)
    if matched is None:
        return range(0)
    begin, end, step = (matched[key] for key in ("begin", "end", "step"))
    known = _NAMES.get(name, {})
    if any(word and not word.isdecimal() and word not in known for word in (begin, end) if word != "*"):
        return range(0)
    low = lowest if begin == "*" else known[begin] if begin in known else int(begin)
    # `5/15` is from 5 to the end, in steps.
    last = highest if begin == "*" or step else low
    high = last if not end else known[end] if end in known else int(end)
    return range(low, high + 1, int(step or 1)) if step != "0" else range(0)
