"""The instrument of the fault matrix: a small observatory, a short sequence with every kind of state, and honest eyes.

What is looked at afterwards is read without any of safelight's own code: the switch's file, and the frames on disk.
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

__all__ = ["ADOPTED", "SEQUENCE", "Disk", "expected", "frames_on", "outlets", "small_observatory"]

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


def small_observatory(folder: Path) -> Path:
    """The simulated observatory with one camera and guards that lose their patience soon; returns its document."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "matrix"
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "readout_s": 8.0}
    document["guard"] = {"heartbeat_s": 0.25, "silence_s": 1.0, "retry_s": 0.3}
    path = folder / "matrix.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@cache
def expected(name: str, observatory: Path) -> tuple[str, ...]:
    """The frames that an undisturbed run takes, in order."""
    sequence = {"matrix": SEQUENCE, "adopted": ADOPTED}[name]
    plan = plan_of(Request(sequence, observatory=observatory))
    return tuple(frame.id for frame in plan.expansion.frames)


def outlets(home: Path) -> dict[str, str]:
    """Each outlet as it stands in the switch's own file; nothing where it was never switched."""
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
        """Every frame is there once."""
        return not (self.lost or self.doubled or self.strange)


def frames_on(folder: Path, wanted: tuple[str, ...]) -> Disk:
    """Look at the headers of every file in a run's folder; its subfolders hold what does not count."""
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
    """The text cards of a primary header."""
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
