"""What may still come after the end of a run, and what is said of guards."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import load_observatory
from safelight.engine.clock import Clock
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.runner_side import GuardClient
from safelight.show.progress.live_state import LiveState
from safelight.show.progress.messages import message_for, summary

END: dict[str, Any] = {
    "outcome": "aborted",
    "run": "a-run",
    "frames": 0,
    "frames_asked": 1,
    "bad_frames": 0,
    "lamps": {"Argon": "off"},
    "elapsed_s": 1.0,
    "folder": "frames",
}


def test_the_end_says_what_may_still_come() -> None:
    """A lamp whose ON was never answered is named at the end, with the time until which the guards see to it."""
    late = {"lamps": ["Argon"], "until": "2026-11-28T12:34:56+00:00"}
    words = "\n".join(line.text for line in summary(END | {"late": late}))
    assert "Argon may still come on until 12:34:56 UTC" in words
    assert "may still come on" not in "\n".join(line.text for line in summary(END))


@pytest.mark.parametrize(
    ("event", "facts", "says"),
    [
        ("guard.lost", {"pid": 12}, "a guard of the lamps has ended unexpectedly (process 12)"),
        ("guard.lost", {"pid": None}, "a guard of the lamps has ended unexpectedly: "),
        ("guard.silent", {"pid": 12, "beats": 5}, "has not answered 5 heartbeats"),
        ("guard.started", {"pids": [1, 2]}, "the guards (processes 1 and 2) watch the lamps now"),
        (
            "guard.waiting",
            {"reason": "the guards of run A (process 12 acting)", "pids": [12], "longest_s": 22.0},
            "before a lamp is lit: waiting, for 22 s at most, for the guards of run A (process 12 acting)",
        ),
        ("guard.acted", {"lamps": ["LDLS"], "reason": "why"}, "the guards have switched LDLS off: why"),
        ("guard.stays", {"lamps": ["LDLS"], "pids": [], "until": "2026-11-28T12:34:56+00:00"}, "until 12:34:56 UTC"),
    ],
)
def test_guards_in_words(event: str, facts: dict[str, Any], says: str) -> None:
    """Every event of a guard is a sentence that says what has happened and what follows."""
    line = message_for({"event": event, "time": "2026-11-28T12:00:00+00:00", **facts}, LiveState())
    assert line is not None
    assert says in line.text


def test_what_both_guards_did_is_told_once(tmp_path: Path) -> None:
    """Two guards that switch the same lamp off are one event, which the instrument learns of."""
    told: list[tuple[str, Any]] = []
    acted: dict[str, str] = {}

    async def story() -> None:
        order = GuardConfig("story", tmp_path, load_observatory("simulated"))
        watch = GuardClient(
            order, Clock(), tell=lambda event, **facts: told.append((event, facts)), on_acted=acted.update
        )
        for _ in range(2):
            watch._note_act({"acted": ["Argon"], "why": "its maximum on-time is over"})

    asyncio.run(story())
    assert acted == {"Argon": "its maximum on-time is over"}
    assert told == [("guard.acted", {"lamps": ["Argon"], "reason": "its maximum on-time is over"})]
