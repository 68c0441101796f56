"""Watch over a run's tenure, which ends the run before another host may take its observatory."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from safelight.engine.clock import real_alarm
from safelight.engine.records.tenure import MARGIN_S, Tenure

__all__ = ["watch_tenure"]

_LOOK_S = 0.2
"""Longest time between two looks, s of wall time."""


@contextmanager
def watch_tenure(tenure: Tenure, halt: Callable[[str], None]) -> Iterator[None]:
    """Watch the tenure in the running event loop for as long as the body takes.

    It is a timer and no task: in a process that stood still, timers that are due come before every task that would send
    a command.

    Args:
        tenure: what is watched.
        halt: called once, with the reason, when the run has to stop.
    """
    alarm: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal alarm
        if why := tenure.end:
            halt(why)
        else:
            alarm = real_alarm(min(_LOOK_S, tenure.left_s - MARGIN_S), look)

    look()
    try:
        yield
    finally:
        if alarm is not None:
            alarm.cancel()
