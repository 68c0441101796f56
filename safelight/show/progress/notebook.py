"""Display of a run in a notebook: bars, lamps and how to stop it, redrawn in one place, with messages below."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from datetime import datetime
from html import escape
from typing import Any

from safelight.engine.run.segment import RunResult
from safelight.show.progress.live_state import LiveState
from safelight.show.progress.messages import ProgressMessage
from safelight.text import brief, clock_face, counted, lamps_in_words, legible, spans

__all__ = ["NotebookDisplay", "cell_output", "result_html"]

_LINES = 12
"""Number of lines that stay visible during the run."""
_KEPT = 500
_EVERY = 5
"""Number of updates between two drawings of the bars. A notebook is slower than a terminal."""
_SIGNS = {"good": "✓", "warning": "!", "bad": "✗"}
_LIT = "background:#f0b429;color:#241a00;font-weight:bold;padding:0 .3em"
_ALARM = "background:#b00020;color:#fff;font-weight:bold;padding:.5em"
_CELL = "text-align:left;padding:.1em .6em"

Show = Callable[[Mapping[str, str]], Any]
"""Function that shows a bundle of media type -> content, always in the same place."""


_COLOURS = {"done": "#009e73", "aborted": "#e69f00", "paused": "#e69f00"}


class NotebookDisplay:
    """Display of one run in the output of a cell.

    Args:
        picture: what is shown.
        now: the observatory's time.
        show: the cell's output.
    """

    def __init__(self, picture: LiveState, now: Callable[[], datetime], show: Show) -> None:
        self._picture, self._now, self._show = picture, now, show
        self._lines: deque[ProgressMessage] = deque(maxlen=_KEPT)
        self._shout: list[str] = []
        self._looks = 0
        self._fresh = True

    def say(self, line: ProgressMessage) -> None:
        """Show one line with the next drawing. States are already shown by the bars."""
        if line.tone == "quiet":
            return
        self._lines.append(line)
        self._fresh = True
        if self._picture.finished:
            self._draw()

    def draw(self) -> None:
        """Draw again if there is a new line or enough time has passed."""
        self._looks += 1
        if self._fresh or self._looks >= _EVERY:
            self._draw()

    def shout(self, lines: Sequence[str]) -> None:
        """Show a red box above everything."""
        self._shout = list(lines)
        self._draw()

    def close(self) -> None:
        """Do nothing: the last drawing stays in the notebook."""

    def _draw(self) -> None:
        if self._picture.began is None and not self._lines:
            return
        self._looks, self._fresh = 0, False
        html = "".join(_parts(self._picture, self._now(), self._lines, self._shout))
        words = legible("\n".join([*self._shout, *(f"{line.stamp}  {line.text}".lstrip() for line in self._lines)]))
        self._show({"text/html": f"<div>{html}</div>", "text/plain": words})


def _parts(picture: LiveState, now: datetime, lines: Sequence[ProgressMessage], shout: Sequence[str]) -> Iterator[str]:
    if shout:
        yield f'<div role="alert" style="{_ALARM}">{"<br>".join(map(_words, shout))}</div>'
    if picture.began is not None and not picture.finished:
        yield f"<table>{''.join(_bars(picture, now))}</table>"
        yield f"<div>{_lamps(picture, now)}</div>"
        yield f"<div><i>{_words(_stop(picture))}</i></div>"
        lines = list(lines)[-_LINES:]
    yield f'<table style="font-size:90%">{"".join(map(_line, lines))}</table>'


def _bars(picture: LiveState, now: datetime) -> Iterator[str]:
    elapsed_s, left_s = picture.elapsed_s(now), picture.left_s(now)
    yield _bar(f"<b>{_words(picture.sequence)}</b>", elapsed_s, elapsed_s + left_s, f"<b>{clock_face(left_s)} left</b>")
    for active in picture.active(now):
        again = f" (try {active.attempt})" if active.attempt > 1 else ""
        done = f"{active.seconds:.0f} of {active.expected_s:.0f} s"
        yield _bar(_words(active.words) + again, active.seconds, active.expected_s, done)


def _bar(words: str, done: float, whole: float, told: str) -> str:
    bar = f'<progress value="{min(done, whole):.1f}" max="{max(whole, 0.1):.1f}" style="width:16em"></progress>'
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in (words, bar, told)) + "</tr>"


def _lamps(picture: LiveState, now: datetime) -> str:
    bad = f", {picture.bad} bad" if picture.bad else ""
    lit = [
        f'<span style="{_LIT}">{_words(lamp)}</span> lit {clock_face((now - since).total_seconds())}'
        for lamp, since in picture.lit.items()
    ]
    return f"frames {picture.frames} of {picture.asked}{bad}; lamps: {', '.join(lit) or 'all off'}"


def _stop(picture: LiveState) -> str:
    if picture.safing:
        return "Safing: all lamps off, read back; this can't be interrupted."
    return picture.stopping or "To stop it: interrupt the kernel. The lamps go off first, and it can be resumed."


def _line(line: ProgressMessage) -> str:
    sign, weight = _SIGNS.get(line.tone, ""), "bold" if line.tone == "bad" else "normal"
    words = "<br>".join(map(_words, line.text.split("\n")))
    time = f'<td style="{_CELL};vertical-align:top;opacity:.7">{_words(line.stamp)}</td>'
    told = f'<td style="{_CELL};font-weight:{weight};white-space:pre-wrap">{words}</td>'
    return f'<tr>{time}<td style="vertical-align:top">{sign}</td>{told}</tr>'


def _words(text: str) -> str:
    return escape(legible(text))


def cell_output() -> Show:
    """Return a function that shows output in the cell that runs now, from any single thread.

    Other threads don't know the present cell. Without the copied context, their output would appear in any later cell.
    """
    from IPython.display import display  # noqa: PLC0415 - only in notebooks

    context = copy_context()
    handle: Any = None

    def show(bundle: Mapping[str, str]) -> None:
        nonlocal handle
        if handle is None:
            handle = context.run(display, dict(bundle), raw=True, display_id=True)
        else:
            context.run(handle.update, dict(bundle), raw=True)

    return show


def result_html(result: "RunResult") -> str:
    """Return a table with the outcome in its first row. Its colours suit light and dark notebooks."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{escape(legible(name))}</th><td style="{_CELL}">{escape(legible(words))}</td></tr>'
        for name, words in _result_rows(result)
    )
    colour = _COLOURS.get(result.outcome, "#d55e00")
    return f'<table style="border-left:6px solid {colour}">{rows}</table>'


def _result_rows(result: "RunResult") -> Iterator[tuple[str, str]]:
    reason = f": {result.reason}" if result.reason else ""
    yield result.outcome, f"in {brief(result.elapsed_s)}{reason}"
    yield "lamps", lamps_in_words(result.lamps) or "never read back"
    yield counted(len(result.frames), "good frame"), ", ".join(spans(frame.frame for frame in result.frames)) or "none"
    for frame in result.bad:
        yield "bad", f"{frame.frame}, try {frame.attempt}: {frame.reason}"
    yield "folder", str(result.folder)
    yield "run", result.run
