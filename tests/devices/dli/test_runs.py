"""Whole runs whose lamps are on a Digital Loggers switch and nothing else: lit, interrupted, lied to."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import Observatory
from safelight.engine import RunResult
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.status_files import guards
from safelight.engine.run.start import Request, perform
from tests.devices.dli.conftest import observatory_on
from tests.devices.dli.dli_server import DliServer
from tests.matrix.wall import pause

ARC = {"name": "arc", "lamps": [{"lamps": ["Argon"], "warmup": 0.2, "exposure_time": 1.0, "flavour": "arc"}]}
# The HTTP library loses a connection that comes about in the very moment in which a request is cancelled (a run that
# ends at once cancels its requests); the socket is closed when it is swept up, with a warning.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONGEST_S = 20.0
"""No claim about how quick anything is: longer than this, and it does not happen at all."""


@dataclass
class Site:
    """An observatory whose lamps are on the switch. All else is simulated, and quick."""

    switch: DliServer
    folder: Path
    told: list[Mapping[str, Any]] = field(default_factory=list)

    def document(self, name: str = "dli-bench", **options: Any) -> Path:
        """Return the observatory, in a file."""
        plain = observatory_on(self.switch, deadline_s=0.8, **options).model_dump(mode="json")
        plain |= {"name": name, "telescopes": None, "fibsel": None, "positions": {}}
        plain["spectrographs"] |= {"units": ["sp1"], "cameras": ["b"], "readout_s": 0.2, "lead_s": 0.1, "tail_s": 0.1}
        plain["guard"] = {"heartbeat_s": 0.1, "silence_s": 4.0, "retry_s": 0.2}
        quick = {"attempts": 2, "first_wait_s": 0.1, "factor": 1.0, "longest_wait_s": 0.1}
        plain["retries"] = {"default": quick, "kinds": {}}
        path = self.folder / "observatory.yaml"
        path.write_text(yaml.safe_dump(plain))
        return path

    def run(self, when: str = "", then: Callable[[], None] = lambda: None, **options: Any) -> RunResult:
        """Run an arc. At the beginning of a kind of state something happens to the switch."""

        def hear(event: Mapping[str, Any]) -> None:
            self.told.append(event)
            if event["event"] == "state.started" and event["kind"] == when:
                then()

        home, frames = self.folder / "home", self.folder / "frames"
        request = Request(ARC, observatory=self.document(**options), home=home, frames=frames, point=False)
        return asyncio.run(perform(request, listeners=[hear]))

    def until(self, met: Callable[[], bool]) -> None:
        """Look until it is so."""
        for _ in range(int(LONGEST_S / 0.02)):
            if met():
                return
            pause(0.02)
        raise AssertionError("never")

    def guards(self) -> list[dict[str, Any]]:
        """Return the guards that are at work."""
        return list(guards(self.folder / "home"))


@pytest.fixture
def site(switch: DliServer, tmp_path: Path) -> Iterator[Site]:
    """Yield the site. No guard outlives the test (they look out for late commands for a minute)."""
    made = Site(switch, tmp_path)
    yield made
    for guard in made.guards():
        os.kill(guard["pid"], signal.SIGKILL)
    gc.collect()


def test_whole_run(site: Site) -> None:
    """A lamp is lit, a good frame taken, and the lamp is off at the switch."""
    result = site.run()
    assert (result.outcome, len(result.frames), result.bad) == ("done", 1, ())
    # On a busy machine it may be lit a second time.
    assert {name for name, on in site.switch.switched if on} == {"Argon"}
    assert site.switch.lit() == set()


def test_runner_killed(site: Site) -> None:
    """The runner is killed with -9 while the lamp is on: the guard darkens it at the switch."""
    kill_under_the_lamp(site)
    site.until(lambda: not site.switch.lit())


@pytest.mark.parametrize("name", ["dli-bench", "another"])
def test_the_next_run_keeps_its_lamp(site: Site, name: str) -> None:
    """Guards of a killed run look out for late commands for a minute, and leave the lamp that the next run lights.

    Also where that run has another document for the same switch.
    """
    kill_under_the_lamp(site)
    site.until(lambda: not site.switch.lit())
    old = {guard["pid"] for guard in site.guards()}
    assert len(old) == 2
    result = site.run(name=name)
    assert (result.outcome, len(result.frames), result.bad) == ("done", 1, ())
    put_out = [event for event in site.told if event["event"] == "state.failed" and "reads off" in event["error"]]
    assert put_out == []
    assert not old & {guard["pid"] for guard in site.guards()}


def kill_under_the_lamp(site: Site) -> None:
    """Run in a process of its own, and kill it with -9 while the lamp is on."""
    document = site.folder / "sequence.yaml"
    document.write_text(yaml.safe_dump(ARC | {"lamps": [{"lamps": ["Argon"], "warmup": 60, "exposure_time": [1]}]}))
    places = ["--observatory", site.document(), "--home", site.folder / "home", "--frames", site.folder / "frames"]
    command = [sys.executable, "-m", "safelight", "run", str(document), *map(str, places), "--no-point", "--json"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    site.until(lambda: site.switch.lit() == {"Argon"})
    os.kill(running.pid, signal.SIGKILL)
    running.wait()


@pytest.mark.parametrize("how", ["refuses", "is frozen", "lies"])
def test_switch_that_does_not_darken(site: Site, how: str) -> None:
    """A switch that refuses, does not answer or only says so: `unsafe`, loud. The guard goes on until it is off."""

    def then() -> None:
        site.switch.broken = how == "refuses"
        site.switch.mute = how == "is frozen"
        site.switch.stuck = {"Argon"} if how == "lies" else set()

    result = site.run("expose", then)
    assert result.outcome == "unsafe"
    assert result.lamps["Argon"] == ("unknown" if how == "is frozen" else "on")
    assert [event["event"] for event in site.told].count("guard.stays") == 1
    assert {guard["doing"] for guard in site.guards()} <= {"unsafe", "acting", "watching"}
    assert len(site.guards()) == 2
    if how != "is frozen":
        assert site.switch.lit() == {"Argon"}
    site.switch.broken = site.switch.mute = False
    site.switch.stuck = set()
    site.until(lambda: not site.switch.lit())


def test_slow_switch(site: Site) -> None:
    """A switch that is slow, and not too slow, costs time and no frame."""

    def then() -> None:
        site.switch.slow_s = 0.2

    result = site.run("lamp-warmup", then)
    assert (result.outcome, len(result.frames)) == ("done", 1)
    assert site.switch.lit() == set()


def test_wrong_password(site: Site) -> None:
    """With a wrong password no lamp is ever lit, the run is not confirmed safe, and the reason is told."""
    result = site.run(password="wrong")  # noqa: S106
    assert result.outcome == "unsafe"
    assert site.switch.switched == []
    reasons = [str(event.get("error") or event.get("reason")) for event in site.told]
    assert any("password" in reason for reason in reasons)


def test_guard_knows_before_a_lamp_is_lit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards that can't read the switch let no lamp be lit, although the runner itself could."""

    def other_password(run: str, home: Path, observatory: Observatory, *rest: Any, **more: Any) -> GuardConfig:
        plain = observatory.model_dump(mode="json")
        plain["lamps"]["options"]["password"] = "wrong"  # noqa: S105
        return GuardConfig(run, home, Observatory.model_validate(plain), *rest, **more)

    monkeypatch.setattr("safelight.engine.run.segment.GuardConfig", other_password)
    result = site.run()
    assert result.outcome == "faulted"
    assert "can't read the lamps" in str(result.reason)
    assert not any(on for _, on in site.switch.switched)


@pytest.mark.parametrize(("lamp", "on"), [("Argon", False), ("Neon", True)])
def test_two_clients(site: Site, lamp: str, *, on: bool) -> None:
    """Somebody else's hand on the switch makes the frame bad. It is taken again, and in the end all is off."""
    hands = iter([lamp])

    def then() -> None:
        for name in hands:
            (outlet,) = (outlet for outlet in site.switch.outlets if outlet.name == name)
            outlet.relay = outlet.state = on

    result = site.run("expose", then)
    assert (result.outcome, len(result.frames), len(result.bad)) == ("done", 1, 1)
    assert f"lamp {lamp}" in str(result.bad[0].reason)
    assert site.switch.lit() == set()
