"""Outcome of each state, from the rows of a journal. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from safelight.show.drawing.folding import Folded
from safelight.states import ENDINGS
from safelight.text import brief, in_sentence

__all__ = ["Mark", "besides", "marks", "marks_of_folded"]

Row = Mapping[str, Any]
_WORST = ("now", "failed", "stopped", "retried", "done")


@dataclass(frozen=True, slots=True)
class Mark:
    """Outcome of a state.

    Attributes:
        outcome: `done`, `retried` (done, not at the first try), `failed`, `stopped`, `now` or `waiting`.
        words: when, and for how long; or its failure.
        began: UTC, ISO 8601; empty if it was not begun.
        ended: the same for its end.
        segments: the segments in which it was begun, if the run has several.
    """

    outcome: str
    words: str = ""
    began: str = ""
    ended: str = ""
    segments: tuple[int, ...] = ()


WAITING = Mark("waiting", "not begun")


def marks(segments: Sequence[Row], states: Sequence[Row], *, going_on: bool) -> dict[str, Mark]:
    """Return state id -> its outcome over all segments, including safing and endings.

    Args:
        segments: segments of the run, in order.
        states: begun states, in order.
        going_on: whether the last segment is still running.
    """
    tries: dict[str, list[Row]] = {}
    for row in states:
        tries.setdefault(row["state"], []).append(row)
    running = segments[-1]["segment"] if going_on and segments else None
    found = {state: _mark(rows, running, several=len(segments) > 1) for state, rows in tries.items()}
    ended = [row for row in segments if row["ended"]]
    for row in ended[:-1] if ended and ended[-1] is segments[-1] else ended:
        words = f"segment {row['segment']}, {_clock(row['ended'])}"
        found[row["outcome"]] = Mark("stopped", words, row["ended"], row["ended"])
    if ended and ended[-1] is segments[-1]:
        last = ended[-1]
        found[last["outcome"]] = Mark("done", _clock(last["ended"]), last["ended"], last["ended"])
        safe = all(seen == "off" for seen in (last["lamps"] or {}).values())
        found["safing"] = Mark("done" if safe else "failed", _clock(last["ended"]), last["ended"], last["ended"])
    return found


def _mark(rows: Sequence[Row], running: int | None, *, several: bool) -> Mark:
    last = rows[-1]
    again = any(row["outcome"] != "done" for row in rows[:-1])
    tries = f", try {len(rows)}" if again else ""
    lasted = f", {brief(last['duration_s'])}" if last["duration_s"] is not None else ""
    where = f" in segment {last['segment']}" if several else ""
    words = f"{_clock(last['intended'])}{lasted}{where}{tries}"
    if last["outcome"] == "done":
        outcome = "retried" if again else "done"
    elif last["outcome"] is None and last["segment"] == running:
        outcome = "now"
    else:
        outcome = "failed" if last["outcome"] == "failed" else "stopped"
        words += f": {last['error']}" if last["error"] else ""
    numbers = tuple(dict.fromkeys(row["segment"] for row in rows)) if several else ()
    return Mark(outcome, words, rows[0]["intended"], last["ended"] or "", numbers)


def marks_of_folded(folded: Folded, of_steps: Mapping[str, Mark]) -> dict[str, Mark]:
    """Return the same for the boxes of a folded graph: the worst of their steps, and how many are done."""
    found = {name: _of_many([of_steps.get(step, WAITING) for step in parts]) for name, parts in folded.parts.items()}
    return found | {ending: of_steps[ending] for ending in ENDINGS if ending in of_steps}


def _of_many(several: Sequence[Mark]) -> Mark:
    begun = [mark for mark in several if mark.began]
    if not begun:
        return WAITING
    if len(several) == 1:
        return several[0]
    outcome = next(name for name in _WORST if any(mark.outcome == name for mark in begun))
    if outcome in ("done", "retried") and len(begun) < len(several):
        outcome = "stopped"
    began, ended = min(mark.began for mark in begun), max(mark.ended for mark in begun)
    done = sum(mark.outcome in ("done", "retried") for mark in several)
    again = sum(mark.outcome == "retried" for mark in several)
    part = "" if done == len(several) else f", {done} of {len(several)} steps done"
    tries = f", {again} tried again" if again else ""
    until = f" to {_clock(ended)}" if ended else ""
    numbers = tuple(sorted({number for mark in begun for number in mark.segments}))
    where = f", {_segments(numbers)}" if numbers else ""
    return Mark(outcome, f"{_clock(began)}{until}{where}{part}{tries}", began, ended, numbers)


def _segments(numbers: Sequence[int]) -> str:
    """Return words such as `segment 2` or `segments 1 and 2`."""
    return f"segment{'s' if len(numbers) > 1 else ''} {in_sentence(map(str, numbers))}"


def besides(drawn: Iterable[str], of_steps: Mapping[str, Mark]) -> tuple[str, ...]:
    """Return the steps that were done and are not on the drawing: set-ups that only a resume needed."""
    there = {*drawn, *ENDINGS, "safing"}
    return tuple(f"{state}: {mark.words}" for state, mark in of_steps.items() if state not in there)


def _clock(time: str) -> str:
    return f"{datetime.fromisoformat(time):%H:%M:%S}"
