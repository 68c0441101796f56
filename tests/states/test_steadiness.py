"""When light counts as steady."""

from math import exp, sin

import pytest
from hypothesis import given
from hypothesis import strategies as some

from safelight.states import SteadyLight
from safelight.states.lamp_warmup import is_steady

STEADY = SteadyLight(fraction=0.01, window_s=60.0, longest_s=600.0)


def rising(tau_s: float, until_s: float) -> list[tuple[float, float]]:
    """Readings of a lamp that brightens exponentially, every 2 s."""
    times = [2.0 * number for number in range(int(until_s / 2.0) + 1)]
    return [(time, 100.0 * (1.0 - exp(-time / tau_s))) for time in times]


@pytest.mark.parametrize("tau_s", [5.0, 20.0, 60.0])
def test_it_ends_when_the_light_is_all_but_there(tau_s: float) -> None:
    """Whatever the time constant, at least 99 % of the final light is there when it first counts as steady."""
    light = next(
        readings[-1][1] for end_s in range(0, 1200, 2) if is_steady(readings := rising(tau_s, end_s), STEADY, dark=0.0)
    )
    assert light >= 99.0


def test_a_short_look_is_not_enough() -> None:
    """Readings have to cover the window: a lamp that was lit ten seconds ago is not steady."""
    assert not is_steady([(float(time), 100.0) for time in range(0, 50, 2)], STEADY, dark=0.0)
    assert is_steady([(float(time), 100.0) for time in range(0, 62, 2)], STEADY, dark=0.0)
    assert not is_steady([], STEADY, dark=0.0)
    assert not is_steady([(0.0, 100.0)], STEADY, dark=0.0)


def test_darkness_is_not_steady() -> None:
    """However little darkness changes, no lamp is warm in it."""
    assert not is_steady([(float(time), 7.0) for time in range(0, 120, 2)], STEADY, dark=7.0)


def test_a_flicker_is_not_steady() -> None:
    """A slow flicker of a tenth is no steady light most of the time."""
    readings = [(2.0 * number, 100.0 + 10.0 * sin(number / 12.0)) for number in range(400)]
    steady = [is_steady(readings[:end], STEADY, dark=0.0) for end in range(40, 400)]
    assert sum(steady) < 0.2 * len(steady)


@given(some.lists(some.tuples(some.floats(0, 1e6), some.floats(-1e9, 1e9)), max_size=60))
def test_no_readings_raise(readings: list[tuple[float, float]]) -> None:
    """Whatever a monitor reads, the answer is yes or no."""
    assert is_steady(sorted(readings), STEADY, dark=0.0) in (True, False)
