"""Exposure times from counts: the rules, without any instrument."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from safelight.engine.light.meter import Brightness, Meter, in_band, next_s
from safelight.states import CountsWanted, Exposure, Need

COUNTS = CountsWanted(adu=20_000.0, first_s=20.0, least_s=1.0, tolerance=0.25, tries=3)
FLAT = Exposure("Quartz-20000adu-001", "flat", 120.0, Need(("Quartz",), (10.0,)), "Quartz", counts=COUNTS)


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        (Brightness(10_000.0), 40.0),
        (Brightness(40_000.0), 10.0),
        (Brightness(100.0), 120.0),
        (Brightness(60_000.0, saturated=True), 2.5),
        (Brightness(3.0, dark=True), 120.0),
        (Brightness(0.0, dark=True), 120.0),
        (Brightness(20_000.0), 20.0),
    ],
)
def test_the_next_try_is_in_proportion(seen: Brightness, seconds: float) -> None:
    """It is corrected by the ratio of the counts, by a factor of 8 at the most, within the limits."""
    assert next_s(FLAT, COUNTS, 20.0, seen) == pytest.approx(seconds)


@given(some.builds(Brightness, some.floats(1e-9, 1e9), some.booleans(), some.booleans()), some.floats(0.001, 1000.0))
def test_the_next_try_is_within_the_limits(seen: Brightness, seconds: float) -> None:
    """Whatever was seen, the time lies between least and longest."""
    assert 1.0 <= next_s(FLAT, COUNTS, seconds, seen) <= 120.0


def test_what_is_in_band() -> None:
    """A quarter more or less is, and nothing that is saturated or dark."""
    assert in_band(COUNTS, Brightness(15_000.0))
    assert in_band(COUNTS, Brightness(25_000.0))
    assert not in_band(COUNTS, Brightness(14_999.0))
    assert not in_band(COUNTS, Brightness(25_001.0))
    assert not in_band(COUNTS, Brightness(20_000.0, saturated=True))
    assert not in_band(COUNTS, Brightness(20_000.0, dark=True))


def test_one_frame_finds_and_the_others_use_it(tmp_path: Path) -> None:
    """After a trial the next try and the frames after it have the time that gives the counts, in later runs too."""
    meter = Meter(tmp_path / "rates.json")
    assert meter.choose_s(FLAT) == 20.0
    trial = meter.weigh(FLAT, 1, 20.0, Brightness(5_000.0))
    assert trial.again
    assert "5000 ADU in 20 s, expected 20000 ADU: taken again with 80 s" in trial.words
    assert meter.choose_s(FLAT) == 80.0
    assert not meter.weigh(FLAT, 2, 80.0, Brightness(20_400.0)).words
    second = replace(FLAT, frame="Quartz-20000adu-002")
    assert meter.choose_s(second) == pytest.approx(80.0 / 1.02, abs=1e-3)
    assert Meter(tmp_path / "rates.json").choose_s(FLAT) == pytest.approx(80.0 / 1.02, abs=1e-3)


def test_another_kind_of_light_begins_anew(tmp_path: Path) -> None:
    """Another set-up, level or camera has counts per second of its own, and another exposure time has not."""
    meter = Meter(tmp_path / "rates.json")
    meter.weigh(FLAT, 1, 20.0, Brightness(10_000.0))
    other = replace(FLAT, frame="other")
    assert meter.choose_s(replace(other, exposure_s=300.0)) == 40.0
    assert meter.choose_s(replace(other, need=replace(FLAT.need, setup=(("slit", "wide"),)))) == 20.0
    assert meter.choose_s(replace(other, need=replace(FLAT.need, levels=(("Quartz", 50.0),)))) == 20.0
    assert meter.choose_s(replace(other, cameras=("b1",))) == 20.0


def test_the_last_try_is_kept_with_a_remark(tmp_path: Path) -> None:
    """A lamp that flickers costs three exposures at the most. A second look at one of them counts no more."""
    meter = Meter(tmp_path / "rates.json")
    assert meter.weigh(FLAT, 1, 20.0, Brightness(5_000.0)).again
    assert meter.weigh(FLAT, 1, 20.0, Brightness(5_000.0)).again
    assert meter.weigh(FLAT, 2, 80.0, Brightness(60_000.0)).again
    last = meter.weigh(FLAT, 3, 27.0, Brightness(5_000.0))
    assert not last.again
    assert last.words.endswith("kept after 3 tries")


@pytest.mark.parametrize(
    ("seconds", "adu", "limit"), [(120.0, 5_000.0, "longest"), (1.0, 60_000.0, "shortest")], ids=["faint", "bright"]
)
def test_at_a_limit_nothing_is_tried(seconds: float, adu: float, limit: str, tmp_path: Path) -> None:
    """Where the sequence allows no better time the frame is kept, and says so."""
    kept = Meter(tmp_path / "rates.json").weigh(FLAT, 1, seconds, Brightness(adu))
    assert not kept.again
    assert f"this is the {limit} exposure that the sequence allows" in kept.words


@pytest.mark.parametrize("content", ["", "[]", '{"a": "b"}', "null", "{"])
def test_a_damaged_file_is_no_memory(content: str, tmp_path: Path) -> None:
    """What can't be read is found anew."""
    (tmp_path / "rates.json").write_text(content, encoding="utf-8")
    meter = Meter(tmp_path / "rates.json")
    assert meter.choose_s(FLAT) == 20.0
    meter.weigh(FLAT, 1, 20.0, Brightness(20_000.0))
    assert Meter(tmp_path / "rates.json").choose_s(FLAT) == 20.0
