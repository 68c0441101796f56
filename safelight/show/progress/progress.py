"""Progress for people: a live display on a terminal and in a notebook, plain lines elsewhere, and a clear end.

    with progress_for(True) as progress:
        progress.follow(graph, clock, observatory.lamps)
        await perform(request, listeners=progress.listeners)

Everything shown is computed from the events and the observatory's clock, so that it is right at any speed.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import IO, Any, Literal

from safelight.devices import Timekeeper
from safelight.devices.observatory.parts import LampsModel
from safelight.engine.background_listener import BackgroundListener
from safelight.engine.clock import ScaledClock, wall_utc
from safelight.engine.events import Listener
from safelight.show.progress.live_state import LiveState
from safelight.show.progress.messages import ProgressMessage, alarm, message_for, summary
from safelight.show.progress.plain import PlainDisplay
from safelight.states import StateGraph

__all__ = ["Level", "Progress", "progress_for"]

Level = Literal["debug", "warning"]
"""Lowest level of messages: `debug` for every line, `warning` for failures and the end."""

_PATIENCE_S = 3.0
"""Longest wait for a frozen terminal at the end, s of wall time."""


class Progress:
    """Display of one run for people (an `Audience`).

    Args:
        stream: output stream. A terminal gets the live display, anything else lines; None: the notebook's cell.
        options: options with which a command finds the run again, `--state-dir DIR`.
        least: lowest level; None: everything without bars, or everything that the bars don't show.
    """

    def __init__(self, stream: IO[str] | None, options: str = "", least: Level | None = None) -> None:
        self.picture = LiveState()
        self.options = options
        self._least = least
        self._clock: Timekeeper | None = None
        self._display = _display_for(stream, self, least)
        self._aside = BackgroundListener(self)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Listeners for the run."""
        return (self._aside,)

    def follow(self, graph: StateGraph, clock: Timekeeper, lamps: LampsModel) -> None:
        """Set the graph and the clock of a run, before anything moves.

        Args:
            graph: the graph to be executed.
            clock: the observatory's time.
            lamps: durations of switching them on and off.
        """
        self._clock = clock
        self._aside({"event": "progress.graph", "graph": graph, "lamps": lamps})

    def say(self, words: str) -> None:
        """Show one line. May be called from any thread or signal handler."""
        self._aside({"event": "progress.say", "words": words})

    def now(self) -> datetime:
        """Return the observatory's time, or wall time while no run is followed."""
        return wall_utc() if self._clock is None else self._clock.utc()

    def close(self) -> bool:
        """Show the rest. Return whether that has succeeded."""
        return self._aside.close(_PATIENCE_S)

    # ---- in the display's own thread

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take in one event, and show its message."""
        if event["event"] == "progress.graph":
            self.picture.know(event["graph"], event["lamps"].on_s, event["lamps"].off_s)
            self.picture.rate = self._clock.speed if isinstance(self._clock, ScaledClock) else 1.0
        elif event["event"] == "progress.say":
            self._display.say(ProgressMessage(event["words"], "warning"))
        else:
            self.picture.hear(event)
            line = message_for(event, self.picture)
            if line is not None and (self._least != "warning" or line.tone in ("warning", "bad")):
                self._display.say(line)

    def rest(self) -> None:
        """Draw."""
        self._display.draw()

    def end(self) -> None:
        """Leave the terminal tidy, and show how the run ended."""
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
        from safelight.show.progress.notebook import NotebookDisplay, cell_output  # noqa: PLC0415

        return NotebookDisplay(progress.picture, progress.now, cell_output())
    if stream.isatty() and least != "warning":
        from safelight.show.console import SafeConsole  # noqa: PLC0415 - rich is slow, and for terminals only
        from safelight.show.progress.terminal import LiveDisplay  # noqa: PLC0415

        console = SafeConsole(file=stream)
        if console.is_terminal and not console.is_dumb_terminal:
            pause = f"safelight pause {progress.options}".rstrip()
            return LiveDisplay(progress.picture, progress.now, console, pause=pause, every_line=least == "debug")
    return PlainDisplay(lambda line: _print(line, stream))


def _print(line: str, stream: IO[str]) -> None:
    """Print one line. Errors are ignored, because a full disk may have room again for the alarm at the end."""
    with suppress(OSError, ValueError):
        print(line, file=stream, flush=True)


@contextmanager
def progress_for(show: bool | None, stream: IO[str] | None = None, options: str = "") -> Iterator[Progress | None]:  # noqa: FBT001
    """Yield progress for one run, for the duration of the body.

    Args:
        show: True or False; None: if there is a terminal or a notebook.
        stream: output stream; default: standard error, or in a notebook the cell's output.
        options: options with which a command finds the run again, `--state-dir DIR`.

    Yields:
        The progress; None if nothing is shown.
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
    """Return whether a Jupyter kernel runs this."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return any(kind.__name__ == "ZMQInteractiveShell" for kind in type(shell).__mro__)
