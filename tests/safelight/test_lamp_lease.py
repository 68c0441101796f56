"""Lamps lit by hand: watched by guards in processes of their own."""

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from typer.testing import Result

from safelight.commands.output import complain
from safelight.devices import load_observatory, shipped_observatories
from safelight.engine import RunRefused
from safelight.engine.clock import Clock
from safelight.engine.command_hints import CommandHints
from safelight.engine.errors import GuardError
from safelight.engine.guard.runner_side import GuardClient
from safelight.engine.guard.status_files import GuardStatusFile, guards
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.records.hardware_names import hardware_of
from safelight.engine.records.lock import Lock

Inside = Callable[..., Result]
UntilGone = Callable[[int], bool]


def lamps(inside: Inside, *options: object) -> dict[str, str]:
    """Return every lamp as read back."""
    found: dict[str, str] = json.loads(inside("lamps", "status", "--json", *options).stdout)["lamps"]
    return found


def events(home: Path, lamp: str) -> list[tuple[Any, ...]]:
    """Return what the journal has of a lamp outside of runs: action, as seen, who."""
    table = tables.lamp_events
    journal = Journal(default_url(home), create=False)
    rows = journal.read(sa.select(table).where(table.c.run == "", table.c.lamp == lamp).order_by(table.c.id))
    journal.close()
    return [(row["action"], row["seen"], row["who"]) for row in rows]


def test_the_guards_switch_it_off(inside: Inside, home: Path, safelight: Any, until_gone: UntilGone) -> None:
    """The command ends, two guards stay, switch the lamp off when its time is over, write that down, and end."""
    inside("run", "bias", "--speed", "max")
    lit = safelight("lamps", "on", "neon", "--for", "40", "--speed", "20", "--json")
    assert lit.returncode == 0, lit.stderr
    told = json.loads(lit.stdout)
    assert (told["lamp"], told["lamps"]["Neon"], told["lease_s"], len(told["guards"])) == ("Neon", "on", 40.0, 2)
    assert "switch it off at" in lit.stderr
    assert all(until_gone(pid) for pid in told["guards"])
    assert lamps(inside)["Neon"] == "off"
    found = events(home, "Neon")
    assert found[0] == ("on", "on", "hand")
    assert ("off", "off", "guard") in found[1:]
    assert list(guards(home)) == []


def test_it_is_watched_until_somebody_switches_it_off(inside: Inside, home: Path, until_gone: UntilGone) -> None:
    """`guard status` shows who watches and how long. When the lamp is switched off by hand, the guards end."""
    told = json.loads(inside("lamps", "on", "Neon", "--json").stdout)
    watching = json.loads(inside("guard", "status", "--json").stdout)["guards"]
    assert {guard["pid"] for guard in watching} == set(told["guards"])
    assert all(guard["doing"] == "watching" for guard in watching)
    assert all(7000 < guard["leases"]["Neon"] <= 7200 for guard in watching)
    assert "Neon for 1 h 59 min at most" in inside("guard", "status").stdout.replace("2 h 00 min", "1 h 59 min")
    assert not (home / "journal.sqlite").exists()
    inside("lamps", "off", "Neon")
    assert all(until_gone(pid) for pid in told["guards"])


def test_lighting_again_replaces_the_lease(inside: Inside, home: Path, until_gone: UntilGone) -> None:
    """A second `lamps on` has new guards with the new time. The old ones end, and the lamp stays on."""
    first = json.loads(inside("lamps", "on", "Neon", "--for", "600", "--json").stdout)["guards"]
    second = json.loads(inside("lamps", "on", "Neon", "--for", "900", "--json").stdout)["guards"]
    assert all(until_gone(pid) for pid in first)
    assert {guard["pid"] for guard in guards(home)} == set(second)
    assert lamps(inside)["Neon"] == "on"


