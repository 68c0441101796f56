"""Runs killed with -9 at chosen moments, and resumed: no frame lost, none doubled, no lamp on."""

import os
import random
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from safelight.engine.errors import JournalError
from safelight.engine.records import tables
from tests.crash.check import assert_whole, cards_of, rows_of
from tests.crash.crashes import ALL_FEATURES, Case, Warm

Expected = Callable[[Any], dict[str, Any]]
MakeCase = Callable[..., Case]

EVERY = {"uncommitted": 4, "event": 9, "verb": 7, "answer": 11, "disk": 8}
"""Which of the moments of a kind the quick campaign takes: every so many; the long one takes all."""
ENDINGS = {"aborted", "paused", "faulted", "unsafe"}
NOTHING_THERE = {"RunRefused", "JournalError"}
STOPS = ("abort", "pause", "fault")
LAMPS = ("ARGON", "NEON", "LDLS", "QUARTZ", "HGNE", "XENON")
TRIES = 40
"""More disturbed resumes than this in a row do not come to an end."""


def kill(what: str, n: int) -> dict[str, Any]:
    """Return the moment of a kill."""
    return {"what": what, "n": n, "do": "kill"}


def after_all(warm: Warm, case: Case) -> str:
    """Resume what was killed to its end. Return the run's id.

    A run that died before it was written down is run anew, as a person would; one that died after it was done is done.
    """
    ended = warm.do(case.job("resume"))
    if ended.outcome in NOTHING_THERE:
        done = runs_of(case)
        if done:
            assert [row["outcome"] for row in done] == ["done"], ended
            return str(done[0]["run"])
        assert not list(case.frames.rglob("*.fits")), ended
        ended = warm.do(case.job("run"))
    assert ended.outcome == "done", ended
    return str(ended.answer["run"])


def runs_of(case: Case) -> list[Mapping[str, Any]]:
    """Return the runs in a case's journal, or none where there is no journal yet."""
    try:
        return rows_of(case.journal, tables.runs)
    except JournalError:
        return []


def assert_as_undisturbed(case: Case, run: str, whole: Mapping[str, Any]) -> None:
    """Demand that the frames of an undisturbed run, taken in the same way."""
    assert_whole(case, run, whole["good"])
    assert cards_of(case.frames / run, LAMPS) == whole["cards"]


def survives(warm: Warm, case: Case, whole: Mapping[str, Any], what: str, n: int) -> None:
    """Kill at one moment, resume, and look."""
    first = warm.do(case.job("run", at=kill(what, n)))
    # Nearly all are killed; where threads change the order of things the last moments may not come.
    run = after_all(warm, case) if first.killed else str(first.answer["run"])
    assert_as_undisturbed(case, run, whole)
    shutil.rmtree(case.home.parent)


@pytest.mark.parametrize("third", [1, 2, 3])
def test_kill_after_every_commit(
    warm: Warm, make_case: MakeCase, expected: Expected, sequence: Any, third: int
) -> None:
    """Killed right after any transaction of the journal and resumed, a run has the frames of an undisturbed one."""
    whole = expected(sequence)
    assert whole["counts"]["commit"] > 20
    for n in range(third, whole["counts"]["commit"] + 1, 3):
        survives(warm, make_case(sequence), whole, "commit", n)


@pytest.mark.parametrize("what", list(EVERY))
def test_kill_between_commits(warm: Warm, make_case: MakeCase, expected: Expected, sequence: Any, what: str) -> None:
    """Killed inside a transaction, at an event, inside a device's verb or a write to the disk: the same."""
    whole = expected(sequence)
    last = whole["counts"][what]
    assert last > 20
    for n in range(1 + len(what) % EVERY[what], last + 1, EVERY[what]):
        survives(warm, make_case(sequence), whole, what, n)


