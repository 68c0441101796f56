"""Safing and the five endings on a picture, drawn below the run. Pure functions."""

from collections.abc import Iterator, Mapping

from safelight.show.drawing import svg
from safelight.show.drawing.state_marks import Mark
from safelight.states import ENDINGS, LampOff, StateGraph
from safelight.text import counted

__all__ = ["HEIGHT", "NARROWEST", "draw_endings"]

HEIGHT = 190.0
"""Its height, px."""
NARROWEST = 690.0
"""Its smallest width, px."""

_WIDE, _HIGH, _BETWEEN = 126.0, 46.0, 14.0
_SAYS = {
    "done": "all frames on disk",
    "aborted": "stopped at once",
    "faulted": "could not continue",
    "paused": "after the frame",
    "unsafe": "lamp NOT seen off",
}
_SIGNS = {"done": "done", "faulted": "failed", "unsafe": "failed"}
_LOOKS = {"done": "off", "aborted": "check", "faulted": "warm", "paused": "move", "unsafe": "bad"}


def draw_endings(graph: StateGraph, marks: Mapping[str, Mark] | None, middle: float, top: float) -> Iterator[str]:
    """Draw them from the lower border of the run at `top`, around the axis at `middle`, px."""
    yield svg.path(f"M{middle:.1f} {top:.1f} V{top + 38:.1f}", "wire")
    yield _tip(middle, top + 38)
    yield svg.words(middle - 12, top + 18, "at the end", "small soft", "end")
    yield svg.words(middle + 12, top + 18, "abort, fault, pause: at any time", "small soft")
    yield from _safing(graph, marks, middle, top + 38)
    yield from _endings(marks, middle, top + 38 + _HIGH)


def _safing(graph: StateGraph, marks: Mapping[str, Mark] | None, middle: float, y: float) -> Iterator[str]:
    work = graph.by_id["safing"].work
    lamps = counted(len(work.lamps), "lamp") if isinstance(work, LampOff) else "all lamps"
    known = (marks or {}).get("safing")
    mark = known if known and known.outcome != "waiting" else None
    yield svg.rect(middle - 170, y, 340, _HIGH, f"box heavy {_tint(mark, marks, 'off')}", 8, "safing")
    yield svg.words(middle, y + 19, f"safing: {lamps} off, and read back as off", "bold", "middle")
    told = mark.words if mark else "the only way out; never interrupted"
    yield svg.words(middle, y + 35, svg.fitting(told, 11, 320), "small soft", "middle")
    if mark:
        yield svg.symbol(mark.outcome, middle + 148, y + 8)


def _endings(marks: Mapping[str, Mark] | None, middle: float, y: float) -> Iterator[str]:
    left = middle - (len(ENDINGS) * (_WIDE + _BETWEEN) - _BETWEEN) / 2
    rail, top = y + 18, y + 36
    yield svg.path(f"M{middle:.1f} {y:.1f} V{rail:.1f}", "wire")
    right = left + (len(ENDINGS) - 1) * (_WIDE + _BETWEEN)
    yield svg.path(f"M{left + _WIDE / 2:.1f} {rail:.1f} H{right + _WIDE / 2:.1f}", "wire")
    for number, ending in enumerate(ENDINGS):
        x = left + number * (_WIDE + _BETWEEN)
        yield svg.path(f"M{x + _WIDE / 2:.1f} {rail:.1f} V{top:.1f}", "wire")
        yield _tip(x + _WIDE / 2, top)
        yield from _ending(ending, (marks or {}).get(ending), marks, x, top)


def _ending(ending: str, mark: Mark | None, marks: Mapping[str, Mark] | None, x: float, y: float) -> Iterator[str]:
    """Draw one ending. The one that was reached has a double border."""
    tint = _tint(mark, marks, _LOOKS[ending])
    if mark:
        tint = f"k-{_LOOKS[ending]} heavy"
    yield svg.rect(x, y, _WIDE, _HIGH, f"box {tint}", 8, ending)
    yield svg.rect(x + 3, y + 3, _WIDE - 6, _HIGH - 6, "box none", 6)
    yield svg.words(x + _WIDE / 2, y + 20, ending, "bold", "middle")
    # The ending of an earlier segment has its number, because the run continued from there.
    earlier = mark is not None and mark.outcome == "stopped"
    says = _SAYS[ending] if mark is None else mark.words if earlier else f"ended {mark.words}"
    yield svg.words(x + _WIDE / 2, y + 35, says, "small soft", "middle")
    if mark:
        sign = "stopped" if earlier else _SIGNS.get(ending, "stopped")
        yield svg.symbol(sign, x + _WIDE - 22, y + 9)


def _tint(mark: Mark | None, marks: Mapping[str, Mark] | None, look: str) -> str:
    if marks is None:
        return f"k-{look}"
    return f"m-{mark.outcome}" if mark else "m-waiting waiting"


def _tip(x: float, y: float) -> str:
    return svg.path(f"M{x - 4:.1f} {y - 7:.1f} L{x:.1f} {y:.1f} L{x + 4:.1f} {y - 7:.1f} Z", "head")
