"""What passes the broker is overheard: a lamp that somebody else has on for seconds spoils a dark."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import DeviceFailed, Devices
from safelight.devices.clu.overhearing import Reported
from safelight.engine.clock import Clock
from safelight.states.read_back import switchings_of
from tests.devices.clu.bench import Bench
from tests.devices.clu.conftest import connected
from tests.devices.clu.running import Night

Run = Callable[[Any], Any]

DARK = {"name": "one", "darks": {"count": 1, "exposure_time": 20}}


def outlet(name: str, *, on: bool, relay: bool | None = None) -> dict[str, Any]:
    """Return an outlet as lvmnps tells of it."""
    return {"name": name, "state": on, "physical_state": on if relay is None else relay}


@pytest.mark.parametrize(
    ("replies", "counts"),
    [
        ([{"outlets": [outlet("Argon", on=True)]}], (0, 0)),
        ([{"outlet_info": outlet("argon", on=False)}, {"outlets": [outlet("Argon", on=True)]}], (1, 0)),
        ([{"outlets": [outlet("Argon", on=state)]} for state in (False, True, True, False, True)], (2, 1)),
        ([{"outlets": [outlet("Fan", on=state)]} for state in (False, True)], (0, 0)),
        ([{"outlet_info": outlet("Argon", on=False)}, {"outlet_info": outlet("Argon", on=True, relay=False)}], (0, 0)),
        ([{"outlets": 3, "outlet_info": "?"}, {}], (0, 0)),
    ],
    ids=["first", "on", "there and back", "another outlet", "unknown", "no sense"],
)
def test_replies_are_understood(replies: list[dict[str, Any]], counts: tuple[int, int]) -> None:
    """A lamp counts when a reply tells another state than the one before. What is first, or unknown, does not."""
    heard = Reported({"Argon": "Argon", "Neon": "Neon"})
    for reply in replies:
        heard.hear(reply)
    assert heard.counts() == {"Argon": counts, "Neon": (0, 0)}


def test_overhearing_hides_no_dead_actor(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A switch's actor that is not there is still told at once, although its replies are overheard."""
    bench.kill_actors("nps")

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            with pytest.raises(DeviceFailed, match=r"lvmnps\.calib is running"):
                await devices.lamps.status()

    run(scene())


async def _all_heard(devices: Devices) -> None:
    """Ask the actor something: what it told others before that has then arrived too, on the same queue."""
    assert await devices.lamps.status()


def test_what_others_do_is_counted(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A lamp that another client lights and darkens again counts here, although nobody here has looked meanwhile."""

    async def scene() -> None:
        async with connected(bench, tmp_path) as ours, connected(bench, tmp_path / "theirs") as theirs:
            await ours.lamps.status()
            before = await switchings_of(ours.lamps)
            await theirs.lamps.on("Neon")
            await theirs.lamps.off("Neon")
            await _all_heard(ours)
            after = await switchings_of(ours.lamps)
            assert (before["Neon"], after["Neon"]) == ((0, 0), (1, 1))
            assert after["Argon"] == (0, 0)

    run(scene())


def test_another_program_flashes_a_lamp(bench: Bench, tmp_path: Path) -> None:
    """A lamp that another client lights for 4 s between two looks spoils the dark, which is taken again."""
    night = Night(bench, tmp_path)
    try:
        night.begin(DARK, second_path=False)
        night.until_integrating("dark", wait_s=200.0)
        clock = Clock()

        async def flash() -> None:
            async with connected(bench, tmp_path / "theirs") as theirs:
                await clock.sleep(2.0)
                await theirs.lamps.on("Neon")
                await clock.sleep(4.0)
                await theirs.lamps.off("Neon")

        asyncio.run(flash())
        assert (night.end(400.0), night.last["outcome"]) == (0, "done"), night.events[-5:]
        bad = [event for event in night.events if event["event"] == "frame.bad"]
        assert len(bad) == 1
        assert "Neon" in bad[0]["reason"]
        night.assert_whole({"dark-20s-001": set()})
    finally:
        night.sweep_up()
