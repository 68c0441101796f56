"""What came out of a run, as a notebook shows it; pure."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from safelight.engine.legible import legible
from safelight.engine.wording import brief, lamps_in_words, spans

if TYPE_CHECKING:
    from safelight.engine.segment import RunResult

__all__ = ["result_html"]

_CELL = "text-align:left;padding:.1em .6em"
_COLOURS = {"done": "#009e73", "aborted": "#e69f00", "paused": "#e69f00"}


def result_html(result: "RunResult") -> str:
    """A table with the outcome in its first row; the colours go with light and dark notebooks."""
    rows = "".join(
        f'<tr><th style="{_CELL}">{escape(legible(name))}</th><td style="{_CELL}">{escape(legible(words))}</td></tr>'
        for name, words in _rows(result)
    )
    colour = _COLOURS.get(result.outcome, "#d55e00")
    return f'<table style="border-left:6px solid {colour}">{rows}</table>'


def _rows(result: "RunResult") -> Iterator[tuple[str, str]]:
    reason = f": {result.reason}" if result.reason else ""
    yield result.outcome, f"in {brief(result.elapsed_s)}{reason}"
    yield "lamps", lamps_in_words(result.lamps) or "never looked at"
    yield f"{len(result.frames)} good frames", ", ".join(spans(frame.frame for frame in result.frames)) or "none"
    for frame in result.bad:
        yield "bad", f"{frame.frame}, try {frame.attempt}: {frame.reason}"
    yield "folder", str(result.folder)
    yield "run", result.run
