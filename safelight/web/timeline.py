"""Timeline of a run's last segment: executed and planned states, in lanes. Pure functions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from safelight.show.history.lamp_history import placed_lamp_events
from safelight.show.history.run_history import RunHistory
from safelight.web.expected_times import ExpectedTimes, seconds_between

__all__ = ["timeline_of_run"]

Bar = dict[str, Any]

_LANES = {
    "point": "telescopes",
    "park": "telescopes",
    "lamp-warmup": "warm-up",
    "lamp-timed": "timed lamps",
    "shutter-timed": "selectors",
    "fibsel-step": "mask",
    "configure": "selectors",
    "wait-dark": "waits",
    "expose": "integrate",
    "adopt": "read out",
    "readout": "read out",
}
_ORDER = ("telescopes", "mask", "selectors", "waits", "warm-up", "integrate", "timed lamps", "read out")
_FINE = 700
"""Number of steps of a timeline. Shorter bars that follow closely are drawn as one."""


def timeline_of_run(story: RunHistory, outlook: ExpectedTimes) -> dict[str, Any]:
    """Return lanes with bars, in seconds since the segment began."""
    if not story.segments:
        return {"segment": 0, "span_s": 0, "lanes": []}
    last = story.segments[-1]
    began: str = last["started"]
    states = [row for row in story.states if row["segment"] == last["segment"]]
    going = story.owner is not None
    lanes: dict[str, list[Bar]] = {name: [] for name in _ORDER}
    for row in states:
        if row["kind"] in _LANES:
            lanes[_LANES[row["kind"]]].append(_done(row, began, outlook, going=going))
    now_s = max([0.0, *(bar["to"] or bar["from"] for bars in lanes.values() for bar in bars)])
    if going:
        for state, bar in _planned(outlook, {row["state"] for row in states}, _late_s(states, began, outlook)):
            lanes[_LANES[state.kind]].append(bar)
    lamps = _lamps(story, began)
    ends = [bar["to"] for bars in (*lanes.values(), *lamps.values()) for bar in bars if bar["to"] is not None]
    span_s = max([1.0, now_s, *ends])
    return {
        "segment": last["segment"],
        "began": began,
        "span_s": span_s,
        "lanes": [
            {"name": name, "bars": _folded(bars, span_s / _FINE)} for name, bars in (lanes | lamps).items() if bars
        ],
    }


def _done(row: Mapping[str, Any], began: str, outlook: ExpectedTimes, *, going: bool) -> Bar:
    from_s = round(seconds_between(began, row["intended"]), 2)
    to_s = None if row["ended"] is None else round(max(from_s, seconds_between(began, row["ended"])), 2)
    bar = {
        "from": from_s,
        "to": to_s,
        "how": row["outcome"] or ("now" if going else "stopped"),
        "words": outlook.words(row["state"]),
    }
    return bar if to_s is not None or not going else {**bar, "expected": round(outlook.expected_s(row["state"]), 2)}


def _late_s(states: Sequence[Mapping[str, Any]], began: str, outlook: ExpectedTimes) -> float:
    """Return the present delay, s: that of the begun state that is planned to end last."""
    planned = [row for row in states if row["state"] in outlook.slots]
    if not planned:
        return 0.0
    last = max(planned, key=lambda row: (outlook.slots[row["state"]].end_s, row["number"]))
    ends_s = seconds_between(began, last["ended"] or last["intended"])
    return ends_s + (0.0 if last["ended"] else outlook.expected_s(last["state"])) - outlook.slots[last["state"]].end_s


def _planned(outlook: ExpectedTimes, begun: set[str], late_s: float) -> Iterator[tuple[Any, Bar]]:
    """Yield the coming states, moved by the present delay."""
    for name, slot in outlook.slots.items():
        if name not in begun and slot.state.kind in _LANES:
            times = {"from": round(slot.start_s + late_s, 2), "to": round(slot.end_s + late_s, 2)}
            yield slot.state, {**times, "how": "planned", "words": outlook.words(name)}


def _lamps(story: RunHistory, began: str) -> dict[str, list[Bar]]:
    """Return a lane for each lamp that was on, from the command to the read-back. An unseen end stays open."""
    lanes: dict[str, list[Bar]] = {}
    last = story.segments[-1]["segment"]
    for event in placed_lamp_events(story.lamp_events, story.segments, story.states):
        if event.segment != last:
            continue
        bars = lanes.setdefault(f"lamp {event.row['lamp']}", [])
        at_s = round(max(0.0, seconds_between(began, event.time)), 2)
        burning = bool(bars) and bars[-1]["to"] is None
        if event.row["action"] == "on" and not burning:
            bars.append({"from": at_s, "to": None, "how": "lit", "words": f"{event.row['lamp']} lit"})
        elif event.row["action"] == "off" and event.row["seen"] == "off" and burning:
            bars[-1]["to"] = max(at_s, bars[-1]["from"])
    return lanes


def _folded(bars: Iterable[Bar], step_s: float) -> list[Bar]:
    """Return bars that could not be distinguished on a screen as one."""
    found: list[Bar] = []
    for bar in bars:
        last = found[-1] if found else None
        close = last is not None and last["to"] is not None and bar["from"] - last["to"] < step_s
        if last is not None and close and last["how"] == bar["how"] and last["to"] - last["from"] < step_s:
            found[-1] = {**last, "to": bar["to"]}
        else:
            found.append(bar)
    return found
