"""What a segment of a run really did, as lanes in time; pure."""

from collections.abc import Iterator
from datetime import datetime

from safelight.engine.chronicle import Chronicle, Row
from safelight.engine.drawing.lanes import Bar, Lane
from safelight.engine.lamplog import last_times, placed
from safelight.engine.wording import brief

__all__ = ["actual_lanes", "lasted_s"]

_LANES = {
    "point": ("telescopes", "move"),
    "park": ("telescopes", "move"),
    "fibsel-step": ("mask", "move"),
    "expose": ("integration", "expose"),
    "adopt": ("integration", "expose"),
    "readout": ("read-out", "readout"),
}


def lasted_s(told: Chronicle, segment: Row) -> float:
    """From its beginning to the last thing that it wrote, s."""
    return _since(segment["started"], last_times(told.segments, told.states)[segment["segment"]])


def actual_lanes(told: Chronicle, segment: Row) -> tuple[Lane, ...]:
    """The lanes of one segment, in seconds from its beginning."""
    end = last_times(told.segments, told.states)[segment["segment"]]
    lanes: dict[str, list[Bar]] = {}
    for row in told.states:
        if row["segment"] == segment["segment"] and row["kind"] in _LANES:
            name, look = _LANES[row["kind"]]
            lanes.setdefault(name, []).append(_bar(row, segment["started"], end, look))
    return (*_lamps(told, segment, end), *(Lane(name, tuple(bars)) for name, bars in lanes.items()))


def _bar(row: Row, started: str, end: str, look: str) -> Bar:
    begin_s = _since(started, row["intended"])
    bad = row["outcome"] in ("failed", "stopped") or (row["outcome"] is None and row["ended"] is None)
    number = f", try {row['attempt']}" if row["attempt"] > 1 else ""
    words = row["state"] + number + (f": {row['error']}" if row["error"] else "")
    return Bar(begin_s, max(begin_s, _since(started, row["ended"] or end)), "bad" if bad else look, words)


def _lamps(told: Chronicle, segment: Row, end: str) -> Iterator[Lane]:
    """What was switched in this segment: at most one bar that warms and one that is lit for each time."""
    bars: dict[str, list[Bar]] = {}
    since: dict[str, str] = {}
    warm: dict[str, str] = {}
    for event in placed(told.lamp_events, told.segments, told.states):
        lamp, seen = event.row["lamp"], event.row["seen"]
        if event.segment != segment["segment"]:
            continue
        if event.row["action"] == "on":
            since.setdefault(lamp, event.time)
            if seen == "on":
                warm.setdefault(lamp, event.time)
        elif seen == "off" and lamp in since:
            times = (since.pop(lamp), warm.pop(lamp, None), event.time)
            bars.setdefault(lamp, []).extend(_burning(lamp, segment["started"], *times))
    for lamp, begun in since.items():
        bars.setdefault(lamp, []).extend(_burning(lamp, segment["started"], begun, warm.get(lamp), max(end, begun)))
    for lamp, drawn in bars.items():
        total_s = sum(bar.end_s - bar.start_s for bar in drawn)
        yield Lane(lamp, tuple(drawn), f"{brief(total_s)} on" + (", not seen off" if lamp in since else ""))


def _burning(lamp: str, started: str, since: str, warm: str | None, until: str) -> Iterator[Bar]:
    turned = min(warm or until, until)
    yield Bar(_since(started, since), _since(started, turned), "warm", f"{lamp} warms up")
    if turned < until:
        yield Bar(_since(started, turned), _since(started, until), "lit", f"{lamp} lit")


def _since(start: str, time: str) -> float:
    return max(0.0, (datetime.fromisoformat(time) - datetime.fromisoformat(start)).total_seconds())
