"""Lamps are lit as late as is free: the run lasts as long, and the lamps less."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight.devices import Observatory, load_observatory, open_devices, shipped_observatories
from safelight.engine import Clock, Plan, ScaledClock, VirtualClock
from safelight.engine.run import segment
from safelight.states import Instrument, LampWarmup, Tolerances, Wait

Planner = Callable[..., Plan]
Played = Any
Player = Any

LAMPS: Mapping[str, Any] = {
    "Neon": {"warmup": 10, "exposure_time": 3},
    "Quartz": {"warmup": 20, "exposure_time": 12},
    "Argon": {"warmup": 30, "exposure_time": 5},
}
SPARE_S = 3.0
"""For commands and read-backs between the end of a warm-up and lamp-off, s."""


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Observatory:
    """Return the simulated observatory with a light-tight shutter."""
    document = yaml.safe_load(shipped_observatories()["simulated"].read_text(encoding="utf-8"))
    document["spectrographs"]["light_tight_shutter"] = True
    path = tmp_path_factory.mktemp("tight") / "tight.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_observatory(path)


def waits(plan: Plan) -> dict[str, Wait]:
    """Return each wait of a plan, by its id."""
    return {state.id: state.work for state in plan.graph.states if isinstance(state.work, Wait)}


@pytest.mark.parametrize(
    "document",
    [
        {"lamps": LAMPS},
        {"biases": {"count": 2}, "lamps": LAMPS},
        {"darks": {"exposure_time": [30, 900]}, "lamps": LAMPS},
        {"lamps": {"LDLS": {"warmup": 300, "exposure_time": 3}, **LAMPS}},
        "demo",
        "normal",
        "long-term",
        "quick-cals",
    ],
)
@pytest.mark.parametrize("shutter", ["own", "light-tight"])
def test_plans_are_as_short_and_lamps_on_for_less(
    plan: Planner, observatory: Observatory, tight: Observatory, document: Any, shutter: str
) -> None:
    """A plan stays within half a percent of its bound, and no lamp waits lit for anything that could be foreseen."""
    site = tight if shutter == "light-tight" else observatory
    planned = plan(document, site=site)
    assert planned.total_s <= 1.005 * planned.bound_s
    ends = {slot.state.id: slot.end_s for slot in planned.schedule.slots}
    for state, wait in waits(planned).items():
        # The shutters are read back first, for which no plan has a state.
        warm = ends[state.replace("wait/", "lamp-warmup/")] + site.spectrographs.status_s
        assert warm == pytest.approx(max(ends[other] for other in wait.beside), abs=1e-6)


def test_short_warm_ups(plan: Planner) -> None:
    """A lamp that needs 10 s of warm-up and 3 s of exposure is on for little more."""
    planned = plan({"biases": {}, "lamps": LAMPS})
    assert sorted(waits(planned)) == ["wait/Argon-5s-001", "wait/Neon-3s-001", "wait/Quartz-12s-001"]
    for lamp, block in LAMPS.items():
        assert planned.schedule.lamp_on_s[lamp] <= block["warmup"] + block["exposure_time"] + SPARE_S


def test_long_warm_ups_begin_at_once(plan: Planner) -> None:
    """A warm-up that lasts longer than all beside it waits for nothing. No state is added to the graph."""
    assert not waits(plan({"lamps": {"Neon": {"exposure_time": 3}, "Quartz": {"exposure_time": 3}}}))


def test_a_lamp_that_stays_lit_waits_for_nothing(plan: Planner) -> None:
    """A lamp that is lit already is not waited for. One that is to join it is."""
    blocks = [
        {"lamps": ["Neon"], "warmup": 40, "exposure_time": 3},
        {"lamps": ["Neon", "Argon"], "warmup": 40, "exposure_time": 3},
        {"lamps": ["Neon"], "warmup": 200, "exposure_time": 3},
    ]
    planned = plan({"lamps": blocks})
    assert "wait/Argon+Neon-3s-001" in waits(planned)
    assert "wait/Neon-3s-002" not in waits(planned)
    assert planned.schedule.lamp_on_s["Argon"] <= 40 + 3 + SPARE_S


def test_light_tight_darks(plan: Planner, tight: Observatory) -> None:
    """Beside darks a lamp is lit so that it is warm when the last of them has been read out."""
    planned = plan("normal", site=tight)
    assert planned.schedule.lamp_on_s["LDLS"] <= 300 + 90 + SPARE_S
    (lit,) = [slot for slot in planned.schedule.slots if slot.state.id == "lamp-warmup/LDLS-90s-001"]
    (dark,) = [slot for slot in planned.schedule.slots if slot.state.id == "expose/dark-900s-001"]
    assert dark.start_s + 600 < lit.start_s < dark.end_s


# ---- runs


def on_s(played: Played, lamp: str) -> float:
    """Return for how long a lamp had been on before its first frame, as that frame's header says, s."""
    first = next(taken for taken in played.result.frames if taken.frame.startswith(lamp))
    return float(fits.getheader(first.files[0].path)[f"W{lamp.upper()}"])


def test_a_run_takes_as_long_as_its_plan(play: Player) -> None:
    """In virtual time the run takes what the plan says, and each lamp has been on for its warm-up before its frame."""
    played = play({"biases": {}, "lamps": LAMPS})
    (started,) = played.heard("run.started")
    assert played.result.elapsed_s == pytest.approx(started["total_s"], abs=0.5)
    for lamp, block in LAMPS.items():
        assert block["warmup"] - 0.1 <= on_s(played, lamp) <= block["warmup"] + 1.0


