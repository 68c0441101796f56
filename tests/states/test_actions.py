"""Each state's action and its clean-up, on the simulated devices."""

import asyncio
import errno
import gzip
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import DeviceError, DeviceFailed, Observatory, open_devices
from safelight.states import (
    BadFrame,
    Expose,
    Exposure,
    FibselStep,
    FrameFile,
    Instrument,
    LampOff,
    LampWarmup,
    Need,
    Park,
    Point,
    Readout,
    Ready,
    StateError,
    Work,
)
from safelight.states.readout import fingerprint

Make = Callable[..., Instrument]
Do = Callable[..., Any]

ALL = ("Argon", "Neon", "LDLS", "Quartz", "HgNe", "Xenon")
BIAS = Exposure("bias-001", "bias", 0.0, Need(), "bias")
FLAT = Exposure("Neon-5s-001", "flat", 5.0, Need(("Neon",), (30.0,), "calibration", "P1-1"), "Neon")


async def stop_after(seconds: float, work: Work, instrument: Instrument) -> None:
    """Let a state work for a while, cancel it, and clean up as at the end of a run."""
    task = asyncio.ensure_future(work.act(instrument))
    await instrument.clock.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    await work.clean_up(instrument, again=False)


def without(instrument: Instrument, part: str) -> Instrument:
    """Return the same instrument without one kind of device."""
    return replace(instrument, devices=replace(instrument.devices, **{part: None}))


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (Point("calibration"), "point"),
        (Park("park"), "park"),
        (FibselStep("P1-1"), "fibsel-step"),
        (LampWarmup(("Neon",), (1.0,)), "lamp-warmup"),
        (LampOff(("Neon",)), "lamp-off"),
        (Ready("bias-001", Need()), "ready"),
        (Expose(BIAS), "expose"),
        (Readout(BIAS), "readout"),
    ],
)
def test_every_kind(work: Any, kind: str) -> None:
    """Each state has its word, is a value that can be hashed, and can act and clean up."""
    assert work.kind == kind
    assert isinstance(work, Work)
    assert hash(work) == hash(replace(work))
    assert work == replace(work)


# ---- point and park


@pytest.mark.parametrize(("work", "position"), [(Point("calibration"), "calibration"), (Park("selfie"), "selfie")])
def test_point(instrument: Instrument, do: Do, work: Work, position: str) -> None:
    """A slew ends with every telescope read back at its direction."""
    do(work.act(instrument))
    assert instrument.devices.telescopes
    seen = do(instrument.devices.telescopes.status())
    assert {name: status.where for name, status in seen.items()} == instrument.positions[position]
    before = instrument.clock.now()
    do(work.act(instrument))
    assert instrument.clock.now() - before < 1


def test_point_that_lies(make: Make, do: Do) -> None:
    """A telescope that says it has arrived and has not is found out."""
    instrument = make({"device": "telescopes.skye", "verb": "goto", "what": "lie"})
    with pytest.raises(StateError, match=r"telescope skye points .* degrees away"):
        do(Point("calibration").act(instrument))


def test_point_cleans_up(instrument: Instrument, do: Do) -> None:
    """A slew that is stopped leaves no telescope moving."""
    do(stop_after(5, Point("calibration"), instrument))
    assert instrument.devices.telescopes
    seen = do(instrument.devices.telescopes.status())
    assert not any(status.slewing for status in seen.values())
    assert seen["sci"].where not in (instrument.positions["calibration"]["sci"], instrument.positions["park"]["sci"])


def test_no_telescopes(instrument: Instrument, do: Do) -> None:
    """Where there are no telescopes, a slew says so, and its clean-up has nothing to do."""
    bare = without(instrument, "telescopes")
    with pytest.raises(StateError, match="has no telescopes"):
        do(Point("calibration").act(bare))
    do(Point("calibration").clean_up(bare, again=True))


# ---- fibsel-step


