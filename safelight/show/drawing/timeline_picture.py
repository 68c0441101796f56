"""Picture of lanes in time. Bars that are too short to be seen are merged with their neighbours. Pure functions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from safelight.engine.planning.plan import Plan
from safelight.show.drawing import svg
from safelight.show.drawing.colours import Theme
from safelight.show.drawing.time_lanes import Bar, Lane, blocks_in_time, planned_lanes
from safelight.text import brief, clock_face, counted

__all__ = ["Rows", "chart", "draw_timeline", "merged"]

_WIDTH = 1180.0
_LEFT, _RIGHT, _EDGE = 142.0, 118.0, 20.0
_STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_TICKS = 12
_SMALLEST_PX = 1.2
# What moves is called as its lanes are.
_LEGEND = (
    ("warm", "lamp warms up"),
    ("lit", "lamp lit"),
    ("expose", "integration"),
    ("readout", "readout"),
    ("move", ""),
    ("bad", "failed or interrupted"),
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Lanes with a name, `planned` or `actual`. Each lane has one row for each of them."""

    name: str
    lanes: tuple[Lane, ...]


def draw_timeline(plan: Plan, serial_s: float | None = None, theme: Theme = "auto") -> str:
    """Return the timeline of a plan as SVG.

    Args:
        plan: plan of one sequence.
        serial_s: duration without overlap, s; None: not shown.
        theme: `auto` follows the reader's choice of light or dark.
    """
    heading = f"{plan.document.name} on {plan.observatory.name}"
    below = list(_words(plan, serial_s))
    return chart((Rows("planned", planned_lanes(plan)),), plan.total_s, heading, below, blocks_in_time(plan), theme)


def _words(plan: Plan, serial_s: float | None) -> Iterator[str]:
    frames = counted(len(plan.graph.exposures), "frame")
    over = 100 * (plan.total_s / plan.bound_s - 1) if plan.bound_s else 0.0
    yield (
        f"{frames} in {clock_face(plan.total_s)} ({plan.total_s:.1f} s); no run can be shorter than "
        f"{clock_face(plan.bound_s)} ({plan.bound_s:.1f} s): {over:.2f} % over"
    )
    if serial_s is not None and plan.options.overlap:
        yield f"overlap saves {brief(max(serial_s - plan.total_s, 0.0))} of {clock_face(serial_s)} ({serial_s:.1f} s)"
    lamps = [f"{lamp} {on_s / 60:.1f} min" for lamp, on_s in plan.schedule.lamp_on_s.items()]
    yield f"lamps on: {', '.join(lamps) or 'none'}"


def chart(
    rows: Sequence[Rows],
    total_s: float,
    heading: str,
    below: Sequence[str],
    blocks: Sequence[Bar] = (),
    theme: Theme = "auto",
) -> str:
    """Return lanes of one or several versions of a run, below each other, as SVG.

    Args:
        rows: the compared versions; the first gives the order of the lanes.
        total_s: length of the axis, s.
        heading: the heading.
        below: lines beneath it.
        blocks: named stretches of time, above the lanes.
        theme: `auto` follows the reader's choice of light or dark.
    """
    return _Chart(rows, max(total_s, 1.0)).document(heading, below, blocks, theme)


