"""Shutters before lamps, other people's exposures, and what is done about an exposure that is spoilt."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from astropy.io import fits

from safelight.devices import DeviceBusy, ExposureOrder, LampState
from safelight.states import (
    BadFrame,
    Expose,
    Exposure,
    Instrument,
    LampOff,
    LampWarmup,
    Need,
    Occupied,
    Readout,
    Ready,
    Spoilt,
    StateError,
    Work,
)

Make = Callable[..., Instrument]
Do = Callable[..., Any]

DARK = Exposure("dark-900s-001", "dark", 900.0, Need(), "dark")
FLAT = Exposure("Neon-5s-001", "flat", 5.0, Need(("Neon",), (30.0,)), "Neon")
LONG_FLAT = ExposureOrder("flat", 300.0, "somebody-s")
LONG_DARK = ExposureOrder("dark", 300.0, "somebody-s-dark")


class Witness:
    """The lamps, and what the shutters did whenever one was commanded on. Every command, in order."""

    def __init__(self, instrument: Instrument) -> None:
        self._lamps = instrument.devices.lamps
        self._spectrographs = instrument.devices.spectrographs
        self.names = self._lamps.names
        self.log: list[str] = []

    async def on(self, lamp: str) -> None:
        """Note what the shutters do, then light."""
        seen = {status.shutter for status in (await self._spectrographs.status()).values()}
        self.log.append(f"on behind {'/'.join(sorted(seen))}")
        await self._lamps.on(lamp)

    async def off(self, lamp: str) -> None:
        """Darken."""
        self.log.append("off")
        await self._lamps.off(lamp)

    async def all_off(self) -> None:
        """Darken all."""
        await self._lamps.all_off()

    async def status(self) -> Mapping[str, LampState]:
        """Read back."""
        return await self._lamps.status()


def watched(instrument: Instrument) -> tuple[Instrument, Witness]:
    """Return the same instrument, its lamp commands witnessed."""
    witness = Witness(instrument)
    return replace(instrument, devices=replace(instrument.devices, lamps=witness)), witness


async def begun(instrument: Instrument, order: ExposureOrder = LONG_FLAT) -> "asyncio.Task[int]":
    """Return an exposure that goes on, shutter open where it lets light in. Whoever asked for it is gone."""
    task = asyncio.ensure_future(instrument.devices.spectrographs.expose(order))
    await instrument.clock.sleep(10)
    task.cancel()
    await asyncio.wait([task])
    return task


async def activity(instrument: Instrument) -> tuple[str, str]:
    """Return what the spectrograph does, and its shutter."""
    seen = (await instrument.devices.spectrographs.status())["sp1"]
    return seen.activity, seen.shutter


WORKS = [LampWarmup(("Neon",), (30.0,)), Ready(FLAT.frame, FLAT.need)]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.kind)
def test_the_shutter_is_closed_before_the_lamp_is_lit(instrument: Instrument, do: Do, work: Work) -> None:
    """An exposure that a dead runner of ours has left, its shutter open, is stopped before a lamp is lit."""
    mine, witness = watched(instrument)

    async def story() -> None:
        await begun(mine)
        assert await activity(mine) == ("integrating", "open")
        mine.ours.add(1)
        await work.act(mine)
        assert await activity(mine) == ("idle", "closed")

    do(story())
    assert witness.log[-1] == "on behind closed"
    assert "on behind open" not in witness.log


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.kind)
def test_the_shutters_are_read_after_the_rest(instrument: Instrument, do: Do, work: Work) -> None:
    """Another program that begins to expose while a lamp rests is left in the dark, and its exposure alone."""
    mine, witness = watched(instrument)
    mine.restrike_s = {"Neon": 100.0}
    mine.off_since["Neon"] = 0.0

    async def story() -> None:
        lighting = asyncio.ensure_future(work.act(mine))
        await mine.clock.sleep(50.0)
        theirs = asyncio.ensure_future(instrument.devices.spectrographs.expose(LONG_FLAT))
        with pytest.raises(Occupied, match="begun by another program"):
            await lighting
        assert mine.clock.now() >= 100.0
        await theirs

    do(story())
    assert witness.log == []


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.kind)
def test_a_shutter_that_does_not_close_stops_the_lighting(make: Make, do: Do, work: Work) -> None:
    """A shutter that says it closes and stays open: no lamp is lit, and the reason is told."""
    lies = ({"device": "spectrographs", "verb": verb, "what": "lie", "times": None} for verb in ("abort", "reset"))
    mine, witness = watched(make(*lies))

    async def story() -> None:
        await begun(mine)
        mine.ours.add(1)
        with pytest.raises(StateError, match="no lamp is lit: the shutter of spectrograph sp1 is read as open"):
            await work.act(mine)

    do(story())
    assert not [word for word in witness.log if word.startswith("on")]


def test_lamps_go_off_before_a_shutter_is_closed(instrument: Instrument, do: Do) -> None:
    """Where `ready` finds a lit lamp over an open shutter the lamp is commanded off first, and lit again at the end."""
    mine, witness = watched(instrument)
    abort = mine.devices.spectrographs.abort

    async def noted() -> None:
        witness.log.append("abort")
        await abort()

    mine.devices.spectrographs.abort = noted  # type: ignore[method-assign]

    async def story() -> None:
        await LampWarmup(("Neon",), (30.0,)).act(mine)
        await begun(mine)
        mine.ours.add(1)
        await Ready(FLAT.frame, FLAT.need).act(mine)

    do(story())
    assert witness.log == ["on behind closed", "off", "abort", "on behind closed"]


def test_a_look_that_is_fresh_is_not_repeated(instrument: Instrument, do: Do) -> None:
    """Right after all lamps were switched off, the shutters read beside them, a warm-up asks nothing once more."""
    do(LampOff(instrument.devices.lamps.names).act(instrument))
    before = instrument.clock.now()
    do(LampWarmup(("Neon",), (0.0,)).act(instrument))
    quick_s = instrument.clock.now() - before
    do(LampOff(("Neon",)).act(instrument))
    do(instrument.clock.sleep(10))
    before = instrument.clock.now()
    do(LampWarmup(("Neon",), (0.0,)).act(instrument))
    assert instrument.clock.now() - before > quick_s


# ---- what is somebody else's


@pytest.mark.parametrize("order", [LONG_FLAT, LONG_DARK], ids=lambda order: order.flavour)
@pytest.mark.parametrize("work", [*WORKS, Ready(DARK.frame, Need())], ids=["lamp-warmup", "ready", "ready-dark"])
def test_somebody_elses_exposure_is_left_alone(
    instrument: Instrument, do: Do, work: Work, order: ExposureOrder
) -> None:
    """Nothing is aborted, nothing lit: not when it is found, and not in the clean-up."""
    mine, witness = watched(instrument)

    async def story() -> None:
        await begun(mine, order)
        with pytest.raises(Occupied, match="exposure 1, begun by another program"):
            await work.act(mine)
        await work.clean_up(mine, again=True)
        assert (await activity(mine))[0] == "integrating"

    do(story())
    assert not [word for word in witness.log if word.startswith("on")]


def test_a_person_may_take_over(instrument: Instrument, do: Do) -> None:
    """Where a person has said so, somebody else's exposure is aborted."""
    instrument.take_over = True

    async def story() -> None:
        await begun(instrument)
        await Ready(DARK.frame, Need()).act(instrument)
        assert await activity(instrument) == ("idle", "closed")

    do(story())


