"""Keeping the garbage collector quiet where thousands of values stay: building them, and living with them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CALM", "calm_collector", "no_garbage_collection"]

CALM = (50_000, 20, 100)
"""How seldom the collector looks. Modules, models and states stay for as long as the process does, and by its own
thresholds it looks at all of them again and again: a tenth of every start, a pause just when a lamp is to go off."""

_before: list[tuple[int, int, int]] = []
"""The thresholds that each of those found who want it calm now."""


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Building much at once is slow only because the collector looks at all of it again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def calm_collector() -> Iterator[None]:
    """For as long as a run lasts, or several; afterwards the thresholds are as the first of them found them."""
    _before.append(gc.get_threshold())
    gc.set_threshold(*CALM)
    try:
        yield
    finally:
        if len(_before) == 1:
            gc.set_threshold(*_before[0])
        _before.pop()
