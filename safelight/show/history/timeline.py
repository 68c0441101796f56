"""History of a run in order, from the rows of a journal. Pure functions.

In accelerated time the observatory's clock and the wall clock differ: see `lamp_history.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from safelight.engine.records.lock import TOO_LATE
from safelight.engine.requester import STOPS
from safelight.show.history.entry import HistoryEntry
from safelight.show.history.lamp_history import lamp_entries, last_times, placed_lamp_events
from safelight.text import brief, in_sentence, title_of

__all__ = ["history_entries"]

Row = Mapping[str, Any]
Key = tuple[int, str, int]

_LAST = "9999"
"""Time later than any time of a segment."""


def history_entries(
    segments: Sequence[Row],
    states: Sequence[Row],
    frames: Sequence[Row],
    lamp_events: Sequence[Row],
    requests: Sequence[Row],
    *,
    going_on: bool,
) -> tuple[HistoryEntry, ...]:
    """Return every entry of interest in a run, in order.

    Args:
        segments: in order, as are the others.
        states: begun states.
        frames: frames that were written to disk.
        lamp_events: commands and read-backs.
        requests: requests to start, and from other processes to stop.
        going_on: whether the last segment is still running.
    """
    ends = last_times(segments, states)
    keyed = [
        *_of_segments(segments, requests, ends, going_on=going_on),
        *_of_states(states, segments, going_on=going_on),
        *_of_frames(frames, ends),
        *_of_lamps(lamp_events, segments, states),
        *_of_requests([row for row in requests if row["word"] in STOPS], segments, states),
    ]
    return tuple(moment for _, moment in sorted(keyed, key=lambda item: item[0]))


# ---- segments


def _of_segments(
    segments: Sequence[Row], requests: Sequence[Row], ends: Mapping[int, str], *, going_on: bool
) -> Iterator[tuple[Key, HistoryEntry]]:
    asked = {row["obeyed"]: row["who"] for row in requests if row["word"] not in STOPS}
    for row in segments:
        number, last = row["segment"], row is segments[-1]
        verb = "begun" if number == 1 else "resumed"
        who = asked.get(row["started"])
        where = f"{verb} on {row['host']}, process {row['pid']}" + (f"; requested by {who}" if who else "")
        facts = {name: row[name] for name in ("host", "pid", "version", "outcome", "reason", "lamps")}
        facts["asked_by"] = who
        yield (number, "", 0), HistoryEntry(row["started"], number, "begun", where, facts=facts)
        if row["ended"]:
            yield (number, _LAST, 0), _ending(row, facts)
        elif not (last and going_on):
            words = "killed: the process wrote nothing more after this"
            yield (number, ends[number], 4), HistoryEntry(ends[number], number, "killed", words, "bad", facts=facts)


def _ending(row: Row, facts: Row) -> HistoryEntry:
    tones = {"done": "good", "paused": "warning", "aborted": "warning"}
    words = row["outcome"] + (f": {row['reason']}" if row["reason"] else "")
    doubtful = [lamp for lamp, seen in (row["lamps"] or {}).items() if seen != "off"]
    lamps = f"{in_sentence(doubtful)} NOT confirmed off" if doubtful else "all lamps read back as off"
    return HistoryEntry(
        row["ended"], row["segment"], "ended", f"{words}; {lamps}", tones.get(row["outcome"], "bad"), facts=facts
    )


# ---- states


def _of_states(states: Sequence[Row], segments: Sequence[Row], *, going_on: bool) -> Iterator[tuple[Key, HistoryEntry]]:
    tries = {(row["segment"], row["frame"] or row["state"], row["attempt"]) for row in states}
    running = segments[-1]["segment"] if going_on and segments else None
    for row in states:
        if row["outcome"] == "failed":
            again = (row["segment"], row["frame"] or row["state"], row["attempt"] + 1) in tries
            yield (row["segment"], row["ended"], 1), _failure(row, again=again)
        elif _broken_off(row) and row["segment"] != running:
            yield (row["segment"], row["ended"] or row["intended"], 3), _loss(row)


def _failure(row: Row, *, again: bool) -> HistoryEntry:
    number = f" (try {row['attempt']})" if row["attempt"] > 1 else ""
    then = "tried again" if again else "given up"
    facts = {name: row[name] for name in ("state", "frame", "attempt", "error", "duration_s")} | {"again": again}
    facts["what"] = _words(row)
    words = f"{_words(row)}{number} failed: {row['error']}; {then}"
    return HistoryEntry(row["ended"], row["segment"], "failure", words, "warning" if again else "bad", facts=facts)


def _broken_off(row: Row) -> bool:
    return row["kind"] in ("expose", "readout") and row["outcome"] in (None, "stopped")


def _loss(row: Row) -> HistoryEntry:
    after = f" after {brief(row['duration_s'])}" if row["duration_s"] is not None else ""
    words = f"{_words(row)} interrupted{after}"
    facts = {name: row[name] for name in ("state", "frame", "attempt", "duration_s")}
    return HistoryEntry(row["ended"] or row["intended"], row["segment"], "broken-off", words, "warning", facts=facts)


def _words(row: Row) -> str:
    """Return the words for a state, from its name alone."""
    return title_of(row["state"], row["frame"])


# ---- frames


def _of_frames(frames: Sequence[Row], ends: Mapping[int, str]) -> Iterator[tuple[Key, HistoryEntry]]:
    for row in frames:
        # A frame is recorded just after its readout, and before the end of the segment.
        time = min(row["kept"], ends[row["segment"]])
        number = f" (try {row['attempt']})" if row["attempt"] > 1 else ""
        why = row["reason"] or ""
        words, tone = {
            "good": (f"frame {row['frame']} good{number}" + (f": {why}" if why else ""), "good"),
            "trial": (f"frame {row['frame']} was a trial{number}: {why}", "plain"),
            "lost": (f"frame {row['frame']}{number} taken; lost since: {why}", "bad"),
        }.get(row["verdict"], (f"frame {row['frame']} BAD{number}: {why}", "warning"))
        facts = {name: row[name] for name in ("frame", "attempt", "exposure_no", "verdict", "reason")}
        yield (row["segment"], time, 2), HistoryEntry(row["kept"], row["segment"], "frame", words, tone, facts=facts)


# ---- lamps


def _of_lamps(
    events: Sequence[Row], segments: Sequence[Row], states: Sequence[Row]
) -> Iterator[tuple[Key, HistoryEntry]]:
    for place, moment in lamp_entries(placed_lamp_events(events, segments, states)):
        yield (place.segment, place.time, 5), moment


# ---- requests


def _of_requests(
    requests: Sequence[Row], segments: Sequence[Row], states: Sequence[Row]
) -> Iterator[tuple[Key, HistoryEntry]]:
    for row in requests:
        number = max([1, *(other["segment"] for other in segments if other["started"] <= row["time"])])
        obeyed = "; the run had ended before it saw that" if row["obeyed"] == TOO_LATE else ""
        words = f"{row['word']} requested by {row['who']}{obeyed}"
        facts = {name: row[name] for name in ("word", "who", "obeyed")}
        # It was read before the segment ended, and after everything that would not have begun after it.
        time = max([row["time"], *_begun_before(row["word"], number, states)])
        yield (number, time, 6), HistoryEntry(row["time"], number, "stop", words, "warning", facts=facts)


def _begun_before(word: str, segment: int, states: Sequence[Row]) -> Iterator[str]:
    """Yield the beginnings of those states that a request of this kind would have prevented."""
    brings_home = ("expose", "readout", "lamp-off", "fibsel-step", "adopt") if word == "pause" else ()
    return (row["intended"] for row in states if row["segment"] == segment and row["kind"] not in brings_home)
