"""The guards, as real processes: whatever happens to the runner, or to one of them, the lamps go off."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import load_observatory, open_lamps
from safelight.devices.simulated.faults import Fault
from safelight.engine.clock import Clock, ScaledClock
from safelight.engine.errors import GuardError
from safelight.engine.guard import runner_side
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.runner_side import GuardClient
from safelight.engine.guard.status_files import guards
from safelight.engine.records import tables
from safelight.engine.records.database import Journal
from safelight.engine.run.start import Request, RunResult, perform
from tests.crash.check import assert_whole, rows_of
from tests.crash.crashes import Case, Ended, Warm, small_observatory

MakeCase = Callable[..., Case]

DEMO = ["bias-001", "Quartz-120s-001"]
SPEED = 60
LONGEST_S = 15.0
"""No claim about how quick anything is: longer than this, and it does not happen at all."""
QUICK = {"heartbeat_s": 0.1, "silence_s": 2.0, "retry_s": 0.2}


def comes_true(met: Callable[[], bool], what: str) -> None:
    """Look until it is so."""
    pause = threading.Event()
    for _ in range(int(LONGEST_S / 0.01)):
        if met():
            return
        pause.wait(0.01)
    raise AssertionError(f"never: {what}")


def is_guard(pid: int) -> bool:
    """Return whether that process is a guard, and alive."""
    try:
        zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        return not zombie and b"safelight.engine.guard" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def guards_of(case: Case) -> set[int]:
    """Return the guard processes of a case that are alive: every one names its home's run in its own page."""
    numbers = (page.stem.rpartition(".")[2] for page in (case.home / "guards").glob("*.json"))
    return {int(number) for number in numbers if number.isdigit() and is_guard(int(number))}


