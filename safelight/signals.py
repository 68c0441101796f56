"""Handling of Ctrl-C, SIGTERM and SIGHUP from the beginning of a command to its end. They mean abort.

These are plain signal handlers, because they work before an event loop exists and after it has closed. A signal can
therefore never end the process with a lamp on.
"""

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

__all__ = ["STOPS", "Stops"]

Act = Callable[[str, int], None]


class Stops:
    """Requests to stop that have arrived as signals."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self._act: Act | None = None

    def watch(self) -> None:
        """Catch the signals from now on. A SIGHUP that is ignored (nohup) stays ignored."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)

    def obey(self, act: Act, *, past: bool = True) -> None:
        """Call `act` at each signal, with its name and the count so far, and at once if one has already arrived.

        Args:
            act: quick, and harmless at any moment, because it may interrupt the main thread anywhere.
            past: False: earlier signals are ignored.
        """
        self._act = act
        if past and self.received:
            act(self.received[0], 1)

    def ignore(self) -> None:
        """Ignore signals from now on, so that the interpreter's exit can't change the known exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.received.append(name)
        if self._act is not None:
            # A loop that has closed meanwhile needs no stop.
            with suppress(RuntimeError):
                self._act(name, len(self.received))


STOPS = Stops()
"""Signals of this process."""
