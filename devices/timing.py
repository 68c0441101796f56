"""Durations of hardware. Pure functions, so that a plan and a simulated run agree to the microsecond."""

from math import atan2, cos, degrees, hypot, radians, sin

from safelight.devices.protocols import AltAz

__all__ = ["expose_s", "move_s", "separation_deg", "slew_s"]

_SAME_DEG = 1e-9  # rounding of a direction that went through a file


def separation_deg(start: AltAz, end: AltAz) -> float:
    """Return the angle on the sky between two directions, in degrees (Vincenty's formula, exact at 0 and 180)."""
    turn = radians(end.az_deg - start.az_deg)
    a, b = radians(start.alt_deg), radians(end.alt_deg)
    across = hypot(cos(b) * sin(turn), cos(a) * sin(b) - sin(a) * cos(b) * cos(turn))
    along = sin(a) * sin(b) + cos(a) * cos(b) * cos(turn)
    return degrees(atan2(across, along))


def slew_s(start: AltAz, end: AltAz, deg_per_s: float, settle_s: float) -> float:
    """Return the seconds that one telescope takes from one direction to another, or 0 if it is already there."""
    angle = separation_deg(start, end)
    return 0.0 if angle < _SAME_DEG else angle / deg_per_s + settle_s


def move_s(start: int, end: int, steps_per_s: float, settle_s: float) -> float:
    """Return the seconds that the fibre mask takes between two motor positions, or 0 if it is already there."""
    return 0.0 if start == end else abs(end - start) / steps_per_s + settle_s


def expose_s(exposure_s: float, lead_s: float, tail_s: float) -> float:
    """Return the seconds from the command to the answer of an exposure: lead, integration, tail."""
    return lead_s + exposure_s + tail_s