@pytest.mark.soak
@pytest.mark.parametrize("what", list(EVERY))
def test_kill_at_every_moment(warm: Warm, make_case: MakeCase, expected: Expected, sequence: Any, what: str) -> None:
    """The same at every single moment."""
    whole = expected(sequence)
    for n in range(1, whole["counts"][what] + 1):
        survives(warm, make_case(sequence), whole, what, n)


@pytest.mark.parametrize("what", ["commit", "disk"])
def test_kill_during_every_resume(warm: Warm, make_case: MakeCase, expected: Expected, what: str) -> None:
    """A run whose every resume is killed a little later than the one before still ends with its frames."""
    case = make_case(ALL_FEATURES)
    assert warm.do(case.job("run", at=kill("commit", 30))).killed
    for n in range(1, 200, 3):
        ended = warm.do(case.job("resume", at=kill(what, n)))
        if not ended.killed:
            break
    # A resume that is killed after its last entry leaves nothing to resume.
    if ended.outcome == "RunRefused":
        assert "nothing to resume" in ended.answer["words"], ended
    else:
        assert ended.outcome == "done"
    assert n > 10
    (run,) = (row["run"] for row in rows_of(case.journal, tables.runs))
    assert_as_undisturbed(case, run, expected(ALL_FEATURES))


def campaign(warm: Warm, case: Case, whole: Mapping[str, Any], dice: random.Random) -> None:
    """Kill, abort, pause, fault and resume as the dice fall, until the run is done."""
    counts = {"commit": 60, "uncommitted": 60, "event": 100, "verb": 130, "answer": 130, "disk": 100}
    verb = "run"
    for left in range(TRIES, 0, -1):
        what = dice.choice(list(counts))
        at = {"what": what, "n": dice.randint(1, counts[what]), "do": dice.choice(["kill", "kill", *STOPS])}
        request = {"faults": [a_fault(dice)]} if dice.random() < 0.4 else {}
        ended = warm.do(case.job(verb, request=request, at=at if left > 1 else None))
        if ended.outcome == "done" or ended.outcome in NOTHING_THERE:
            run = str(ended.answer["run"]) if ended.outcome == "done" else after_all(warm, case)
            assert_as_undisturbed(case, run, whole)
            return
        assert ended.killed or ended.outcome in ENDINGS, ended
        assert ended.killed or ended.outcome == "unsafe" or case.burning() == []
        assert not ended.answer.get("internal"), ended
        verb = "resume"
    raise AssertionError("no end")


def a_fault(dice: random.Random) -> dict[str, Any]:
    """Something that an instrument gets wrong now and then."""
    device, verb = dice.choice(
        [
            ("spectrographs", "read_out"),
            ("spectrographs", "expose"),
            ("lamps", "on"),
            ("lamps", "status"),
            ("fibsel", "move"),
            ("telescopes", "goto"),
        ]
    )
    what = dice.choice(["error", "timeout", "hang", "disconnect", "lie"])
    fault = {"device": device, "verb": verb, "nth": dice.randint(1, 6), "times": dice.choice([1, 2, 5]), "what": what}
    return fault | ({"seconds": 20.0} if what == "hang" else {})


@pytest.mark.parametrize("seed", range(12))
def test_any_interleaving(warm: Warm, make_case: MakeCase, expected: Expected, seed: int) -> None:
    """Faults, aborts, pauses, kills and resumes in any order end in the frames of an undisturbed run."""
    campaign(warm, make_case(ALL_FEATURES), expected(ALL_FEATURES), random.Random(seed))  # noqa: S311 - the same every time


@pytest.mark.soak
def test_a_thousand_interleavings(warm: Warm, make_case: MakeCase, expected: Expected) -> None:
    """The same, a thousand times (SAFELIGHT_SOAK: how often), from SAFELIGHT_SEED on."""
    first = int(os.environ.get("SAFELIGHT_SEED", "1000"))
    for seed in range(first, first + int(os.environ.get("SAFELIGHT_SOAK", "1000"))):
        campaign(warm, make_case(ALL_FEATURES), expected(ALL_FEATURES), random.Random(seed))  # noqa: S311 - the same every time
