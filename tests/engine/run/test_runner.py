"""Whole runs on the simulated observatory, in virtual time."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io import fits

from safelight import look_back
from safelight.devices import DeviceFailed, Observatory
from safelight.devices.simulated.faults import VERBS
from safelight.devices.simulated.telescopes import SimulatedTelescopes
from safelight.engine import Plan, Request, Runner, RunRefused, VirtualClock, perform, plan_of
from safelight.engine.records import tables
from safelight.engine.records.database import default_url
from safelight.engine.run import segment
from safelight.show.report.executed_lanes import actual_lanes
from safelight.states import State
from tests.crash.check import rows_of

Play = Callable[..., Any]

DEMO_FRAMES = ["bias-001", "Quartz-120s-001"]
FEATURE_FRAMES = ["bias-001", "Quartz-30s-001", "Argon+Neon-5s-001"]


def header(path: Path) -> fits.Header:
    """Return the header of a frame's file."""
    with fits.open(path) as hdus:
        return hdus[0].header


def first_headers(played: Any) -> dict[str, fits.Header]:
    """Frame -> the header of its first file."""
    return {taken.frame: header(taken.files[0].path) for taken in played.result.frames}


# ---- the library


@pytest.mark.parametrize("name", ["bias", "demo", "normal", "quick-cals", "long-term"])
def test_the_library_takes_what_is_planned(play: Play, name: str) -> None:
    """Each library sequence ends done, in the time of its plan, its frames in order. Nothing is left on or running."""
    played = play(name)
    plan = plan_of(Request(name, observatory=play.observatory))
    assert (played.result.outcome, played.result.reason, played.result.internal) == ("done", None, False)
    assert played.result.elapsed_s == pytest.approx(plan.total_s, abs=1e-3)
    assert played.good == [frame.id for frame in plan.expansion.frames]
    assert [header(t.files[0].path)["IMAGETYP"] for t in played.result.frames] == [
        frame.flavour for frame in plan.expansion.frames
    ]
    assert set(played.result.lamps.values()) == {"off"}
    assert played.all_dark()
    assert played.detectors() == {"empty"}
    assert played.leftovers == []
    assert played.result.bad == ()
    assert played.result.folder.parent.iterdir()


