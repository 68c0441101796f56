"""Progress for people: a live display on a terminal and in a notebook, plain lines elsewhere, and a clear end.

    with progress_for(True) as progress:
        await perform(request, listeners=progress.listeners, on_start=progress.follow)

Whatever is shown is computed from the events and the observatory's clock, so it is right at any speed.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any, Literal

from safelight.engine.aside import Aside
from safelight.engine.clock import Clock, ScaledClock, wall_utc
from safelight.engine.events import Listener
from safelight.engine.lines import Line, alarm, line_of, summary
from safelight.engine.picture import Picture
from safelight.engine.plain_display import PlainDisplay
from safelight.engine.runner import Runner

__all__ = ["Level", "Progress", "progress_for"]

Level = Literal["debug", "warning"]
"""What is told at least: `debug`, every line; `warning`, what went wrong, and how it ended."""

_PATIENCE_S = 3.0
"""How long a frozen terminal is waited for at the end, s on the wall."""


class Progress:
    """Shows one run to people (an `Audience`).

    Args:
        stream: where it is shown: a terminal gets the live display, anything else lines; None: the notebook's cell.
        options: what a command must be told to find the run again, `--home DIR`.
        least: what is told at least; None: everything where there are no bars, what is not in the bars beside them.
    """

    def __init__(self, stream: IO[str] | None, options: str = "", least: Level | None = None) -> None:
        self.picture = Picture()
        self.options = options
        self._least = least
        self._clock: Clock | None = None
        self._display = _display_for(stream, self, least)
        self._aside = Aside(self)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What a run tells its events."""
        return (self._aside,)

    def follow(self, runner: Runner) -> None:
        """Learn the graph and the clock of a run, before anything moves."""
        self._clock = runner.instrument.clock  # type: ignore[assignment]  # what the runner was given
        self._aside({"event": "progress.graph", "runner": runner})

    def say(self, words: str) -> None:
        """Show one line; from any thread or signal handler."""
        self._aside({"event": "progress.say", "words": words})

    def now(self) -> datetime:
        """The observatory's time; the wall's as long as no run is followed."""
        return wall_utc() if self._clock is None else self._clock.utc()

    def close(self) -> bool:
        """Show what is left; whether that has succeeded."""
        return self._aside.close(_PATIENCE_S)

    # ---- in the thread aside

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take one event in, and say what is to be said of it."""
        if event["event"] == "progress.graph":
            runner: Runner = event["runner"]
            lamps = runner.observatory.lamps
            self.picture.know(runner.graph, lamps.on_s, lamps.off_s)
            self.picture.rate = self._clock.speed if isinstance(self._clock, ScaledClock) else 1.0
        elif event["event"] == "progress.say":
            self._display.say(Line(event["words"], "warning"))
        else:
            self.picture.hear(event)
            line = line_of(event, self.picture)
            if line is not None and (self._least != "warning" or line.tone in ("warning", "bad")):
                self._display.say(line)

    def rest(self) -> None:
        """Draw."""
        self._display.draw()

    def end(self) -> None:
        """Leave the terminal tidy, and say how it ended."""
        self._display.close()
        end = self.picture.finished
        if end is None:
            return
        for line in summary(end, self.options):
            self._display.say(line)
        picture = self.picture
        shout = alarm(end["lamps"], picture.seen, guards=picture.guards, by_hand=picture.by_hand)
        if shout:
            self._display.shout(shout)


def _display_for(stream: IO[str] | None, progress: Progress, least: Level | None) -> Any:
    if stream is None:
        from safelight.engine.notebook import NotebookDisplay, cell_output  # noqa: PLC0415

        return NotebookDisplay(progress.picture, progress.now, cell_output())
    if stream.isatty() and least != "warning":
        from safelight.engine.console import SafeConsole  # noqa: PLC0415 - rich is slow, and for terminals only
        from safelight.engine.display import LiveDisplay  # noqa: PLC0415

        console = SafeConsole(file=stream)
        if console.is_terminal and not console.is_dumb_terminal:
            pause = f"safelight pause {progress.options}".rstrip()
            return LiveDisplay(progress.picture, progress.now, console, pause=pause, every_line=least == "debug")
    return PlainDisplay(lambda line: print(line, file=stream, flush=True))


@contextmanager
def progress_for(show: bool | None, stream: IO[str] | None = None, options: str = "") -> Iterator[Progress | None]:  # noqa: FBT001
    """Progress for one run, for as long as the body lasts.

    Args:
        show: True or False; None: where there is a terminal or a notebook.
        stream: where; default: standard error, in a notebook the cell's output.
        options: what a command must be told to find the run again, `--home DIR`.

    Yields:
        What listens and shows; None where nothing is to be shown.
    """
    notebook = stream is None and _in_notebook()
    if stream is None and not notebook:
        stream = sys.stderr
    if show is None:
        show = notebook or (stream is not None and stream.isatty())
    if not show or (stream is None and not notebook):
        yield None
        return
    progress = Progress(stream, options)
    try:
        yield progress
    finally:
        progress.close()


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)
