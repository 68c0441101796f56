"""Calibration sequences and recipes of gort, as sequence documents. Pure functions on plain values.

Sources: gort's configuration and its recipe of long-term calibrations (lvmgort 0.1.0 to 1.13.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["LONG_TERM", "long_term", "parameters", "reason", "translated"]

LONG_TERM = "recipes.long_term_calibrations"
"""Path of the parameters of gort's long-term calibrations."""

_PARAMETERS = ("n_biases", "quartz_exp_time", "ldls_exp_time", "arc_exp_times")

_ELSEWHERE = "it belongs to other tasks than calibration frames"
_REASONS = {
    "telescopes.timeouts": "how long to wait is in `deadlines` of the observatory document",
    "telescopes": "telescopes are sent to named positions only",
    "guiders": "calibration frames are not guided",
    "ags": "calibration frames are not guided",
    "nps": "only the switch of the calibration lamps is used",
    "specs.timeouts": "how long to wait is in `deadlines` of the observatory document",
    "specs": "the driver `clu` does not use it",
    "recipes.twilight_flats": "exposure times of twilight flats follow the sun, which no sequence document can express",
    "recipes.calibration": "it has no counterpart in an observatory or sequence document",
    "recipes": "this recipe is a program of gort, not a list of frames",
}


def reason(path: str) -> str:
    """Return why a part of gort's configuration is left out."""
    fitting = [known for known in _REASONS if path == known or path.startswith(f"{known}.")]
    return _REASONS[max(fitting, key=len)] if fitting else _ELSEWHERE


def translated(sequence: Mapping[str, Any], mask: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sequence of gort in the form of a sequence document.

    gort 0.1.0 to 0.2.0 wrote `exposure_times`. A sweep takes what it leaves open from gort's defaults.

    Args:
        sequence: as gort has it.
        mask: gort's defaults for the fibre selector: `positions` and `initial_position`.
    """
    found = {str(key): value for key, value in sequence.items()}
    if isinstance(darks := found.get("darks"), Mapping):
        found["darks"] = _in_time(darks)
    if isinstance(lamps := found.get("lamps"), Mapping):
        found["lamps"] = {
            str(lamp): _sweeping(_in_time(settings), mask) if isinstance(settings, Mapping) else settings
            for lamp, settings in lamps.items()
        }
    return found


def _in_time(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with `exposure_times` called `exposure_time`, as of gort 0.2.1."""
    old = "exposure_times" if "exposure_time" not in settings else ""
    return {"exposure_time" if key == old else str(key): value for key, value in settings.items()}


def _sweeping(settings: dict[str, Any], mask: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in which a sweep has the positions and the first fibre of gort's defaults."""
    fibsel = settings.get("fibsel")
    if fibsel is not True and not isinstance(fibsel, Mapping):
        return settings
    own = {} if fibsel is True else dict(fibsel)
    positions = own.get("positions", mask.get("positions"))
    first = mask.get("initial_position")
    filled = {"positions": positions} if positions is not None else {}
    if first is not None and isinstance(positions, str) and _begins_like(positions, str(first)):
        filled["initial_position"] = first
    whole = filled | own
    return settings | {"fibsel": whole or True}


def _begins_like(pattern: str, fibre: str) -> bool:
    try:
        return re.match(pattern, fibre, re.IGNORECASE) is not None
    except re.error:
        return False


def long_term(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return gort's long-term calibrations as a sequence document.

    gort takes all exposure times of the arcs on a fibre before it moves on to the next one.

    Args:
        recipe: the parameters in gort's configuration; those that are missing have gort's own values.
    """
    return {
        "park_after": True,
        "steps": [
            {"biases": {"count": recipe.get("n_biases", 7)}},
            _step(["Quartz"], "flat", 120, recipe.get("quartz_exp_time", 20)),
            _step(["LDLS"], "flat", 300, recipe.get("ldls_exp_time", 150)),
            _step(["HgNe", "Neon", "Argon", "Xenon"], "arc", 180, recipe.get("arc_exp_times", [10, 50])),
        ],
    }


def _step(lamps: list[str], flavour: str, warmup_s: float, exposure: Any) -> dict[str, Any]:
    """Return a step with these lamps, on each fibre of the first ring."""
    step: dict[str, Any] = {"lamps": lamps, "flavour": flavour, "warmup": warmup_s}
    loops: dict[str, Any] = {"fibre": {"match": "P1-"}}
    if isinstance(exposure, list):
        return step | {"for": loops | {"exposure_time": exposure}}
    return step | {"exposure_time": exposure, "for": loops}


def parameters(recipe: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys of a long-term recipe that `long_term` reads."""
    return tuple(key for key in _PARAMETERS if key in recipe)
