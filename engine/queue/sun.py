"""Times of sunset, sunrise and the twilights at a site.

The position of the sun is that of Meeus, Astronomical Algorithms (2nd edition, chapter 25, low accuracy: 0.01 degrees),
and the times are found by iteration. They are right to some seconds between 1950 and 2050 for a flat horizon at sea
level. Refraction at the horizon and the radius of the sun count with 0.833 degrees, as in almanacs.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

__all__ = ["EVENTS", "sun_times"]

EVENTS = {
    "sunrise": (-0.833, -1),
    "sunset": (-0.833, 1),
    "civil dawn": (-6.0, -1),
    "civil dusk": (-6.0, 1),
    "nautical dawn": (-12.0, -1),
    "nautical dusk": (-12.0, 1),
    "astronomical dawn": (-18.0, -1),
    "astronomical dusk": (-18.0, 1),
}
"""Altitude of the sun, deg, and whether it is the one before noon (-1) or after it (1)."""

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_DAY_S = 86_400.0
_ITERATIONS = 5


def sun_times(event: str, latitude_deg: float, longitude_deg: float, first: datetime, days: int) -> Iterator[datetime]:
    """Yield the times of an event, UTC. Days on which the sun does not reach its altitude have none.

    Args:
        event: a name of `EVENTS`.
        latitude_deg: of the site, deg, north is positive.
        longitude_deg: of the site, deg, east is positive.
        first: a moment of the first day, UTC.
        days: number of days.
    """
    altitude_deg, side = EVENTS[event]
    noon = first.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(hours=longitude_deg / 15)
    for day in range(days):
        found = _time_at(altitude_deg, side, latitude_deg, longitude_deg, noon + timedelta(days=day))
        if found is not None:
            yield found


def _time_at(
    altitude_deg: float, side: int, latitude_deg: float, longitude_deg: float, noon: datetime
) -> datetime | None:
    """Return when the sun has an altitude, before or after the noon of a day."""
    time = noon
    latitude = math.radians(latitude_deg)
    for _ in range(_ITERATIONS):
        right_ascension_deg, declination = _sun(time)
        cosine = (math.sin(math.radians(altitude_deg)) - math.sin(latitude) * math.sin(declination)) / (
            math.cos(latitude) * math.cos(declination)
        )
        if abs(cosine) > 1:
            return None
        wanted_deg = side * math.degrees(math.acos(cosine))
        hour_angle_deg = (_sidereal_deg(time) + longitude_deg - right_ascension_deg + 180) % 360 - 180
        # The nearest one: in high latitudes it may lie beyond midnight.
        step_deg = (wanted_deg - hour_angle_deg + 180) % 360 - 180
        time += timedelta(seconds=step_deg / 360 * _DAY_S * 0.99727)
    return time


def _sun(time: datetime) -> tuple[float, float]:
    """Return the sun's right ascension, deg, and its declination, rad."""
    century = (time - _J2000).total_seconds() / _DAY_S / 36_525
    mean_longitude = 280.46646 + century * (36_000.76983 + century * 0.0003032)
    anomaly = math.radians(357.52911 + century * (35_999.05029 - century * 0.0001537))
    centre = (
        (1.914602 - century * (0.004817 + century * 0.000014)) * math.sin(anomaly)
        + (0.019993 - century * 0.000101) * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    node = math.radians(125.04 - 1934.136 * century)
    longitude = math.radians(mean_longitude + centre - 0.00569 - 0.00478 * math.sin(node))
    obliquity = math.radians(23.439291 - 0.0130042 * century + 0.00256 * math.cos(node))
    right_ascension = math.atan2(math.cos(obliquity) * math.sin(longitude), math.cos(longitude))
    return math.degrees(right_ascension), math.asin(math.sin(obliquity) * math.sin(longitude))


def _sidereal_deg(time: datetime) -> float:
    """Return the sidereal time at Greenwich, deg."""
    return (280.46061837 + 360.98564736629 * (time - _J2000).total_seconds() / _DAY_S) % 360
