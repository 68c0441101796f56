"""No request is left to nobody, whatever becomes of the workers, the runs and their hosts, in which order ever."""

import os
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from safelight.devices import load_observatory
from safelight.engine.queue.worker import WAITS_S
from tests.engine.queue.interleavings import FRAMES, World

STRUCK_S = 60
"""Time in which faults happen, s."""
AFTER_S = sum(WAITS_S) + 4 * 150
"""Longest time after that until a request has ended, s: all waits, and four tries with the wait for their processes."""
ENDED = {"done", "faulted"}


def a_night(patch: pytest.MonkeyPatch, folder: Path, small: Path, seed: int) -> None:
    """Let faults happen as the seed says, and demand that all requests end, with every frame once."""
    folder.mkdir()
    with closing(World(patch, folder, load_observatory(small), seed)) as world:
        dice = world.dice
        moments = {dice.randint(1, STRUCK_S) for _ in range(dice.randint(0, 5))}
        wanted = {0: 0} | {dice.randint(1, STRUCK_S): dice.randint(0, 2) for _ in range(dice.randint(0, 2))}
        for second in range(STRUCK_S):
            if second in wanted:
                world.ask(wanted[second])
            if second in moments:
                world.strike()
            world.tick()
        until_s = world.now_s + len(wanted) * AFTER_S
        while open_now := [one for one in world.found().requests if one.state in ("waiting", "running")]:
            words = [f"request {one.id} is {one.state} (try {one.tries} on {one.host})" for one in open_now]
            assert world.now_s < until_s, [f"seed {seed}", *words, *world.said]
            world.tick()
        found = world.found()
        outcomes = {row["run"]: row["outcome"] for row in found.runs}
        for one in found.requests:
            assert one.state in ENDED, (seed, one)
            assert (outcomes.get(one.run) == "done") == (one.state == "done"), (seed, one, world.said)
        taken = Counter((row["run"], row["frame"]) for row in found.frames)
        assert set(taken.values()) <= {1}, (seed, taken)
        done = [one.run for one in found.requests if one.state == "done"]
        assert {run for run, _ in taken if run in done} == set(done)
        assert all((run, frame) in taken for run in done for frame in FRAMES), (seed, taken)
        epochs = [row["epoch"] for row in found.segments]
        assert len(epochs) == len(set(epochs)), (seed, epochs)


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_nobody_is_left_waiting(small: Path, tmp_path: Path, first: int) -> None:
    """Each request ends as done, or as faulted after its tries, and its frames are there once."""
    for seed in range(first, first + 10):
        with pytest.MonkeyPatch.context() as patch:
            a_night(patch, tmp_path / str(seed), small, seed)


@pytest.mark.soak
def test_a_thousand_nights(small: Path, tmp_path: Path) -> None:
    """The same for other seeds (SAFELIGHT_SOAK: how many), from SAFELIGHT_SEED on."""
    first = int(os.environ.get("SAFELIGHT_SEED", "1000"))
    for seed in range(first, first + int(os.environ.get("SAFELIGHT_SOAK", "1000"))):
        with pytest.MonkeyPatch.context() as patch:
            a_night(patch, tmp_path / str(seed), small, seed)
