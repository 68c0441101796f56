"""What goes wrong with real actors: nothing hangs, nothing is believed that was not read back."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safelight.devices import (
    DeviceFailed,
    Devices,
    DeviceUnknown,
    ExposureOrder,
    Observatory,
)
from safelight.engine.clock import Clock
from safelight.engine.errors import GuardError
from safelight.engine.guard.dead_man_timers import timer_warnings, timers_of
from safelight.engine.guard.messages import GuardConfig
from safelight.engine.guard.runner_side import GuardClient
from safelight.engine.guard.safing import Safing
from tests.devices.clu.bench import Bench
from tests.devices.clu.conftest import connected

Run = Callable[[Any], Any]

CLOCK = Clock()


def safing_on(devices: Devices, observatory: Observatory) -> Safing:
    """Safing as a run has it."""
    return Safing(
        lamps=devices.lamps,
        second=devices.second_lamps,
        clock=CLOCK,
        waits_s=(0.25, 0.5, 1.0),
        try_s=observatory.deadlines.deadline_s("safing", observatory.lamps.off_s),
    )


def test_frozen_actor(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A frozen actor obeys a timed-out ON when it wakes, and then the OFFs that waited behind it."""

    async def scene() -> None:
        async with connected(bench, tmp_path, deadline_s=2.5) as devices:
            bench.freeze("nps")
            try:
                with pytest.raises(DeviceUnknown):
                    await devices.lamps.on("Argon")
                with pytest.raises(DeviceUnknown):
                    await devices.lamps.off("Argon")
                second = devices.second_lamps
                assert second is not None
                assert (await second.status())["Argon"] == "off"
            finally:
                bench.thaw("nps")
            await CLOCK.sleep(1.5)
            assert (await devices.lamps.status())["Argon"] == "off"

    run(scene())
    assert bench.hardware.switch.lit() == set()
    assert bench.hardware.switch.switched[-1] == ("Argon", False)