def test_a_move_between_frames(instrument: Instrument, do: Do) -> None:
    """A move ends with the mask read back at its fibre, and leaves no dwell."""
    do(FibselStep("P1-1").act(instrument))
    assert instrument.devices.fibsel
    assert do(instrument.devices.fibsel.status()).steps == 1650
    assert instrument.dwells == {}


def test_a_step_of_a_sweep(instrument: Instrument, do: Do) -> None:
    """A step of a sweep stays for its dwell, and notes what it really was."""
    do(FibselStep("P1-1", "f", 10.0, 1.0).act(instrument))
    do(FibselStep("P1-2", "f", 4.0).act(instrument))
    (first, first_s), (second, second_s) = instrument.dwells["f"]
    assert (first, second) == ("P1-1", "P1-2")
    assert (first_s, second_s) == (pytest.approx(10), pytest.approx(4))


def test_a_late_mask_catches_up(instrument: Instrument, do: Do) -> None:
    """A fibre that the mask reaches late loses what it came late by, and the fibres after it nothing of that."""
    do(FibselStep("P1-1", "f", 10.0, 1.0).act(instrument))
    for fibre in ("P1-2", "P1-1", "P1-2"):
        # Each move takes 2.87 s.
        do(FibselStep(fibre, "f", 6.0, move_s=2.5).act(instrument))
    assert [lit_s for _, lit_s in instrument.dwells["f"]] == pytest.approx([10.0, 5.63, 5.63, 5.63])


@pytest.mark.parametrize("computing_s", [0.0, 2.0])
def test_a_mask_that_comes_too_late(instrument: Instrument, do: Do, computing_s: float) -> None:
    """A fibre that was lit for much too short makes the frame bad. The time of a slow computer does not count."""
    mine = replace(instrument, tolerances=replace(instrument.tolerances, computing_s=computing_s))
    do(FibselStep("P1-1", "f", 10.0, 1.0).act(mine))
    late = FibselStep("P1-2", "f", 6.0, move_s=1.0)
    if computing_s:
        do(late.act(mine))
    else:
        with pytest.raises(BadFrame, match=r"lit for 4\.1 s instead of 6\.0 s: the mask came late"):
            do(late.act(mine))


@pytest.mark.parametrize("what", ["lie", "hang"])
def test_a_mask_that_does_not_move(make: Make, do: Do, what: str) -> None:
    """A mask that says it has moved and has not is found out. One that is silent is cancelled and stopped."""
    instrument = make({"device": "fibsel", "verb": "move", "what": what})
    if what == "lie":
        with pytest.raises(StateError, match=r"should be at P1-1 \(1650 steps\) and reads 0"):
            do(FibselStep("P1-1").act(instrument))
    else:
        do(stop_after(100, FibselStep("P1-1"), instrument))
    assert instrument.devices.fibsel
    assert do(instrument.devices.fibsel.status()).steps == 0


def test_a_move_cleans_up(instrument: Instrument, do: Do) -> None:
    """A move that is stopped leaves the mask standing somewhere on its way."""
    do(stop_after(1, FibselStep("P1-3"), instrument))
    assert instrument.devices.fibsel
    seen = do(instrument.devices.fibsel.status())
    assert not seen.moving
    assert seen.steps == pytest.approx(500, abs=5)


def test_no_fibre_selector(instrument: Instrument, do: Do) -> None:
    """Where there is no fibre selector, a step says so."""
    bare = without(instrument, "fibsel")
    with pytest.raises(StateError, match="has no fibre selector"):
        do(FibselStep("P1-1").act(bare))
    do(FibselStep("P1-1").clean_up(bare, again=True))


# ---- lamps


def lamps_on(instrument: Instrument, do: Do) -> set[str]:
    """Return the lamps that burn."""
    return {lamp for lamp, state in do(instrument.devices.lamps.status()).items() if state != "off"}


