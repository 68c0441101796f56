"""View of one run for the page: plain values, made from its history whenever that has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import isfinite
from typing import Any

from safelight.engine.requester import STOPS
from safelight.show.history.run_history import RunHistory
from safelight.text import family
from safelight.web.event_list import events_of
from safelight.web.expected_times import ExpectedTimes, expected_times_of, seconds_between
from safelight.web.timeline import timeline_of_run

__all__ = ["RunView", "last_written", "run_view"]

_NEXT = 3
"""Number of announced states."""


@dataclass(frozen=True, eq=False)
class RunView:
    """View of a run.

    Attributes:
        facts: everything that stays true until the journal changes.
        heard_s: when the last change was noticed, s on the observer's clock.
        rate: observatory seconds in a second.
    """

    story: RunHistory
    outlook: ExpectedTimes
    facts: dict[str, Any]
    heard_s: float
    rate: float

    def now(self, now_s: float) -> dict[str, Any]:
        """Return the present values.

        Args:
            now_s: time on the observer's clock, s.
        """
        story = self.story
        active, elapsed_s, left_s = self._times(now_s)
        return {
            "run": story.page.run,
            "observatory": story.page.observatory,
            "sequence": story.page.sequence,
            "status": story.status,
            "stopping": self.facts["stopping"],
            "active": self._active(active),
            "next": self._next(),
            "elapsed_s": round(elapsed_s, 1),
            "left_s": left_s,
            "rate": round(self.rate, 1),
            "good": len(story.good),
            "asked": story.page.frames_asked,
        }

    def _times(self, now_s: float) -> tuple[dict[str, float], float, float | None]:
        """Return the time since the beginning of each running state and of the segment, and the time left, s."""
        story = self.story
        if not story.segments:
            return {}, 0.0, None
        began: str = story.segments[-1]["started"]
        elapsed_s = seconds_between(began, last_written(story)) + (now_s - self.heard_s) * self.rate
        active = {row["state"]: max(0.0, elapsed_s - seconds_between(began, row["intended"])) for row in story.at_work}
        left_s = round(self.outlook.left_s(active, elapsed_s), 1) if self.outlook.slots else None
        return active, elapsed_s, left_s

    def _active(self, active: dict[str, float]) -> list[dict[str, Any]]:
        """Return the running states, the longest first."""
        attempts = {row["state"]: row["attempt"] for row in self.story.at_work}
        found = [
            {
                "state": state,
                "words": self.outlook.words(state),
                "seconds": round(seconds, 1),
                "expected_s": round(self.outlook.expected_s(state), 1),
                "attempt": attempts[state],
            }
            for state, seconds in active.items()
        ]
        return sorted(found, key=lambda one: -float(one["expected_s"]))

    def _next(self) -> list[str]:
        """Return the states planned after the running state that ends last."""
        slots = self.outlook.slots
        if not self.story.segments:
            return []
        ends = [slots[row["state"]].end_s for row in self.story.at_work if row["state"] in slots]
        last = self.story.segments[-1]["segment"]
        begun = {row["state"] for row in self.story.states if row["segment"] == last}
        after = (slot for name, slot in slots.items() if name not in begun and slot.start_s >= max(ends) - 1e-6)
        return [self.outlook.words(slot.state.id) for slot in list(after)[:_NEXT]] if ends else []


def run_view(story: RunHistory, outlook: ExpectedTimes | None, heard_s: float, rate: float) -> RunView:
    """Return what the page shows.

    Args:
        story: history of the run.
        outlook: plan of the same segment, if it has already been made.
        heard_s: now, on the observer's clock.
        rate: observatory seconds in a second.
    """
    outlook = outlook or expected_times_of(story)
    page, last = story.page, story.segments[-1] if story.segments else None
    facts = {
        "run": page.run,
        "sequence": page.sequence,
        "observatory": page.observatory,
        "created": page.created,
        "status": story.status,
        "running": story.owner is not None,
        "reason": last["reason"] if last else None,
        "owner": f"process {story.owner.pid} on {story.owner.host}" if story.owner else None,
        "segments": len(story.segments),
        "good": len(story.good),
        "bad": sum(row["verdict"] != "trial" for row in story.not_good),
        "asked": page.frames_asked,
        "folder": str(page.folder),
        "resumable": story.owner is None and (story.status != "done" or bool(story.frames_missing)),
        "stopping": _stopping(story),
        "total_s": outlook.total_s,
        "lamps": story.lamps,
        "blocks": _blocks(story, outlook),
        "timeline": timeline_of_run(story, outlook),
        "frame": _latest(story),
        "log": events_of(story, outlook),
    }
    return RunView(story, outlook, facts, heard_s, rate)


def last_written(story: RunHistory) -> str:
    """Return the time of the segment's last record, by the observatory's clock."""
    last = story.segments[-1]
    times = [row["ended"] or row["intended"] for row in story.states if row["segment"] == last["segment"]]
    return str(max([last["ended"] or last["started"], *times], key=datetime.fromisoformat))


def _stopping(story: RunHistory) -> str | None:
    """Return the last request to stop the running segment, or None."""
    stops = [row for row in story.requests if row["word"] in STOPS]
    if story.owner is None or not stops:
        return None
    return str(stops[-1]["word"]) if stops[-1]["time"] >= story.owner.since[:19] else None


def _blocks(story: RunHistory, outlook: ExpectedTimes) -> list[dict[str, Any]]:
    """Return the folded graph: consecutive frames of one family are one box."""
    good, tried = set(story.good), {row["frame"] for row in story.states if row["frame"]}
    now = {_frame_of(row) for row in story.at_work} if story.owner is not None else set()
    blocks = []
    for name, group in groupby(outlook.frames or story.asked or (), key=family):
        frames = list(group)
        there = sum(frame in good for frame in frames)
        block = {"name": name, "frames": len(frames), "good": there, "now": any(frame in now for frame in frames)}
        begun = any(frame in tried for frame in frames)
        blocks.append({**block, "state": "done" if there == len(frames) else "begun" if begun else "waiting"})
    return blocks


def _frame_of(row: Any) -> str:
    """Return the frame of a state. A set-up, `lamp-warmup/LDLS-270s-001`, belongs to the frame that needs it."""
    return str(row["frame"] or row["state"].partition("/")[2])


def _light(seen: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what was seen in a frame's pixels, or None where it was not judged.

    The amount of each image is relative to its reference, or None without one.
    """
    if not seen:
        return None
    images = [{"name": name, "amount": _amount(image)} for name, image in (seen.get("images") or {}).items()]
    return {"quality": str(seen.get("quality")), "words": str(seen.get("words") or ""), "images": images}


def _amount(image: Mapping[str, Any]) -> float | None:
    amount = image.get("amount")
    return float(amount) if isinstance(amount, int | float) and isfinite(amount) else None


def _latest(story: RunHistory) -> dict[str, Any] | None:
    """Return the last frame, with the names of its files."""
    if not story.frames:
        return None
    row = story.frames[-1]
    facts = {name: row[name] for name in ("number", "frame", "attempt", "verdict", "reason", "kept")}
    return {
        **facts,
        "light": _light(row.get("light")),
        "files": [str(path).rpartition("/")[2] for path, _, _ in row["files"]],
    }
