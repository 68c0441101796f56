"""First documents of a new site: an observatory document and a sequence, as commented text, from a short sketch.

A sketch can also come from devices that were found: `drivers` and `options` hold what a driver needs.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

__all__ = ["LampSketch", "SiteSketch", "observatory_text", "sequence_text"]


@dataclass(frozen=True, slots=True)
class LampSketch:
    """One lamp.

    Attributes:
        flavour: `arc` or `flat`.
        warmup_s: how long it must be on before it is stable, s.
    """

    name: str
    flavour: str
    warmup_s: float


@dataclass(frozen=True, slots=True)
class SiteSketch:
    """What is known of a new site.

    Attributes:
        name: of the observatory.
        lamps: at least one.
        spectrograph: its name.
        cameras: its cameras, at least one.
        readout_s: how long a readout takes, until the files are on disk, s.
        sequences: folder of the site's sequences, relative to the document.
        drivers: `lamps` or `spectrographs` -> driver; `simulated` where it is missing.
        options: the same -> options of that driver.
    """

    name: str
    lamps: tuple[LampSketch, ...]
    spectrograph: str
    cameras: tuple[str, ...]
    readout_s: float
    sequences: str = "sequences"
    drivers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_LONGEST_ON_S = 3600.0
"""Maximum on-time that a new document gives a lamp, s; its comment asks for the real one."""
_SIMULATED = {
    "image": [128, 208],
    "overscan_columns": 16,
    "bias_adu": 1000.0,
    "read_noise_adu": 3.0,
    "dark_adu_per_s": 0.2,
    "lamp_adu_per_s": 40.0,
}
"""Options of simulated spectrographs: small images, in which the light of each lamp can be measured."""


def observatory_text(site: SiteSketch) -> str:
    """Return the observatory document of a site, with a comment on every number that should be measured."""
    lamps = "\n".join(map(_lamp, site.lamps))
    return _OBSERVATORY.format(
        name=_plain(site.name),
        sequences=_plain(site.sequences),
        lamps_driver=_driver(site, "lamps"),
        lamps=lamps,
        lamps_options=_CHANNELS * (_driver(site, "lamps") == "http") + _options(site, "lamps", {}),
        spectrograph=_plain(site.spectrograph),
        cameras=", ".join(map(_plain, site.cameras)),
        readout_s=f"{site.readout_s:.1f}",
        spectrographs_driver=_driver(site, "spectrographs"),
        spectrographs_options=_options(site, "spectrographs", _SIMULATED),
    )


def sequence_text(site: SiteSketch) -> str:
    """Return a first sequence: biases, a dark, and one frame under each lamp, about as short as makes sense."""
    lamps = "\n".join(f"  {_plain(lamp.name)}: {{exposure_time: 10}}" for lamp in site.lamps)
    return _SEQUENCE.format(lamps=lamps, lamp=site.lamps[0].name, warmup_s=f"{site.lamps[0].warmup_s:g}")


def _lamp(lamp: LampSketch) -> str:
    facts = f"warmup_s: {lamp.warmup_s:.1f}, flavour: {lamp.flavour}"
    return f"    {_plain(lamp.name)}: {{{facts}, longest_on_s: {max(_LONGEST_ON_S, 2 * lamp.warmup_s):.1f}}}"


def _driver(site: SiteSketch, part: str) -> str:
    return site.drivers.get(part, "simulated")


def _options(site: SiteSketch, part: str, simulated: Mapping[str, Any]) -> str:
    """Return the options of a part's driver as YAML lines, those of the simulator where it is the driver."""
    options = site.options.get(part, simulated if _driver(site, part) == "simulated" else {})
    if not options:
        return "  options: {}"
    return "\n".join(["  options:", *(f"    {key}: {_plain(value)}" for key, value in options.items())])


def _plain(value: Any) -> str:
    """Return a value as YAML, which reads all of JSON, with a word like `no` or `1e5` in quotes."""
    if isinstance(value, str) and re.fullmatch("[A-Za-z0-9_+-]+", value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value)


_CHANNELS = """\
  # `lamps` has the channel of each lamp, as the board counts it. If the wrong lamp goes on, exchange them.
"""

_OBSERVATORY = """\
# Observatory document of {name}: what there is, how long it takes, what to do when it fails.
# Every key is in docs/reference/configuration.md. Check your changes: safelight check --observatory THIS-FILE
#
# The numbers below are guesses. Measure yours: plans and deadlines are computed from them. Times are in seconds.
name: {name}

# Your own sequences lie in this folder. `safelight run NAME` finds NAME.yaml there first.
sequences: {sequences}

# Cards for the FITS header of every frame.
header:
  TELESCOP: {name}
  INSTRUME: {spectrograph}

# Names of folders and files. {{night}} is the date of the noon before: 20261123. Remove the # to use it.
# frames:
#   folder: "{{night}}/{{sequence}}"
#   timezone: Europe/Madrid

# Whom to notify when a run is done, has faulted, or a lamp is not off. Remove the # to use it.
# notify:
#   - url: https://example.org/hook
#   - command: [mail, -s, safelight, you@example.org]

# Drivers, here and under `spectrographs`: simulated, http (relay boards), alpaca, indi, dli, or one of your own.
# `options` belong to their driver: docs/reference/drivers.md has examples to copy.
lamps:
  driver: {lamps_driver}
  units:
    # warmup_s: until the lamp is stable. flavour: arc or flat.
    # longest_on_s: maximum on-time. Guards switch the lamp off after it. Take what your longest sequence needs, with
    # room for retries, and no more than the lamp can bear.
{lamps}
  on_s: 0.3      # from the command until the lamp shines
  off_s: 0.3     # from the command until the answer
  all_off_s: 0.3
  status_s: 0.1  # one reading of all lamps
{lamps_options}

spectrographs:
  driver: {spectrographs_driver}
  units: [{spectrograph}]
  cameras: [{cameras}]
  readout_s: {readout_s}  # a readout, until the files are on disk
  lead_s: 0.5    # from the command until the shutter opens
  tail_s: 0.5    # from when it closes until the answer
  abort_s: 1.0
  reset_s: 1.0
  status_s: 0.1
{spectrographs_options}
"""

_SEQUENCE = """\
# A first sequence. Every key is in docs/reference/document.md.
# What it would do, and how long it takes: safelight plan first-light
description: two biases, a dark, and a frame under each lamp

biases: {{count: 2}}
darks: {{count: 1, exposure_time: 30}}

# Times are in seconds. Without `warmup`, a lamp takes the one of the observatory document: {warmup_s} for {lamp}.
# Several exposures: exposure_time: [5, 30]   Several frames of each: count: 3
lamps:
{lamps}
"""