def test_warm_up(instrument: Instrument, do: Do) -> None:
    """Lamps are lit together. It ends when each has been on for its own time, and no longer."""
    do(LampWarmup(("Neon", "Argon"), (60.0, 20.0)).act(instrument))
    assert lamps_on(instrument, do) == {"Neon", "Argon"}
    assert instrument.clock.now() == pytest.approx(60.2, abs=0.2)
    assert instrument.on_time_s("Neon") == pytest.approx(60, abs=0.2)
    assert instrument.on_time_s("Xenon") == 0


def test_warm_up_of_what_burns(instrument: Instrument, do: Do) -> None:
    """A lamp that has been on already is waited for only as long as is missing, and is not commanded again."""
    do(LampWarmup(("Neon",), (60.0,)).act(instrument))
    lit = instrument.lit_at["Neon"]
    do(LampWarmup(("Neon",), (90.0,)).act(instrument))
    assert instrument.lit_at["Neon"] == lit
    assert instrument.on_time_s("Neon") == pytest.approx(90, abs=0.2)
    do(LampWarmup(("Neon",), (10.0,)).act(instrument))
    assert instrument.on_time_s("Neon") < 91


def test_permission_first(instrument: Instrument, do: Do) -> None:
    """Whoever watches is asked before each lamp, with its lease. A refusal leaves the lamp dark."""
    asked: list[tuple[str, float]] = []

    async def permit(lamp: str, lease_s: float) -> None:
        asked.append((lamp, lease_s))
        if lamp == "LDLS":
            raise StateError("nobody watches")

    watched = replace(instrument, before_lamp_on=permit)
    do(LampWarmup(("Neon",), (1.0,)).act(watched))
    with pytest.raises(StateError, match="nobody watches"):
        do(LampWarmup(("LDLS",), (1.0,)).act(watched))
    assert asked == [("Neon", 7200.0), ("LDLS", 14400.0)]
    assert lamps_on(instrument, do) == {"Neon"}


def test_a_lamp_that_does_not_light(make: Make, do: Do) -> None:
    """A lamp that acknowledges and stays dark is found out, and not believed to burn."""
    instrument = make({"device": "lamps.Neon", "verb": "on", "what": "lie"})
    with pytest.raises(StateError, match="lamp Neon was commanded on, but the switch reads off"):
        do(LampWarmup(("Neon", "Argon"), (1.0, 1.0)).act(instrument))
    assert "Neon" not in instrument.lit_at


@pytest.mark.parametrize("what", ["timeout", "hang"])
def test_an_on_of_unknown_outcome(make: Make, do: Do, what: str) -> None:
    """An ON without an answer is followed by an OFF before it is tried again: the lamp may obey late."""
    instrument = make({"device": "lamps.Neon", "verb": "on", "what": what})
    warming = LampWarmup(("Neon", "Argon"), (1.0, 1.0))

    async def story() -> None:
        task = asyncio.ensure_future(warming.act(instrument))
        await instrument.clock.sleep(30)
        task.cancel()
        await asyncio.wait([task])
        await warming.clean_up(instrument, again=True)

    do(story())
    assert lamps_on(instrument, do) == set()
    assert instrument.lit_at == {}
    do(warming.act(instrument))
    assert lamps_on(instrument, do) == {"Neon", "Argon"}


def test_lamp_off(instrument: Instrument, do: Do) -> None:
    """The named lamps go off and are read back. The others stay."""
    do(LampWarmup(("Neon", "Argon"), (1.0, 1.0)).act(instrument))
    do(LampOff(("Neon",)).act(instrument))
    assert lamps_on(instrument, do) == {"Argon"}
    assert set(instrument.lit_at) == {"Argon"}
    do(LampOff(ALL).act(instrument))
    assert lamps_on(instrument, do) == set()


def test_a_lamp_that_does_not_go_off(make: Make, do: Do) -> None:
    """A lamp that acknowledges and burns on is found out and named."""
    instrument = make({"device": "lamps.Neon", "verb": "off", "what": "lie"})
    do(LampWarmup(("Neon",), (1.0,)).act(instrument))
    with pytest.raises(StateError, match="the switch reads: Neon on"):
        do(LampOff(ALL).act(instrument))


