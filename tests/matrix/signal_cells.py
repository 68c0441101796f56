"""One blow at one moment: a signal, a dead guard, a journal or a disk that takes no more. With real guards."""

import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.matrix.bench import ADOPTED, LIGHT_FAULTS, SEQUENCES, Disk, observatory_of
from tests.matrix.commands import Command, Commands, Home
from tests.matrix.rows import Row
from tests.matrix.wall import pause

__all__ = ["BLOWS", "Blow", "Outcome", "faults_on_the_way", "kill_guards", "leave_behind", "strike"]

_STOPPED_S = 2.0
"""How long a runner is stopped: twice the silence that the guards bear."""
_SMALL = 32 * 1024
"""The largest file that a full disk still takes, bytes: the simulated switch's file is smaller, frames are larger."""
_TABLES = ("segments", "states", "frames", "lamp_events")


@dataclass(frozen=True)
class Struck:
    """What is struck."""

    home: Home
    command: Command

    @property
    def folder(self) -> Path:
        """Of the run's frames."""
        return self.home.frames / self.command.run


@dataclass(frozen=True)
class Blow:
    """What happens.

    Attributes:
        name: as the page calls it.
        hit: does it.
        mend: undoes it, before the run is resumed.
        dark_s: so long after it every lamp is off at the latest, s of wall time; None: the run may go on.
    """

    name: str
    hit: Callable[[Struck], None]
    mend: Callable[[Struck], None] = lambda struck: None  # noqa: ARG005
    dark_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        code: how the process ended: its exit code, or minus the signal.
        resumed: the exit code of the resume that brought it to its end; 0 where none was needed.
        seconds: until every lamp was off.
        lamps: each outlet when the process had ended and the guards had done their work.
        claimed: each lamp as the run says; nothing where it was killed.
    """

    code: int
    resumed: int
    seconds: float
    lamps: Mapping[str, str]
    claimed: Mapping[str, str]
    disk: Disk

    @property
    def problem(self) -> str | None:
        """Why the promise is broken, or None if it is not."""
        burning = [lamp for lamp, state in self.lamps.items() if state != "off"]
        if burning:
            return f"{burning} burn, exit code {self.code}"
        if self.resumed != 0:
            return f"the resume has ended with {self.resumed}"
        return None if self.disk.whole else f"frames: {self.disk}"


def _send(*numbers: signal.Signals) -> Callable[[Struck], None]:
    return lambda struck: struck.command.send(*numbers)


def _stop_and_go_on(struck: Struck) -> None:
    struck.command.send(signal.SIGSTOP)
    dark_s = struck.home.seconds_until_dark(_STOPPED_S)
    pause(_STOPPED_S - dark_s)
    still_burning = struck.home.burning()
    struck.command.send(signal.SIGCONT)
    assert not still_burning, f"{still_burning} was on all the time while the runner was stopped"


def kill_guards(home: Home, number: int) -> None:
    """Kill as many guards that say of themselves that they are at work."""
    for pid in home.guards()[:number]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _kill_guards(number: int) -> Callable[[Struck], None]:
    def hit(struck: Struck) -> None:
        assert len(struck.home.guards()) >= number
        kill_guards(struck.home, number)

    return hit


def _kill_runner_and_guard(struck: Struck) -> None:
    _kill_guards(1)(struck)
    struck.command.send(signal.SIGKILL)


def _refuse_writing(struck: Struck) -> None:
    refusal = "BEGIN SELECT RAISE(ABORT, 'unwritable'); END"
    _in_journal(struck.home, lambda name, verb, table: f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {refusal}")


def _allow_writing(struck: Struck) -> None:
    _in_journal(struck.home, lambda name, verb, table: f"DROP TRIGGER {name}")  # noqa: ARG005


def _in_journal(home: Home, statement: Callable[[str, str, str], str]) -> None:
    """Do something for every kind of write to every table, behind the journal's back."""
    with closing(sqlite3.connect(home.path / "journal.sqlite", timeout=10)) as journal, journal:  # noqa: TID251
        for table in _TABLES:
            for verb in ("INSERT", "UPDATE"):
                journal.execute(statement(f"refuse_{table}_{verb}", verb, table))


