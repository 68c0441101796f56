"""`lamps off` where one path to the lamps hangs: what is dark is said early, and the rest is bounded."""

import asyncio
import threading
from pathlib import Path

import pytest
import yaml

from safelight.commands.conducting import conduct_off, still_waits
from safelight.devices import load_observatory
from safelight.devices.simulated.faults import Fault
from safelight.engine.manual.bench import SLOWER_PATH_S, open_bench

HANGS = tuple(
    Fault.model_validate({"device": "lamps", "verb": verb, "what": "hang", "times": None})
    for verb in ("off", "all_off", "status")
)


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    """Return an observatory with two paths that gives each command half a minute."""
    plain = load_observatory("simulated").model_dump(mode="json") | {"name": "two-paths"}
    plain["lamps"]["second_path"] = {"driver": "simulated"}
    plain["deadlines"]["kinds"]["safing"] = {"factor": 1.0, "margin_s": 30.0}
    path = tmp_path / "two-paths.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False))
    return path


@pytest.mark.parametrize("lamp", [None, "quartz"])
def test_the_slower_path_is_waited_for_shortly(patient: Path, tmp_path: Path, lamp: str | None) -> None:
    """Each lamp is announced while the path that hangs is waited for, in virtual time: not for half a minute."""
    early: list[str] = []

    async def darken() -> tuple[dict[str, str], float]:
        options = {"home": tmp_path / "home", "speed": "max", "faults": HANGS}
        async with open_bench(patient, early=lambda lamp, _: early.append(lamp), **options) as bench:
            began = bench.instrument.clock.now()
            found = await bench.darken(lamp)
            return dict(found), bench.instrument.clock.now() - began

    found, took_s = asyncio.run(darken())
    assert set(found.values()) == {"off"}
    assert sorted(early) == sorted(found)
    assert SLOWER_PATH_S <= took_s < SLOWER_PATH_S + 3.0


def test_nothing_is_announced_where_both_paths_answer(patient: Path, tmp_path: Path) -> None:
    """Two paths that answer are read together, and nothing is said in between."""
    early: list[str] = []

    async def darken() -> dict[str, str]:
        async with open_bench(
            patient, home=tmp_path / "home", speed="max", early=lambda lamp, _: early.append(lamp)
        ) as bench:
            return dict(await bench.darken())

    assert set(asyncio.run(darken()).values()) == {"off"}
    assert early == []


def test_a_thread_that_hangs_is_left_alone() -> None:
    """Switching off returns when its work is done, whatever a driver has left in a thread, as a look-up of a name."""
    over = threading.Event()

    async def work() -> str:
        hanging = asyncio.ensure_future(asyncio.to_thread(over.wait, 300.0))
        await asyncio.wait([hanging], timeout=0.1)
        return "dark"

    async def fails() -> str:
        raise ValueError("no such lamp")

    try:
        found = conduct_off([work, fails])
        assert not over.is_set()
        assert found[0] == "dark"
        assert isinstance(found[1], ValueError)
        assert still_waits()
    finally:
        over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("safelight-off"):
            thread.join(60.0)
    assert not still_waits()
