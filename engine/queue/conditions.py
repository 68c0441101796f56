"""Conditions of a night, such as a closed dome: read before a request begins, and while its run is running.

They are interlocks for good frames, not for the safety of people. What can't be read is not met.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from safelight.devices.conditions import read_condition
from safelight.devices.errors import DeviceError
from safelight.devices.observatory.site_habits import ConditionModel
from safelight.engine.clock import Clock, boot_s

__all__ = ["Conditions", "why_unmet"]

_FRESH_S = 10.0
"""Time for which a reading counts, s."""
_LARGEST = 1_000_000
"""Largest answer that is read, bytes."""
_LONGEST = 60
"""Largest number of quoted characters."""
_LONGEST_REASON = 200
"""Largest number of characters of a device's own reason."""


@dataclass(slots=True)
class Conditions:
    """Conditions of one observatory.

    Attributes:
        models: name -> how it is read.
        clock_s: time, s.
    """

    models: Mapping[str, ConditionModel]
    clock_s: Callable[[], float] = boot_s
    _read: dict[str, tuple[float, str]] = field(default_factory=dict)

    def lost(self, names: Iterable[str]) -> tuple[str, str]:
        """Return what a running run has to do, `abort` or `pause`, and why. Nothing: all conditions are met."""
        words = ("", "")
        for name in names:
            why = self.unmet([name])
            aborts = name in self.models and self.models[name].abort
            if why and (aborts or not words[0]):
                words = ("abort" if aborts else "pause", why)
        return words

    def unmet(self, names: Iterable[str]) -> str:
        """Return the first condition that is not met, with the reason, or nothing. Readings count for 10 s."""
        for name in names:
            if name not in self.models:
                return f"{name}: the worker's observatory document has no such condition"
            at_s, why = self._read.get(name, (-_FRESH_S, ""))
            if self.clock_s() - at_s >= _FRESH_S:
                why = why_unmet(self.models[name])
                self._read[name] = (self.clock_s(), why)
            if why:
                return f"{name}: {why}"
        return ""


def why_unmet(condition: ConditionModel) -> str:
    """Read a condition. Return why it is not met, or nothing."""
    if condition.command is not None:
        return _of_command(condition)
    if condition.url is None:
        return _of_device(condition)
    try:
        with urlopen(str(condition.url), timeout=condition.timeout_s) as answer:  # noqa: S310 - the document names it
            found = json.loads(answer.read(_LARGEST))
    except (OSError, ValueError, HTTPException, RecursionError) as error:
        if isinstance(error, HTTPError):
            error.close()
        return f"{condition.url} can't be read: {_short(error)}"
    for part in filter(None, condition.key.split(".")):
        try:
            found = found[int(part) if isinstance(found, list) else part]
        except (LookupError, TypeError, ValueError):
            return f"{condition.url} has no {condition.key}"
    return _compared(condition, found)


def _of_device(condition: ConditionModel) -> str:
    try:
        found = asyncio.run(read_condition(condition, Clock()))
    except DeviceError as error:
        return f"it can't be read: {error.reason}"[:_LONGEST_REASON]
    except Exception as error:  # noqa: BLE001 - a mistake of safelight or of a library must not end the worker
        return f"it can't be read: safelight itself has failed ({type(error).__name__}), please report it"
    return _compared(condition, found)


def _of_command(condition: ConditionModel) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the observatory document names it
            list(condition.command or ()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=condition.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the command has not ended after {condition.timeout_s:g} s"
    except (OSError, ValueError) as error:
        return f"the command can't be started: {_short(error)}"
    words = done.stdout.decode(errors="replace").strip().splitlines()
    return f"exit code {done.returncode}" + (f", {words[-1][:_LONGEST]}" if words else "") if done.returncode else ""


def _compared(condition: ConditionModel, found: Any) -> str:
    """Compare a value with what the condition wants."""
    shown = json.dumps(found)[:_LONGEST]
    if condition.below is not None or condition.above is not None:
        if isinstance(found, bool) or not isinstance(found, int | float):
            return f"expected a number, read {shown}"
        if condition.below is not None and not found < condition.below:
            return f"expected below {condition.below:g}, read {shown}"
        if condition.above is not None and not found > condition.above:
            return f"expected above {condition.above:g}, read {shown}"
        return ""
    # In Python, true equals 1.
    same = isinstance(found, bool) == isinstance(condition.equals, bool)
    return "" if same and found == condition.equals else f"expected {json.dumps(condition.equals)}, read {shown}"


def _short(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (getattr(reason, "strerror", None) or str(reason) or type(error).__name__)[:_LONGEST]
