"""Commands of `safelight` as processes, from a warm start: what they print, how they end, what the switch says."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from tests.matrix.bench import Disk, expected, frames_on, outlets
from tests.matrix.wall import now, pause
from tests.warm_process import WarmProcess, ended

__all__ = ["Command", "Commands", "Home"]

_LOOK_S = 0.002


class Commands(WarmProcess):
    """The warm process. One command at a time."""

    @classmethod
    @contextmanager
    def warm(cls) -> Iterator[Self]:
        """One for as long as the body takes."""
        with cls.started(Path(__file__).with_name("warm_cli.py"), COLUMNS="100") as commands:
            yield commands

    def start(self, home: "Home", *words: str) -> "Command":
        """Start a command."""
        job = {
            "words": words,
            "environment": {"SAFELIGHT_HOME": str(home.path)},
            "errors": str(home.place / "errors.txt"),
        }
        return Command(self, self.begin(job))


@dataclass
class Command:
    """A command that runs."""

    of: Commands
    pid: int
    run: str = ""
    code: int | None = None
    last: Mapping[str, Any] | None = None

    def hear(self) -> Mapping[str, Any] | None:
        """Return the next event, or None when it has ended."""
        said = self.of.hear()
        if ended(said):
            self.code = int(said["status"])
            return None
        self.run, self.last = said.get("run", self.run), said
        return said

    def until(self, met: Callable[[Mapping[str, Any]], bool]) -> bool:
        """Hear until an event is met. False: it has ended before."""
        while (said := self.hear()) is not None:
            if met(said):
                return True
        return False

    def until_state(self, state: str) -> bool:
        """Hear until a state begins (`safing` is told in its own way)."""
        if state == "safing":
            return self.until(lambda said: said["event"] == "safing.started")
        return self.until(lambda said: said["event"] == "state.started" and said["state"] == state)

    def end(self) -> int:
        """Hear to the end. Return the exit code, or minus the signal."""
        while self.code is None:
            self.hear()
        return self.code

    def send(self, *numbers: signal.Signals) -> None:
        """Send signals, one right after the other."""
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass(frozen=True)
class Home:
    """A place with a home, a folder for frames, and the observatory that they belong to."""

    place: Path
    observatory: Path

    @classmethod
    def make(cls, place: Path, observatory: Path, sequence: Mapping[str, Any], faults: Any = ()) -> "Home":
        """Return a new one, with the documents of a run."""
        place.mkdir(parents=True, exist_ok=True)
        (place / "sequence.yaml").write_text(yaml.safe_dump(dict(sequence)), encoding="utf-8")
        (place / "faults.yaml").write_text(yaml.safe_dump([dict(fault) for fault in faults]), encoding="utf-8")
        return cls(place, observatory)

    @property
    def path(self) -> Path:
        """Home itself."""
        return self.place / "home"

    @property
    def frames(self) -> Path:
        """Where each run makes a folder."""
        return self.place / "frames"

    def run_words(self, speed: float | str) -> tuple[str, ...]:
        """Return the command that runs the sequence."""
        document, observatory = str(self.place / "sequence.yaml"), str(self.observatory)
        return ("run", document, "--observatory", observatory, *self._same(speed))

    def resume_words(self, speed: float | str) -> tuple[str, ...]:
        """Return the command that goes on with the last run."""
        return ("resume", *self._same(speed))

    def _same(self, speed: float | str) -> tuple[str, ...]:
        faults = str(self.place / "faults.yaml")
        return ("--frames", str(self.frames), "--faults", faults, "--speed", str(speed), "--json")

    def lamps(self) -> dict[str, str]:
        """Return each outlet as the switch's file says."""
        return outlets(self.path)

    def burning(self) -> list[str]:
        """Return the lamps that burn."""
        return [lamp for lamp, state in self.lamps().items() if state != "off"]

    def seconds_until_dark(self, patience_s: float = 10.0) -> float:
        """Wait until no lamp is on. Return how long that took, s of wall time."""
        began = now()
        while self.burning():
            if now() - began > patience_s:
                return float("inf")
            pause(_LOOK_S)
        return now() - began

    def guards(self) -> list[int]:
        """Return the guard processes that say of themselves that they are at work, and are alive."""
        pids = [int(page.stem.rpartition(".")[2]) for page in (self.path / "guards").glob("*.json")]
        return [pid for pid in pids if b"safelight.engine.guard" in _command_of(pid)]

    def wait_for_guards_to_end(self, patience_s: float = 10.0) -> None:
        """Return when no guard is left, or after a while: they are no business of the next command."""
        began = now()
        while self.guards() and now() - began < patience_s:
            pause(0.01)

    def to_the_end(self, commands: Commands, tries: int = 3) -> int:
        """Resume without faults, in virtual time, until the run is done. Return 0 if it is."""
        code = -1
        for _ in range(tries):
            code = commands.start(self, "finish", str(self.path), str(self.frames)).end()
            if code == 0:
                break
        return code

    def disk(self, run: str, name: str) -> Disk:
        """Return the frames of the run, compared with what the sequence asks for."""
        return frames_on(self.frames / run, expected(name, self.observatory))


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
