"""Executed states of a segment of a run, as lanes in time. Pure functions."""

from collections.abc import Iterator

from safelight.engine.clock import elapsed_s
from safelight.show.drawing.time_lanes import Bar, Lane
from safelight.show.history.lamp_history import last_times, placed_lamp_events
from safelight.show.history.run_history import Row, RunHistory
from safelight.text import brief, title_of

__all__ = ["actual_lanes", "lasted_s"]

_LANES = {
    "point": ("telescopes", "move"),
    "park": ("telescopes", "move"),
    "fibsel-step": ("mask", "move"),
    "configure": ("selectors", "move"),
    "shutter-timed": ("selectors", "lit"),
    "wait-dark": ("waits", "check"),
    "expose": ("integration", "expose"),
    "adopt": ("integration", "expose"),
    "readout": ("readout", "readout"),
}


def lasted_s(told: RunHistory, segment: Row) -> float:
    """Return the time from its beginning to its last record, s."""
    return elapsed_s(segment["started"], last_times(told.segments, told.states)[segment["segment"]])


def actual_lanes(told: RunHistory, segment: Row) -> tuple[Lane, ...]:
    """Return the lanes of one segment, in seconds from its beginning."""
    end = last_times(told.segments, told.states)[segment["segment"]]
    lanes: dict[str, list[Bar]] = {}
    for row in told.states:
        if row["segment"] == segment["segment"] and row["kind"] in _LANES:
            name, look = _LANES[row["kind"]]
            lanes.setdefault(name, []).append(_bar(row, segment["started"], _interrupted(told, row) or end, look))
    return (*_lamps(told, segment, end), *(Lane(name, tuple(bars)) for name, bars in lanes.items()))


def _interrupted(told: RunHistory, row: Row) -> str | None:
    """Return when the exposure ended of which a move is a part; None if it has not ended, or there is none."""
    return next(
        (
            other["ended"]
            for other in told.states
            if other["kind"] == "expose"
            and (other["segment"], other["frame"], other["attempt"]) == (row["segment"], row["frame"], row["attempt"])
        ),
        None,
    )


def _bar(row: Row, started: str, end: str, look: str) -> Bar:
    begin_s = elapsed_s(started, row["intended"])
    bad = row["outcome"] in ("failed", "stopped") or (row["outcome"] is None and row["ended"] is None)
    number = f", try {row['attempt']}" if row["attempt"] > 1 else ""
    words = title_of(row["state"], row["frame"]) + number + (f": {row['error']}" if row["error"] else "")
    return Bar(begin_s, max(begin_s, elapsed_s(started, row["ended"] or end)), "bad" if bad else look, words)


def _lamps(told: RunHistory, segment: Row, end: str) -> Iterator[Lane]:
    """Yield the switched lamps of this segment, with at most one bar for warm-up and one for light each time.

    A lamp that is on for a part of an exposure does not warm up.
    """
    bars: dict[str, list[Bar]] = {}
    since: dict[str, str] = {}
    warm: dict[str, str] = {}
    retakes = _retakes(told, segment)
    for event in placed_lamp_events(told.lamp_events, told.segments, told.states):
        lamp, seen = event.row["lamp"], event.row["seen"]
        if event.segment != segment["segment"]:
            continue
        if event.row["action"] == "on":
            since.setdefault(lamp, event.time)
            if seen == "on" and "/ahead-" not in (event.row["why"] or ""):
                warm.setdefault(lamp, event.time)
        elif seen == "off" and lamp in since:
            if (event.row["why"] or "").startswith("lamp-timed/"):
                warm[lamp] = since[lamp]
            begun = since.pop(lamp)
            # A lamp that is lit again for a retake was not read back by a warm-up.
            exposed = next((time for time in retakes if begun <= time < event.time), None)
            times = (begun, warm.pop(lamp, exposed), event.time)
            bars.setdefault(lamp, []).extend(_burning(lamp, segment["started"], *times))
    for lamp, begun in since.items():
        bars.setdefault(lamp, []).extend(_burning(lamp, segment["started"], begun, warm.get(lamp), max(end, begun)))
    for lamp, drawn in bars.items():
        total_s = sum(bar.end_s - bar.start_s for bar in drawn)
        yield Lane(lamp, tuple(drawn), f"{brief(total_s)} on" + (", not seen off" if lamp in since else ""))


def _retakes(told: RunHistory, segment: Row) -> list[str]:
    """Return when exposures began that were not the first of their frame."""
    exposures = (row for row in told.states if row["segment"] == segment["segment"] and row["kind"] == "expose")
    return [row["intended"] for row in exposures if row["attempt"] > 1]


def _burning(lamp: str, started: str, since: str, warm: str | None, until: str) -> Iterator[Bar]:
    turned = min(warm or until, until)
    if since < turned:
        yield Bar(elapsed_s(started, since), elapsed_s(started, turned), "warm", f"{lamp} warms up")
    if turned < until:
        yield Bar(elapsed_s(started, turned), elapsed_s(started, until), "lit", f"{lamp} lit")
