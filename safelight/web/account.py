"""One run as the page shows it: plain values, made from the journal's chronicle whenever that has changed."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from safelight.engine.asking import STOPS
from safelight.engine.chronicle import Chronicle
from safelight.engine.wording import family
from safelight.web.happenings import happenings
from safelight.web.lanes import timeline
from safelight.web.outlook import Outlook, outlook_of, seconds_between

__all__ = ["Account", "account_of", "last_written"]

_NEXT = 3
"""So many states are announced."""


@dataclass(frozen=True, eq=False)
class Account:
    """What is known of a run.

    Attributes:
        facts: all that stays true until the journal changes.
        heard_s: when the last change was noticed, s on the observer's clock.
        rate: observatory seconds in a second.
    """

    story: Chronicle
    outlook: Outlook
    facts: dict[str, Any]
    heard_s: float
    rate: float

    def now(self, now_s: float) -> dict[str, Any]:
        """What goes on at this moment.

        Args:
            now_s: on the observer's clock.
        """
        story = self.story
        active, elapsed_s, left_s = self._times(now_s)
        return {
            "run": story.page.run,
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
        """How long each state has been at work, how long the segment, and how long it will go on, s."""
        story = self.story
        if not story.segments:
            return {}, 0.0, None
        began: str = story.segments[-1]["started"]
        elapsed_s = seconds_between(began, last_written(story)) + (now_s - self.heard_s) * self.rate
        active = {row["state"]: max(0.0, elapsed_s - seconds_between(began, row["intended"])) for row in story.at_work}
        left_s = round(self.outlook.left_s(active, elapsed_s), 1) if self.outlook.slots else None
        return active, elapsed_s, left_s

    def _active(self, active: dict[str, float]) -> list[dict[str, Any]]:
        """The states at work, the longest first."""
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
        """What is planned after the state that is at work and ends last."""
        slots = self.outlook.slots
        if not self.story.segments:
            return []
        ends = [slots[row["state"]].end_s for row in self.story.at_work if row["state"] in slots]
        last = self.story.segments[-1]["segment"]
        begun = {row["state"] for row in self.story.states if row["segment"] == last}
        after = (slot for name, slot in slots.items() if name not in begun and slot.start_s >= max(ends) - 1e-6)
        return [self.outlook.words(slot.state.id) for slot in list(after)[:_NEXT]] if ends else []


def account_of(story: Chronicle, outlook: Outlook | None, heard_s: float, rate: float) -> Account:
    """Put together what the page shows.

    Args:
        story: as the journal tells it.
        outlook: of the same segment, where it has been made before.
        heard_s: now, on the observer's clock.
        rate: observatory seconds in a second.
    """
    outlook = outlook or outlook_of(story)
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
        "bad": len(story.not_good),
        "asked": page.frames_asked,
        "folder": str(page.folder),
        "resumable": story.owner is None and (story.status != "done" or bool(story.frames_missing)),
        "stopping": _stopping(story),
        "total_s": outlook.total_s,
        "lamps": story.lamps,
        "blocks": _blocks(story, outlook),
        "timeline": timeline(story, outlook),
        "frame": _latest(story),
        "log": happenings(story, outlook),
    }
    return Account(story, outlook, facts, heard_s, rate)


def last_written(story: Chronicle) -> str:
    """The last time that the segment wrote, by the observatory's clock."""
    last = story.segments[-1]
    times = [row["ended"] or row["intended"] for row in story.states if row["segment"] == last["segment"]]
    return str(max([last["ended"] or last["started"], *times], key=datetime.fromisoformat))


def _stopping(story: Chronicle) -> str | None:
    """The last request to stop of the segment that goes on."""
    stops = [row for row in story.requests if row["word"] in STOPS]
    if story.owner is None or not stops:
        return None
    return str(stops[-1]["word"]) if stops[-1]["time"] >= story.owner.since[:19] else None


def _blocks(story: Chronicle, outlook: Outlook) -> list[dict[str, Any]]:
    """The graph folded: the frames of one family that follow each other are one box."""
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
    """The frame that a state is for: a set-up, `lamp-warmup/LDLS-270s-001`, is for the frame that needs it."""
    return str(row["frame"] or row["state"].partition("/")[2])


def _latest(story: Chronicle) -> dict[str, Any] | None:
    """The frame that came last, with the names of its files."""
    if not story.frames:
        return None
    row = story.frames[-1]
    facts = {name: row[name] for name in ("number", "frame", "attempt", "verdict", "reason", "kept")}
    return {**facts, "files": [str(path).rpartition("/")[2] for path, _, _ in row["files"]]}
