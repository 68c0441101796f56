"""Display of a run on a terminal: a picture that is redrawn several times a second, and scrolling lines above it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from safelight.show.progress.live_state import Active, LiveState
from safelight.show.progress.messages import ProgressMessage
from safelight.text import clock_face

__all__ = ["LiveDisplay"]

_STYLES = {"quiet": "dim", "plain": "", "good": "green", "warning": "yellow", "bad": "bold red"}
_NARROW = 30
"""Smallest width of the words and numbers next to a bar, columns."""


class LiveDisplay:
    """Bars for the run and for each running state, below the scrolling lines.

    Args:
        picture: what is shown.
        now: the observatory's time.
        console: the terminal.
        pause: the command that does, from elsewhere.
        every_line: states scroll by as well.
    """

    def __init__(
        self,
        picture: LiveState,
        now: Callable[[], datetime],
        console: Console,
        *,
        pause: str = "safelight pause",
        every_line: bool = False,
    ) -> None:
        self._picture = picture
        self._stop = f"stop: Ctrl-C (now, lamps off first), `{pause}` (after this frame)"
        self._every_line = every_line
        self._now = now
        self._console = console
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    def say(self, line: ProgressMessage) -> None:
        """Print one line above the picture, which already shows the states unless every line is requested."""
        if line.tone == "quiet" and not self._every_line:
            return
        words = Text(line.text, style=_STYLES[line.tone])
        if line.stamp:
            row = Table.grid(padding=(0, 2, 0, 0))
            row.add_row(Text(line.stamp, style="dim"), words)
            self._console.print(row)
        else:
            self._console.print(words)

    def draw(self) -> None:
        """Draw the picture again."""
        width = self._console.width
        self._live.update(Group(*_rows(self._picture, self._now(), width, self._stop)), refresh=True)

    def shout(self, lines: Sequence[str]) -> None:
        """Show a red box and ring the bell."""
        self._console.bell()
        # As text, not as rich's markup, because an error may contain brackets.
        title = Text(f" {lines[0]} ", style="bold")
        self._console.print(Panel(Text("\n".join(lines[1:])), title=title, style="bold white on red"))

    def close(self) -> None:
        """Remove the picture. The printed lines stay."""
        self._live.stop()


def _rows(picture: LiveState, now: datetime, width: int, stop: str) -> Iterator[RenderableType]:
    """Yield everything below the scrolling lines."""
    if picture.began is None or picture.finished:
        return
    wide = max(10, min(40, width - _NARROW - 30))
    grid = Table.grid(padding=(0, 1), expand=False)
    grid.add_column(width=min(34, max(20, width - wide - 30)), no_wrap=True, overflow="ellipsis")
    grid.add_column(width=wide)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    elapsed_s, left_s = picture.elapsed_s(now), picture.left_s(now)
    grid.add_row(
        Text(picture.sequence, style="bold"),
        ProgressBar(total=max(elapsed_s + left_s, 1e-6), completed=elapsed_s, width=wide),
        Text(f"{clock_face(left_s)} left", style="bold").append(_when(picture, now, left_s), style="not bold"),
    )
    for active in picture.active(now):
        grid.add_row(*_state_row(active, wide))
    yield Text("─" * (width - 1), style="dim")
    yield grid
    yield _frames_and_lamps(picture, now)
    for note in _notes(picture, stop):
        # Room for the ^C that a terminal echoes. A wrapped line would leave a part of the picture behind.
        note.truncate(width - 4, overflow="ellipsis")
        yield note


def _when(picture: LiveState, now: datetime, left_s: float) -> str:
    """Return the time of day of the end, or for an accelerated run the real time left."""
    if picture.rate > 1:
        return f" ({clock_face(left_s / picture.rate)} real)"
    return f", until {now + timedelta(seconds=left_s):%H:%M}"


def _state_row(active: Active, wide: int) -> tuple[RenderableType, ...]:
    words = f"  {active.words}" + (f" (try {active.attempt})" if active.attempt > 1 else "")
    late = active.seconds > active.expected_s + 1
    bar = ProgressBar(
        total=max(active.expected_s, 1e-6),
        completed=min(active.seconds, active.expected_s),
        width=wide,
        complete_style="yellow" if late else "cyan",
        finished_style="yellow" if late else "cyan",
    )
    return words, bar, Text(f"{active.seconds:.0f} of {active.expected_s:.0f} s", style="yellow" if late else "")


def _frames_and_lamps(picture: LiveState, now: datetime) -> Text:
    text = Text(f"frames {picture.frames} of {picture.asked}")
    if picture.bad:
        text.append(f", {picture.bad} bad", style="yellow")
    text.append("   lamps ")
    if not picture.lit:
        text.append("all off" if picture.frames or picture.active(now) else "…", style="green")
    for number, (lamp, since) in enumerate(picture.lit.items()):
        text.append(", " if number else "")
        text.append(lamp, style="bold black on yellow")
        text.append(f" lit {clock_face((now - since).total_seconds())}")
    text.append(f"   elapsed {clock_face(picture.elapsed_s(now))}", style="dim")
    return text


def _notes(picture: LiveState, stop: str) -> Iterator[Text]:
    if picture.safing:
        yield Text("safing: all lamps off, read back; this can't be interrupted", style="bold yellow")
    elif picture.stopping:
        yield Text(picture.stopping, style="bold yellow")
    else:
        if picture.troubles:
            yield Text(f"last trouble  {picture.troubles[-1]}", style="yellow")
        yield Text(stop, style="dim")
