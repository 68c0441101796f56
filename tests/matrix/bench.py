"""The instrument of the fault matrix: a small observatory, a short sequence with every kind of state, and honest eyes.

What is checked afterwards is read without any of safelight's own code: the switch's file, and the frames on disk.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from safelight.devices import shipped_observatories
from safelight.engine import Request, plan_of

__all__ = [
    "ADOPTED",
    "LIGHT_FAULTS",
    "SEQUENCE",
    "SEQUENCES",
    "Disk",
    "expected",
    "frames_on",
    "observatory_of",
    "outlets",
    "small_observatory",
]

SEQUENCE: Mapping[str, Any] = {
    "name": "matrix",
    "park_after": True,
    "biases": {"count": 1},
    "darks": {"count": 1, "exposure_time": 20},
    "lamps": [
        {"lamps": ["Neon"], "warmup": 20, "exposure_time": 20, "fibre": "P1-12"},
        {"lamps": ["Argon"], "warmup": 10, "exposure_time": 5, "fibre": "P1-11"},
        {"lamps": ["Quartz"], "warmup": 10, "exposure_time": 30, "fibsel": {"positions": ["P1-11", "P1-10"]}},
    ],
}
"""A short sequence in which every kind of state occurs."""

ADOPTED: Mapping[str, Any] = {
    "name": "adopted",
    "darks": {"count": 1, "exposure_time": 600},
    "lamps": [{"lamps": ["Neon"], "warmup": 10, "exposure_time": 5, "fibre": "P1-12"}],
}
"""A sequence that begins with a long dark: killed in it, its resume finds the dark still integrating."""

STEPPED: Mapping[str, Any] = {
    "name": "stepped",
    "steps": [
        {"lamps": ["Quartz"], "exposure_time": 5, "level": 50, "setup": {"slit": "wide"}},
        {"wait": 20},
        {"darks": {"exposure_time": 4}},
        {"lamps": ["Argon"], "exposure_time": 40, "lit_for": {"Argon": 30}, "setup": {"slit": "narrow"}},
    ],
}
"""Steps, in which the kinds of state occur that they alone have."""

JUDGED: Mapping[str, Any] = {
    "name": "judged",
    "lamps": [
        {"lamps": ["Neon"], "warmup": 20, "exposure_time": 20, "fibre": "P1-12"},
        {"lamps": ["Argon"], "warmup": 10, "exposure_time": 5, "fibre": "P1-11"},
    ],
}
"""A sequence whose light is judged; its first frame is taken again, because the lamp does not shine on it."""

LIT: Mapping[str, Any] = {
    "name": "lit",
    "biases": {"count": 4},
    "lamps": {"Neon": {"warmup": 300, "exposure_time": 10, "count": 5, "fibre": "P1-12"}},
}
"""A sequence whose light is judged by every rule: three frames of each kind come before those that are struck."""

SHIELDED: Mapping[str, Any] = {
    "name": "shielded",
    "steps": [
        {"lamps": ["Neon"], "exposure_time": 40, "fibre": "P1-12"},
        {"lamps": ["Argon"], "exposure_time": 5, "fibre": "P1-12"},
    ],
}
"""Two lamps behind a source select. The second one warms up while the first one is exposed."""

OPENED: Mapping[str, Any] = {
    "name": "opened",
    "steps": [{"lamps": ["Argon"], "exposure_time": 50, "lit_for": {"Argon": 30}, "fibre": "P1-12"}],
}
"""A lamp with a warm-up whose source shutter opens for a part of the exposure."""

SEQUENCES: Mapping[str, Mapping[str, Any]] = {
    "matrix": SEQUENCE,
    "adopted": ADOPTED,
    "stepped": STEPPED,
    "judged": JUDGED,
    "lit": LIT,
    "shielded": SHIELDED,
    "opened": OPENED,
}
LIGHT_FAULTS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "judged": ({"device": "light.Neon", "verb": "shine", "what": "dead", "nth": 1, "times": 1},)
}
"""What strikes the light of a sequence besides, in every cell."""
_STEPPED_LAMP = {"warmup_s": 0.0, "flavour": "arc", "longest_on_s": 3600.0}
_SELECTED_LAMPS = {
    "Neon": _STEPPED_LAMP | {"warmup_s": 10.0, "requires": {"source": "Neon"}},
    "Argon": _STEPPED_LAMP | {"warmup_s": 30.0, "requires": {"source": "Argon"}, "warm_behind_shutter": True},
}
_SOURCE = {"positions": ["Home", "Neon", "Argon"], "safe": "Home", "move_s": 3.0}


def observatory_of(sequence: str, small: Path) -> Path:
    """Return the document of a sequence's observatory, beside that of the small one."""
    own = {"stepped": "stepped", "judged": "judged", "lit": "lit", "shielded": "shielded", "opened": "shielded"}
    return small.with_name(f"{own[sequence]}.yaml") if sequence in own else small


