"""Ctrl-C, SIGTERM and SIGHUP, from the first moment of a command to its last: they mean abort, and never less.

Plain signal handlers, because they are there before an event loop is and stay when it has gone: at no moment does a
signal end the process with a lamp burning.
"""

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

__all__ = ["STOPS", "Stops"]

Act = Callable[[str, int], None]


class Stops:
    """The requests to stop that have come as signals."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self._act: Act | None = None

    def watch(self) -> None:
        """Catch the signals from now on. A SIGHUP that is ignored (nohup) stays so."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_signal)

    def obey(self, act: Act, *, past: bool = True) -> None:
        """Call `act` at each signal, with its name and how many have come; at once if one has come before.

        Args:
            act: quick, and harmless at any moment: it may interrupt the main thread anywhere.
            past: False: signals that have come before are done with.
        """
        self._act = act
        if past and self.received:
            act(self.received[0], 1)

    def ignore(self) -> None:
        """All is done, and the exit code is known: the interpreter's own end must not make it another one."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        self.received.append(name)
        if self._act is not None:
            # A loop that has closed meanwhile needs no stopping.
            with suppress(RuntimeError):
                self._act(name, len(self.received))


STOPS = Stops()
"""The process has one set of signals."""
