"""The event log of a run: what the chronicle tells, and every state that has ended. Pure."""

from collections.abc import Iterator
from typing import Any

from safelight.engine.chronicle import Chronicle
from safelight.engine.wording import brief
from safelight.web.outlook import Outlook

__all__ = ["happenings"]

_KEPT = 300
"""So many lines; the rest is in `safelight show`."""


def happenings(story: Chronicle, outlook: Outlook) -> list[dict[str, Any]]:
    """The newest lines, the oldest of them first."""
    keyed = [*_told(story), *_states(story, outlook)]
    keyed.sort(key=lambda item: item[0])
    return [line for _, line in keyed[-_KEPT:]]


Key = tuple[int, int, str, int]


def _told(story: Chronicle) -> Iterator[tuple[Key, dict[str, Any]]]:
    latest: dict[int, str] = {}
    for moment in story.moments:
        # In hurried time people and guards live by another clock: their place is where the chronicle has put them.
        latest[moment.segment] = max(latest.get(moment.segment, ""), moment.time) if moment.kind != "begun" else ""
        place = {"begun": 0, "ended": 2, "killed": 2}.get(moment.kind, 1)
        line = {"time": moment.time, "kind": moment.kind, "tone": moment.tone, "words": moment.words}
        yield (moment.segment, place, latest[moment.segment], 1), line


def _states(story: Chronicle, outlook: Outlook) -> Iterator[tuple[Key, dict[str, Any]]]:
    for row in story.states:
        if row["ended"] is None or row["outcome"] == "failed":
            continue
        number = f" (try {row['attempt']})" if row["attempt"] > 1 else ""
        how = "done in" if row["outcome"] == "done" else f"{row['outcome']} after"
        words = f"{outlook.words(row['state'])}{number}: {how} {brief(row['duration_s'] or 0.0)}"
        line = {"time": row["ended"], "kind": "state", "tone": "plain", "words": words}
        yield (row["segment"], 1, row["ended"], 0), line
