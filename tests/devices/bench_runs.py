"""Whole runs on a bench: a process that is killed while a lamp is on, and what the hardware does then."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from safelight.engine.guard.status_files import guards
from tests.devices.lamp_log import LampLog
from tests.matrix.commands import Command, Commands, Home
from tests.matrix.wall import now, pause

__all__ = ["QUICK", "SHORT", "Bench", "Killed", "KilledAndResumed", "ended_unsafe"]

LONGEST_S = 240.0
"""Longer than this, and it does not happen at all."""

SOON_S = 30.0
"""No claim about how quick it is: after this a lamp that still burns is left burning, s."""

LONG = {"name": "arc", "lamps": [{"lamps": ["ThAr"], "warmup": 60, "exposure_time": [1], "flavour": "arc"}]}
SHORT = {"name": "arc", "lamps": [{"lamps": ["ThAr"], "warmup": 0.2, "exposure_time": [1], "flavour": "arc"}]}

QUICK: Mapping[str, Any] = {
    "guard": {"heartbeat_s": 0.1, "silence_s": 4.0, "retry_s": 0.2},
    "retries": {"default": {"attempts": 2, "first_wait_s": 0.1, "factor": 1.0, "longest_wait_s": 0.1}},
}
"""Parts of an observatory document that make tests short."""


@dataclass
class Bench:
    """An observatory on stand-ins, and the folders of its runs.

    Attributes:
        commands: the warm process from which runs are started.
        folder: for everything that a run writes.
        observatory: the document.
        lit: returns which lamps are on: the truth, at the hardware.
        lamp: the one that `LONG` and `SHORT` light, as this observatory names it.
        log: what the lamps have done, by the hardware itself, where it keeps a log.
    """

    commands: Commands
    folder: Path
    observatory: Mapping[str, Any]
    lit: Callable[[], set[str]]
    lamp: str = "ThAr"
    log: LampLog | None = None
    running: Command | None = None

    @classmethod
    @contextmanager
    def made(cls, *parts: Any) -> Iterator["Bench"]:
        """Make a bench. No process outlives it."""
        bench = cls(*parts)
        try:
            yield bench
        finally:
            bench.end()

    @property
    def frames(self) -> Path:
        """Where each run makes a folder."""
        return self.folder / "frames"

    def start(self, sequence: Mapping[str, Any]) -> Command:
        """Start a run in a process of its own."""
        document, observatory = self.folder / "sequence.yaml", self.folder / "observatory.yaml"
        document.write_text(yaml.safe_dump(dict(sequence)).replace("ThAr", self.lamp))
        observatory.write_text(yaml.safe_dump(dict(self.observatory)))
        places = ["--observatory", str(observatory), "--frames", str(self.frames)]
        return self._begun("run", str(document), *places, "--no-point")

    def resume(self) -> Command:
        """Start to resume the newest run."""
        return self._begun("resume")

    def until(self, met: Callable[[], object]) -> float:
        """Wait until something is so. Return how long that took, s."""
        began = now()
        while now() < began + LONGEST_S:
            if met():
                return now() - began
            pause(0.005)
        raise AssertionError(f"not so after {LONGEST_S:g} s")

    def kill(self, *pids: int) -> None:
        """Kill processes at once."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def guards(self) -> list[int]:
        """Return the guards that are at work."""
        return [guard["pid"] for guard in guards(self.folder / "home")]

    def end(self) -> None:
        """Let no process outlive the test, nor its connections the hardware."""
        if self.running is not None and self.running.code is None:
            self.kill(self.running.pid)
            self.running.end()
        self.kill(*self.guards())

    def _begun(self, *words: str) -> Command:
        if self.running is not None:
            self.running.end()
        home = Home(self.folder, self.folder / "observatory.yaml")
        self.running = self.commands.start(home, *words, "--home", str(home.path), "--json")
        return self.running


class Killed:
    """Runs that are killed while a lamp is on, for every bench."""

    def test_runner_killed(self, bench: Bench) -> None:
        """The runner is killed with -9 under a lit lamp: the guards darken it at the hardware, and light nothing."""
        run = bench.start(LONG)
        bench.until(lambda: bench.lit() == {bench.lamp})
        lit = [] if bench.log is None else list(bench.log.turns)
        killed_s = now()
        bench.kill(run.pid)
        bench.until(lambda: not bench.lit())
        if bench.log is None:
            return
        (darkened,) = bench.log.turns[len(lit) :]
        assert (lit[-1].lamp, lit[-1].on) == (darkened.lamp, True)
        assert not darkened.on
        assert killed_s <= darkened.at_s < killed_s + SOON_S
        print(f"dark {darkened.at_s - killed_s:.3f} s after the kill")  # noqa: T201 - the figure of the page

    def test_runner_and_guards_killed(self, bench: Bench) -> None:
        """Runner and both guards are killed: a resume begins with the lamp off, before anything is lit again."""
        run = bench.start(LONG)
        bench.until(lambda: bench.lit() == {bench.lamp})
        run.send(signal.SIGSTOP)  # so that it starts no others
        bench.kill(*bench.guards(), run.pid)
        run.end()
        assert bench.lit() == {bench.lamp}
        again = bench.resume()
        bench.until(lambda: not bench.lit())
        bench.kill(again.pid)
        bench.until(lambda: not bench.lit())


class KilledAndResumed(Killed):
    """The same for benches whose camera takes a whole frame."""

    def test_killed_in_mid_exposure_and_resumed(self, bench: Bench) -> None:
        """The runner is killed while the camera exposes: the lamp goes off, and a resume takes the frame once."""
        run = bench.start(SHORT)
        assert run.until(lambda event: event["event"] == "state.started" and event["kind"] == "expose")
        bench.until(lambda: bench.lit() == {bench.lamp})
        bench.kill(run.pid)
        bench.until(lambda: not bench.lit())
        assert bench.resume().end() == 0
        assert bench.lit() == set()
        (manifest,) = bench.frames.glob("*/manifest.json")
        frames: list[Mapping[str, Any]] = json.loads(manifest.read_text())["frames"]
        assert [frame["frame"] for frame in frames if frame["verdict"] == "good"] == [f"{bench.lamp}-1s-001"]
        assert len([*bench.frames.glob("*/*.fits")]) == 1


def ended_unsafe(run: Command, lamp: str = "ThAr") -> None:
    """Hear a run to its end: it is unsafe, and the last event names the lamp as on or unknown, and a reason."""
    assert run.end() == 10
    said = run.last
    assert said is not None
    assert (said["event"], said["outcome"]) == ("run.finished", "unsafe")
    assert said["lamps"][lamp] in {"on", "unknown"}
    assert said["reason"], said
