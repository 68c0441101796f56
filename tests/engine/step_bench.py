"""A small observatory and a sequence with every new kind of state, for runs, faults and kills."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["OBSERVATORY", "STEPS", "TIMED", "with_arcs", "written"]

OBSERVATORY: Mapping[str, Any] = {
    "name": "stepping",
    "lamps": {
        "units": {
            "ThAr": {"warmup_s": 10.0, "flavour": "arc", "longest_on_s": 3600.0, "requires": {"mirror": "in"}},
            "Quartz": {
                "warmup_s": 10.0,
                "flavour": "flat",
                "longest_on_s": 3600.0,
                "requires": {"mirror": "in"},
                "level": [10.0, 100.0],
            },
        },
        "exclusive": [["ThAr", "Quartz"]],
        "on_s": 0.2,
        "off_s": 0.1,
        "all_off_s": 0.1,
        "status_s": 0.1,
    },
    "spectrographs": {
        "units": ["sp1", "sp2"],
        "cameras": ["b"],
        "readout_s": 8.0,
        "lead_s": 0.5,
        "tail_s": 0.5,
        "abort_s": 0.5,
        "reset_s": 0.1,
        "status_s": 0.1,
        "temperature": {"set_point_c": -100.0, "tolerance_c": 1.0, "settle_s": 60.0},
        "options": {
            "image": [32, 72],
            "overscan_columns": 8,
            "bias_adu": 1000.0,
            "read_noise_adu": 3.0,
            "dark_adu_per_s": 0.2,
            "lamp_adu_per_s": 40.0,
        },
    },
    "selectors": {
        "units": {
            "mirror": {"positions": ["in", "out"], "safe": "out", "move_s": 2.0},
            "slit": {"positions": {"narrow": {}, "wide": {"width": 3.0}}, "default": "narrow", "move_s": 3.0},
            "grating": {"positions": {"red": {"dispersion": 0.7}, "blue": {"dispersion": 1.3}}, "move_s": 4.0},
        },
        "status_s": 0.1,
        "options": {"home": {"grating": "blue"}},
    },
    "flavours": {"dark": {"requires": {"mirror": "out"}}},
    "retries": {"default": {"attempts": 6, "first_wait_s": 0.5}},
}

STEPS: Mapping[str, Any] = {
    "name": "stepping",
    "steps": [
        {"biases": {"count": 1}},
        {"lamps": ["ThAr"], "exposure_time": 6, "label": "found"},
        {"lamps": [], "flavour": "flat", "exposure_time": 3},
        {"lamps": ["Quartz"], "exposure_time": 5, "for": {"grating": ["red", "blue"], "slit": "all"}, "level": 50},
        {"wait": 20},
        {"darks": {"exposure_time": 4, "spectrographs": ["sp2"]}},
        {"lamps": ["ThAr"], "exposure_time": 6, "setup": {"slit": "wide"}},
        {"set": {"slit": "narrow"}},
    ],
}


TIMED: Mapping[str, Any] = {
    "name": "timed",
    "order": "free",
    "steps": [
        {"biases": {"count": 1}},
        {"lamps": ["Argon", "Neon"], "exposure_time": 10, "lit_for": {"Argon": 6, "Neon": 3}, "count": 2},
        {"lamps": ["Quartz"], "exposure_time": 4},
        {"darks": {"count": 2, "exposure_time": 4}},
        {"lamps": ["Quartz", "Argon"], "flavour": "flat", "exposure_time": 8, "lit_for": {"Argon": 3}},
    ],
}
"""A sequence for `with_arcs`: lamps on for a part of an exposure, a minimum on-time, darks that fill a warm-up."""


def written(folder: Path, **spectrographs: Any) -> Path:
    """Write the observatory, with other settings of its spectrographs."""
    plain = yaml.safe_load(yaml.safe_dump(dict(OBSERVATORY), sort_keys=False))
    plain["spectrographs"] |= spectrographs
    path = folder / "stepping.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def with_arcs(folder: Path, **spectrographs: Any) -> Path:
    """Write the observatory with two lamps without a warm-up, and one with a minimum on-time, without selectors."""
    path = written(folder, light_tight_shutter=True, **spectrographs)
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    arc = {"warmup_s": 0.0, "flavour": "arc", "longest_on_s": 3600.0}
    plain["lamps"] |= {"units": {"Argon": dict(arc), "Neon": dict(arc)}, "exclusive": []}
    flat = {"warmup_s": 40.0, "flavour": "flat", "longest_on_s": 3600.0, "min_on_s": 60.0}
    plain["lamps"]["units"]["Quartz"] = flat
    del plain["selectors"], plain["flavours"]
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path
