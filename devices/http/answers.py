"""What the answer of a relay board says: pure functions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from safelight.devices.http.description import CHANNEL, Expected, Place, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safelight.devices.protocols import LampState

__all__ = ["as_expected", "found_in", "state_in"]

_NOTHING = object()


def state_in(text: str, reading: Reading, channel: str) -> LampState:
    """Return what an answer says of a lamp, or `unknown` where it says nothing that is described."""
    value = found_in(text, reading, channel)
    if _among(value, reading.is_on):
        return "on"
    return "off" if _among(value, reading.is_off) else "unknown"


def as_expected(text: str, expected: Expected, channel: str) -> bool:
    """Whether the answer to a command holds what it must hold."""
    value = found_in(text, expected, channel)
    return value is not _NOTHING and (expected.values is None or _among(value, expected.values))


def found_in(text: str, place: Place, channel: str) -> Any:
    """Return the value at a place of an answer, or a thing that equals no value where there is none."""
    if place.pattern is not None:
        match = re.search(place.pattern.replace(CHANNEL, re.escape(channel)), text)
        return _NOTHING if match is None else match[1 if match.re.groups else 0]
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return _NOTHING
    found = (_at(answer, path.split("."), channel) for path in place.at or ())
    return next((value for value in found if value is not _NOTHING), _NOTHING)


def _at(node: Any, steps: Iterable[str], channel: str) -> Any:
    for template in steps:
        step = template.replace(CHANNEL, channel)
        key, equals, wanted = step.partition("=")
        if equals:
            entries = node if isinstance(node, list) else []
            chosen = [each for each in entries if isinstance(each, dict) and str(each.get(key)) == wanted]
            # With two entries of one name it is unknown which is the lamp's.
            node = chosen[0] if len(chosen) == 1 else _NOTHING
        elif isinstance(node, dict):
            node = node.get(step, _NOTHING)
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            node = _NOTHING
        if node is _NOTHING:
            return _NOTHING
    return node


def _among(value: Any, values: Iterable[Any]) -> bool:
    """Whether a value is among others: true is not 1, and 1.0 is 1."""
    numbers = int | float
    return any(
        value == other
        and isinstance(value, bool) is isinstance(other, bool)
        and (type(value) is type(other) or (isinstance(value, numbers) and isinstance(other, numbers)))
        for other in values
    )
