"""Runs in processes of their own, which die at chosen moments. The test's side of `warm.py`."""

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from safelight.devices import shipped_observatories
from safelight.engine.records.database import default_url
from tests.warm_process import WarmProcess, ended

__all__ = ["ALL_FEATURES", "Case", "Ended", "Warm", "small_observatory"]

ALL_FEATURES: Mapping[str, Any] = {
    "name": "all-features",
    "park_after": True,
    "biases": {"count": 2},
    "darks": {"count": 1, "exposure_time": [3, 5]},
    "lamps": [
        {"lamps": ["Neon", "Argon"], "warmup": 30, "exposure_time": [5, 8], "fibre": "P1-12"},
        {
            "lamps": ["Quartz"],
            "warmup": 20,
            "exposure_time": 30,
            "fibsel": {"positions": ["P1-2", "P1-1"], "time_per_position": 10},
        },
        {
            "lamps": ["LDLS"],
            "warmup": 10,
            "exposure_time": 4,
            "fibsel": {"mode": "each", "positions": ["P1-5", "P1-6"]},
        },
    ],
}
"""A short sequence with everything that a document can ask for."""


def small_observatory(folder: Path, *, cameras: str = "b", name: str = "small", **changes: Any) -> Path:
    """Return the simulated observatory with few cameras: little to write, so that many runs take little time.

    Args:
        folder: where the document is written.
        cameras: of its one spectrograph, a letter each.
        name: of observatory and document.
        changes: other parts of the document.
    """
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document |= {"name": name, **changes}
    document["spectrographs"] |= {"units": ["sp1"], "cameras": list(cameras)}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Case:
    """One home with its frames and its journal."""

    home: Path
    frames: Path
    observatory: str
    journal: str
    sequence: Any = "demo"
    speed: float | str = "max"

    @classmethod
    def at(cls, folder: Path, observatory: Path, sequence: Any = "demo", **changes: Any) -> "Case":
        """Return a case in a folder of its own."""
        home = folder / "home"
        given = {"journal": default_url(home), "sequence": sequence} | changes
        return cls(home, folder / "frames", str(observatory), **given)

    def outlets(self) -> dict[str, str]:
        """Return each outlet as it stands in the switch's file, read without any of our own code."""
        path = self.home / "simulated" / "switch.json"
        if not path.exists():
            return {}
        return {lamp: outlet["state"] for lamp, outlet in json.loads(path.read_bytes())["outlets"].items()}

    def burning(self) -> list[str]:
        """Return the lamps that burn."""
        return [lamp for lamp, state in self.outlets().items() if state != "off"]

    def job(self, verb: str, **more: Any) -> dict[str, Any]:
        """As the warm process is told. What is no field of the request stands beside it."""
        request: dict[str, Any] = {"home": str(self.home), "speed": self.speed, "journal": self.journal}
        if verb == "run":
            request |= {"sequence": self.sequence, "observatory": self.observatory, "frames": str(self.frames)}
        return {"verb": verb, "request": request | more.pop("request", {}), **more}


@dataclass(frozen=True)
class Ended:
    """How a child has ended: `status` as subprocess tells it, and what it answered."""

    status: int
    answer: Mapping[str, Any]
    events: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        """Whether it died by SIGKILL."""
        return self.status == -signal.SIGKILL

    @property
    def outcome(self) -> str:
        """Of the run. The error's name where there was none."""
        return str(self.answer.get("outcome") or self.answer.get("error"))


class Warm(WarmProcess):
    """The warm process that runs and resumes. `warm.py` is its other side."""

    @classmethod
    @contextmanager
    def ready(cls) -> Iterator[Self]:
        """One for as long as the body takes."""
        with cls.started(Path(__file__).with_name("warm.py")) as warm:
            yield warm

    def do(self, job: Mapping[str, Any]) -> Ended:
        """Do one job, to its end or its death."""
        self.begin(job)
        return self.end()

    def end(self) -> Ended:
        """Hear the child until it has ended."""
        events: list[Mapping[str, Any]] = []
        while not ended(said := self.hear()):
            events.append(said)
        return Ended(said["status"], said, events)

    def until(self, event: str, **facts: Any) -> Mapping[str, Any]:
        """Hear the child until it tells this. It must be a job with `tell`."""
        while True:
            said = self.hear()
            if ended(said):
                raise AssertionError(f"the run ended before {event} {facts}: {said}")
            if said["event"] == event and all(said.get(key) == value for key, value in facts.items()):
                return said
