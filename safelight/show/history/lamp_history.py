"""On-times of lamps, and who switched them, from the ordered lamp events of a run. Pure functions.

The runner uses the observatory's clock, guards and people use wall time. At an observatory these are the same. In
accelerated time they differ, and then the order in which events were written decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from safelight.engine.clock import elapsed_s
from safelight.show.history.entry import HistoryEntry
from safelight.text import brief, counted, in_sentence

__all__ = ["LampOnTime", "PlacedLampEvent", "lamp_entries", "lamp_on_times", "last_times", "placed_lamp_events"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LampOnTime:
    """On-time of a lamp, from its command to the read-back. With `until` and `seconds` None, it was not read as off."""

    lamp: str
    since: str
    until: str | None
    seconds: float | None
    put_out_by: str | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def last_times(segments: Sequence[Row], states: Sequence[Row]) -> dict[int, str]:
    """Return segment -> the last time that it wrote itself."""
    last = {row["segment"]: row["ended"] or row["started"] for row in segments}
    for row in states:
        last[row["segment"]] = max(last.get(row["segment"], ""), row["ended"] or row["intended"])
    return last


@dataclass(frozen=True, slots=True)
class PlacedLampEvent:
    """Lamp event at its place: its segment, and the time by which it is sorted."""

    row: Row
    segment: int
    time: str


def placed_lamp_events(events: Sequence[Row], segments: Sequence[Row], states: Sequence[Row]) -> list[PlacedLampEvent]:
    """Give every event its segment. The runner names its state, and the others are placed by time."""
    ended = [(row["state"], row["ended"], row["segment"]) for row in states if row["ended"]]
    ended += [("safing", row["ended"], row["segment"]) for row in segments if row["ended"]]
    by_state = {name: list(rows) for name, rows in groupby(sorted(ended), key=lambda item: item[0])}
    lasts = last_times(segments, states)
    now, time = 1, ""
    found = []
    for row in events:
        before = now
        if row["who"] == "runner":
            now = max(now, _nearest(by_state.get(row["why"] or "", ()), row["time"]))
        else:
            now = max([now, *(other["segment"] for other in segments if other["started"] <= row["time"])])
        time = row["time"] if now > before or row["who"] == "runner" else max(time, row["time"])
        if row["who"] == "guard" and row["why"] == "the runner is gone":
            time = max(time, lasts.get(now, ""))
        found.append(PlacedLampEvent(row, now, time))
    return found


def _nearest(places: Iterable[tuple[str, str, int]], time: str) -> int:
    at = datetime.fromisoformat(time)
    return min(
        ((abs((datetime.fromisoformat(ended) - at).total_seconds()), segment) for _, ended, segment in places),
        default=(0.0, 0),
    )[1]


def lamp_entries(events: Sequence[PlacedLampEvent]) -> Iterator[tuple[PlacedLampEvent, HistoryEntry]]:
    """Yield entries: on at the command, off at the read-back. Events that only confirm a known state are skipped."""
    burning: dict[str, str] = {}
    told: list[tuple[str, str]] = []
    for group in _groups(events):
        first = group[0]
        row, last = first.row, group[-1]
        if row["action"] == "on":
            lit = [item.row["lamp"] for item in group if item.row["seen"] is None]
            again = [lamp for lamp in lit if lamp in burning]
            burning |= {lamp: first.time for lamp in lit if lamp not in burning}
            if lit:
                words = f"{in_sentence(lit)} on" + (" again" if again else "") + _by(row)
                yield first, _lamp_moment(group, words)
            told = []
            continue
        news = [(item.row["lamp"], item.row["seen"] or "unknown") for item in group]
        if row["who"] == "guard" and news == told:
            continue  # the other guard
        told = news if row["who"] == "guard" else []
        words = _went_out(news, burning, last.time, everything=row["why"] == "lamp-off/all" or row["who"] != "runner")
        if words:
            tone = "plain" if all(seen == "off" for _, seen in news) else "bad"
            yield last, _lamp_moment(group, words + _by(row), tone)


def _groups(events: Sequence[PlacedLampEvent]) -> Iterator[list[PlacedLampEvent]]:
    """Group events of one act: the same actor, action and reason, each lamp once."""
    group: list[PlacedLampEvent] = []
    for event in events:
        if group and (_act(group[0]) != _act(event) or any(event.row["lamp"] == other.row["lamp"] for other in group)):
            yield group
            group = []
        group.append(event)
    if group:
        yield group


def _act(event: PlacedLampEvent) -> tuple[Any, ...]:
    return event.segment, event.row["who"], event.row["action"], event.row["why"], event.row["seen"] is None


def _went_out(news: Sequence[tuple[str, str]], burning: dict[str, str], time: str, *, everything: bool) -> str:
    """Return the new facts of a read-back in words, and remove the lamps that are off."""
    out = [(lamp, burning.pop(lamp)) for lamp, seen in news if seen == "off" and lamp in burning]
    parts = []
    for since, lamps in groupby(out, key=lambda item: item[1]):
        names = in_sentence([lamp for lamp, _ in lamps])
        parts.append(f"{names} off after {brief(elapsed_s(since, time))}")
    if everything and all(seen == "off" for _, seen in news) and len(news) > len(out):
        parts.insert(0, f"{counted(len(news), 'lamp')} read back as off")
    parts += [f"{lamp} NOT confirmed off, read back as {seen.upper()}" for lamp, seen in news if seen != "off"]
    return "; ".join(parts)


def _by(row: Row) -> str:
    if row["who"] == "runner":
        return ""
    if row["who"] == "guard":
        return ", by the guard" + (f" ({row['why']})" if row["why"] else "")
    return ", by hand" + (f": {row['why']}" if row["why"] else "")


def _lamp_moment(group: Sequence[PlacedLampEvent], words: str, tone: str = "plain") -> HistoryEntry:
    row = group[0].row
    facts = {
        "lamps": {item.row["lamp"]: item.row["seen"] for item in group},
        "action": row["action"],
        "who": row["who"],
        "why": row["why"],
    }
    return HistoryEntry(row["time"], group[0].segment, "lamps", words, tone, facts=facts)


def lamp_on_times(segments: Sequence[Row], states: Sequence[Row], lamp_events: Sequence[Row]) -> tuple[LampOnTime, ...]:
    """Return the on-times of each lamp, from the command to the read-back."""
    since: dict[str, str] = {}
    found: list[LampOnTime] = []
    for event in placed_lamp_events(lamp_events, segments, states):
        lamp, seen = event.row["lamp"], event.row["seen"]
        if event.row["action"] == "on":
            since.setdefault(lamp, event.time)
        elif seen == "off" and lamp in since:
            start = since.pop(lamp)
            seconds = round(elapsed_s(start, event.time), 3)
            found.append(LampOnTime(lamp, start, event.row["time"], seconds, event.row["who"]))
    return (*found, *(LampOnTime(lamp, start, None, None, None) for lamp, start in since.items()))
