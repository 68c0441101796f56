"""Runs whose warm-ups end when the light is steady."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import Observatory, load_observatory
from safelight.engine import Options, make_plan
from safelight.engine.planning.plan import site_of
from safelight.sequences import SequenceError, load
from safelight.states import LampWarmup, SteadyLight
from tests.engine.conftest import Played, Player
from tests.engine.light.test_restored_runs import SEEN, dead, lit_s, on_and_off
from tests.engine.step_bench import written

UNTIL: Mapping[str, Any] = {"steady": 0.01, "window": 40, "least": 30, "longest": 400}


def monitored(folder: Path, **options: Any) -> Path:
    """Write the observatory with a photodiode."""
    path = written(folder, **SEEN)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["lamps"]["monitor"] = {"driver": "simulated", "dark": 2.0, "options": {"dark": 2.0, **options}}
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def waiting(count: int = 2, **until: Any) -> Mapping[str, Any]:
    """Return a sequence of frames of one lamp that is to be steady."""
    step = {"lamps": ["ThAr"], "exposure_time": 6, "count": count, "warmup": {**UNTIL, **until}}
    return {"name": "steady", "steps": [{"biases": {}}, step, {"lamps": ["Quartz"], "exposure_time": 5}]}


def warm_s(played: Played) -> list[float]:
    """Return how long ThAr had been on before each of its good frames, from their headers."""
    assert played.result is not None
    files = [taken.files[0].path for taken in played.result.frames if taken.frame.startswith("ThAr")]
    return [float(fits.getheader(path)["WTHAR"]) for path in files]


@pytest.mark.parametrize(("tau_s", "least_s", "most_s"), [(2.0, 50.0, 75.0), (20.0, 90.0, 180.0)])
def test_a_warm_up_ends_when_the_light_is_steady(tau_s: float, least_s: float, most_s: float, tmp_path: Path) -> None:
    """A fast lamp is exposed early and a slow one late, both long before the longest warm-up, without a remark."""
    played = Player(tmp_path, monitored(tmp_path, tau_s=tau_s))(waiting())
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    first, second = warm_s(played)
    assert least_s < first < most_s
    assert first < second
    assert [taken.reason for taken in played.result.frames] == [None] * 4
    header = fits.getheader(played.result.frames[1].files[0].path)
    assert header["WSTEADY"] == pytest.approx(first, abs=3.0)
    assert "WSTEADY" not in fits.getheader(played.result.frames[3].files[0].path)
    assert sum(on for _, on in on_and_off(played, "ThAr")) == 1
    assert played.all_dark()


def test_light_that_is_never_steady_is_a_remark(tmp_path: Path) -> None:
    """After the longest warm-up the frames are taken all the same, and say why they are doubtful."""
    played = Player(tmp_path, monitored(tmp_path, tau_s=300.0))(waiting(longest=120))
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert warm_s(played)[0] == pytest.approx(120.0, abs=4.0)
    lamps = {taken.frame: taken.reason for taken in played.result.frames}
    assert "ThAr: the light is not steady after 120 s of warm-up" in str(lamps["ThAr-6s-001"])
    assert "not steady" in str(lamps["ThAr-6s-002"])
    assert lamps["Quartz-5s-001"] is None


def test_a_lamp_that_has_been_on_for_long_is_looked_at(tmp_path: Path) -> None:
    """A lamp that has been on for longer than its longest warm-up is steady after one look, without a remark."""
    plain = {"lamps": ["ThAr"], "exposure_time": 30, "count": 3, "warmup": 20}
    steady = {"lamps": ["ThAr"], "exposure_time": 6, "warmup": {**UNTIL, "longest": 60}}
    played = Player(tmp_path, monitored(tmp_path, tau_s=5.0))({"name": "long", "steps": [plain, steady]})
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert warm_s(played)[-1] > 100.0
    assert played.result.frames[-1].reason is None
    assert "WSTEADY" in fits.getheader(played.result.frames[-1].files[0].path)
    assert sum(on for _, on in on_and_off(played, "ThAr")) == 1


def dark(times: int | None) -> Mapping[str, Any]:
    """Return a photodiode that sees no light, whatever the switch says."""
    return {"device": "lamp_monitor", "verb": "read", "what": "lie", "nth": 1, "times": times}


def test_a_lamp_that_does_not_strike_is_struck_again(tmp_path: Path) -> None:
    """Without light after half a minute the state fails, and its retry switches the lamp off and on."""
    # It is read every 2 s: the first strike has no light for 40 s, the second has.
    played = Player(tmp_path, monitored(tmp_path, tau_s=2.0))(waiting(), faults=[dark(16)])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    [failed] = played.heard("state.failed")
    assert failed["kind"] == "lamp-warmup"
    assert "ThAr is on, and after" in failed["error"]
    strikes = lit_s(played, "ThAr")
    assert len(strikes) == 2
    assert 29.0 < strikes[0] < 36.0


def test_a_lamp_that_never_strikes_ends_the_run(tmp_path: Path) -> None:
    """After the tries of the state it is a fault that names the lamp, with all lamps off."""
    played = Player(tmp_path, monitored(tmp_path))(waiting(), faults=[dark(None)])
    assert played.result is not None
    assert played.result.outcome == "faulted"
    assert "ThAr is on" in (played.result.reason or "")
    assert "lamp monitor reads 2: expected more than 2" in (played.result.reason or "")
    assert played.good == ["bias-001"]
    assert played.all_dark()


@pytest.mark.parametrize("what", ["error", "hang", "disconnect"])
def test_a_monitor_that_fails_costs_no_frame(what: str, tmp_path: Path) -> None:
    """A photodiode without an answer is a remark: the longest warm-up passes."""
    fault = {"device": "lamp_monitor", "verb": "read", "what": what, "times": None}
    played = Player(tmp_path, monitored(tmp_path, tau_s=2.0))(waiting(longest=90), faults=[fault])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert warm_s(played)[0] == pytest.approx(90.0, abs=8.0)
    assert "the lamp monitor does not answer" in str(played.result.frames[1].reason)


def test_a_frame_that_is_taken_again_has_steady_light(tmp_path: Path) -> None:
    """A restore waits for steady light, too."""
    played = Player(tmp_path, monitored(tmp_path, tau_s=5.0))(waiting(), faults=[dead("ThAr")])
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert [bad.frame for bad in played.result.bad] == ["ThAr-6s-001"]
    assert min(warm_s(played)) > 50.0
    assert "WSTEADY" in fits.getheader(played.result.frames[1].files[0].path)


@pytest.fixture
def site(tmp_path: Path) -> Observatory:
    """Return the observatory with a photodiode."""
    return load_observatory(monitored(tmp_path))


@pytest.mark.parametrize("overlap", [True, False])
def test_the_plan_has_least_and_longest(site: Observatory, *, overlap: bool) -> None:
    """The proof counts with the shortest warm-up, plan, deadline and lease with the longest. One warm-up is enough."""
    plan = make_plan(load(waiting(3), site_of(site)), site, Options(overlap=overlap))
    [work, _] = [state.work for state in plan.graph.states if isinstance(state.work, LampWarmup)]
    assert (work.lamps, work.warmup_s, work.steady) == (("ThAr",), (30.0,), SteadyLight(0.01, 40.0, 400.0))
    state = next(state for state in plan.graph.states if state.work is work)
    assert state.deadline_s > 400.0
    assert 400.0 <= plan.schedule.lamp_on_s["ThAr"] < 600.0
    assert plan.bound_s <= plan.total_s


def test_a_plain_warm_up_before_is_not_steady(site: Observatory) -> None:
    """A lamp that is warm for one frame is waited for when the next one asks for steady light."""
    plain = {"lamps": ["ThAr"], "exposure_time": 5, "warmup": 60}
    steady = {"lamps": ["ThAr"], "exposure_time": 5, "warmup": dict(UNTIL)}
    plan = make_plan(load({"name": "two", "steps": [plain, steady, plain]}, site_of(site)), site, Options())
    works = [state.work for state in plan.graph.states if isinstance(state.work, LampWarmup)]
    assert [work.steady is not None for work in works] == [False, True]


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ({"longest": 45}, "seconds, at least 50"),
        ({"least": 500}, "seconds, at least 500"),
        ({"steady": 0.5}, "steady"),
        ({"shortest": 5}, "shortest"),
        ({"window": True}, "window"),
    ],
)
def test_wrong_warm_ups_are_refused(until: Mapping[str, Any], words: str, site: Observatory) -> None:
    """The message names what is wrong and what is expected."""
    with pytest.raises(SequenceError) as caught:
        load(waiting(**until), site_of(site))
    assert words in str(caught.value)


def test_a_warm_up_until_steady_needs_a_monitor(tmp_path: Path) -> None:
    """Where nothing sees the light, `check` says so."""
    observatory = load_observatory(written(tmp_path))
    with pytest.raises(SequenceError, match=r"lamps\.monitor"):
        load(waiting(), site_of(observatory))


def test_a_block_may_have_it_too(site: Observatory) -> None:
    """Both forms of a sequence have it."""
    block = {"lamps": {"ThAr": {"exposure_time": 5, "warmup": dict(UNTIL)}}}
    plan = make_plan(load(block, site_of(site)), site, Options())
    [work] = [state.work for state in plan.graph.states if isinstance(state.work, LampWarmup)]
    assert work.steady is not None
