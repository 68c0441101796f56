"""Tuning of the garbage collector for thousands of values that stay: while they are built, and during a run."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CALM", "calm_collector", "no_garbage_collection"]

CALM = (50_000, 20, 100)
"""Thresholds of the collector. Modules, models and states stay for as long as the process does, and with the default
thresholds it scans all of them repeatedly: a tenth of every start, and a pause when a lamp has to go off."""

_before: list[tuple[int, int, int]] = []
"""Previous thresholds, one for each caller that is inside `calm_collector` now."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Switch the collector off while many values are built, which it would scan repeatedly."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def calm_collector() -> Iterator[None]:
    """Collect less often during a run. After the last of several runs, the old thresholds are restored."""
    _before.append(gc.get_threshold())
    gc.set_threshold(*CALM)
    try:
        yield
    finally:
        if len(_before) == 1:
            gc.set_threshold(*_before[0])
        _before.pop()