def with_readout(monkeypatch: pytest.MonkeyPatch, readout_s: float) -> None:
    """Let readouts take another time than the observatory's document says."""

    def opened(observatory: Observatory, **more: Any) -> Any:
        spectrographs = observatory.spectrographs.model_copy(update={"readout_s": readout_s})
        return open_devices(observatory.model_copy(update={"spectrographs": spectrographs}), **more)

    monkeypatch.setattr(segment, "open_devices", opened)


MANY: Mapping[str, Any] = {
    "lamps": [{"lamps": [lamp], "warmup": 10, "exposure_time": 3} for lamp in ("Neon", "Argon") * 4]
}


def test_a_readout_that_is_faster_than_planned(play: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run learns how fast readouts really are: only the first of them costs a part of a warm-up."""
    planned_s = play(MANY).result.elapsed_s
    with_readout(monkeypatch, 35.0)
    played = play(MANY)
    faster_s = 8 * (55.0 - 35.0)
    assert played.result.outcome == "done"
    assert planned_s - faster_s - 1.0 <= played.result.elapsed_s <= planned_s - faster_s + 12.0
    assert min(on_s(played, lamp) for lamp in ("Neon", "Argon")) >= 9.9


def test_a_readout_that_is_slower_than_planned(play: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slower readout costs its own time and no more. The lamps wait, and no warm-up is cut."""
    planned_s = play(MANY).result.elapsed_s
    with_readout(monkeypatch, 60.0)
    played = play(MANY)
    assert played.result.outcome == "done"
    assert played.result.elapsed_s == pytest.approx(planned_s + 8 * 5.0, abs=1.0)
    assert min(on_s(played, lamp) for lamp in ("Neon", "Argon")) >= 9.9


def test_a_readout_that_fails(play: Player) -> None:
    """A readout that is tried again delays nothing but itself: warm-ups are whole, all frames good, all lamps off."""
    fault = {"device": "spectrographs", "verb": "read_out", "nth": 2, "what": "error"}
    played = play({"lamps": LAMPS}, faults=[fault])
    assert played.result.outcome == "done"
    assert len(played.good) == 3
    assert played.all_dark()
    for lamp, block in LAMPS.items():
        assert on_s(played, lamp) >= block["warmup"] - 0.1


def test_a_pause_while_a_lamp_is_not_lit_yet(play: Player) -> None:
    """A pause during a wait lights nothing any more, and the frame that is read out comes home."""

    def listener(said: Mapping[str, Any], runner: Any) -> None:
        if said["event"] == "state.started" and said["state"] == "wait/Quartz-12s-001":
            runner.stop("pause", "a test")

    played = play({"lamps": LAMPS}, listener=listener)
    assert played.result.outcome == "paused"
    assert played.good == ["Neon-3s-001"]
    assert "lamp-warmup/Quartz-12s-001" not in {said["state"] for said in played.heard("state.started")}


def bare(folder: Path, clock: Clock) -> Instrument:
    """Return an instrument of which nothing but the clock is used."""
    return Instrument(
        devices=open_devices(load_observatory("simulated"), clock=clock, home=folder),
        clock=clock,
        positions={},
        fibres={},
        keywords={},
        longest_on_s={},
        tolerances=Tolerances(pointing_deg=0.0, fibre_steps=0),
        folder=folder,
    )


def test_a_wait_on_an_accelerated_clock(tmp_path: Path) -> None:
    """A wait is no deadline: it is not longer where time is accelerated."""

    async def whole() -> float:
        clock = ScaledClock(100.0)
        began_s = clock.now()
        await Wait(40.0, ("readout/a",)).act(bare(tmp_path, clock))
        return clock.now() - began_s

    # A deadline would take two seconds longer, which are 200 s on this clock.
    assert 39.0 <= asyncio.run(whole()) <= 200.0


def test_a_wait_that_is_cancelled(tmp_path: Path) -> None:
    """A wait that is cancelled leaves no task behind."""

    async def whole() -> None:
        instrument = bare(tmp_path, clock := VirtualClock())
        waiting = asyncio.ensure_future(Wait(40.0, ("readout/a",)).act(instrument))
        await clock.sleep(1.0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def test_a_wait_ends_with_what_it_waits_beside(tmp_path: Path) -> None:
    """A wait is over when all beside it have ended, or after its time. It is shorter where these came early before."""

    async def whole(early_s: float, *ended: str) -> float:
        instrument = bare(tmp_path, clock := VirtualClock())
        instrument.early_s["readout"] = early_s
        for state in ended:
            instrument.ended[state].set()
        await Wait(40.0, ("readout/a", "readout/b")).act(instrument)
        return clock.now()

    assert asyncio.run(whole(0.0)) == pytest.approx(40.0)
    assert asyncio.run(whole(15.0)) == pytest.approx(25.0)
    assert asyncio.run(whole(60.0)) == pytest.approx(0.0)
    assert asyncio.run(whole(0.0, "readout/a")) == pytest.approx(40.0)
    assert asyncio.run(whole(0.0, "readout/a", "readout/b")) == pytest.approx(0.0)


def test_nothing_but_a_warm_up_follows_a_wait(plan: Planner) -> None:
    """A wait stands in the lane of a warm-up, right before it: what it lets pass is no other state's time."""
    graph = plan({"biases": {}, "lamps": LAMPS}).graph
    for state in graph.states:
        if isinstance(state.work, Wait):
            assert isinstance(graph.by_id[graph.edges[state.id, "next"]].work, LampWarmup)