class _Chart:
    def __init__(self, rows: Sequence[Rows], total_s: float) -> None:
        self.rows = rows
        self.total_s = total_s
        self.scale = (_WIDTH - _LEFT - _RIGHT - 2 * _EDGE) / total_s
        self.names = list(dict.fromkeys(lane.name for row in rows for lane in row.lanes))
        self.high = 26.0 if len(rows) == 1 else 16.0
        self.lane_high = self.high * len(rows) + 12.0

    def document(self, heading: str, below: Sequence[str], blocks: Sequence[Bar], theme: Theme) -> str:
        top = _EDGE + 30 + 16.0 * len(below)
        lanes = top + (34.0 if blocks else 8.0)
        axis = lanes + self.lane_high * len(self.names)
        body = [svg.words(_EDGE, _EDGE + 16, heading, "big")]
        body += [svg.words(_EDGE, _EDGE + 20 + 16.0 * number, one, "soft") for number, one in enumerate(below, start=1)]
        body += [*self._axis(lanes, axis), *self._blocks(blocks, top + 6, axis)]
        for number, name in enumerate(self.names):
            body += self._lane(name, lanes + self.lane_high * number)
        body += self._legend(axis + 38)
        return svg.document(_WIDTH, axis + 38 + 34, body, heading, theme)

    def _x(self, seconds: float) -> float:
        return _EDGE + _LEFT + seconds * self.scale

    def _axis(self, top: float, bottom: float) -> Iterator[str]:
        step_s = next((step for step in _STEPS_S if self.total_s / step <= _TICKS), _STEPS_S[-1])
        end = self._x(self.total_s)
        for number in range(int(self.total_s // step_s) + 1):
            x = self._x(number * step_s)
            yield svg.line(x, top, x, bottom, "grid")
            if end - x > svg.width_px("0:00:00", 11) + 14 or number == 0:
                yield svg.words(x, bottom + 16, clock_face(number * step_s), "small soft", "middle")
        yield svg.line(self._x(0), bottom, end, bottom, "axis")
        yield svg.line(end, top, end, bottom + 4, "axis")
        yield svg.words(end, bottom + 16, clock_face(self.total_s), "small bold", "middle")

    def _blocks(self, blocks: Sequence[Bar], top: float, bottom: float) -> Iterator[str]:
        """Draw names above the lanes, as far as there is room."""
        free = 0.0
        for block in blocks:
            left, right = self._x(block.start_s), self._x(block.end_s)
            words = _shortest(block.words, max(right - left, 64.0))
            wide = svg.width_px(words, 11)
            start = max((left + right - wide) / 2, _EDGE)
            if start > free and words:
                yield svg.words(start, top + 10, words, "small")
                free = start + wide + 6
            yield svg.line(left, top + 16, max(right, left + 1), top + 16, "axis")
            if right - left > _SMALLEST_PX:
                yield svg.line(left, top + 16, left, bottom, "grid")

    def _lane(self, name: str, y: float) -> Iterator[str]:
        middle = y + self.lane_high / 2 - 2
        yield svg.words(_EDGE, middle, svg.fitting(name, 12, _LEFT - 58 if len(self.rows) > 1 else _LEFT - 8), "bold")
        for number, row in enumerate(self.rows):
            top = y + self.high * number
            lane = next((lane for lane in row.lanes if lane.name == name), Lane(name, ()))
            if len(self.rows) > 1:
                yield svg.words(_EDGE + _LEFT - 6, top + self.high - 6, row.name, "small soft", "end")
            yield svg.line(self._x(0), top + self.high - 2, self._x(self.total_s), top + self.high - 2, "grid")
            for bar in merged(lane.bars, _SMALLEST_PX / self.scale):
                yield from self._bar(bar, top)
            yield svg.words(self._x(self.total_s) + 8, top + self.high - 7, lane.note, "small")

    def _bar(self, bar: Bar, top: float) -> Iterator[str]:
        x, width = self._x(bar.start_s), max((bar.end_s - bar.start_s) * self.scale, _SMALLEST_PX)
        high = self.high - 4
        told = f"{bar.words}: {clock_face(bar.start_s)} to {clock_face(bar.end_s)}, {brief(bar.end_s - bar.start_s)}"
        yield svg.rect(x, top + 2, width, high, f"f-{bar.look}", 1.5, told)
        if bar.look in ("warm", "bad"):
            yield from _hatched(x, top + 2, width, high)
        if bar.critical:
            yield svg.rect(x, top + self.high - 3.5, width, 3.5, "way")

    def _legend(self, y: float) -> Iterator[str]:
        used = {bar.look for row in self.rows for lane in row.lanes for bar in lane.bars}
        lanes = (lane for row in self.rows for lane in row.lanes if any(bar.look == "move" for bar in lane.bars))
        moving = ", ".join(dict.fromkeys(lane.name for lane in lanes))
        x = _EDGE
        for look, words in _LEGEND:
            if look in used:
                yield svg.rect(x, y, 18, 12, f"f-{look}", 1.5)
                if look in ("warm", "bad"):
                    yield from _hatched(x, y, 18, 12)
                told = words or moving
                yield svg.words(x + 24, y + 10, told, "small soft")
                x += 24 + svg.width_px(told, 11) + 16
        if any(bar.critical for row in self.rows for lane in row.lanes for bar in lane.bars):
            yield svg.rect(x, y + 4, 18, 3.5, "way")
            yield svg.words(x + 24, y + 10, "decides how long the run takes", "small soft")


def _shortest(words: str, room_px: float) -> str:
    """Return words such as `LDLS: 2 flats, 90 s`, or only `LDLS` if there is not enough room."""
    full = svg.fitting(words, 11, room_px)
    return full if "…" not in full else svg.fitting(words.partition(":")[0].partition(",")[0], 11, room_px)


def _hatched(x: float, y: float, width: float, height: float) -> Iterator[str]:
    """Draw diagonal strokes, which are visible in print and to every eye."""
    strokes, at = [], 4.0
    while at < width:
        end = min(at + height / 2, width)
        strokes.append(f"M{x + at:.1f} {y + height:.1f} L{x + end:.1f} {y + height - 2 * (end - at):.1f}")
        at += 7.0
    if strokes:
        yield svg.path(" ".join(strokes), "hatch")


def merged(bars: Sequence[Bar], smallest_s: float) -> list[Bar]:
    """Return bars of the same look as one, if they or the gaps between them are shorter than `smallest_s`.

    Args:
        bars: in order of time.
        smallest_s: shortest visible bar, s.
    """
    found: list[Bar] = []
    counts: list[int] = []
    for bar in bars:
        last = found[-1] if found else None
        alike = last is not None and (last.look, last.critical) == (bar.look, bar.critical)
        short = last is not None and min(bar.end_s - bar.start_s, last.end_s - last.start_s) < 4 * smallest_s
        if last is not None and alike and short and bar.start_s - last.end_s < smallest_s:
            counts[-1] += 1
            first = last.words.split(" … ")[0]
            found[-1] = replace(last, end_s=max(last.end_s, bar.end_s), words=f"{first} … {bar.words}")
        else:
            found.append(bar)
            counts.append(1)
    return found
