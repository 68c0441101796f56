"""A small observatory with three lamps behind a source select, after Keck's KPF, and a day of calibrations for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["DAY", "LAMPS", "SHIELDS", "SHOWN", "behind_shutters"]

LAMPS = ("Th", "U", "Lamp")
PLACES = ("Home", *LAMPS)
SHIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    lamp: {"octagon": tuple(place for place in PLACES if place != lamp)} for lamp in LAMPS
}

DAY: Mapping[str, Any] = {
    "name": "day",
    "steps": [
        {"biases": {"count": 2}},
        {"lamps": ["Th"], "exposure_time": 6, "count": 2},
        {"lamps": ["U"], "exposure_time": 200, "count": 2},
        {"lamps": ["Lamp"], "exposure_time": 5},
        {"lamps": ["U"], "exposure_time": 7},
        {"wait": 20},
        {"darks": {"exposure_time": 9}},
    ],
}
"""Everything that can happen: lamps lit in a readout, in a warm-up and beside an open shutter, one that stays on."""


SHOWN: Mapping[str, Any] = {
    "name": "shown",
    "steps": [
        {"biases": {"count": 1}},
        {"lamps": ["Th"], "exposure_time": 60, "lit_for": {"Th": 20}, "count": 2},
        {"lamps": ["Th"], "exposure_time": [10, 30], "lit_for": {"Th": 10}},
        {"lamps": ["U"], "exposure_time": 30, "lit_for": {"U": 4}, "label": "short"},
        {"darks": {"exposure_time": 9}},
    ],
}
"""Lamps with a warm-up that their source shutter lets through for a part of an exposure, and for the whole of one."""


def behind_shutters(folder: Path, leaks: Mapping[str, float] = {}, **spectrographs: Any) -> Path:
    """Write the observatory.

    Args:
        folder: where.
        leaks: position of the source select -> the share of light that it lets pass although it should block it.
        spectrographs: other settings of the spectrographs.
    """
    lamp: dict[str, Any] = {"warmup_s": 120.0, "longest_on_s": 3600.0, "warm_behind_shutter": True}
    units = {name: lamp | {"flavour": "arc", "requires": {"octagon": name}} for name in LAMPS}
    units["Lamp"]["flavour"] = "flat"
    plain = {
        "name": "behind",
        "lamps": {"units": units, "on_s": 0.2, "off_s": 0.1, "all_off_s": 0.1, "status_s": 0.1},
        "spectrographs": {
            "units": ["sp1"],
            "cameras": ["b"],
            "readout_s": 8.0,
            "lead_s": 0.5,
            "tail_s": 0.5,
            "abort_s": 0.5,
            "reset_s": 0.1,
            "status_s": 0.1,
            "options": {"image": [32, 104], "overscan_columns": 8, "bias_adu": 1000.0, "read_noise_adu": 3.0,
                        "dark_adu_per_s": 0.2, "lamp_adu_per_s": 40.0},
        } | spectrographs,
        "selectors": {
            "units": {
                "octagon": {
                    "positions": {place: {"leaks": leaks.get(place, 0.0)} for place in PLACES},
                    "safe": "Home",
                    "move_s": 3.0,
                }
            },
            "status_s": 0.1,
        },
        "flavours": {"bias": {"requires": {"octagon": "Home"}}, "dark": {"requires": {"octagon": "Home"}}},
        "retries": {"default": {"attempts": 3, "first_wait_s": 0.5}},
    }  # fmt: skip
    path = folder / "behind.yaml"
    without_aliases = yaml.safe_load(yaml.safe_dump(plain, sort_keys=False))
    path.write_text(yaml.safe_dump(without_aliases, sort_keys=False), encoding="utf-8")
    return path
