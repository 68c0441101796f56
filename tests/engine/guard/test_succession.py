"""Who answers for a lamp after a run has died: what a new run waits for, what it ends, and what it leaves."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from safelight.devices import load_observatory, open_lamps, shipped_observatories
from safelight.engine.clock import Clock
from safelight.engine.errors import GuardError
from safelight.engine.guard import succession
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.succession import lamps_of_successors, outlets_of, predecessors, succeed
from safelight.engine.records.hardware_names import hardware_of
from safelight.processes import process_runs, process_started
from tests.matrix.wall import pause

OUTLETS = {"Neon": "switch/1", "Argon": "switch/2"}
MINE: dict[str, Any] = {"run": "new", "client": "mine", "doing": "watching", "observatory": "simulated"}
MINE |= {"in_charge": True, "answers_for": OUTLETS, "orphan": False, "begun": "2026-01-02T00:00:00+00:00"}
OLD: dict[str, Any] = MINE | {"run": "old", "client": "old", "doing": "unsafe", "orphan": True}
OLD |= {"begun": "2026-01-01T00:00:00+00:00", "answers_for": {"Neon": "switch/1"}}

Asleep = Callable[[], int]


@pytest.fixture
def asleep() -> Iterator[Asleep]:
    """Start processes that look like guards and do nothing."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        code = "import signal; signal.pause()"
        started.append(subprocess.Popen([sys.executable, "-c", code, "safelight.engine.guard"]))
        while not process_runs(started[-1].pid, "safelight.engine.guard"):
            pause(0.01)
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def home(tmp_path: Path, asleep: Asleep) -> Path:
    """Return a state folder with the page of a guard of the new run."""
    (tmp_path / "guards").mkdir()
    write(tmp_path, MINE, asleep())
    return tmp_path


def write(home: Path, page: dict[str, Any], pid: int) -> None:
    """Write a guard's page."""
    (home / "guards" / f"{page['run']}.{pid}.json").write_text(json.dumps(page | {"pid": pid}))


def names(home: Path) -> list[str]:
    """Return the runs whose guards the new run has to wait for."""
    return [other.run for other in predecessors(home, "simulated", "mine")]


def test_guards_of_a_dead_run_are_waited_for(home: Path, asleep: Asleep) -> None:
    """A guard that answers for a lamp of ours, and whose run is over, is in the way, whatever it is doing."""
    for doing in ("watching", "acting", "lingering", "unsafe"):
        write(home, OLD | {"run": doing, "doing": doing}, asleep())
    assert set(names(home)) == {"watching", "acting", "lingering", "unsafe"}


def test_a_death_that_no_guard_has_noticed_yet(home: Path, asleep: Asleep) -> None:
    """A guard that watches a runner which does not exist any more is in the way. One of a living runner is not."""
    dead = asleep()
    began = process_started(dead)
    page = OLD | {"orphan": False, "doing": "watching", "runner_pid": dead, "runner_started": began}
    write(home, page, asleep())
    assert names(home) == []
    write(home, page | {"runner_started": "another boot"}, asleep())
    assert names(home) == ["old"]


@pytest.mark.parametrize(
    "change",
    [
        {"observatory": "another", "answers_for": {"Neon": "another Neon"}},
        {"client": "mine"},
        {"client": ""},
        {"answers_for": {}},
        {"answers_for": {"Xenon": "another switch/1"}},
    ],
    ids=str,
)
def test_who_is_not_in_the_way(home: Path, asleep: Asleep, change: dict[str, Any]) -> None:
    """Guards of other lamps, of this run, and of older versions are not waited for."""
    write(home, OLD | change, asleep())
    assert names(home) == []


def test_two_documents_of_one_switch(home: Path, asleep: Asleep) -> None:
    """Guards under another document are waited for, and leave their lamps, where the outlets are the same."""
    write(home, OLD | {"observatory": "another"}, asleep())
    assert names(home) == ["old"]
    assert lamps_of_successors(home, "old", OLD["begun"], OLD["answers_for"]) == {"Neon"}


def test_two_names_of_one_outlet(home: Path, asleep: Asleep) -> None:
    """A lamp that has another name by now is the same one where its outlet is."""
    write(home, OLD | {"answers_for": {"OldNeon": "switch/1"}}, asleep())
    (other,) = predecessors(home, "simulated", "mine")
    assert (other.lamps, other.covered) == (("OldNeon",), True)


def test_one_name_on_two_outlets(home: Path, asleep: Asleep) -> None:
    """A lamp that has moved to another outlet is in the way, and its old outlet is not answered for by this run."""
    write(home, OLD | {"answers_for": {"Neon": "switch/9"}}, asleep())
    (other,) = predecessors(home, "simulated", "mine")
    assert not other.covered
    old = {"Neon": "switch/9"}
    assert lamps_of_successors(home, "old", OLD["begun"], old) == set()
    assert lamps_of_successors(home, "old", OLD["begun"], OUTLETS) == set(OUTLETS)


def test_outlets_that_no_driver_names() -> None:
    """Where a driver does not name its hardware, the observatory and the lamp's name tell lamps apart."""

    class Lamps:
        names = ("Neon", "Argon")
        hardware = ("switch 1", "switch 2")

    lamps: Any = Lamps()
    assert outlets_of("here", lamps) == {"Neon": "switch 1", "Argon": "switch 2"}
    lamps.hardware = ("one file",)
    assert outlets_of("here", lamps) == {"Neon": "one file Neon", "Argon": "one file Argon"}
    lamps.hardware = ()
    assert outlets_of("here", lamps) == {"Neon": "here Neon", "Argon": "here Argon"}


def test_one_simulated_lamp_is_on_the_outlet_that_other_documents_name(tmp_path: Path) -> None:
    """A document with a single lamp and one with all of them share a simulated switch, and the name of the outlet."""
    plain = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    alone = {**plain, "name": "alone", "lamps": {**plain["lamps"], "units": {"Neon": plain["lamps"]["units"]["Neon"]}}}
    found = []
    for document in (plain, alone):
        path = tmp_path / f"{document['name']}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        observatory = load_observatory(path)
        lamps = open_lamps(observatory, clock=Clock(), home=tmp_path)[0]
        named = asyncio.run(hardware_of(observatory, Clock(), tmp_path))
        found.append((outlets_of(observatory.name, lamps)["Neon"], named[0]))
    assert found[0] == found[1]


def wait(home: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    """Succeed the other guards, with little patience."""
    monkeypatch.setattr(succession, "_MARGIN_S", 0.5)
    monkeypatch.setattr(succession, "_QUIET_S", 0.1)
    monkeypatch.setattr(succession, "_longest_s", lambda _: 0.1)
    order = GuardConfig("new", home, load_observatory("simulated"), client="mine")
    asyncio.run(succeed(order, Clock(), 0.0, lambda event, **facts: told.append(f"{event} {facts['pids']}")))


def test_a_guard_that_hangs_is_ended(home: Path, asleep: Asleep, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that does not leave lamps that our own guards watch is announced, then killed."""
    pid, told = asleep(), list[str]()
    write(home, OLD, pid)
    wait(home, monkeypatch, told)
    assert told == [f"guard.waiting [{pid}]"]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9


def test_a_guard_that_is_needed_is_not_ended(home: Path, asleep: Asleep, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that may be the only one for an outlet is left alone: nothing is lit, and the words say what to do."""
    pid = asleep()
    write(home, OLD | {"answers_for": {"Neon": "switch/9"}}, pid)
    with pytest.raises(GuardError, match=rf"run old .* switch off Neon by another way .*kill {pid}"):
        wait(home, monkeypatch, [])
    assert process_started(pid)