def test_every_state_begins_and_ends_as_planned(play: Play) -> None:
    """Each state of the plan is reported as started and ended once, and starts when the plan says."""
    began: dict[str, float] = {}
    clocks: list[VirtualClock] = []

    async def watch(work: asyncio.Task[Any], runner: Runner, clock: VirtualClock) -> None:
        clocks.append(clock)

    def note(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started":
            began[said["state"]] = runner.instrument.clock.now()

    played = play("demo", listener=note, also=watch)
    slots = plan_of(Request("demo", observatory=play.observatory)).schedule.slots
    wanted = {slot.state.id: slot.start_s for slot in slots if slot.state.id != "safing"}
    assert began == pytest.approx(wanted, abs=1e-3)
    assert sorted(said["state"] for said in played.heard("state.ended")) == sorted(wanted)


def test_without_overlap(play: Play, features: Mapping[str, Any]) -> None:
    """The serial chain takes the same frames in its own planned time."""
    played = play(features, overlap=False)
    plan = plan_of(Request(features, observatory=play.observatory, overlap=False))
    # Before each of the two warm-ups, long after the last exposure, the shutters are read once more.
    looks_s = 2 * plan.observatory.spectrographs.status_s
    assert played.result.outcome == "done"
    assert played.good == FEATURE_FRAMES
    assert played.result.elapsed_s == pytest.approx(plan.total_s + looks_s, abs=1e-3)


def test_one_run_after_another(play: Play) -> None:
    """A second run in the same home, with mask and telescopes where the first one left them, ends done too."""
    home = play.folder / "shared"
    for _ in range(3):
        played = play("demo", home=home)
        assert played.result.outcome == "done", played.result.reason
        assert played.good == DEMO_FRAMES


# ---- files


def test_the_manifest_is_what_lies_on_disk(full: Play, features: Mapping[str, Any]) -> None:
    """The manifest names every frame with every file, its size and its sha256, and nothing else lies in the folder."""
    played = full(features)
    folder = played.result.folder
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run"] == played.result.run
    assert [frame["frame"] for frame in manifest["frames"]] == FEATURE_FRAMES
    named = set()
    for frame in manifest["frames"]:
        assert frame["verdict"] == "good"
        assert len(frame["files"]) == 9
        for file in frame["files"]:
            content = (folder / file["path"]).read_bytes()
            assert len(content) == file["bytes"]
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            named.add(file["path"])
    assert {path.name for path in folder.iterdir()} == named | {"manifest.json"}


def test_headers(full: Play, features: Mapping[str, Any]) -> None:
    """The header of a bias, of a sweep and of a frame on one fibre says what it is and what was read back."""
    played = full(features | {"darks": {"count": 1, "exposure_time": 7}, "header": {"OBSERVER": "Ada"}})
    heads = first_headers(played)
    plan = plan_of(Request(features | {"darks": {"count": 1, "exposure_time": 7}, "header": {"OBSERVER": "Ada"}}))
    for frame, head in heads.items():
        assert head["RUNID"] == played.result.run
        assert head["FRAMEID"] == frame
        assert head["ATTEMPT"] == 1
        assert head["SEQNAME"] == "features"
        assert head["SEQHASH"] == plan.document.hash
        assert head["QUALITY"] == "GOOD"
        assert head["OBSERVER"] == "Ada"
        assert head["DATE-OBS"].startswith("20")
    bias, dark, sweep, arc = (heads[name] for name in ("bias-001", "dark-7s-001", *FEATURE_FRAMES[1:]))
    lamps = ("ARGON", "NEON", "LDLS", "QUARTZ", "HGNE", "XENON")
    assert (bias["IMAGETYP"], bias["EXPTIME"], bias["OBJECT"]) == ("bias", 0.0, "bias")
    assert (dark["IMAGETYP"], dark["EXPTIME"], dark["OBJECT"]) == ("dark", 7.0, "dark")
    assert {bias[lamp] for lamp in lamps} | {dark[lamp] for lamp in lamps} == {"OFF"}
    assert (sweep["IMAGETYP"], sweep["EXPTIME"], sweep["OBJECT"]) == ("flat", 30.0, "Quartz")
    assert [lamp for lamp in lamps if sweep[lamp] == "ON"] == ["QUARTZ"]
    assert sweep["WQUARTZ"] >= 20
    assert sweep["CALIBFIB"] == "SWEEP"
    assert [sweep["FIB001"], sweep["FIB002"]] == ["P1-2", "P1-1"]
    assert sweep["SWEEPN"] == 2
    moves_s = (1650 - 215) / 500
    assert sweep["DWE001"] == pytest.approx(10, abs=0.01)
    assert sweep["DWE002"] == pytest.approx(30 - 10 - moves_s, abs=0.01)
    assert sweep["DWELLASK"] == 10
    assert (arc["IMAGETYP"], arc["OBJECT"], arc["CALIBFIB"]) == ("arc", "Argon+Neon", "P1-12")
    assert [lamp for lamp in lamps if arc[lamp] == "ON"] == ["ARGON", "NEON"]
    assert arc["WNEON"] >= 30
    assert arc["WQUARTZ"] == 0
    assert arc["FIBSTEPS"] == 3210
    assert (arc["SCIALT"], arc["SCIAZ"]) == (70.804, 130.183)
    assert (arc["SKYWALT"], arc["SKYWAZ"]) == (42.311, 101.327)


# ---- single faults: every verb, every kind, once

KINDS = ("error", "timeout", "hang", "lie", "disconnect")
USED = {
    ("lamps", "on"),
    ("lamps", "off"),
    ("lamps", "status"),
    ("telescopes", "goto"),
    ("telescopes", "status"),
    ("spectrographs", "expose"),
    ("spectrographs", "read_out"),
    ("spectrographs", "status"),
    ("fibsel", "move"),
    ("fibsel", "status"),
}
"""What an undisturbed run sends; the other verbs (stop, abort, reset, all_off) come after failures only."""


OF_STEPS = {
    ("lamps", "set_level"),
    ("lamps", "levels"),
    ("spectrographs", "cool"),
    ("spectrographs", "temperatures"),
    ("selectors", "move"),
    ("selectors", "status"),
}
"""What only steps send; the fault matrix strikes each of these."""


def test_the_verbs_are_all_verbs() -> None:
    """The verbs that are struck below, those of steps, and those for failures are together all that devices have."""
    spared = {("lamps", "all_off"), ("telescopes", "stop"), ("fibsel", "stop"), ("selectors", "stop")} | OF_STEPS
    spared |= {("spectrographs", verb) for verb in ("abort", "reset")}
    every = {(device, verb) for device, verbs in VERBS.items() for verb in verbs if device != "second_lamps"}
    assert USED | spared == every


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize(("device", "verb"), sorted(USED))
def test_one_fault(play: Play, features: Mapping[str, Any], device: str, verb: str, what: str) -> None:
    """One fault of any kind at the first call of any verb: every frame is delivered, good, and the lamps are off."""
    played = play(features, faults=[{"device": device, "verb": verb, "what": what}])
    assert (played.result.outcome, played.result.reason) == ("done", None)
    assert played.good == FEATURE_FRAMES
    assert played.all_dark()
    assert played.leftovers == []


@pytest.mark.parametrize("nth", [2, 3, 4, 5, 7, 9])
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("device", ["lamps", "spectrographs", "telescopes", "fibsel"])
def test_one_fault_later(play: Play, features: Mapping[str, Any], device: str, what: str, nth: int) -> None:
    """The same at whatever call it comes: a fault at the nth call of any verb of a device costs no frame."""
    played = play(features, faults=[{"device": device, "verb": "*", "what": what, "nth": nth}])
    assert (played.result.outcome, played.result.reason) == ("done", None)
    assert played.good == FEATURE_FRAMES
    assert played.all_dark()


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("verb", ["stop", "abort", "reset"])
def test_a_fault_in_the_clean_up(play: Play, features: Mapping[str, Any], verb: str, what: str) -> None:
    """A clean-up that fails after a failure still costs no frame."""
    device = "fibsel" if verb == "stop" else "spectrographs"
    first = {"device": device, "verb": "status" if verb == "stop" else "expose", "what": "error"}
    played = play(features, faults=[first, {"device": device, "verb": verb, "what": what}])
    assert (played.result.outcome, played.result.reason) == ("done", None)
    assert played.good == FEATURE_FRAMES


def test_attempts_stand_in_headers(play: Play) -> None:
    """A frame that was taken again carries the number of its attempt, and one that was not is attempt 1."""
    played = play("demo", faults=[{"device": "spectrographs", "verb": "expose", "what": "error", "nth": 2}])
    heads = first_headers(played)
    assert [heads[frame]["ATTEMPT"] for frame in DEMO_FRAMES] == [1, 2]
    assert [taken.attempt for taken in played.result.frames] == [1, 2]
    assert [said["state"] for said in played.heard("state.retried")] == ["frame/Quartz-120s-001"]


@pytest.mark.parametrize("reluctant", [False, True])
def test_both_lanes_of_a_sweep_fail_at_once(play: Play, *, reluctant: bool) -> None:
    """Where the exposure fails, and the mask in the same moment or when it is stopped, both begin again once."""
    sabotage: list[str] = []

    def broken(runner: Runner, device: str, real: Any, last_s: float) -> Any:
        async def fail(*given: Any) -> Any:
            if sabotage.count(device):
                return await real(*given)
            sabotage.append(device)
            try:
                await runner.instrument.clock.sleep(last_s)
            except asyncio.CancelledError:
                raise DeviceFailed("stopped", device=device, verb="any") from None
            raise DeviceFailed("broken", device=device, verb="any")

        return fail

    def both(runner: Runner) -> None:
        devices = runner.instrument.devices
        exposing = broken(runner, "spectrographs", devices.spectrographs.expose, 3)
        moving = broken(runner, "fibsel", devices.fibsel.move, 4 if reluctant else 3)
        sabotaged("spectrographs", "expose", exposing)(runner)
        sabotaged("fibsel", "move", moving)(runner)

    played = play("demo", listener=when("expose/Quartz-120s-001", both))
    assert sorted(sabotage) == ["fibsel", "spectrographs"]
    assert (played.result.outcome, played.result.reason) == ("done", None)
    assert played.good == DEMO_FRAMES
    assert len(played.heard("state.failed")) == len(played.heard("state.retried")) == 1
    assert played.result.frames[1].attempt == 2
    written = rows_of(default_url(played.home), tables.states)
    assert [row["state"] for row in written if row["outcome"] is None] == []
    moves = [(row["attempt"], row["outcome"]) for row in written if row["frame"] and row["kind"] == "fibsel-step"]
    assert moves[0] == (1, "stopped" if reluctant else "failed")
    assert set(moves[1:]) == {(2, "done")}


def test_nothing_was_integrated(play: Play) -> None:
    """An exposure that is acknowledged and leaves no charge behind is taken again, not read out."""
    played = play("demo", faults=[{"device": "spectrographs", "verb": "expose", "what": "lie", "nth": 2}])
    assert played.good == DEMO_FRAMES
    (failed,) = played.heard("state.failed")
    assert failed["state"] == "expose/Quartz-120s-001"
    assert "holds no charge" in failed["error"]


@pytest.mark.parametrize("verb", ["off", "status"])
def test_the_shipped_policy_outlasts_a_lost_connection(full: Play, features: Mapping[str, Any], verb: str) -> None:
    """With the shipped policies too a switch that is away for two seconds costs no frame."""
    played = full(features, faults=[{"device": "lamps", "verb": verb, "what": "disconnect"}])
    assert (played.result.outcome, played.result.reason) == ("done", None)


# ---- faults for ever


@pytest.mark.parametrize("what", ["error", "lie", "hang", "disconnect"])
@pytest.mark.parametrize(("device", "verb"), sorted(USED - {("lamps", "off"), ("lamps", "status")}))
def test_a_fault_for_ever(play: Play, features: Mapping[str, Any], device: str, verb: str, what: str) -> None:
    """A verb that never works ends the run as faulted, with every lamp off in the switch's own file."""
    played = play(features, faults=[{"device": device, "verb": verb, "what": what, "times": None}])
    silent_lie = what == "lie" and verb == "status"
    if silent_lie:
        # What a lying status says can't be told from the truth as long as the commands work.
        assert played.result.outcome == "done"
        assert played.good == FEATURE_FRAMES
    else:
        assert played.result.outcome == "faulted"
        assert played.result.reason
        assert not played.result.internal
    assert set(played.result.lamps.values()) == {"off"}
    assert played.all_dark()
    assert played.leftovers == []
    on_disk = {file.path for taken in played.result.frames for file in taken.files}
    assert all(path.is_file() for path in on_disk)


@pytest.mark.parametrize("what", ["error", "hang"])
@pytest.mark.parametrize("verb", ["off", "status"])
def test_lamps_that_can_not_be_confirmed(play: Play, features: Mapping[str, Any], verb: str, what: str) -> None:
    """Where off or its read-back never works, no frame is taken, and no lamp is claimed off that was not read so."""
    faults = [{"device": "lamps", "verb": verb, "what": what, "times": None}]
    if verb == "off":
        faults.append({"device": "lamps", "verb": "all_off", "what": what, "times": None})
    played = play(features, faults=faults)
    assert played.good == []
    seen = played.result.lamps
    if verb == "status":
        assert played.result.outcome == "unsafe"
        assert set(seen.values()) == {"unknown"}
    else:
        # The lamps were dark from the beginning, and are read back so.
        assert played.result.outcome == "faulted"
        assert set(seen.values()) == {"off"}


@pytest.mark.parametrize("what", ["error", "hang", "lie"])
@pytest.mark.parametrize("common", [True, False])
def test_a_lamp_that_stays_on(play: Play, features: Mapping[str, Any], what: str, *, common: bool) -> None:
    """A burning lamp whose off command fails for ever is reported as on and the run is unsafe, unless all-off helps."""
    faults = [{"device": "lamps.Quartz", "verb": "off", "what": what, "nth": 2, "times": None}]
    if not common:
        faults.append({"device": "lamps", "verb": "all_off", "what": what, "times": None})
    played = play(features, faults=faults)
    assert played.result.outcome == ("faulted" if common else "unsafe")
    assert played.outlets()["Quartz"] == ("off" if common else "on")
    assert played.result.lamps["Quartz"] == played.outlets()["Quartz"]
    assert {state for lamp, state in played.outlets().items() if lamp != "Quartz"} == {"off"}


@pytest.mark.parametrize("device", ["lamps", "lamps.Quartz"])
def test_a_switch_that_is_lost_again_and_again(play: Play, features: Mapping[str, Any], device: str) -> None:
    """A switch that goes away at every off command is unsafe: whatever it may have done, nothing of it was read."""
    faults = [{"device": device, "verb": "off", "what": "disconnect", "nth": 2, "times": None, "seconds": 1000.0}]
    played = play(features, faults=faults)
    assert played.result.outcome == "unsafe"
    assert played.result.lamps["Quartz"] == "unknown"
    assert all(played.outlets()[lamp] == "off" for lamp, seen in played.result.lamps.items() if seen == "off")


def test_all_that_is_told_of_an_unsafe_end(play: Play, features: Mapping[str, Any]) -> None:
    """The last event of an unsafe run names the outcome and each lamp as read back."""
    faults = [
        {"device": "lamps.Neon", "verb": "off", "what": "lie", "nth": 2, "times": None},
        {"device": "lamps", "verb": "all_off", "what": "error", "times": None},
    ]
    played = play(features, faults=faults)
    last = played.events[-1]
    assert (last["event"], last["outcome"]) == ("run.finished", "unsafe")
    assert last["lamps"]["Neon"] == "on"
    assert last["lamps"]["Argon"] == "off"


def test_an_end_that_only_its_last_safing_makes_unsafe(play: Play) -> None:
    """A run that went well, and whose switch answers no more at the end, says why it is unsafe."""
    silent = {"device": "lamps", "verb": "status", "what": "error", "nth": 9, "times": None}
    played = play({"name": "biases", "biases": {"count": 1}}, faults=[silent])
    assert played.result is not None
    assert (played.result.outcome, len(played.result.frames)) == ("unsafe", 1)
    assert played.result.reason == "the lamps are not confirmed off at the end"


# ---- lamps in other hands


def when(state: str, do: Callable[[Runner], Any], *, event: str = "state.started", once: bool = True) -> Any:
    """Return a listener that does something when a state is told of."""
    done: list[bool] = []

    def hear(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == event and said.get("state") == state and not (once and done):
            done.append(True)
            do(runner)

    return hear


def later(seconds: float, verb: str, lamp: str) -> Callable[[Runner], None]:
    """Another hand on the switch, some seconds later."""

    def do(runner: Runner) -> None:
        async def hand() -> None:
            await runner.instrument.clock.sleep(seconds)
            await getattr(runner.instrument.devices.lamps, verb)(lamp)

        KEPT.append(asyncio.get_running_loop().create_task(hand()))

    return do


KEPT: list[asyncio.Task[None]] = []


@pytest.fixture
def finishing(tmp_path: Path, small: Path) -> Path:
    """Return the small observatory, where an exposure that is spoilt goes on to its end."""
    plain = yaml.safe_load(small.read_text(encoding="utf-8"))
    plain["lamps"]["break_off_spoilt"] = False
    path = tmp_path / "finishing.yaml"
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return path


@pytest.mark.parametrize(("verb", "lamp", "word"), [("off", "Quartz", "went out"), ("on", "Neon", "came on")])
def test_a_spoilt_exposure_is_broken_off(play: Play, verb: str, lamp: str, word: str) -> None:
    """A lamp that goes out or comes on in mid-exposure ends it at the next look. It is taken again at once."""
    plain = play("demo").result.elapsed_s
    played = play("demo", listener=when("expose/Quartz-120s-001", later(40, verb, lamp)))
    assert played.result.outcome == "done"
    assert (played.good, played.result.bad) == (DEMO_FRAMES, ())
    assert [taken.attempt for taken in played.result.frames] == [1, 2]
    assert any(f"{lamp} {word} during the exposure" in str(said["error"]) for said in played.heard("state.failed"))
    # 40 s until the lamp, the next look, and the warm-up: less than another whole exposure.
    assert played.result.elapsed_s - plain < 110
    assert played.all_dark()
    told = look_back(played.result.run, home=played.home)
    drawn = {lane.name: lane.bars for lane in actual_lanes(told, told.segments[0])}
    spoilt, retaken = drawn["integration"][-2:]
    (unended,) = (bar for bar in drawn["mask"] if bar.look == "bad")
    assert unended.end_s == spoilt.end_s, "a move that was interrupted is drawn beyond its exposure"
    assert any(bar.look == "lit" and bar.start_s <= retaken.start_s + 0.1 < bar.end_s for bar in drawn["Quartz"])


@pytest.mark.parametrize(
    ("frame", "verb", "lamp", "word"),
    [
        ("Quartz-120s-001", "off", "Quartz", "Quartz was not lit at the end"),
        ("Quartz-120s-001", "on", "Neon", "Neon was not off at the end"),
    ],
)
def test_a_lamp_in_other_hands(play: Play, finishing: Path, frame: str, verb: str, lamp: str, word: str) -> None:
    """A lamp that goes out or comes on in mid-exposure makes the frame bad: kept aside with its reason, taken again."""
    played = play("demo", listener=when(f"expose/{frame}", later(40, verb, lamp)), observatory=finishing)
    assert played.result.outcome == "done"
    assert played.good == DEMO_FRAMES
    (bad,) = played.result.bad
    assert (bad.frame, bad.attempt, bad.verdict) == (frame, 1, "bad")
    assert word in str(bad.reason)
    head = header(bad.files[0].path)
    assert bad.files[0].path.parent.name == "bad"
    assert head["QUALITY"] == "BAD"
    assert word in head["BADWHY"]
    assert head["ATTEMPT"] == 1
    good = next(taken for taken in played.result.frames if taken.frame == frame)
    assert good.attempt == 2
    assert header(good.files[0].path)["ATTEMPT"] == 2
    assert header(good.files[0].path)["QUALITY"] == "GOOD"
    assert header(good.files[0].path)["WQUARTZ"] >= 20
    assert bad.exposure_no != good.exposure_no
    entries = json.loads((played.result.folder / "manifest.json").read_text(encoding="utf-8"))["frames"]
    assert [(entry["frame"], entry["verdict"]) for entry in entries if entry["frame"] == frame] == [
        (frame, "bad"),
        (frame, "good"),
    ]
    assert [said["frame"] for said in played.heard("frame.bad")] == [frame]
    assert played.all_dark()


def test_a_lamp_that_comes_on_in_a_bias(play: Play) -> None:
    """A lamp that comes on during a bias makes it bad, is switched off, and the bias is taken again in the dark."""
    played = play("bias", listener=when("expose/bias-003", later(0.5, "on", "Xenon")))
    assert played.result.outcome == "done"
    assert [taken.frame for taken in played.result.bad] == ["bias-003"]
    assert played.good == [f"bias-{number:03d}" for number in range(1, 8)]
    assert played.all_dark()


def test_a_lamp_that_was_left_on(play: Play, tmp_path: Path) -> None:
    """A lamp that is on before the run begins is off before the first frame, and no frame sees it."""
    home = tmp_path / "left"
    (home / "simulated").mkdir(parents=True)
    outlets = {lamp: {"state": "on", "since": 0.0, "who": ""} for lamp in ("Neon", "LDLS")}
    (home / "simulated" / "switch.json").write_text(
        json.dumps({"outlets": outlets, "serial": 2, "transitions": []}), encoding="utf-8"
    )
    played = play("bias", home=home)
    assert played.result.outcome == "done"
    assert played.result.bad == ()
    assert {header(t.files[0].path)["NEON"] for t in played.result.frames} == {"OFF"}
    assert played.all_dark()


def test_a_bad_frame_again_and_again(play: Play, finishing: Path) -> None:
    """A frame that is bad at every try is given up as its policy says, and each try is kept aside."""
    spoilt = when("expose/Quartz-120s-001", later(40, "off", "Quartz"), once=False)
    played = play("demo", listener=spoilt, observatory=finishing)
    assert played.result.outcome == "faulted"
    assert "Quartz-120s-001" in str(played.result.reason)
    assert played.good == ["bias-001"]
    assert [taken.attempt for taken in played.result.bad] == [1, 2, 3]
    assert played.all_dark()


# ---- stops


def works_of(plan: Plan) -> list[State]:
    """Return the states with an action, safing left out."""
    return [state for state in plan.graph.states if state.work and state.id != "safing"]


def stops(sequence: Any, observatory: Path) -> list[str]:
    """Return the ids of all states in which a run may be stopped."""
    return [state.id for state in works_of(plan_of(Request(sequence, observatory=observatory)))]


def check_dark_and_clean(played: Any) -> None:
    """Demand that what must hold after any stop."""
    assert set(played.result.lamps.values()) == {"off"}
    assert not (played.home / "simulated" / "switch.json").exists() or played.all_dark()
    assert played.leftovers == []
    assert played.detectors() == {"empty"}
    for taken in (*played.result.frames, *played.result.bad):
        for file in taken.files:
            assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
    manifest = json.loads((played.result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["frame"] for entry in manifest["frames"] if entry["verdict"] == "good"] == played.good


@pytest.mark.parametrize("delay_s", [None, 0.7])
@pytest.mark.parametrize("which", ["demo", "features"])
def test_abort_in_every_state(
    play: Play, features: Mapping[str, Any], small: Path, which: str, delay_s: float | None
) -> None:
    """An abort at the start or in the middle of any state ends aborted, dark, with detectors empty and no task left."""
    sequence = features if which == "features" else which
    for state in stops(sequence, small):
        played = play(sequence, listener=when(state, stopper("abort", delay_s)))
        expected = "aborted" if played.heard("stop.requested") else "done"
        assert played.result.outcome == expected, state
        assert expected == "aborted" or delay_s, state
        check_dark_and_clean(played)
        whole = {said["frame"] for said in played.heard("frame.taken")}
        assert set(played.good) == whole, state


def stopper(event: Any, delay_s: float | None = None) -> Callable[[Runner], None]:
    """Ask for a stop, now or some seconds later."""

    def do(runner: Runner) -> None:
        if delay_s is None:
            runner.stop(event, "a test wants it")
            return

        async def wait() -> None:
            await runner.instrument.clock.sleep(delay_s)
            runner.stop(event, "a test wants it")

        KEPT.append(asyncio.get_running_loop().create_task(wait()))

    return do


@pytest.mark.parametrize("delay_s", [None, 0.7])
@pytest.mark.parametrize("which", ["demo", "features"])
def test_pause_in_every_state(
    play: Play, features: Mapping[str, Any], small: Path, which: str, delay_s: float | None
) -> None:
    """A pause in any state ends paused and dark, and the frame that was integrating or read out is on disk."""
    sequence = features if which == "features" else which
    for state in stops(sequence, small):
        played = play(sequence, listener=when(state, stopper("pause", delay_s)))
        expected = "paused" if played.heard("stop.requested") else "done"
        assert played.result.outcome == expected, state
        check_dark_and_clean(played)
        kind, _, rest = state.partition("/")
        in_progress = rest.split("/")[0] if kind in ("expose", "readout") else None
        if in_progress:
            assert in_progress in played.good, state
        exposed = [said["frame"] for said in played.heard("state.started") if said["kind"] == "expose"]
        assert exposed == played.good, state


def test_a_pause_at_once(play: Play) -> None:
    """A pause in the first state leaves without having lit a lamp or taken a frame."""
    played = play("demo", listener=when("lamp-off/all", stopper("pause")))
    assert played.good == []
    assert {said["kind"] for said in played.heard("state.started")} == {"lamp-off"}


def test_abort_overrides_pause(play: Play) -> None:
    """An abort during a pause does not wait for the frame. A pause during an abort is not heard."""

    def both(runner: Runner) -> None:
        runner.stop("pause", "first")
        runner.stop("abort", "second")
        runner.stop("pause", "third")

    played = play("demo", listener=when("expose/Quartz-120s-001", both))
    assert played.result.outcome == "aborted"
    assert played.result.reason == "second"
    assert played.good == ["bias-001"]
    assert [said["stop"] for said in played.heard("stop.requested")] == ["pause", "abort"]


def test_abort_while_waiting_for_a_retry(play: Play) -> None:
    """An abort in the wait before a retry does not wait for it."""
    fault = {"device": "spectrographs", "verb": "expose", "what": "error", "nth": 2, "times": None}
    played = play(
        "demo", faults=[fault], listener=when("expose/Quartz-120s-001", stopper("abort", 1.5), event="state.failed")
    )
    assert played.result.outcome == "aborted"
    check_dark_and_clean(played)


@pytest.mark.parametrize("event", ["abort", "pause"])
@pytest.mark.parametrize("delay_s", [None, 0.1, 0.5, 0.95, 1.2])
@pytest.mark.parametrize("what", ["error", "disconnect", "timeout"])
def test_stop_during_a_recovery(play: Play, event: str, delay_s: float | None, what: str) -> None:
    """A stop while a failed exposure is cleaned up or waits leaves the detectors empty and the lamps off."""
    fault = {"device": "spectrographs", "verb": "expose", "what": what, "nth": 2}
    listener = when("expose/Quartz-120s-001", stopper(event, delay_s), event="state.failed")
    played = play("demo", faults=[fault], listener=listener)
    assert played.result.outcome == {"abort": "aborted", "pause": "paused"}[event]
    assert played.good == ["bias-001"]
    check_dark_and_clean(played)


@pytest.mark.parametrize("delay_s", [None, 0.5, 2])
def test_abort_while_a_read_out_waits_for_its_retry(play: Play, delay_s: float | None) -> None:
    """The charge of a frame whose readout failed and is not tried again is thrown away at an abort."""
    fault = {"device": "spectrographs", "verb": "read_out", "what": "error", "times": None}
    listener = when("readout/bias-001", stopper("abort", delay_s), event="state.failed")
    played = play("bias", faults=[fault], listener=listener)
    assert played.result.outcome in ("aborted", "faulted")
    assert played.good == []
    check_dark_and_clean(played)


@pytest.mark.parametrize("event", ["abort", "pause"])
def test_a_stop_during_safing(play: Play, event: str) -> None:
    """A stop that comes when safing has begun changes nothing of it: the lamps end off, all frames stay."""

    def hear(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] in ("safing.started", "safing.lamp"):
            runner.stop(event, "too late")

    played = play("demo", listener=hear)
    assert played.result.outcome in ("done", "aborted", "paused")
    assert played.good == DEMO_FRAMES
    check_dark_and_clean(played)


def test_a_stop_before_the_first_state(play: Play) -> None:
    """A stop that comes before the run has begun is obeyed as soon as it has, and no lamp is lit."""
    request = play.request("demo")
    said: list[Mapping[str, Any]] = []
    stop = stopper("abort")
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False, listeners=[said.append], on_start=stop))
    assert result.outcome == "aborted"
    assert set(result.lamps.values()) == {"off"}
    assert not [each for each in said if each["event"] == "state.started"]


def test_a_stop_after_the_end(play: Play) -> None:
    """A stop that comes when the run is over is no error."""
    runners: list[Runner] = []
    asyncio.run(perform(play.request("bias"), clock=VirtualClock(), guarded=False, on_start=runners.append))
    runners[0].stop("abort", "too late")


# ---- cancellations


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("at_s", [0, 0.1, 30, 100, 150, 200, 235])
def test_the_caller_is_cancelled(play: Play, times: int, at_s: float) -> None:
    """A run whose task is cancelled, once or several times, makes the lamps safe before the cancellation comes out."""

    async def cancel(work: asyncio.Task[Any], runner: Runner, clock: VirtualClock) -> None:
        await clock.sleep(at_s)
        for _ in range(times):
            work.cancel()
            await clock.sleep(0.01)

    played = play("demo", also=cancel)
    assert played.result is None
    assert [said["stop"] for said in played.heard("stop.requested")] == ["abort"]
    assert played.all_dark()
    assert played.leftovers == []
    assert played.detectors() == {"empty"}


@pytest.mark.parametrize("at_s", [0.1, 30, 100, 150, 200, 235])
@pytest.mark.parametrize("times", [1, 3])
def test_every_task_is_cancelled(play: Play, at_s: float, times: int) -> None:
    """A loop that shuts down cancels all tasks, the runner's own and safing's too: the lamps go off all the same."""

    async def cancel(work: asyncio.Task[Any], runner: Runner, clock: VirtualClock) -> None:
        await clock.sleep(at_s)
        for _ in range(times):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.wait([work], timeout=0)

    played = play("demo", also=cancel)
    assert played.all_dark()
    assert played.leftovers == []
    assert played.heard("safing.started")


# ---- what should not happen


def test_a_listener_that_fails(play: Play) -> None:
    """A listener that raises is heard no more, and the run goes on. The others hear everything."""
    calls: list[int] = []

    def broken(said: Mapping[str, Any]) -> None:
        calls.append(len(said))
        raise OSError(28, "no space left on device")

    said: list[Mapping[str, Any]] = []
    request = play.request("bias")
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False, listeners=[broken, said.append]))
    assert result.outcome == "done"
    assert len(calls) == 1
    assert said[0]["event"] == "run.started"
    assert said[-1]["event"] == "run.finished"


