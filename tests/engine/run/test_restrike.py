"""A lamp that has to rest before it is struck again rests after every failure, and after the run before."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.engine import Request, plan_of
from tests.engine.conftest import Played, Player
from tests.engine.step_bench import written

REST_S = 400.0
ARC = {"name": "arc", "steps": [{"lamps": ["ThAr"], "exposure_time": 6, "warmup": 5}]}
TIMED = {"name": "timed", "steps": [{"lamps": ["ThAr"], "exposure_time": 20, "lit_for": {"ThAr": 8}}]}


@pytest.fixture
def resting(tmp_path: Path) -> Player:
    """Run on the observatory with selectors, whose lamp ThAr has to be off for REST_S before it is lit again."""
    path = written(tmp_path)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    plain["lamps"]["units"]["ThAr"] |= {"restrike_s": REST_S, "warmup_s": 0.0}
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return Player(tmp_path, path)


def dark_s(home: Path, lamp: str = "ThAr") -> list[float]:
    """Return how long a lamp was off each time before it was lit again, s, as the simulated switch has it."""
    plain = json.loads((home / "simulated" / "switch.json").read_text(encoding="utf-8"))
    turns = [(utc, on) for _, utc, name, on in plain["transitions"] if name == lamp]
    return [lit - off for (off, was_on), (lit, on) in pairwise(turns) if not was_on and on]


def assert_done(played: Played) -> None:
    """Demand that a run has ended well, with all lamps off."""
    assert played.result is not None
    assert played.result.outcome == "done", played.result.reason
    assert played.all_dark()


@pytest.mark.parametrize(
    ("sequence", "fault"),
    [
        (ARC, {"device": "spectrographs", "verb": "expose", "what": "error", "nth": 1}),
        (ARC, {"device": "lamps", "verb": "status", "what": "error", "nth": 3}),
        (TIMED, {"device": "lamps", "verb": "status", "what": "error", "nth": 4}),
    ],
    ids=["an exposure", "a read-back while it burns", "an exposure with a timed lamp"],
)
def test_it_rests_before_a_retry(resting: Player, sequence: Mapping[str, Any], fault: Mapping[str, Any]) -> None:
    """A failure puts the lamp out. It is lit again after its rest, and the run ends well within its deadlines."""
    played = resting(sequence, faults=[fault])
    assert_done(played)
    assert played.heard("state.retried")
    (rest_s,) = dark_s(played.home)
    assert REST_S <= rest_s < REST_S + 60.0


def test_it_rests_after_the_run_before(resting: Player, tmp_path: Path) -> None:
    """A run that begins when the one before has just put the lamp out waits with its first light."""
    places = {"home": tmp_path / "home", "frames": tmp_path / "frames"}
    took_s = []
    for _ in range(2):
        played = resting(ARC, **places)
        assert_done(played)
        assert played.result is not None
        took_s.append(played.result.elapsed_s)
    # In virtual time the second run begins before the first one has ended: it takes the lamp as off from now on.
    assert REST_S - 10.0 < took_s[1] - took_s[0] <= REST_S


def test_a_timed_lamp_rests_before_its_first_exposure(resting: Player, tmp_path: Path) -> None:
    """Where the run before has just put the lamp out, no try is lost: the exposure begins after the rest."""
    places = {"home": tmp_path / "home", "frames": tmp_path / "frames"}
    assert_done(resting(ARC, **places))
    played = resting(TIMED, **places)
    assert_done(played)
    assert not played.heard("state.failed")
    assert played.result is not None
    assert played.result.elapsed_s > REST_S


def test_nothing_waits_without_a_reason(resting: Player) -> None:
    """A run without a failure takes the time that its plan says."""
    played = resting(ARC)
    assert_done(played)
    assert played.result is not None
    plan = plan_of(Request(ARC, observatory=resting.observatory))
    assert played.result.elapsed_s == pytest.approx(plan.total_s, abs=0.01)