def test_an_actor_that_is_deaf_for_a_while(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A reset is repeated until the detector's actor hears again."""

    async def scene() -> None:
        async with connected(bench, tmp_path, deadline_s=1.5) as devices:
            await devices.spectrographs.status()
            bench.freeze("scp")
            asyncio.get_running_loop().call_later(4.0, bench.thaw, "scp")
            await devices.spectrographs.reset()
            assert {seen.activity for seen in (await devices.spectrographs.status()).values()} == {"idle"}

    run(scene())


def test_switch_refuses_and_is_slow(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A switch that refuses is a failure with its reason. A slow one is a failure or unknown, within the deadline."""

    async def scene() -> None:
        async with connected(bench, tmp_path, deadline_s=6.0) as devices:
            bench.hardware.switch.broken = True
            with pytest.raises(DeviceFailed, match="500"):
                await devices.lamps.on("Argon")
            with pytest.raises(DeviceFailed, match="500"):
                await devices.lamps.off("Argon")
            bench.hardware.switch.broken = False
            bench.hardware.switch.slow_s = 20.0
            began = CLOCK.now()
            with pytest.raises((DeviceFailed, DeviceUnknown)):
                await devices.lamps.off("Argon")
            assert CLOCK.now() - began < 19.0

    run(scene())


def test_lamp_done_that_is_not_done(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A relay that does not move is told: an ON is unknown, an OFF reads back as on."""
    bench.hardware.switch.stuck.add("Argon")

    async def scene() -> None:
        async with connected(bench, tmp_path, deadline_s=2.5) as devices:
            with pytest.raises(DeviceUnknown, match="does not read it as on"):
                await devices.lamps.on("Argon")
            assert (await devices.lamps.status())["Argon"] == "off"
            for outlet in bench.hardware.switch.outlets:
                outlet.relay = outlet.state = outlet.name == "Argon"
            await devices.lamps.off("Argon")
            assert (await devices.lamps.status())["Argon"] == "on"

    run(scene())


def test_dead_man(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A lamp is darkened by the actor itself when its lease has passed, whoever is gone by then."""
    plain = bench.observatory().model_dump(mode="json")
    plain["lamps"]["units"]["Argon"]["longest_on_s"] = 2.0
    observatory = Observatory.model_validate(plain)

    async def scene() -> None:
        async with connected(bench, tmp_path, lamps=observatory.lamps) as devices:
            await devices.lamps.on("Argon")
            assert bench.hardware.switch.lit() == {"Argon"}

    run(scene())

    async def later() -> None:
        await CLOCK.sleep(2.5)

    run(later())
    assert bench.hardware.switch.lit() == set()


def test_dead_man_outlives_its_run(bench: Bench, tmp_path: Path, run: Run) -> None:
    """The actor can't cancel a timer: another process is told of it until it ends, then no more, and it does darken."""
    plain = bench.observatory().model_dump(mode="json")
    plain["lamps"]["units"]["Argon"]["longest_on_s"] = 4.0
    observatory = Observatory.model_validate(plain)

    async def scene() -> None:
        began = CLOCK.utc()
        async with connected(bench, tmp_path, lamps=observatory.lamps) as devices:
            await devices.lamps.on("Argon")
            await devices.lamps.off("Argon")
        async with connected(bench, tmp_path, lamps=observatory.lamps) as others:
            found = timers_of(others.lamps)
            assert list(found) == ["Argon"]
            assert 2.0 < (found["Argon"][0] - began).total_seconds() < 8.0
            assert any("Argon" in words and "can't be cancelled" in words for words in timer_warnings(found))
            second = others.second_lamps
            assert second is not None
            await second.on("Argon")
            assert bench.hardware.switch.lit() == {"Argon"}
            await CLOCK.sleep(4.5)
            assert bench.hardware.switch.lit() == set()
            assert timers_of(others.lamps) == {}

    run(scene())


def test_two_clients(bench: Bench, tmp_path: Path, run: Run) -> None:
    """What another client does to a lamp in between is read back, not what was acknowledged."""

    async def scene() -> None:
        async with connected(bench, tmp_path) as ours, connected(bench, tmp_path) as theirs:
            await ours.lamps.on("Argon")
            await theirs.lamps.off("Argon")
            assert (await ours.lamps.status())["Argon"] == "off"

    run(scene())


@pytest.mark.parametrize(
    ("exposure_s", "words"), [(0.5, "shutter did not open"), (6.0, "shutter is closed while it integrates")]
)
def test_shutter_stuck_closed(bench: Bench, tmp_path: Path, run: Run, exposure_s: float, words: str) -> None:
    """A shutter that never opened makes the exposure fail, although the actors say done. All are idle afterwards."""
    bench.hardware.shutters["sp2"].stuck = True

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            with pytest.raises(DeviceFailed, match=words):
                await devices.spectrographs.expose(ExposureOrder("arc", exposure_s, "arc-1"))
            await devices.spectrographs.abort()
            status = await devices.spectrographs.status()
            assert {(seen.activity, seen.shutter) for seen in status.values()} == {("idle", "closed")}

    run(scene())


def test_shutter_stuck_open_in_a_dark(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A spectrograph with an open shutter does not begin a dark. Abort closes it."""
    bench.hardware.shutters["sp1"].open = True

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            with pytest.raises(DeviceFailed, match="shutter open"):
                await devices.spectrographs.expose(ExposureOrder("dark", 6.0, "dark-1"))
            await devices.spectrographs.abort()
            assert {seen.shutter for seen in (await devices.spectrographs.status()).values()} == {"closed"}

    run(scene())
    assert not bench.hardware.shutters["sp1"].open


def test_stuck_mask_and_telescope(bench: Bench, tmp_path: Path, run: Run) -> None:
    """A motor and a mount that say done and did not move are read back where they are."""
    bench.hardware.mask.stuck = True
    bench.hardware.telescopes["sci"].stuck = True
    before = bench.hardware.mask.steps

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            assert devices.fibsel is not None
            assert devices.telescopes is not None
            await devices.fibsel.move(before + 1000)
            assert (await devices.fibsel.status()).steps == before
            targets = bench.observatory().targets("calibration")
            await devices.telescopes.goto({"sci": targets["sci"]})
            where = (await devices.telescopes.status())["sci"].where
            assert where is not None
            assert where.alt_deg == pytest.approx(-60.0)

    run(scene())


def test_actor_killed_in_mid_command(bench: Bench, tmp_path: Path, run: Run) -> None:
    """An actor that dies while it switches leaves the outcome unknown. The second path darkens what it lit."""

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            await devices.lamps.on("Argon")
            bench.hardware.switch.slow_s = 1.0
            lighting = asyncio.create_task(devices.lamps.on("Neon"))
            await CLOCK.sleep(0.5)
            bench.kill_actors("nps")
            with pytest.raises((DeviceUnknown, DeviceFailed)):
                await lighting
            bench.hardware.switch.slow_s = 0.0
            lamps = await safing_on(devices, bench.observatory()).all_lamps()
            assert set(lamps.values()) == {"off"}

    run(scene())
    assert bench.hardware.switch.lit() == set()


def test_wrong_credentials_at_the_second_path(bench: Bench, tmp_path: Path, run: Run) -> None:
    """Where neither path works the lamp is unknown, never off, and the reason is told."""
    plain = bench.observatory().model_dump(mode="json")
    plain["lamps"]["second_path"]["options"]["password"] = "wrong"  # noqa: S105
    observatory = Observatory.model_validate(plain)

    async def scene() -> None:
        async with connected(bench, tmp_path, lamps=observatory.lamps) as devices:
            await devices.lamps.on("Argon")
            bench.kill_actors("nps")
            second = devices.second_lamps
            assert second is not None
            with pytest.raises(DeviceFailed, match="password"):
                await second.off("Argon")
            lamps = await safing_on(devices, observatory).all_lamps()
            assert set(lamps.values()) == {"unknown"}

    run(scene())


@pytest.mark.parametrize("broker_too", [False, True], ids=["second path", "both paths"])
def test_guard_with_wrong_credentials(bench: Bench, tmp_path: Path, run: Run, *, broker_too: bool) -> None:
    """Before a lamp is lit the guards tell which path refuses them. Where it is both, no lamp may be lit."""
    plain = bench.observatory().model_dump(mode="json")
    plain["lamps"]["second_path"]["options"]["password"] = "wrong"  # noqa: S105
    if broker_too:
        plain["lamps"]["options"]["broker"] |= {"user": "nobody", "password": "wrong"}
    # A heartbeat that comes late on a busy machine is another story.
    plain["guard"]["silence_s"] = 60.0
    plain["retries"]["kinds"]["safing"] = {"attempts": 2, "first_wait_s": 0.1, "factor": 1.0, "longest_wait_s": 0.1}
    order = GuardConfig("by-test", tmp_path, Observatory.model_validate(plain))
    reasons: list[str] = []
    lost: list[str] = []
    guards: list[int] = []

    async def scene() -> None:
        watch = GuardClient(order, CLOCK, lost.append, lambda _, **facts: reasons.append(str(facts.get("reason"))))
        await watch.start()
        try:
            if broker_too:
                with pytest.raises(GuardError, match=r"(?s)can't read the lamps.*password"):
                    await watch.permit("Argon", 60.0)
            else:
                await watch.permit("Argon", 60.0)
        finally:
            guards.extend(watch.pids)
            await watch.end()

    run(scene())
    if broker_too:
        # Where no path answers they would go on for ever, as they should.
        for pid in guards:
            os.kill(pid, signal.SIGKILL)
    assert len(guards) == 2
    assert len(lost) == int(broker_too)
    assert [reason.split(":")[0] for reason in sorted(reasons)] == ["the first path"] * broker_too + ["the second path"]
    assert bench.hardware.switch.switched == []


def test_spectrograph_actor_killed_in_mid_exposure(bench: Bench, tmp_path: Path, run: Run) -> None:
    """An actor that dies while it integrates is noticed. Abort closes the shutters that it left open."""

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            exposing = asyncio.create_task(devices.spectrographs.expose(ExposureOrder("arc", 60.0, "arc-1")))
            while not all(shutter.open for shutter in bench.hardware.shutters.values()):
                await CLOCK.sleep(0.1)
            bench.kill_actors("scp")
            with pytest.raises((DeviceUnknown, DeviceFailed)):
                await exposing
            with pytest.raises(DeviceFailed):
                await devices.spectrographs.abort()
            assert not any(shutter.open for shutter in bench.hardware.shutters.values())

    run(scene())


def test_broker_stopped_and_started_in_mid_command(bench: Bench, tmp_path: Path, run: Run) -> None:
    """What was under way is unknown at once. The lamp that was lit is dark in seconds, and no command is sent again."""
    bench.hardware.switch.slow_s = 0.3
    archons = bench.hardware.archons.values()
    begun = {id(archon): archon.integrations for archon in archons}

    async def scene() -> None:
        async with connected(bench, tmp_path) as devices:
            exposing = asyncio.create_task(devices.spectrographs.expose(ExposureOrder("dark", 60.0, "dark-1")))
            while any(archon.integrations == begun[id(archon)] for archon in archons):
                await CLOCK.sleep(0.1)
            lighting = asyncio.create_task(devices.lamps.on("Argon"))
            while not bench.hardware.switch.lit():
                await CLOCK.sleep(0.02)
            began = CLOCK.now()
            bench.broker.kill()
            with pytest.raises(DeviceUnknown):
                await lighting
            # Lost while it asked how the integration goes, or found lost when it wanted to ask.
            with pytest.raises(DeviceUnknown):
                await exposing
            assert CLOCK.now() - began < 30.0
            bench.hardware.switch.slow_s = 0.0
            lamps = await safing_on(devices, bench.observatory()).all_lamps()
            assert set(lamps.values()) == {"off"}
            assert CLOCK.now() - began < 40.0
            await CLOCK.in_thread(bench.revive)
            assert set((await devices.lamps.status()).values()) == {"off"}
            await devices.spectrographs.abort()
            await devices.spectrographs.reset()
            status = await devices.spectrographs.status()
            assert {(seen.activity, seen.shutter) for seen in status.values()} == {("idle", "closed")}

    run(scene())
    assert bench.hardware.switch.lit() == set()
    assert [lamp for lamp, on in bench.hardware.switch.switched if on] == ["Argon"]