class Sabotage:
    """A device that passes everything on but one verb."""

    def __init__(self, device: Any, verb: str, instead: Any) -> None:
        self._device = device
        self._verb = verb
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        return self._instead if name == self._verb else getattr(self._device, name)


def sabotaged(part: str, verb: str, instead: Any) -> Callable[[Runner], None]:
    """Put something else in the place of one verb of the run's devices."""

    def do(runner: Runner) -> None:
        devices = runner.instrument.devices
        object.__setattr__(devices, part, Sabotage(getattr(devices, part), verb, instead))

    return do


@pytest.mark.parametrize("verb", ["expose", "read_out", "status"])
def test_a_mistake_of_our_own(play: Play, verb: str) -> None:
    """An error that no hardware explains is not tried again: internal, and the lamps are off first."""

    async def mistake(*_: Any) -> None:
        raise ZeroDivisionError("a mistake")

    played = play("demo", listener=when("expose/Quartz-120s-001", sabotaged("spectrographs", verb, mistake)))
    assert (played.result.outcome, played.result.internal) == ("faulted", True)
    assert "ZeroDivisionError" in played.result.reason
    assert played.all_dark()
    assert played.leftovers == []


def test_work_that_does_not_let_go(play: Play) -> None:
    """A state that swallows its cancellation until the lamps are dark does not keep them burning."""
    dark = asyncio.Event()
    lamps: set[str] = set()
    kept_waiting: list[str] = []

    async def stubborn(order: object) -> int:
        # Cancelled by the abort, and once more by its deadline, which virtual time brings at once.
        for _ in range(3):
            try:
                await asyncio.wait_for(dark.wait(), 10)
            except asyncio.CancelledError:
                continue
            except TimeoutError:
                kept_waiting.append("the lamps burn")
            return 1
        return 1

    def hear(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == "ready/Quartz-120s-001":
            sabotaged("spectrographs", "expose", stubborn)(runner)
        if said["event"] == "state.started" and said["state"] == "expose/Quartz-120s-001":
            stopper("abort", 5)(runner)
        if said["event"] == "safing.lamp" and said["seen"] == "off":
            lamps.add(said["lamp"])
        if len(lamps) == 6:
            dark.set()

    played = play("demo", listener=hear)
    assert played.result.outcome == "aborted"
    assert kept_waiting == []
    assert played.all_dark()
    assert played.leftovers == []


def test_work_that_does_not_let_go_of_a_pause(play: Play) -> None:
    """A slew that goes on after a pause is told again at the end, and nothing of it is left when the run is over."""

    async def stubborn(targets: object) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.get_running_loop().create_future()

    def hear(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["state"] == "lamp-off/all":
            sabotaged("telescopes", "goto", stubborn)(runner)
        if said["event"] == "state.started" and said["state"] == "readout/bias-001":
            stopper("pause", 5)(runner)

    played = play("demo", listener=hear)
    assert played.result.outcome == "paused"
    assert played.good == ["bias-001"]
    assert played.leftovers == []


def test_a_clean_up_that_is_broken_off(play: Play) -> None:
    """Where an abort breaks off the clean-up of an exposure that failed, it is done again: no charge is left behind."""
    calls: list[str] = []

    def hear(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.failed" and not calls:
            real = runner.instrument.devices.spectrographs.abort

            async def slow() -> None:
                calls.append("abort")
                if len(calls) == 1:
                    await asyncio.get_running_loop().create_future()
                await real()

            sabotaged("spectrographs", "abort", slow)(runner)
            stopper("abort", 5)(runner)

    fault = {"device": "spectrographs", "verb": "expose", "what": "timeout", "nth": 2}
    played = play("demo", faults=[fault], listener=hear)
    assert played.result.outcome == "aborted"
    assert len(calls) == 2
    check_dark_and_clean(played)


def test_nothing_is_read_of_a_frame_that_is_not_whole(play: Play) -> None:
    """A readout that says done and leaves half a file is not believed: the frame is faulted, never recorded."""

    def hear(said: Mapping[str, Any], runner: Runner) -> None:
        if said["event"] == "state.started" and said["kind"] == "readout" and not broken:
            broken.append(runner.instrument.devices.spectrographs.read_out)
            sabotaged("spectrographs", "read_out", cut)(runner)

    broken: list[Any] = []

    async def cut(*given: Any) -> tuple[Path, ...]:
        files = await broken[0](*given)
        for path in files:
            path.write_bytes(path.read_bytes()[:-100])
        return tuple(files)

    played = play("bias", listener=hear)
    assert played.result.outcome == "faulted"
    assert "truncated" in played.result.reason
    assert played.good == []


def test_no_room_for_frames(play: Play, tmp_path: Path) -> None:
    """A run whose frames have no place to go is refused before anything is touched."""
    blocked = tmp_path / "blocked"
    blocked.write_text("not a folder", encoding="utf-8")
    request = play.request("demo", frames=blocked)
    with pytest.raises(RunRefused, match="frames can't be written"):
        asyncio.run(perform(request, clock=VirtualClock(), guarded=False))
    assert not (request.home / "simulated").exists()


def test_the_disk_fails_in_mid_run(play: Play) -> None:
    """A disk that takes no more frames ends the run as faulted, lamps off, and the manifest's failure is told."""

    def block(runner: Runner) -> None:
        runner.instrument.folder.parent.mkdir(parents=True, exist_ok=True)
        runner.instrument.folder.write_text("not a folder", encoding="utf-8")

    played = play("demo", listener=when("expose/bias-001", block))
    assert (played.result.outcome, played.result.internal) == ("faulted", False)
    assert played.good == []
    assert played.all_dark()
    assert len(played.heard("manifest.failed")) == 1


def test_frames_that_go_during_the_run(play: Play) -> None:
    """Files that are gone before the run has ended: it is not done, says which, and counts what is there."""

    def remove(runner: Runner) -> None:
        next(runner.instrument.folder.glob("*bias-001*.fits")).unlink()

    played = play("demo", listener=when("expose/Quartz-120s-001", remove, event="state.ended"))
    assert played.result.outcome == "faulted"
    assert "bias-001 first" in played.result.reason
    assert [taken.frame for taken in played.result.frames] == ["Quartz-120s-001"]
    assert [said["frame"] for said in played.heard("frame.lost")] == ["bias-001"]
    content = json.loads((played.result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [frame["frame"] for frame in content["frames"]] == ["Quartz-120s-001"]
    assert played.all_dark()


def test_a_folder_that_can_not_be_looked_at(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can't look at the frames says nothing of them: how the run has ended stands."""

    def refuse(*_: Any) -> None:
        raise PermissionError("no permission")

    monkeypatch.setattr(segment, "not_whole", refuse)
    played = play("bias")
    assert (played.result.outcome, len(played.good)) == ("done", 7)


def test_a_connection_that_can_not_be_closed(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the run has ended is not changed by it, least of all `unsafe`. It is told."""

    async def close(_self: SimulatedTelescopes) -> None:
        raise DeviceFailed("no space left", device="telescopes", verb="close")

    monkeypatch.setattr(SimulatedTelescopes, "close", close)
    played = play("bias")
    assert played.result.outcome == "done"
    assert len(played.heard("devices.failed")) == 1


class FullRecord:
    """A record that works for a while, and then has no space left."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def _write(self, *_: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "no space left on device")

    intend = achieve = fail = keep = commit = _write


@pytest.mark.parametrize("calls", range(0, 24, 3))
def test_a_record_that_can_not_be_written(play: Play, calls: int) -> None:
    """A journal that fails at any of its writes ends the run as faulted with all lamps off."""
    runners: list[Runner] = []

    def start(runner: Runner) -> None:
        runner.record = FullRecord(calls)
        runners.append(runner)

    request = play.request("demo")
    result = asyncio.run(perform(request, clock=VirtualClock(), guarded=False, on_start=start))
    assert result.outcome == "faulted"
    assert not result.internal
    assert set(result.lamps.values()) == {"off"}


def test_each_event_is_plain(play: Play, observatory: Observatory) -> None:
    """Every event has its name, its time and the run, and goes through JSON unchanged."""
    played = play("demo", faults=[{"device": "spectrographs", "verb": "expose", "what": "error"}])
    for said in played.events:
        assert said["run"] == played.result.run
        assert said["time"].endswith("+00:00")
        assert json.loads(json.dumps(said)) == said
    times = [said["time"] for said in played.events]
    assert times == sorted(times)
    assert observatory.name == "simulated"
