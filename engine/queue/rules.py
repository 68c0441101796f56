"""Rules of schedules: when a request is due, and until when it has to end."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from safelight.engine.errors import RunRefused
from safelight.engine.queue.cron import Cron
from safelight.engine.queue.sun import EVENTS, sun_times

__all__ = ["Rule", "SitePlace"]

_OFFSET = re.compile(r"^(?P<event>[a-z ]+?)\s*(?:(?P<sign>[+-])\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>min|h|s))?$")
_UNIT_S = {"s": 1.0, "min": 60.0, "h": 3600.0}
_LONGEST_S = 12 * 3600.0
_CLOCK = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_FAR_DAYS = 366 * 8 + 2
"""Days in which the next time is looked for: the 29th of February is never farther."""


@dataclass(frozen=True, slots=True)
class SitePlace:
    """Place of a site.

    Attributes:
        latitude_deg: north is positive; None: not known.
        longitude_deg: east is positive; None: not known.
        time_zone: of clock times.
    """

    latitude_deg: float | None
    longitude_deg: float | None
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Rule:
    """Times that follow from a text, in order.

    Attributes:
        times: yields those of some days: a moment of the first day, and the number of days.
    """

    times: Callable[[datetime, int], Iterator[datetime]]

    @classmethod
    def of(cls, text: str, site: SitePlace, option: str) -> "Rule":
        """Read a rule: five fields of cron, a clock time, or a time relative to the sun.

        Args:
            text: `0 16 * * *`, `16:30`, or `sunset - 45 min`.
            site: for the sun and the clock.
            option: name of the option, for messages.

        Raises:
            RunRefused: it is none of them, or needs a place that is not known.
        """
        words = " ".join(text.lower().split())
        try:
            zone = ZoneInfo(site.time_zone)
        except (ValueError, OSError, KeyError):
            raise RunRefused(f"{option}: expected a time zone of the IANA database, got {site.time_zone!r}") from None
        clock, sun = _CLOCK.match(words), _OFFSET.match(words)
        if clock:
            return cls(Cron.of(f"{int(clock[2])} {int(clock[1])} * * *", zone).times)
        if sun is None or sun["event"] not in EVENTS:
            if len(words.split()) == 5 and option == "--cron":  # noqa: PLR2004 - the fields of cron
                return cls(Cron.of(words, zone).times)
            raise RunRefused(f"{option}: expected {_EXPECTED[option]}, got {text!r}")
        latitude_deg, longitude_deg = site.latitude_deg, site.longitude_deg
        if latitude_deg is None or longitude_deg is None:
            raise RunRefused(
                f"{option}: {text!r} needs the place of the site: expected `site` with `latitude_deg` and "
                "`longitude_deg` in the observatory document"
            )
        seconds = float(sun["number"] or 0) * _UNIT_S[sun["unit"] or "s"]
        if seconds > _LONGEST_S:
            raise RunRefused(f"{option}: expected at most 12 h before or after, got {text!r}")
        shift, event = timedelta(seconds=-seconds if sun["sign"] == "-" else seconds), sun["event"]

        def times(first: datetime, days: int) -> Iterator[datetime]:
            # A day more on either side: the shift, and the longitude.
            for time in sun_times(event, latitude_deg, longitude_deg, first - timedelta(days=1), days + 2):
                yield (time + shift).replace(microsecond=0)

        return cls(times)

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """Return the last time that is later than one and not later than another."""
        days = (until - after).days + 3
        found = [time for time in self.times(after - timedelta(days=1), days) if after < time <= until]
        return max(found, default=None)

    def next(self, after: datetime) -> datetime | None:
        """Return the first time after a moment, within eight years."""
        begin = (after - timedelta(days=1)).astimezone(UTC)
        return next((time for time in self.times(begin, _FAR_DAYS) if time > after), None)


_EXPECTED = {
    "--cron": "five fields such as '0 16 * * *'",
    "--sun": f"one of {', '.join(EVENTS)}, with `- 45 min` or `+ 1 h` after it",
    "--until": f"a clock time such as 16:30, or one of {', '.join(EVENTS)}, with `- 45 min` or `+ 1 h` after it",
}