def test_one_refusal_stops_no_other(make: Make, do: Do) -> None:
    """Where one lamp refuses to go off, the others are off all the same before the error comes out."""
    instrument = make({"device": "lamps.Neon", "verb": "off", "what": "error"})
    do(LampWarmup(("Neon", "Argon"), (1.0, 1.0)).act(instrument))
    with pytest.raises(DeviceError):
        do(LampOff(("Neon", "Argon")).act(instrument))
    assert lamps_on(instrument, do) == {"Neon"}


def test_a_dark_lamp_that_refuses(make: Make, do: Do) -> None:
    """A lamp that is dark and refuses to go off by its only path is an error: who can't darken it must not light it."""
    instrument = make({"device": "lamps.Neon", "verb": "off", "what": "error"})
    with pytest.raises(DeviceError):
        do(LampOff(ALL).act(instrument))
    assert lamps_on(instrument, do) == set()


def test_the_second_path_obeys(make: Make, do: Do, observatory: Observatory, tmp_path: Path) -> None:
    """Where the first path refuses and the second one obeys, the lamp is off, and nothing is wrong."""
    instrument = make({"device": "lamps.Neon", "verb": "off", "what": "error", "times": None})
    healthy = open_devices(observatory, clock=instrument.clock, home=tmp_path / "home")
    instrument = replace(instrument, devices=replace(instrument.devices, second_lamps=healthy.lamps))
    do(LampWarmup(("Neon",), (1.0,)).act(instrument))
    do(LampOff(("Neon",)).act(instrument))
    assert lamps_on(instrument, do) == set()


# ---- ready


def ready_for(exposure: Exposure, instrument: Instrument, do: Do) -> float:
    """Get ready. The seconds that it took."""
    before = instrument.clock.now()
    do(Ready(exposure.frame, exposure.need).act(instrument))
    return instrument.clock.now() - before


def test_ready_when_all_is_well(instrument: Instrument, do: Do) -> None:
    """An instrument that is as it should be is checked once, and what was seen is kept."""
    assert ready_for(BIAS, instrument, do) == pytest.approx(0.1)
    seen = instrument.seen["bias-001"]
    assert seen.problems == ()
    assert dict(seen.lamps) == dict.fromkeys(ALL, "off")


def test_ready_puts_everything_right(instrument: Instrument, do: Do) -> None:
    """A foreign lamp goes off, the own one is warmed, telescopes and mask go where they should, detectors empty."""
    do(instrument.devices.lamps.on("Xenon"))
    instrument.ours.add(do(instrument.devices.spectrographs.expose(BIAS.order)))
    assert ready_for(FLAT, instrument, do) > 30
    seen = instrument.seen[FLAT.frame]
    assert seen.problems == ()
    assert {lamp for lamp, state in seen.lamps if state == "on"} == {"Neon"}
    assert dict(seen.warm_s)["Neon"] >= 30
    assert dict(seen.pointing) == dict(instrument.positions["calibration"])
    assert seen.fibre_steps == 1650
    assert do(instrument.devices.spectrographs.status())["sp1"].activity == "idle"


def test_ready_does_not_trust_a_lamp_that_it_did_not_light(instrument: Instrument, do: Do) -> None:
    """A lamp that is on without this run's knowledge is warmed for its whole time."""
    do(instrument.devices.lamps.on("Neon"))
    assert ready_for(FLAT, instrument, do) > 30