def test_somebody_else_was_faster(instrument: Instrument, do: Do) -> None:
    """An exposure that begins between our read-back and our command is not ours, and is not aborted as ours."""
    exposing = Expose(FLAT)

    async def story() -> None:
        await Ready(FLAT.frame, FLAT.need).act(instrument)
        await begun(instrument)
        with pytest.raises(DeviceBusy):
            await instrument.devices.spectrographs.expose(FLAT.order)
        with pytest.raises(Occupied):
            await exposing.act(instrument)
        await exposing.clean_up(instrument, again=True)
        assert await activity(instrument) == ("integrating", "open")

    do(story())
    assert not instrument.ours


def test_what_is_home_is_not_ours_any_more(instrument: Instrument, do: Do) -> None:
    """An exposure is ours until it has been read out."""

    async def story() -> None:
        await Ready("bias-001", Need()).act(instrument)
        bias = Exposure("bias-001", "bias", 0.0, Need(), "bias")
        await Expose(bias).act(instrument)
        assert instrument.ours == {1}
        await Readout(bias).act(instrument)

    do(story())
    assert not instrument.ours


# ---- an exposure that is spoilt


def spoil(instrument: Instrument, exposure: Exposure, after_s: float, verb: str, lamp: str) -> tuple[Any, float]:
    """Begin an exposure under another hand. How it ended, and after how long."""

    async def story() -> BaseException | None:
        await Ready(exposure.frame, exposure.need).act(instrument)
        instrument.lamp_watch_s = 10.0
        task = asyncio.ensure_future(Expose(exposure).act(instrument))
        await instrument.clock.sleep(after_s)
        await getattr(instrument.devices.lamps, verb)(lamp)
        await asyncio.wait([task])
        return task.exception()

    async def timed() -> tuple[Any, float]:
        before = instrument.clock.now()
        return await story(), instrument.clock.now() - before

    return asyncio.run(timed())


