"""The mask and the telescopes are declared for every frame with the shutter open, and put back at a resume."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import AltAz, Devices, load_observatory, open_devices
from safelight.engine import Request, Runner, RunResult, VirtualClock, perform
from safelight.engine.planning.plan import site_of
from safelight.engine.planning.request import choose
from safelight.engine.records import tables
from safelight.engine.records.database import Journal, default_url
from safelight.engine.resume.resumption import ResumeRequest, resume
from safelight.sequences import load
from safelight.show.history.recorded_plan import segment_plan
from safelight.show.history.run_history import read_history
from safelight.states import Expose
from safelight.web.expected_times import expected_times_of

LAMPS = {"Neon": {"warmup": 5, "exposure_time": 3}, "Quartz": {"warmup": 5, "exposure_time": 2}}
Act = Callable[[Devices], Awaitable[None]]


async def no_act(devices: Devices) -> None:
    """Leave the instrument as it is."""


class Night:
    """One simulated instrument and one clock, for runs and for what is done by hand."""

    def __init__(self, folder: Path, observatory: Path) -> None:
        self.folder = folder
        self.observatory = observatory
        self.clock = VirtualClock()
        self.events: list[Mapping[str, Any]] = []
        self.runners: list[Runner] = []

    async def by_hand(self, act: Act) -> None:
        """Do something with the devices while no run goes on."""
        devices = open_devices(load_observatory(self.observatory), clock=self.clock, home=self.folder / "home")
        try:
            await act(devices)
        finally:
            await devices.close()

    def hear(self, pause_after: int) -> Callable[[Mapping[str, Any]], None]:
        """Listen, and pause once as many frames are on the disk."""
        count = 0

        def listener(said: Mapping[str, Any]) -> None:
            nonlocal count
            self.events.append(said)
            count += said["event"] == "frame.taken"
            if count == pause_after:
                self.runners[-1].stop("pause", "a test")

        return listener

    async def run(self, sequence: Any, *, pause_after: int = -1, **request: Any) -> RunResult:
        """Run to the end, or to a pause."""
        asked = Request(sequence, self.observatory, self.folder / "home", self.folder / "frames", **request)
        listeners = [self.hear(pause_after)]
        return await perform(asked, clock=self.clock, listeners=listeners, on_start=self.runners.append, guarded=False)

    async def resume(self) -> RunResult:
        """Resume the run."""
        asked = ResumeRequest(home=self.folder / "home")
        return await resume(
            asked, clock=self.clock, listeners=[self.hear(-1)], on_start=self.runners.append, guarded=False
        )

    def paused_and_resumed(
        self, sequence: Any, meanwhile: Act, *, before: Act = no_act, pause_after: int = 1, **request: Any
    ) -> dict[str, fits.Header]:
        """Pause a run, do something by hand, resume it. Return the header of each frame."""

        async def whole() -> RunResult:
            await self.by_hand(before)
            assert (await self.run(sequence, pause_after=pause_after, **request)).outcome == "paused"
            await self.by_hand(meanwhile)
            return await self.resume()

        result = asyncio.run(whole())
        assert result.outcome == "done"
        return headers(result)


def headers(result: RunResult) -> dict[str, fits.Header]:
    """Return the header of each good frame."""
    return {taken.frame: fits.getheader(taken.files[0].path) for taken in result.frames}


def turn(steps: int) -> Act:
    """Turn the mask."""

    async def act(devices: Devices) -> None:
        assert devices.fibsel is not None
        await devices.fibsel.move(steps)

    return act


def slew(alt_deg: float) -> Act:
    """Slew every telescope."""

    async def act(devices: Devices) -> None:
        assert devices.telescopes is not None
        await devices.telescopes.goto({name: AltAz(alt_deg, 120.0) for name in devices.telescopes.names})

    return act


@pytest.fixture
def night(tmp_path: Path, small: Path) -> Night:
    """Return a night on the small observatory."""
    return Night(tmp_path, small)


# ---- the mask


def test_quick_cals_stay_on_their_fibre(night: Night) -> None:
    """A mask that is turned between arcs and flats is turned back: all frames are on the fibre that was drawn."""
    found = night.paused_and_resumed("quick-cals", turn(12885), pause_after=2)
    (fibre,) = {header["CALIBFIB"] for header in found.values()}
    assert len(found) == 4
    assert fibre.startswith("P1-")
    fibsel = load_observatory(night.observatory).fibsel
    assert fibsel is not None
    assert {header["FIBSTEPS"] for header in found.values()} == {fibsel.fibres[fibre]}


@pytest.mark.parametrize(("steps", "fibre"), [(16610, "P1-3"), (777, "NONE")])
def test_a_mask_as_it_was_found_is_pinned(night: Night, steps: int, fibre: str) -> None:
    """Where nothing names a fibre the mask stays as it was at the first frame, and a resume turns it back."""
    found = night.paused_and_resumed({"lamps": LAMPS}, turn(12885), before=turn(steps))
    assert [header["FIBSTEPS"] for header in found.values()] == [steps, steps]
    assert [header["CALIBFIB"] for header in found.values()] == [fibre, fibre]


def test_a_mask_that_was_turned_before_the_first_frame(night: Night) -> None:
    """What is pinned is what the first frame has read back, not what was there when the run was made."""
    found = night.paused_and_resumed({"biases": {}, "lamps": LAMPS}, turn(12885), before=turn(16610))
    assert "CALIBFIB" not in found["bias-001"]
    assert [header["CALIBFIB"] for frame, header in found.items() if frame != "bias-001"] == ["P2-3", "P2-3"]


def test_a_mask_that_is_turned_during_a_run(night: Night) -> None:
    """A mask as it was found is demanded before each frame: one that somebody turns meanwhile is turned back."""

    async def whole() -> RunResult:
        work = asyncio.ensure_future(night.run({"lamps": LAMPS}))
        while not any(said["event"] == "frame.taken" for said in night.events):
            await night.clock.sleep(1.0)
        await night.by_hand(turn(12885))
        return await work

    result = asyncio.run(whole())
    assert result.outcome == "done"
    assert {header["FIBSTEPS"] for header in headers(result).values()} == {0}


def test_a_mask_is_left_where_the_frame_before_has_left_it(night: Night) -> None:
    """After a sweep the next frames are on its last fibre, and say so."""
    swept = {"warmup": 5, "exposure_time": 30, "fibsel": {"positions": ["P1-2", "P1-1"]}}
    found = night.paused_and_resumed({"lamps": {"Quartz": swept, "Neon": LAMPS["Neon"]}}, turn(12885))
    assert found["Quartz-30s-001"]["CALIBFIB"] == "SWEEP"
    assert found["Neon-3s-001"]["CALIBFIB"] == "P1-1"


def test_a_journal_without_a_pin_is_resumed(night: Night) -> None:
    """A first frame of which the journal does not tell where the mask was pins nothing. The resume reads it back."""

    async def whole() -> RunResult:
        await night.run({"lamps": LAMPS}, pause_after=1)
        journal = Journal(default_url(night.folder / "home"))
        for row in journal.read(tables.states.select().where(tables.states.c.kind == "expose")):
            note = json.loads(row["note"])
            note["seen"]["fibre_steps"] = None
            journal.write(
                tables.states.update().where(tables.states.c.number == row["number"]), {"note": json.dumps(note)}
            )
        journal.commit()
        journal.close()
        await night.by_hand(turn(16610))
        return await night.resume()

    result = asyncio.run(whole())
    assert result.outcome == "done"
    assert headers(result)["Quartz-2s-001"]["CALIBFIB"] == "P1-3"


def test_the_same_pattern_is_one_draw(small: Path) -> None:
    """Blocks that choose from the same fibres are on the same fibre, in whatever run."""
    observatory = load_observatory(small)
    blocks = [{"lamps": [lamp], "exposure_time": 5, "fibre": {"choose": "P1-"}} for lamp in ("Argon", "Quartz", "LDLS")]
    document = load({"lamps": blocks}, site_of(observatory))
    draws = [choose(document, observatory, point=True) for _ in range(30)]
    assert all(len(draw) == 3 and len(set(draw.values())) == 1 for draw in draws)
    assert len({draw["lamps.0"] for draw in draws}) > 1


# ---- the telescopes


@pytest.mark.parametrize("document", [{"lamps": LAMPS}, {"lamps": LAMPS, "position": "calibration"}])
def test_telescopes_that_stay_are_pinned(night: Night, document: Mapping[str, Any]) -> None:
    """With `point=False` no telescope is sent anywhere but back to where it was at the first frame."""
    found = night.paused_and_resumed(document, slew(35.0), before=slew(62.5), point=False)
    assert {round(header["SCIALT"], 2) for header in found.values()} == {62.5}
    started = [said["state"] for said in night.events if said["event"] == "state.started" and said["kind"] == "point"]
    assert started == ["point/Quartz-2s-001"]


def test_graphs_do_not_depend_on_where_the_mask_was_found(night: Night) -> None:
    """Every frame with the shutter open demands a mask and a pointing, of a kind that is the same for all runs."""
    asyncio.run(night.run({"biases": {}, "lamps": LAMPS}, point=False))
    graph = night.runners[0].graph
    needs = [state.work.exposure.need for state in graph.states if isinstance(state.work, Expose)]
    assert [(need.fibre, need.position) for need in needs] == [(None, None), *[("as found", "as found")] * 2]


# ---- afterwards


def test_pictures_of_a_resume(night: Night) -> None:
    """Every state that a resume has executed is in the graph that is drawn of it, the moves back included."""
    night.paused_and_resumed({"lamps": LAMPS}, turn(12885), before=slew(62.5), point=False)
    journal = Journal(default_url(night.folder / "home"), create=False)
    try:
        (run,) = journal.read(tables.runs.select())
        told = read_history(journal, run["run"])
    finally:
        journal.close()
    executed = {row["state"] for row in told.states if row["segment"] == 2}
    assert {"fibsel-step/Quartz-2s-001", "point/Quartz-2s-001"} <= executed
    assert executed <= set(segment_plan(told, 2).graph.by_id)
    assert executed <= set(expected_times_of(told).slots)