def log_of(case: Case) -> list[Mapping[str, Any]]:
    """Return the lines of the guards' log."""
    lines = [line for path in (case.home / "guards").glob("*.log") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def guards_events(case: Case) -> list[Mapping[str, Any]]:
    """Return what guards have written into the journal."""
    return rows_of(case.journal, tables.lamp_events, who="guard")


@pytest.fixture
def case(make_case: MakeCase, tmp_path: Path) -> Iterator[Case]:
    """Yield the demo, sixty times faster, on an observatory whose guards are impatient. No guard outlives the test."""
    made = make_case(observatory=small_observatory(tmp_path, name="quick", guard=QUICK), speed=SPEED)
    yield made
    for pid in guards_of(made):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def lit(warm: Warm, case: Case) -> Iterator[Case]:
    """Yield the demo while its lamp is on and two guards watch."""
    begin_lit(warm, case)
    yield case
    if warm.child:
        os.kill(warm.child, signal.SIGCONT)
        os.kill(warm.child, signal.SIGKILL)
        warm.end()


def begin_lit(warm: Warm, case: Case, **more: Any) -> None:
    """Run until the lamp is on."""
    warm.begin(case.job("run", tell=True, guarded=True, **more))
    warm.until("state.started", kind="lamp-warmup")
    comes_true(lambda: case.burning() == ["Quartz"], "lit")
    comes_true(lambda: len(guards_of(case)) == 2, "two guards")


def resumed(warm: Warm, case: Case) -> Ended:
    """Resume to the end, without waiting."""
    ended = warm.do(replace(case, speed="max").job("resume"))
    assert ended.outcome == "done", ended
    assert_whole(case, ended.answer["run"], DEMO)
    return ended


def dark_and_alone(case: Case) -> None:
    """Wait until the lamps go off and the guards end by themselves."""
    comes_true(lambda: not case.burning(), "lamps off")
    comes_true(lambda: not guards_of(case), "guards ended")
    assert case.burning() == []
    assert list(guards(case.home)) == []


# ---- the runner dies


def test_runner_killed(warm: Warm, lit: Case) -> None:
    """After a kill -9 of the runner the guards switch the lamps off, write it down, and end. The run is resumed."""
    os.kill(warm.child, signal.SIGKILL)
    assert warm.end().killed
    dark_and_alone(lit)
    comes_true(lambda: bool(guards_events(lit)), "written into the journal")
    run = rows_of(lit.journal, tables.runs)[0]["run"]
    written = guards_events(lit)
    assert {(row["run"], row["action"], row["seen"], row["why"]) for row in written} == {
        (run, "off", "off", "the runner is gone")
    }
    assert {row["lamp"] for row in written} == set(lit.outlets())
    assert any(line["event"] == "acted" for line in log_of(lit))
    resumed(warm, lit)


@pytest.mark.parametrize("n", [25, 33, 41, 48, 55, 62])
def test_killed_anywhere_with_guards(warm: Warm, case: Case, n: int) -> None:
    """Killed inside any command to a device, the guards have the lamps off, and the resume has all frames."""
    assert warm.do(case.job("run", guarded=True, at={"what": "verb", "n": n, "do": "kill"})).killed
    dark_and_alone(case)
    resumed(warm, case)


def test_killed_in_virtual_time(warm: Warm, case: Case) -> None:
    """A run in virtual time is guarded as well."""
    ended = warm.do(
        replace(case, speed="max").job("run", guarded=True, at={"what": "during move", "n": 4, "do": "kill"})
    )
    assert ended.killed
    dark_and_alone(case)


def test_runner_stopped(warm: Warm, lit: Case) -> None:
    """While the runner is stopped the guards switch off. When it wakes up it goes on, and no bad frame counts."""
    os.kill(warm.child, signal.SIGSTOP)
    comes_true(lambda: not lit.burning(), "lamps off")
    assert len(guards_of(lit)) == 2
    comes_true(lambda: bool(guards_events(lit)), "written into the journal")
    assert {row["why"] for row in guards_events(lit)} == {"the runner is silent"}
    os.kill(warm.child, signal.SIGCONT)
    ended = warm.end()
    # On a busy machine it may have slept past all its deadlines: then it has faulted, and is resumed.
    assert ended.outcome in {"done", "faulted"}, ended
    assert not ended.answer["internal"]
    dark_and_alone(lit)
    if ended.outcome == "faulted":
        resumed(warm, lit)
    assert_whole(lit, ended.answer["run"], DEMO)


def test_runner_stopped_and_killed(warm: Warm, lit: Case) -> None:
    """A runner that is stopped and then killed leaves nothing burning and no guard."""
    os.kill(warm.child, signal.SIGSTOP)
    os.kill(warm.child, signal.SIGKILL)
    assert warm.end().killed
    dark_and_alone(lit)


# ---- the guards die


def test_one_guard_killed(warm: Warm, lit: Case) -> None:
    """The runner notices that a guard was killed, has a new pair, and goes on to its end."""
    old = guards_of(lit)
    os.kill(min(old), signal.SIGKILL)
    assert warm.until("guard.lost")["pid"] == min(old)
    new = set(warm.until("guard.started")["pids"])
    assert len(new) == 2
    assert not new & old
    comes_true(lambda: guards_of(lit) == new, "the old one was relieved")
    assert lit.burning() == ["Quartz"]
    ended = warm.end()
    assert ended.outcome == "done"
    assert_whole(lit, ended.answer["run"], DEMO)
    dark_and_alone(lit)


def test_one_guard_and_the_runner_killed(warm: Warm, lit: Case) -> None:
    """The guard that is left is enough."""
    for pid in (max(guards_of(lit)), warm.child):
        os.kill(pid, signal.SIGKILL)
    assert warm.end().killed
    dark_and_alone(lit)
    resumed(warm, lit)


def test_both_guards_killed_then_the_runner(warm: Warm, lit: Case) -> None:
    """After both guards were killed the lamps are watched again: a kill of the runner finds them at work."""
    old = guards_of(lit)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    warm.until("guard.started")
    assert lit.burning() == ["Quartz"]
    assert not guards_of(lit) & old
    os.kill(warm.child, signal.SIGKILL)
    assert warm.end().killed
    dark_and_alone(lit)


def test_a_stopped_guard_is_replaced(warm: Warm, lit: Case) -> None:
    """A guard that does not answer is killed and replaced."""
    os.kill(min(guards_of(lit)), signal.SIGSTOP)
    warm.until("guard.silent")
    warm.until("guard.started")
    assert warm.end().outcome == "done"
    dark_and_alone(lit)


def test_signals_do_not_reach_a_guard(warm: Warm, lit: Case) -> None:
    """SIGTERM, SIGINT and SIGHUP do nothing to a guard that watches: it still acts when the runner dies."""
    watching = guards_of(lit)
    for pid in watching:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
    warm.until("state.ended", kind="lamp-warmup")
    assert guards_of(lit) == watching
    os.kill(warm.child, signal.SIGKILL)
    assert warm.end().killed
    dark_and_alone(lit)


def test_a_guard_is_in_a_session_of_its_own(lit: Case) -> None:
    """No terminal's signal reaches a guard: each leads a session of its own."""
    for pid in guards_of(lit):
        assert os.getsid(pid) == pid


# ---- no guard, no lamp


def nothing(said: Mapping[str, Any]) -> None:
    """Do nothing with an event."""


def run_here(case: Case, hear: Callable[[Mapping[str, Any]], None] = nothing) -> RunResult:
    """Run in this process."""
    request = Request(
        "demo", observatory=case.observatory, home=case.home, frames=case.frames, speed=case.speed, journal=case.journal
    )
    return asyncio.run(perform(request, listeners=[hear]))


def was_lit(case: Case) -> bool:
    """Return whether any lamp was ever switched on."""
    path = case.home / "simulated" / "switch.json"
    return path.exists() and any(on for _, _, _, on in json.loads(path.read_bytes())["transitions"])


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_without_guards_no_lamp(case: Case, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Where no guard can be started the run faults and no lamp is ever lit. Nothing is left open."""
    monkeypatch.setattr(sys, "executable", program)
    monkeypatch.setattr(runner_side, "_READY_S", 1.0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    result = run_here(case)
    assert result.outcome == "faulted"
    assert "guard" in str(result.reason)
    assert not result.internal
    assert not was_lit(case)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_guards_lost_before_the_lamp(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both guards are killed before the first lamp, and none can be started, it is never lit."""

    def hear(said: Mapping[str, Any]) -> None:
        if said["event"] == "state.started" and said["kind"] == "lamp-off":
            monkeypatch.setattr(sys, "executable", "/nowhere/python")
            for pid in guards_of(case):
                os.kill(pid, signal.SIGKILL)

    result = run_here(case, hear)
    assert result.outcome == "faulted"
    assert not was_lit(case)


def test_guards_lost_under_the_lamp(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the guards are lost for good while a lamp is on the run makes it safe and faults."""

    def hear(said: Mapping[str, Any]) -> None:
        if said["event"] == "state.ended" and said["kind"] == "lamp-warmup":
            monkeypatch.setattr(sys, "executable", "/nowhere/python")
            for pid in guards_of(case):
                os.kill(pid, signal.SIGKILL)

    result = run_here(case, hear)
    assert result.outcome == "faulted"
    assert "guard" in str(result.reason)
    assert was_lit(case)
    assert case.burning() == []


def an_order(case: Case) -> GuardConfig:
    """Return what the guards of a case are told."""
    Journal(case.journal).close()
    return GuardConfig("by-test", case.home, load_observatory(case.observatory), float(SPEED), journal=case.journal)


def test_no_permission_from_dead_guards(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lamp is not permitted on the word of guards that are dead."""

    async def act() -> None:
        watching = GuardClient(an_order(case), Clock())
        await watching.start()
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        monkeypatch.setattr(runner_side, "_READY_S", 1.0)
        for pid in guards_of(case):
            os.kill(pid, signal.SIGKILL)
        try:
            with pytest.raises(GuardError):
                await watching.permit("Quartz", 100.0)
        finally:
            await watching.abandon()

    asyncio.run(act())


# ---- leases


def test_a_lease_ends(case: Case) -> None:
    """When a lamp's lease ends the guards switch that lamp off, and no other. The journal tells it."""

    async def act() -> bool:
        order = an_order(case)
        watching = GuardClient(order, Clock())
        lamps, _, close = open_lamps(order.observatory, clock=ScaledClock(SPEED), home=case.home)
        await watching.start()
        try:
            await watching.permit("Quartz", 0.5 * SPEED)
            await watching.permit("Neon", 3600.0 * SPEED)
            await lamps.on("Neon")
            await lamps.on("Quartz")
            while "Quartz" in case.burning():
                await Clock().sleep(0.02)
            assert case.burning() == ["Neon"]
            await lamps.off("Neon")
            await Clock().sleep(0.3)
            return await watching.end()
        finally:
            await watching.abandon()
            await close()

    assert asyncio.run(asyncio.wait_for(act(), LONGEST_S))
    dark_and_alone(case)
    assert {(row["lamp"], row["seen"], row["why"]) for row in guards_events(case)} == {
        ("Quartz", "off", "its lease has ended")
    }


def test_a_round_that_takes_long_is_told(case: Case) -> None:
    """Guards that switch off at the end of a lease say so in their first round, not only after it has failed."""

    async def act() -> None:
        hangs = Fault.model_validate({"device": "lamps.Quartz", "verb": "off", "what": "hang", "times": "forever"})
        order = replace(an_order(case), faults=(hangs,))
        watching = GuardClient(order, Clock())
        lamps, _, close = open_lamps(order.observatory, clock=ScaledClock(SPEED), home=case.home)
        await watching.start()
        try:
            await watching.permit("Quartz", 0.2 * SPEED)
            await lamps.on("Quartz")
            told: set[str] = set()
            while not told:
                told |= {page["doing"] for page in guards(case.home) if page.get("lamps")}
                await Clock().sleep(0.01)
            assert told == {"acting"}
        finally:
            await lamps.off("Quartz")
            await watching.abandon()
            await close()

    asyncio.run(asyncio.wait_for(act(), LONGEST_S))
    dark_and_alone(case)


def test_a_lamp_left_on_at_the_goodbye(case: Case) -> None:
    """At the goodbye the guards look for themselves, and switch off what is still on."""

    async def act() -> None:
        order = an_order(case)
        watching = GuardClient(order, Clock())
        lamps, _, close = open_lamps(order.observatory, clock=ScaledClock(SPEED), home=case.home)
        await watching.start()
        await watching.permit("Neon", 3600.0 * SPEED)
        await lamps.on("Neon")
        await watching.end()
        await close()

    asyncio.run(asyncio.wait_for(act(), LONGEST_S))
    dark_and_alone(case)
    assert {row["why"] for row in guards_events(case)} == {"the run has ended, and not every lamp is off"}


# ---- a switch that does not obey

STUCK = [
    {"device": "lamps.Quartz", "verb": "off", "what": "lie", "times": "forever"},
    {"device": "lamps.Quartz", "verb": "all_off", "what": "lie", "times": "forever"},
]


def by_hand(case: Case) -> None:
    """Pull the plug of every lamp."""
    path = case.home / "simulated" / "switch.json"
    content = json.loads(path.read_bytes())
    for outlet in content["outlets"].values():
        outlet["state"] = "off"
    beside = path.with_name("by-hand")
    beside.write_text(json.dumps(content))
    beside.replace(path)


def test_a_stuck_lamp_is_unsafe(warm: Warm, case: Case) -> None:
    """A lamp that can't be switched off: `unsafe`, the guards keep trying and say so, until it is off by hand."""
    ended = warm.do(case.job("run", guarded=True, tell=True, request={"faults": STUCK}))
    assert ended.outcome == "unsafe", ended
    assert ended.answer["lamps"]["Quartz"] == "on"
    assert case.burning() == ["Quartz"]
    comes_true(lambda: {page["doing"] for page in guards(case.home)} == {"unsafe"}, "the guards say so")
    comes_true(lambda: len([line for line in log_of(case) if line["event"] == "acted"]) > 6, "they go on")
    assert len(guards_of(case)) == 2
    wanted = {("Quartz", "on"), ("Neon", "off")}
    comes_true(lambda: wanted <= {(row["lamp"], row["seen"]) for row in guards_events(case)}, "they write it down")
    (segment,) = rows_of(case.journal, tables.segments)
    assert segment["outcome"] == "unsafe"
    assert json.loads(segment["lamps"])["Quartz"] == "on"
    by_hand(case)
    dark_and_alone(case)
    comes_true(lambda: ("Quartz", "off") in {(row["lamp"], row["seen"]) for row in guards_events(case)}, "written")
    resumed(warm, case)


# ---- the end


@pytest.mark.parametrize(
    ("do", "outcome"), [(None, "done"), ("abort", "aborted"), ("pause", "paused"), ("fault", "faulted")]
)
def test_guards_end_with_the_run(warm: Warm, case: Case, do: str | None, outcome: str) -> None:
    """However a run ends, its guards end with it, and nothing but their log is left."""
    at = {"what": "during move", "n": 3, "do": do} if do else None
    ended = warm.do(case.job("run", guarded=True, at=at))
    assert ended.outcome == outcome, ended
    dark_and_alone(case)
    assert [path.suffix for path in (case.home / "guards").iterdir() if path.suffix != ".log"] == []
    assert guards_events(case) == []


def test_guards_are_listed(lit: Case) -> None:
    """Every guard at work is listed with its run and its leases. What dead ones left is cleared away."""
    folder = lit.home / "guards"
    stale = folder / "old-run.999999999.json"
    stale.write_text(json.dumps({"pid": 999999999, "run": "old-run", "doing": "watching", "leases": {}}))
    reused = folder / f"old-run.{os.getpid()}.json"
    reused.write_text(json.dumps({"pid": os.getpid(), "run": "old-run", "doing": "watching", "leases": {}}))
    (folder / "junk.json").write_text("junk")
    listed = list(guards(lit.home))
    assert {guard["pid"] for guard in listed} == guards_of(lit)
    assert {guard["doing"] for guard in listed} == {"watching"}
    assert all(guard["leases"]["Quartz"] > 0 for guard in listed)
    assert not stale.exists()
    assert not reused.exists()
