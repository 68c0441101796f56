"""Wherever a run is named, its id, the beginning of it or `last` is enough."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from safelight.engine import Request, RunRefused, VirtualClock, look_back, perform
from safelight.engine.clock import ScaledClock
from safelight.engine.records.run_list import pick_run

Inside = Callable[..., Result]

NAMES = ["20261129T010000-demo-a1b2", "20261128T235959-normal-0001", "20261128T120000-demo-0002"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, 0), ("last", 0), (NAMES[1], 1), ("20261129", 0), ("20261128T23", 1), ("20261128T1", 2)],
)
def test_what_is_enough(given: str | None, expected: int) -> None:
    """The newest run needs no name, and any beginning that only one id has will do."""
    assert pick_run(given, NAMES, "here") == NAMES[expected]


@pytest.mark.parametrize(
    ("given", "words"),
    [("20261128T", r"2 runs in here begin with.*normal-0001.*demo-0002"), ("demo-a1", "did you mean 20261129")],
)
def test_what_is_not(given: str, words: str) -> None:
    """A beginning that several ids have is refused and names them. A part of an id gets the id that has it."""
    with pytest.raises(RunRefused, match=words):
        pick_run(given, NAMES, "here")


def test_an_exact_id_is_never_ambiguous() -> None:
    """An id that is the beginning of another one is still that run's."""
    assert pick_run("20261129T01", ["20261129T01-x", "20261129T01"], "here") == "20261129T01"


def test_without_a_run_there_is_nothing_to_name() -> None:
    """An empty journal is said to be empty."""
    with pytest.raises(RunRefused, match="no run in here"):
        pick_run("last", [], "here")


def test_the_newest_is_the_one_that_was_asked_for_last(tmp_path: Path) -> None:
    """A run on an accelerated clock, which is minutes ahead, is not the newest any more when another one has begun."""
    hurried = ScaledClock(100_000)
    for clock in (hurried, VirtualClock()):
        while hurried.now() < 60:
            hurried.utc()
        request = Request({"biases": {"count": 1}}, home=tmp_path / "home", frames=tmp_path / "frames", speed="max")
        last = asyncio.run(perform(request, clock=clock, guarded=False))
    assert look_back(home=tmp_path / "home").page.run == last.run


def test_every_command_that_looks_takes_the_newest_a_beginning_and_the_word(inside: Inside, home: Path) -> None:
    """`show`, `report`, `log`, `graph` and Python agree on which run is meant, and `resume` on which is not there."""
    for sequence in ("bias", "demo"):
        assert inside("run", sequence, "--speed", "max").exit_code == 0
    newest = look_back(home=home).page
    assert newest.sequence == "demo"
    assert look_back(newest.run[:-2], home=home).page == newest == look_back("last", home=home).page
    for words in (["show"], ["report", "--format", "md"], ["log"], ["graph", "--run"]):
        named = ["last", newest.run[:-2], newest.run] + ([] if "--run" in words else [""])
        told = [inside(*words, *filter(None, [name])) for name in named]
        assert [one.exit_code for one in told] == [0] * len(named), told[0].output
        assert len({one.stdout for one in told}) == 1
    refused = inside("resume", "last")
    assert isinstance(refused.exception, RunRefused)
    assert newest.run in str(refused.exception)
    assert isinstance(inside("show", newest.run[:2]).exception, RunRefused)


def test_a_run_that_goes_on_is_aborted_by_its_beginning(inside: Inside, lamp_run: Callable[..., Any]) -> None:
    """The beginning of an id is enough to stop a run, and another run's is not."""
    run = lamp_run()
    name = run.wait_for("state.started", "expose", "Quartz-100s-001")["run"]
    assert isinstance(inside("abort", "1999").exception, RunRefused)
    assert inside("abort", name[:-1]).exit_code == 0
    assert run.end() == 4
