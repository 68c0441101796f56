"""How often the garbage collector looks, and that it is left as it was found."""

import gc

import pytest

from safelight.engine.gc_tuning import CALM, calm_collector, no_garbage_collection

FOUND = (701, 11, 12)


@pytest.fixture(autouse=True)
def _thresholds() -> object:
    """Thresholds of somebody else. The real ones afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(*FOUND)
    yield
    gc.set_threshold(*before)


def test_calm_for_as_long_as_one_run_lasts() -> None:
    """Also where it ends with an error."""

    def fail() -> None:
        with calm_collector():
            assert gc.get_threshold() == CALM
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.get_threshold() == FOUND


def test_calm_until_the_last_of_several_has_ended() -> None:
    """Runs in parallel end in any order."""
    first, second = calm_collector(), calm_collector()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == CALM
    second.__exit__(None, None, None)
    assert gc.get_threshold() == FOUND


def test_off_while_much_is_built() -> None:
    """And on again, unless it was off before."""
    with no_garbage_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
