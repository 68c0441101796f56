"""Event list of a run: its history, and every state that has ended. Pure functions."""

from collections.abc import Iterator
from typing import Any

from safelight.show.history.run_history import RunHistory
from safelight.text import brief
from safelight.web.expected_times import ExpectedTimes

__all__ = ["events_of"]

_KEPT = 300
"""Number of lines. The rest is in `safelight show`."""


def events_of(story: RunHistory, outlook: ExpectedTimes) -> list[dict[str, Any]]:
    """Return the newest lines, the oldest of them first."""
    keyed = [*_told(story), *_states(story, outlook)]
    keyed.sort(key=lambda item: item[0])
    return [line for _, line in keyed[-_KEPT:]]


Key = tuple[int, int, str, int]


def _told(story: RunHistory) -> Iterator[tuple[Key, dict[str, Any]]]:
    latest: dict[int, str] = {}
    for moment in story.moments:
        # In accelerated time people and guards use another clock. Their events keep their place in the history.
        latest[moment.segment] = max(latest.get(moment.segment, ""), moment.time) if moment.kind != "begun" else ""
        place = {"begun": 0, "ended": 2, "killed": 2}.get(moment.kind, 1)
        line = {"time": moment.time, "kind": moment.kind, "tone": moment.tone, "words": moment.words}
        yield (moment.segment, place, latest[moment.segment], 1), line


def _states(story: RunHistory, outlook: ExpectedTimes) -> Iterator[tuple[Key, dict[str, Any]]]:
    for row in story.states:
        if row["ended"] is None or row["outcome"] == "failed":
            continue
        number = f" (try {row['attempt']})" if row["attempt"] > 1 else ""
        how = "done in" if row["outcome"] == "done" else f"{row['outcome']} after"
        words = f"{outlook.words(row['state'])}{number}: {how} {brief(row['duration_s'] or 0.0)}"
        line = {"time": row["ended"], "kind": "state", "tone": "plain", "words": words}
        yield (row["segment"], 1, row["ended"], 0), line
