"""Status file of one guard, read as untrusted: a missing or wrong value is replaced by a harmless one."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safelight.engine.clock import wall_utc
from safelight.files import read_regular

__all__ = ["guard_page"]

_MOST_BYTES = 200_000
_LONGEST_PATH = 4096
_LONGEST_S = 1e12


def guard_page(path: Path) -> dict[str, Any] | None:
    """Return the status of a guard, every field with its right type, or None if the file can't be read.

    Args:
        path: `guards/<run>.<pid>.json`. Its run and pid are used if the file lacks them.
    """
    try:
        found = json.loads(read_regular(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    pid = found.get("pid")
    if not isinstance(pid, int) or isinstance(pid, bool) or not 0 < pid < 2**31:
        return None
    page: dict[str, Any] = {
        **found,
        "pid": pid,
        "run": _text(found.get("run")) or path.stem.rpartition(".")[0],
        "doing": _text(found.get("doing")) or "unknown",
        "since": _time(found.get("since")),
        "told": _time(found.get("told")),
        "leases": _numbers(found.get("leases")),
        "lamps": {name: _text(seen) or "unknown" for name, seen in _mapping(found.get("lamps")).items()},
        "keep": found.get("keep") is True,
        "orphan": found.get("orphan") is True,
        "in_charge": found.get("in_charge") is True,
        "answers_for": {name: _text(outlet) for name, outlet in _mapping(found.get("answers_for")).items()},
        "runner_pid": found["runner_pid"] if type(found.get("runner_pid")) is int else 0,
        "runner_started": _text(found.get("runner_started")),
    }
    # A wrong time must not make a guard a successor, so that there is no harmless one in its place.
    page.pop("begun", None)
    if found.get("begun") == _time(found.get("begun")):
        page["begun"] = found["begun"]
    for name in ("observatory", "source", "why", "client"):
        page.pop(name, None)
        words = _text(found.get(name))
        if words:
            page[name] = words
    return page


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _LONGEST_PATH and "\0" not in value else ""


def _numbers(value: object) -> dict[str, float]:
    numbers = {name: item for name, item in _mapping(value).items() if isinstance(item, int | float)}
    return {name: float(item) for name, item in numbers.items() if abs(item) < _LONGEST_S and math.isfinite(item)}


def _time(value: object) -> str:
    """Return UTC, ISO 8601. An invalid or future time is replaced by now."""
    now = wall_utc()
    with suppress(TypeError, ValueError, OverflowError):
        found = datetime.fromisoformat(value)  # type: ignore[arg-type]
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
        return min(found, now).isoformat()
    return now.isoformat()