def test_ready_relights_a_lamp_that_went_out(instrument: Instrument, do: Do) -> None:
    """A lamp that went out by another hand is lit again and warmed from cold."""
    ready_for(FLAT, instrument, do)
    do(instrument.devices.lamps.off("Neon"))
    assert ready_for(FLAT, instrument, do) > 30
    assert ready_for(FLAT, instrument, do) < 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"device": "lamps.Xenon", "verb": "off"}, "Xenon"),
        ({"device": "telescopes", "verb": "goto"}, "telescope sci points"),
        ({"device": "fibsel", "verb": "move"}, "should be at P1-1"),
    ],
)
def test_ready_gives_up(make: Make, do: Do, fault: dict[str, Any], words: str) -> None:
    """What can't be put right is told, and nothing is kept as seen."""
    instrument = make({**fault, "what": "lie", "times": None})
    do(instrument.devices.lamps.on("Xenon"))
    with pytest.raises(StateError, match=words):
        do(Ready(FLAT.frame, FLAT.need).act(instrument))
    assert instrument.seen == {}


def test_ready_cleans_up(instrument: Instrument, do: Do) -> None:
    """A repair that is stopped leaves nothing moving."""
    do(stop_after(3, Ready(FLAT.frame, FLAT.need), instrument))
    assert instrument.devices.telescopes
    assert instrument.devices.fibsel
    assert not any(seen.slewing for seen in do(instrument.devices.telescopes.status()).values())
    assert not do(instrument.devices.fibsel.status()).moving


# ---- expose and readout


def take(exposure: Exposure, instrument: Instrument, do: Do) -> Any:
    """Ready, expose, read out."""
    ready_for(exposure, instrument, do)
    do(Expose(exposure).act(instrument))
    return do(Readout(exposure).act(instrument))


def test_a_frame(instrument: Instrument, do: Do) -> None:
    """A frame that was integrated and read out lies on disk as its fingerprint says."""
    taken = take(FLAT, instrument, do)
    assert (taken.frame, taken.verdict, taken.attempt, taken.reason) == (FLAT.frame, "good", 1, None)
    (file,) = taken.files
    assert file == fingerprint(file.path)
    assert file.path.parent == instrument.folder


def test_no_frame_without_a_look(instrument: Instrument, do: Do) -> None:
    """A frame whose instrument nobody has looked at is not integrated."""
    with pytest.raises(KeyError):
        do(Expose(BIAS).act(instrument))
    assert do(instrument.devices.spectrographs.status())["sp1"].activity == "idle"


@pytest.mark.parametrize(
    ("verb", "lamp", "words"), [("off", "Neon", "Neon was not lit"), ("on", "Xenon", "Xenon was not off")]
)
def test_a_bad_frame(instrument: Instrument, do: Do, verb: str, lamp: str, words: str) -> None:
    """A lamp that is not as declared at the end makes the frame bad. Its clean-up keeps it aside, with the reason."""
    ready_for(FLAT, instrument, do)

    async def story() -> None:
        task = asyncio.ensure_future(Expose(FLAT).act(instrument))
        await instrument.clock.sleep(2)
        await getattr(instrument.devices.lamps, verb)(lamp)
        await task

    with pytest.raises(BadFrame, match=words) as caught:
        do(story())
    assert caught.value.frame == FLAT.frame
    kept = do(Expose(FLAT).clean_up(instrument, again=True))
    assert (kept.verdict, kept.reason) == ("bad", caught.value.reason)
    assert kept.files[0].path.parent == instrument.folder / "bad"
    with fits.open(kept.files[0].path) as hdus:
        assert hdus[0].header["QUALITY"] == "BAD"
        assert words in hdus[0].header["BADWHY"]
    assert take(FLAT, instrument, do).verdict == "good"


def test_no_charge(make: Make, do: Do) -> None:
    """An exposure that was acknowledged and never made is found out, and nothing is kept of it."""
    instrument = make({"device": "spectrographs", "verb": "expose", "what": "lie"})
    ready_for(BIAS, instrument, do)
    with pytest.raises(StateError, match="holds no charge"):
        do(Expose(BIAS).act(instrument))
    assert do(Expose(BIAS).clean_up(instrument, again=True)) is None