def small_observatory(folder: Path) -> Path:
    """Return the simulated observatory with one camera and guards that lose their patience soon. Return its document.

    Beside it lie four others. One is for steps, with a selector, a lamp that can be dimmed, and a detector that is
    cooled. Two judge the light in their frames, the second one with every rule in `act`. One has lamps behind a source
    select.
    """
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "matrix"
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "readout_s": 8.0}
    document["guard"] = {"heartbeat_s": 0.25, "silence_s": 1.0, "retry_s": 0.3}
    path = folder / "matrix.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    rows, columns = document["spectrographs"]["options"]["image"]
    overscan = [[0, rows, columns - 16, columns]]
    for name, learned in (("judged", "watch"), ("lit", "act")):
        quality = {"quality": {"overscan": overscan, "learned": learned}}
        judged = document | {"name": name, "spectrographs": document["spectrographs"] | quality}
        path.with_name(f"{name}.yaml").write_text(yaml.safe_dump(judged), encoding="utf-8")
    lamps = document["lamps"] | {"units": _SELECTED_LAMPS}
    selectors = {"units": {"source": _SOURCE}, "status_s": 0.1}
    shielded = document | {"name": "shielded", "lamps": lamps, "selectors": selectors}
    path.with_name("shielded.yaml").write_text(yaml.safe_dump(shielded), encoding="utf-8")
    document["name"] = "stepped"
    document["selectors"] = {
        "units": {"slit": {"positions": {"narrow": {}, "wide": {"width": 3.0}}, "default": "narrow", "move_s": 3.0}},
        "status_s": 0.1,
    }
    units = document["lamps"]["units"]
    document["lamps"]["units"] = {
        "Argon": dict(_STEPPED_LAMP),
        "Quartz": units["Quartz"] | {"warmup_s": 20.0, "level": [10.0, 100.0]},
    }
    document["spectrographs"]["temperature"] = {"set_point_c": -100.0, "tolerance_c": 1.0, "settle_s": 60.0}
    document["spectrographs"]["options"] |= {"start_c": -95.0, "cooling_c_per_s": 1.0}
    path.with_name("stepped.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@cache
def expected(name: str, observatory: Path) -> tuple[str, ...]:
    """Return the frames that an undisturbed run takes, in order."""
    plan = plan_of(Request(SEQUENCES[name], observatory=observatory_of(name, observatory)))
    return tuple(frame.id for frame in plan.expansion.frames)


def outlets(home: Path) -> dict[str, str]:
    """Return each outlet as it stands in the switch's own file, or nothing where it was never switched."""
    path = home / "simulated" / "switch.json"
    if not path.exists():
        return {}
    found = json.loads(path.read_bytes())["outlets"]
    return {lamp: outlet["state"] for lamp, outlet in found.items()}


@dataclass(frozen=True)
class Disk:
    """The good frames of a run that lie on the disk, compared with those that were asked for."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    strange: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Demand that every frame is there once."""
        return not (self.lost or self.doubled or self.strange)


def frames_on(folder: Path, wanted: tuple[str, ...]) -> Disk:
    """Look at the headers of every file in a run's folder. Its subfolders hold what does not count."""
    found: Counter[str] = Counter()
    for path in folder.glob("*.fits"):
        cards = _cards(path)
        if cards.get("QUALITY") == "GOOD":
            found[cards["FRAMEID"]] += 1
    return Disk(
        lost=tuple(frame for frame in wanted if frame not in found),
        doubled=tuple(frame for frame, count in found.items() if count > 1),
        strange=tuple(frame for frame in found if frame not in wanted),
    )


def _cards(path: Path) -> dict[str, str]:
    """Return the text cards of a primary header."""
    cards: dict[str, str] = {}
    text = path.read_bytes()[: 2880 * 4].decode("latin-1")
    for place in range(0, len(text), 80):
        card = text[place : place + 80]
        if card.startswith("END "):
            break
        keyword, _, value = card.partition("= ")
        if value.strip().startswith("'"):
            cards[keyword.strip()] = value.strip()[1:].partition("'")[0].strip()
    return cards
