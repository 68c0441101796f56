"""The arithmetic of a sweep: LVM's mask, 500 motor steps a second."""

import pytest

from safelight.sequences import Expansion, LampDefaults, SequenceError, Site, Sweep, expand, load

MOVES_S = (16610 - 215) / 500  # P1 from end to end


def one(site: Site, exposure_s: float, fibsel: object) -> tuple[Sweep, Expansion]:
    """Return the sweep of a document with one exposure."""
    block = {"exposure_time": exposure_s, "fibsel": fibsel}
    expansion = expand(load({"lamps": {"Quartz": block}}, site), site)
    (frame,) = expansion.frames
    assert frame.sweep is not None
    return frame.sweep, expansion


@pytest.mark.parametrize(("name", "exposure_s", "asked_s"), [("demo", 120, 10), ("normal", 270, 20)])
def test_library_sweeps_are_shortened(site: Site, name: str, exposure_s: float, asked_s: float) -> None:
    """In `demo` and `normal` times and moves don't fit: every fibre is visited, for less, with a warning."""
    expansion = expand(load(name, site), site)
    (path,) = [frame.sweep for frame in expansion.frames if frame.sweep]
    real_s = (exposure_s - MOVES_S) / 12
    assert path.dwell_s == pytest.approx((real_s,) * 12)
    assert path.asked_s == asked_s
    (warning,) = expansion.warnings
    assert f"{real_s:.4g} s instead of {asked_s} s" in warning


def test_without_times_all_share(site: Site) -> None:
    """Without `time_per_position` each fibre gets the same time on target, moves discounted, silently."""
    path, expansion = one(site, 270, fibsel=True)
    assert path.dwell_s == pytest.approx(((270 - MOVES_S) / 12,) * 12)
    assert path.asked_s is None
    assert expansion.warnings == ()


def test_rest_goes_to_the_last(site: Site) -> None:
    """Time left over is the last fibre's, as it really stays lit, with a warning."""
    path, expansion = one(site, 270, {"positions": "P1-", "time_per_position": 5})
    assert path.dwell_s[:-1] == (5,) * 11
    assert path.dwell_s[-1] == pytest.approx(270 - MOVES_S - 55)
    assert "the last fibre, P1-3, gets" in expansion.warnings[0]


def test_small_rest_needs_no_warning(site: Site) -> None:
    """Less than a second left over is not worth a word."""
    path, expansion = one(site, 12 * 5 + MOVES_S + 0.9, {"time_per_position": 5})
    assert path.dwell_s[-1] == pytest.approx(5.9)
    assert expansion.warnings == ()


def test_exact_fit(site: Site) -> None:
    """Times that fit to the last digit are neither shortened nor warned of."""
    path, expansion = one(site, 12 * 5 + MOVES_S, {"time_per_position": 5, "fit": "strict"})
    assert path.dwell_s == pytest.approx((5,) * 12)
    assert expansion.warnings == ()


def test_pattern_runs_by_motor_steps(site: Site) -> None:
    """A pattern runs in order of motor steps, rotated to begin at the initial position."""
    path, _ = one(site, 270, {"positions": "P1-", "initial_position": "P1-12"})
    assert path.fibres == tuple(f"P1-{n}" for n in (12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1))


def test_list_runs_as_written(site: Site) -> None:
    """A list runs as written, rotated where an initial position is given."""
    written = ["P1-9", "P2-1", "P1-3"]
    assert one(site, 270, {"positions": written})[0].fibres == tuple(written)
    rotated, _ = one(site, 270, {"positions": written, "initial_position": "p2-1"})
    assert rotated.fibres == ("P2-1", "P1-3", "P1-9")


def test_one_fibre(site: Site) -> None:
    """A sweep over one fibre lights it for the whole exposure."""
    path, _ = one(site, 30, {"positions": "P1-3$"})
    assert path == Sweep(("P1-3",), (30.0,), None)


def test_settling_counts() -> None:
    """The time that the mask settles after each move is discounted too."""
    slow = Site((LampDefaults("Quartz", 120, "flat"),), {"A": 0, "B": 100}, "", steps_per_s=10, settle_s=5)
    path, _ = one(slow, 35, fibsel=True)
    assert path.dwell_s == (10, 10)


def test_other_site_is_refused(site: Site) -> None:
    """A spec is expanded only where its sweep still fits."""
    document = load({"lamps": {"Quartz": {"exposure_time": 40, "fibsel": True}}}, site)
    slow = Site(site.lamps, site.fibres, steps_per_s=100)
    with pytest.raises(SequenceError, match="can't fit"):
        expand(document, slow)