def test_a_run_takes_over(inside: Inside, home: Path, until_gone: UntilGone) -> None:
    """A run switches a hand-lit lamp off at its beginning, and the lamp's guards end."""
    pids = json.loads(inside("lamps", "on", "Neon", "--observatory", "simulated", "--json").stdout)["guards"]
    assert inside("run", "bias", "--speed", "max").exit_code == 0
    assert all(until_gone(pid) for pid in pids)
    assert lamps(inside)["Neon"] == "off"


def test_without_a_guard_no_light(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no guard can be started the lamp stays dark, and the exit code is 3."""
    monkeypatch.setattr("safelight.engine.guard.runner_side.sys.executable", "/nonexistent/python")
    refused = inside("lamps", "on", "Neon")
    assert isinstance(refused.exception, GuardError)
    assert complain(refused.exception) == 3
    assert set(lamps(inside).values()) == {"off"}


def test_what_is_not_handed_over_goes_off(inside: Inside, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the guards do not take a lamp over it is switched off, and they end."""

    async def fail(self: GuardClient) -> None:
        raise GuardError("no guard has taken the lamp over")

    monkeypatch.setattr(GuardClient, "hand_over", fail)
    assert isinstance(inside("lamps", "on", "Neon").exception, GuardError)
    assert lamps(inside)["Neon"] == "off"


def test_a_command_that_dies_leaves_no_lamp(inside: Inside, home: Path, until_gone: UntilGone) -> None:
    """When the command dies before it has handed the lamp over, the guards switch off that lamp, and no other."""
    from safelight.engine.guard.messages import GuardConfig  # noqa: PLC0415
    from safelight.engine.manual.bench import open_bench  # noqa: PLC0415

    other = json.loads(inside("lamps", "on", "Argon", "--json").stdout)["guards"]

    async def die() -> list[int]:
        async with open_bench("simulated", home=home) as bench:
            watch = GuardClient(GuardConfig("by-hand-Neon", home, bench.observatory, keep=True), bench.instrument.clock)  # type: ignore[arg-type]
            await watch.start()
            await watch.permit("Neon", 600.0)
            await bench.light("Neon")
            pids = watch.pids
            await watch.abandon()
            return pids

    pids = asyncio.run(die())
    assert len(pids) == 2
    assert all(until_gone(pid) for pid in pids)
    assert (lamps(inside)["Neon"], lamps(inside)["Argon"]) == ("off", "on")
    assert {guard["pid"] for guard in guards(home)} == set(other)


def test_not_longer_than_it_may_burn(inside: Inside) -> None:
    """A time that is longer than the lamp bears is refused."""
    refused = inside("lamps", "on", "Neon", "--for", "8000")
    assert isinstance(refused.exception, RunRefused)
    assert "Neon may be on for 7200 s at most" in str(refused.exception)


def test_not_beside_the_guards_of_a_run(inside: Inside, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While guards of a past run are at work, they would switch the lamp off: it is not lit, and one is told why."""
    monkeypatch.setattr("safelight.engine.guard.status_files.process_runs", lambda pid, module: True)  # noqa: ARG005
    book = GuardStatusFile(home, "a-run")
    book.say("acting", {"Neon": 60.0}, observatory="simulated")
    refused = inside("lamps", "on", "Neon")
    book.close()
    assert isinstance(refused.exception, RunRefused)
    assert "the guards of run a-run are at work" in str(refused.exception)


def test_after_the_guards_of_a_dead_run(inside: Inside, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards of a dead run that end soon are waited for, with a word: then the lamp is lit."""
    monkeypatch.setattr("safelight.engine.guard.status_files.process_runs", lambda pid, module: True)  # noqa: ARG005
    book = GuardStatusFile(home, "a-run")
    book.say("lingering", {}, observatory="simulated", orphan=True)
    ending = threading.Timer(1.0, book.close)
    ending.start()
    lit = inside("lamps", "on", "Neon")
    ending.join()
    assert lit.exit_code == 0
    assert "for the guards of run a-run (lingering)" in lit.stderr
    assert lamps(inside)["Neon"] == "on"


def test_not_beside_a_run_under_another_document(inside: Inside, other: Path, home: Path) -> None:
    """A run holds the hardware of its lamps, so that nobody lights one of them under another document by hand."""
    observatory = load_observatory(shipped_observatories()["simulated"])
    hardware = asyncio.run(hardware_of(observatory, Clock(), home))
    with closing(Journal(default_url(home))) as journal:
        lock = Lock.take(journal, "simulated", "a-run", hardware)
        refused = inside("lamps", "on", "HgAr", "--observatory", other)
        lock.release()
    assert isinstance(refused.exception, RunRefused)
    assert "lamp hardware" in str(refused.exception)
    assert "in use by run a-run" in str(refused.exception)
    assert set(lamps(inside, "--observatory", other).values()) == {"off"}
    assert inside("lamps", "on", "HgAr", "--observatory", other).exit_code == 0
    assert inside("lamps", "off", "--observatory", other).exit_code == 0


# ---- whose lamps


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Return an observatory of one's own, with two lamps of other names."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    units = document["lamps"]["units"]
    document["name"] = "other"
    document["lamps"]["units"] = {"HgAr": units["HgNe"], "Halogen": units["Quartz"]}
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_off_reaches_the_lamps_that_are_watched_here(inside: Inside, other: Path, until_gone: UntilGone) -> None:
    """Whoever types `lamps off` and nothing else in an emergency darkens the lamps that burn, wherever they are."""
    told = json.loads(inside("lamps", "on", "HgAr", "--observatory", other, "--json").stdout)
    seen = inside("lamps", "status")
    assert "lamps of other" in seen.stderr
    assert str(other) in seen.stderr
    assert "HgAr     ON" in seen.stdout
    off = inside("lamps", "off")
    assert (off.exit_code, set(off.stdout.splitlines())) == (0, {"HgAr off", "Halogen off"})
    assert all(until_gone(pid) for pid in told["guards"])


def test_off_reaches_the_lamps_of_the_last_run(
    inside: Inside, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody watches any more, the newest run tells whose lamps may be on. A name or the variable comes first."""
    ran = inside("run", "bias", "--observatory", other, "--speed", "max", "--frames", tmp_path / "frames")
    assert ran.exit_code == 0, ran.output
    assert set(json.loads(inside("lamps", "status", "--json").stdout)["lamps"]) == {"HgAr", "Halogen"}
    named = json.loads(inside("lamps", "status", "--observatory", "simulated", "--json").stdout)
    assert (named["observatory"], len(named["lamps"])) == ("simulated", 6)
    monkeypatch.setenv("SAFELIGHT_OBSERVATORY", "simulated")
    assert json.loads(inside("lamps", "status", "--json").stdout)["observatory"] == "simulated"
    assert "--observatory simulated" in CommandHints.at("simulated", None).lamps("off")


def test_off_goes_through_every_observatory_here(inside: Inside, other: Path, until_gone: UntilGone) -> None:
    """Lamps of two observatories that burn in one home: each is darkened, also where the other one is out of reach."""
    # At the same switch as the simulated one, as its simulator keeps it in the home.
    other.write_text(shipped_observatories()["simulated"].read_text().replace("name: simulated", "name: other", 1))
    pids = json.loads(inside("lamps", "on", "HgNe", "--observatory", other, "--json").stdout)["guards"]
    pids += json.loads(inside("lamps", "on", "Neon", "--observatory", "simulated", "--json").stdout)["guards"]
    other.rename(other.with_name("moved.yaml"))
    off = inside("lamps", "off")
    assert off.exit_code == 2
    assert "other.yaml" in off.stderr
    assert "Neon off" in off.stdout
    other.with_name("moved.yaml").rename(other)
    assert inside("lamps", "off").exit_code == 0
    assert all(until_gone(pid) for pid in pids)