def test_a_spoilt_exposure_is_broken_off(instrument: Instrument, do: Do) -> None:
    """A lamp that somebody lights in a dark of 900 s ends it with the next look. Nothing of it is kept."""
    error, took_s = spoil(instrument, DARK, 30.0, "on", "Xenon")
    assert isinstance(error, Spoilt)
    assert "lamp Xenon came on" in str(error)
    assert took_s < 60
    assert do(Expose(DARK).clean_up(instrument, again=True)) is None
    assert do(activity(instrument)) == ("idle", "closed")


def test_an_observatory_may_let_it_finish(instrument: Instrument, do: Do) -> None:
    """Where the document says so it goes on to its end, and is kept aside as bad."""
    instrument.break_off_spoilt = False
    error, took_s = spoil(instrument, DARK, 30.0, "on", "Xenon")
    assert isinstance(error, BadFrame)
    assert took_s > 900
    kept = do(Expose(DARK).clean_up(instrument, again=True))
    assert (kept.verdict, "Xenon came on" in kept.reason) == ("bad", True)


def test_one_wrong_answer_breaks_nothing_off(instrument: Instrument, do: Do) -> None:
    """A lamp that is read as on once, and as off right after, is no proof: the frame is finished, and called bad."""
    mine, witness = watched(instrument)
    status, answers = witness.status, iter([False, True])

    async def wrong_once() -> Mapping[str, LampState]:
        lamps = dict(await status())
        if mine.clock.now() > 100 and next(answers, False):
            lamps["Xenon"] = "on"
        return lamps

    witness.status = wrong_once  # type: ignore[method-assign]
    mine.lamp_watch_s = 10.0

    async def story() -> None:
        await Ready(DARK.frame, DARK.need).act(mine)
        with pytest.raises(BadFrame, match="Xenon came on"):
            await Expose(DARK).act(mine)

    do(story())
    assert mine.clock.now() > 900


@pytest.mark.parametrize("what", ["error", "hang"])
@pytest.mark.parametrize("device", ["lamps", "spectrographs"])
def test_a_charge_survives_a_read_back_that_fails(make: Make, do: Do, device: str, what: str) -> None:
    """Lamps or spectrographs that can't be read after 900 s: the charge is read out, called bad, and says why."""
    instrument = make({"device": device, "verb": "status", "what": what, "nth": 2, "times": 2})

    async def story() -> Any:
        await Ready(DARK.frame, DARK.need).act(instrument)
        with pytest.raises(BadFrame, match=f"the {device} could not be read back at the end"):
            await Expose(DARK).act(instrument)
        return await Expose(DARK).clean_up(instrument, again=True)

    kept = do(story())
    assert kept.verdict == "bad"
    with fits.open(kept.files[0].path) as hdus:
        assert "could not be read back" in hdus[0].header["BADWHY"]


def test_a_second_answer_counts(make: Make, do: Do) -> None:
    """A read-back that fails once at the end and then says that all is well: the frame is good."""
    instrument = make({"device": "lamps", "verb": "status", "what": "error", "nth": 2})

    async def story() -> Any:
        await Ready(DARK.frame, DARK.need).act(instrument)
        await Expose(DARK).act(instrument)
        return await Readout(DARK).act(instrument)

    assert do(story()).verdict == "good"
