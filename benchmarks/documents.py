"""The documents that are measured: of any number of frames, with lamps, biases and darks in equal parts."""

from typing import Any

from safelight.devices import Observatory, load_observatory
from safelight.engine.planning.plan import Plan, make_plan, site_of
from safelight.sequences import load

__all__ = ["BURNING", "document_of", "patient_observatory", "plan_of_size"]

BURNING = {"lamps": {"Neon": {"warmup": 0.1, "exposure_time": 60}}}
"""A lamp that is on for a minute."""

_LAMPS = ("Argon", "Neon", "Quartz", "Xenon")
_BLOCKS = 10


def document_of(frames: int) -> dict[str, Any]:
    """Return a sequence of `frames` frames, a multiple of 100: biases, darks, and half of them in ten lamp blocks."""
    blocks = [
        {"lamps": [_LAMPS[number % 4]], "warmup": 5, "exposure_time": [1], "count": max(1, frames // 2 // _BLOCKS)}
        for number in range(_BLOCKS)
    ]
    return {
        "name": f"of-{frames}",
        "biases": {"count": frames // 4},
        "darks": {"count": frames // 4, "exposure_time": [10]},
        "lamps": blocks,
    }


def patient_observatory() -> Observatory:
    """The simulated one, whose lamps may be on for as long as the largest document takes."""
    site = load_observatory("simulated")
    units = {name: lamp.model_copy(update={"longest_on_s": 1e7}) for name, lamp in site.lamps.units.items()}
    return site.model_copy(update={"lamps": site.lamps.model_copy(update={"units": units})})


def plan_of_size(frames: int, observatory: Observatory) -> Plan:
    """Loaded, expanded, compiled, proved."""
    return make_plan(load(document_of(frames), site_of(observatory)), observatory)