@pytest.mark.parametrize("again", [True, False])
def test_expose_cleans_up(instrument: Instrument, do: Do, *, again: bool) -> None:
    """An integration that is stopped leaves shutter closed and detectors empty."""
    ready_for(FLAT, instrument, do)

    async def story() -> None:
        task = asyncio.ensure_future(Expose(FLAT).act(instrument))
        await instrument.clock.sleep(3)
        task.cancel()
        await asyncio.wait([task])
        await Expose(FLAT).clean_up(instrument, again=again)

    do(story())
    seen = do(instrument.devices.spectrographs.status())["sp1"]
    assert (seen.activity, seen.shutter) == ("idle", "closed")
    assert not (instrument.folder / "bad").exists()


@pytest.mark.parametrize(("again", "activity"), [(True, "holding"), (False, "idle")])
def test_readout_cleans_up(make: Make, do: Do, *, again: bool, activity: str) -> None:
    """A readout that failed keeps its charge for another try, and throws it away at the end of a run."""
    instrument = make({"device": "spectrographs", "verb": "read_out", "what": "error"})
    ready_for(BIAS, instrument, do)
    do(Expose(BIAS).act(instrument))
    with pytest.raises(DeviceFailed):
        do(Readout(BIAS).act(instrument))
    do(Readout(BIAS).clean_up(instrument, again=again))
    assert do(instrument.devices.spectrographs.status())["sp1"].activity == activity


@pytest.mark.parametrize("what", ["lie", "error"])
def test_read_out_again(make: Make, do: Do, what: str) -> None:
    """A readout that failed or lied is found out by the missing files, and the second try brings them."""
    instrument = make({"device": "spectrographs", "verb": "read_out", "what": what})
    ready_for(BIAS, instrument, do)
    do(Expose(BIAS).act(instrument))
    with pytest.raises((StateError, DeviceError), match=r"files are not in|refused"):
        do(Readout(BIAS).act(instrument))
    assert len(do(Readout(BIAS).act(instrument)).files) == 1


def test_read_out_once(instrument: Instrument, do: Do) -> None:
    """A readout whose files are all there already reads nothing out again, and gives the same frame."""
    first = take(BIAS, instrument, do)
    before = instrument.clock.now()
    assert do(Readout(BIAS).act(instrument)) == first
    assert instrument.clock.now() - before < 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "truncated: 0 bytes"), (b"SIMPLE  =" + bytes(100), "truncated"), (bytes(2880), "not a FITS file")],
)
def test_a_fingerprint_of_rubbish(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that is empty, truncated or no FITS at all has no fingerprint."""
    path = tmp_path / "rubbish.fits"
    path.write_bytes(content)
    with pytest.raises(StateError, match=words):
        fingerprint(path)


def test_a_fingerprint_of_a_gzipped_frame(tmp_path: Path) -> None:
    """A gzipped frame is unpacked to be checked. Its size and sha256 are those of the file on the disk."""
    path = tmp_path / "frame.fits.gz"
    packed = gzip.compress(b"SIMPLE  =" + bytes(2 * 2880 - 9))
    path.write_bytes(packed)
    assert fingerprint(path) == FrameFile(path, len(packed), hashlib.sha256(packed).hexdigest())
    for cut in (len(packed) - 1, len(packed) // 2, 12):
        path.write_bytes(packed[:cut])
        with pytest.raises(StateError, match="truncated"):
            fingerprint(path)
    path.write_bytes(gzip.compress(b"SIMPLE  =" + bytes(2880)))
    with pytest.raises(StateError, match="truncated"):
        fingerprint(path)
    path.write_bytes(packed[:20] + b"rubbish" + packed[27:])
    with pytest.raises(StateError):
        fingerprint(path)


def test_a_fingerprint_of_nothing(tmp_path: Path) -> None:
    """A file that is not there has no fingerprint, and it is said why."""
    with pytest.raises(StateError, match=f"can't be read back: {os.strerror(errno.ENOENT)}"):
        fingerprint(tmp_path / "missing.fits")
