"""Directions of a mount: equatorial coordinates of date into altitude and azimuth, and back. Pure functions.

Refraction, nutation and aberration are left out: together some hundredths of a degree, less than a screen is wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import asin, atan2, cos, degrees, radians, sin

from safelight.devices.protocols import AltAz

__all__ = ["Equatorial", "GeographicPlace", "equatorial_of", "horizontal_of"]

_J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
_SIDEREAL_DEG, _SIDEREAL_DEG_PER_DAY = 280.46061837, 360.98564736629
"""Greenwich mean sidereal time at J2000, and how it grows: Meeus, Astronomical Algorithms, 12.4."""
_DEG_PER_HOUR = 15.0


@dataclass(frozen=True, slots=True)
class Equatorial:
    """Right ascension in hours and declination in degrees, of date."""

    ra_h: float
    dec_deg: float


@dataclass(frozen=True, slots=True)
class GeographicPlace:
    """Latitude, and longitude to the east, in degrees."""

    lat_deg: float
    lon_deg: float

    def sidereal_deg(self, utc: datetime) -> float:
        """Return the local sidereal time, as an angle."""
        days = (utc - _J2000).total_seconds() / 86_400.0
        return (_SIDEREAL_DEG + _SIDEREAL_DEG_PER_DAY * days + self.lon_deg) % 360.0


def horizontal_of(at: Equatorial, site: GeographicPlace, utc: datetime) -> AltAz:
    """Return the altitude and azimuth of coordinates."""
    hour_angle = radians(site.sidereal_deg(utc) - _DEG_PER_HOUR * at.ra_h)
    alt_deg, az_deg = _turned(radians(at.dec_deg), hour_angle, radians(site.lat_deg))
    return AltAz(alt_deg, az_deg % 360.0)


def equatorial_of(to: AltAz, site: GeographicPlace, utc: datetime) -> Equatorial:
    """Return the coordinates of a direction."""
    dec_deg, hour_angle_deg = _turned(radians(to.alt_deg), radians(to.az_deg), radians(site.lat_deg))
    return Equatorial((site.sidereal_deg(utc) - hour_angle_deg) % 360.0 / _DEG_PER_HOUR, dec_deg)


def _turned(height: float, angle: float, lat: float) -> tuple[float, float]:
    """Turn by the latitude: declination and hour angle into altitude and azimuth. It is its own inverse."""
    up = sin(lat) * sin(height) + cos(lat) * cos(height) * cos(angle)
    north = cos(lat) * sin(height) - sin(lat) * cos(height) * cos(angle)
    return degrees(asin(max(-1.0, min(1.0, up)))), degrees(atan2(-sin(angle) * cos(height), north))