def _fill_the_disk(struck: Struck) -> None:
    resource.prlimit(struck.command.pid, resource.RLIMIT_FSIZE, (_SMALL, _SMALL))


def _lose_the_folder(struck: Struck) -> None:
    file = struck.folder.with_name("in-its-place")
    file.touch()
    if struck.folder.exists():
        struck.folder.rename(struck.folder.with_name("away"))
    while True:
        try:
            file.rename(struck.folder)
        except IsADirectoryError:
            # The run has made the folder again in between.
            struck.folder.rmdir()
        else:
            return


def _find_the_folder(struck: Struck) -> None:
    struck.folder.unlink()
    if struck.folder.with_name("away").exists():
        struck.folder.with_name("away").rename(struck.folder)


BLOWS = (
    Blow("SIGKILL", _send(signal.SIGKILL), dark_s=1.0),
    Blow("SIGTERM", _send(signal.SIGTERM), dark_s=2.0),
    Blow("SIGINT", _send(signal.SIGINT), dark_s=2.0),
    Blow("SIGHUP", _send(signal.SIGHUP), dark_s=2.0),
    Blow("SIGSTOP, then SIGCONT", _stop_and_go_on),
    Blow("one guard killed", _kill_guards(1)),
    Blow("both guards killed", _kill_guards(2)),
    Blow("runner and one guard killed", _kill_runner_and_guard, dark_s=1.0),
    Blow("journal unwritable", _refuse_writing, _allow_writing),
    Blow("disk full", _fill_the_disk),
    Blow("frames folder lost", _lose_the_folder, _find_the_folder),
)


def leave_behind(place: Path, observatory: Path, commands: Commands) -> Path:
    """Kill a run in its first long dark, at the speed of the wall: the detector goes on integrating for ten minutes."""
    home = Home.make(place, observatory, ADOPTED)
    command = commands.start(home, *home.run_words(1))
    assert command.until_state("expose/dark-600s-001")
    pause(0.3)  # the integration has begun
    command.send(signal.SIGKILL)
    command.end()
    home.wait_for_guards_to_end(120.0)
    assert not home.guards(), "what they still write would be copied in pieces"
    return place


def faults_on_the_way(row: Row) -> list[Mapping[str, Any]]:
    """Return what leads to the state, and makes it last, so that it can be struck."""
    return [*LIGHT_FAULTS.get(row.sequence, ()), *([row.slow] if row.slow else [])]


def strike(row: Row, blow: Blow, place: Path, observatory: Path, left_behind: Path, commands: Commands) -> Outcome:
    """Start a run, wait until the state begins, strike, see the lamps go off, resume to the end, look at the frames."""
    adopts = row.name == "adopt"
    if adopts:
        shutil.copytree(left_behind, place)
    home = Home.make(place, observatory_of(row.sequence, observatory), SEQUENCES[row.sequence], faults_on_the_way(row))
    words = home.resume_words(row.speed) if adopts else home.run_words(row.speed)
    command = commands.start(home, *words)
    if row.before is not None:
        assert command.until_state(row.before), f"{row.before} was not reached"
        command.send(signal.SIGTERM)
    assert command.until_state(row.state), f"{row.state} was not reached: {command.last}"
    struck = Struck(home, command)
    blow.hit(struck)
    seconds = home.seconds_until_dark() if blow.dark_s is not None else 0.0
    code = command.end()
    if command.last is not None and code >= 0:
        assert command.last["event"] == "run.finished", command.last
    home.seconds_until_dark()
    lamps = home.lamps()
    blow.mend(struck)
    claimed = command.last.get("lamps", {}) if command.last is not None and code >= 0 else {}
    resumed = 0 if code == 0 else home.to_the_end(commands)
    disk = home.disk(command.run, row.sequence)
    shutil.rmtree(place, ignore_errors=True)
    return Outcome(code, resumed, seconds, lamps, claimed, disk)
