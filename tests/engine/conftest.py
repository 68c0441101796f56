"""Plans of drawn documents, and whole runs on the simulated observatory in virtual time."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Observatory, load_observatory, shipped_observatories
from safelight.devices.simulated import Fault
from safelight.engine import Options, Plan, Request, Runner, RunResult, VirtualClock, make_plan, perform, site_of
from safelight.sequences import load

FEATURES: Mapping[str, Any] = {
    "name": "features",
    "park_after": True,
    "biases": {"count": 1},
    "lamps": [
        {
            "lamps": ["Quartz"],
            "warmup": 20,
            "exposure_time": 30,
            "fibsel": {"positions": ["P1-2", "P1-1"], "time_per_position": 10},
        },
        {"lamps": ["Neon", "Argon"], "warmup": 30, "exposure_time": 5, "fibre": "P1-12"},
    ],
}
"""A short sequence in which every kind of state occurs."""


@pytest.fixture(scope="session")
def observatory() -> Observatory:
    """Return the shipped simulated observatory."""
    return load_observatory("simulated")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the simulated observatory with one camera: a frame is one file, so that many runs take little time."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["name"] = "small"
    document["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"]}
    # Patient enough for a switch that loses its connection for two seconds.
    document["retries"]["kinds"]["lamp-off"]["attempts"] = 6
    document["retries"]["kinds"]["safing"]["attempts"] = 10
    path = tmp_path_factory.mktemp("observatory") / "small.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


Planner = Callable[..., Plan]


@pytest.fixture(scope="session")
def plan(observatory: Observatory) -> Planner:
    """Plan a document: expanded, compiled and proved."""

    def make(document: Any, options: Options | None = None, site: Observatory = observatory) -> Plan:
        return make_plan(load(document, site_of(site)), site, options or Options())

    return make


@dataclass
class Played:
    """A run that has come to its end, or whose caller was cancelled."""

    result: RunResult | None
    events: list[Mapping[str, Any]]
    home: Path
    leftovers: list[str] = field(default_factory=list)

    @property
    def good(self) -> list[str]:
        """Ids of the good frames, in order."""
        assert self.result is not None
        return [taken.frame for taken in self.result.frames]

    def heard(self, event: str) -> list[Mapping[str, Any]]:
        """Return every event of that name."""
        return [said for said in self.events if said["event"] == event]

    def outlets(self) -> dict[str, str]:
        """Return each outlet as it stands in the switch's file, read without any of our own code."""
        text = (self.home / "simulated" / "switch.json").read_text(encoding="utf-8")
        return {lamp: outlet["state"] for lamp, outlet in json.loads(text)["outlets"].items()}

    def detectors(self) -> set[str]:
        """Return what the spectrographs' file holds: `empty`, or the name of the exposure that waits in them."""
        path = self.home / "simulated" / "detector.json"
        if not path.exists():
            return {"empty"}
        units = json.loads(path.read_text(encoding="utf-8"))["units"]
        return {"empty" if unit is None else unit["name"] for unit in units.values()}

    def all_dark(self) -> bool:
        """Return whether every outlet is off."""
        return set(self.outlets().values()) == {"off"}


class Player:
    """Runs sequences in a folder of their own."""

    def __init__(self, folder: Path, observatory: Path) -> None:
        self.folder = folder
        self.observatory: str | Path = observatory
        self._count = 0

    def request(self, sequence: Any, **changes: Any) -> Request:
        """Return a request with a home of its own."""
        self._count += 1
        home = self.folder / f"home-{self._count}"
        given = {"observatory": self.observatory, "home": home, "frames": self.folder / f"frames-{self._count}"}
        return Request(sequence, **(given | changes))

    def __call__(
        self,
        sequence: Any,
        *,
        faults: Iterable[Mapping[str, Any]] = (),
        listener: Callable[[Mapping[str, Any], Runner], None] = lambda said, runner: None,  # noqa: ARG005
        also: Callable[[asyncio.Task[RunResult], Runner, VirtualClock], Any] | None = None,
        **changes: Any,
    ) -> Played:
        """Run to the end.

        Args:
            sequence: as for a request.
            faults: as in a fault file.
            listener: told every event, with the runner.
            also: a coroutine function that runs beside it, given the run's task.
            changes: other fields of the request.
        """
        request = self.request(sequence, faults=tuple(Fault(**fault) for fault in faults), **changes)
        assert request.home is not None
        played = Played(None, [], request.home)
        asyncio.run(self._play(request, played, listener, also))
        return played

    async def _play(self, request: Request, played: Played, listener: Any, also: Any) -> None:
        runners: list[Runner] = []

        def hear(said: Mapping[str, Any]) -> None:
            played.events.append(said)
            if runners:
                listener(said, runners[0])

        begun = asyncio.Event()

        def start(runner: Runner) -> None:
            runners.append(runner)
            begun.set()

        clock = VirtualClock()
        # The guards have tests of their own; here they would cost a process for each run.
        work = asyncio.ensure_future(perform(request, clock=clock, listeners=[hear], on_start=start, guarded=False))
        if also is not None:
            # Not by asking again and again: virtual time goes on only while nobody has anything to do.
            waiting = asyncio.ensure_future(begun.wait())
            await asyncio.wait([work, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            await also(work, runners[0], clock)
        await asyncio.wait([work])
        if not work.cancelled():
            played.result = work.result()
        here = asyncio.current_task()
        played.leftovers = [task.get_name() for task in asyncio.all_tasks() if task is not here]


@pytest.fixture
def play(tmp_path: Path, small: Path) -> Player:
    """Run sequences on the small simulated observatory, in virtual time."""
    return Player(tmp_path, small)


@pytest.fixture
def full(tmp_path: Path) -> Player:
    """Run sequences on the shipped simulated observatory, in virtual time."""
    return Player(tmp_path, Path("simulated"))


@pytest.fixture
def features() -> Mapping[str, Any]:
    """Return a short sequence in which every kind of state occurs."""
    return FEATURES
