"""One frame by hand, with the instrument as it stands: read back before, written into the header, read back after."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from safelight.engine.bench_top import BenchTop
from safelight.engine.durations import Durations
from safelight.engine.errors import RunRefused
from safelight.engine.manifest import manifest, write_manifest
from safelight.states import Expose, Exposure, Instrument, Need, Readout, TakenFrame
from safelight.states.look import look

__all__ = ["FLAVOURS", "OneFrame", "take_one"]

FLAVOURS = ("bias", "dark", "arc", "flat", "object")
LONGEST_S = 86_400.0
"""A day: what is longer was meant otherwise."""
_PATIENCE = 120
"""How long a mask that was set moving before may take to come to rest, s."""


@dataclass(frozen=True, slots=True)
class OneFrame:
    """A frame taken by hand: its folder, and each lamp that was lit."""

    taken: TakenFrame
    lamps: tuple[str, ...]
    folder: Path


async def take_one(bench: BenchTop, exposure_s: float, flavour: str, run: str) -> OneFrame:
    """Expose once and read out, with whatever lamps are lit now.

    Args:
        bench: the instrument.
        exposure_s: integration time, s; 0 for a bias.
        flavour: bias, dark, arc, flat or object.
        run: what the frame's RUNID is to be; its files lie in a folder of this name.

    Raises:
        RunRefused: before the shutter opens: a lamp burns beside a bias or dark, or something can't be read back.
        DeviceError, StateError: on the way.
    """
    _reasonable(exposure_s, flavour)
    instrument = bench.instrument
    instrument.folder = instrument.folder / run
    instrument.cards = (("RUNID", run), ("SEQNAME", "expose"), ("SEQHASH", ""))
    need = await _as_it_stands(bench, flavour)
    frame = f"{flavour}-{exposure_s:g}s-001"
    exposure = Exposure(frame, flavour, exposure_s, need, object="+".join(need.lamps) or flavour)
    seen = await look(need, instrument)
    if seen.problems:
        raise RunRefused(f"nothing was exposed: {'; '.join(seen.problems)}")
    instrument.seen[frame] = seen
    durations = Durations(bench.observatory)
    await bench.bounded(Expose(exposure), durations.integrate_s(exposure) + durations.look_again_s)
    taken = await bench.bounded(Readout(exposure), bench.observatory.spectrographs.readout_s)
    assert taken is not None  # noqa: S101 - a read-out brings a frame, or raises
    content = manifest(run, "expose", "", [exposure], [taken], instrument.folder)
    await instrument.clock.in_thread(partial(write_manifest, content, instrument.folder))
    return OneFrame(taken, need.lamps, instrument.folder)


def _reasonable(exposure_s: float, flavour: str) -> None:
    if flavour not in FLAVOURS:
        raise RunRefused(f"no flavour {flavour!r}; known: {', '.join(FLAVOURS)}")
    if flavour == "bias" and exposure_s != 0:
        raise RunRefused("a bias takes 0 seconds: `expose 0 --flavour bias`")
    if flavour != "bias" and not 0 < exposure_s <= LONGEST_S:
        raise RunRefused(f"{exposure_s:g} seconds can't be exposed: more than 0, at most {LONGEST_S:g}")


async def _as_it_stands(bench: BenchTop, flavour: str) -> Need:
    """The instrument as it is now, taken as what the frame needs."""
    lamps = await bench.lamps()
    unknown = [lamp for lamp, state in lamps.items() if state == "unknown"]
    lit = tuple(lamp for lamp, state in lamps.items() if state == "on")
    if unknown:
        raise RunRefused(f"nothing was exposed: {', '.join(unknown)} can't be read back")
    if lit and flavour in ("bias", "dark"):
        raise RunRefused(f"no {flavour} beside a lit lamp: {', '.join(lit)} is on; first `safelight lamps off`")
    return Need(lit, (0.0,) * len(lit), fibre=await _fibre_lit(bench.instrument))


async def _fibre_lit(instrument: Instrument) -> str | None:
    """The fibre that the mask stands at, if it stands at one.

    Raises:
        RunRefused: the mask does not come to rest.
    """
    fibsel = instrument.devices.fibsel
    if fibsel is None:
        return None
    for _ in range(_PATIENCE):
        status = await fibsel.status()
        if not status.moving:
            near = (name for name, at in instrument.fibres.items() if _close(status.steps, at, instrument))
            return next(near, None)
        await instrument.clock.sleep(1.0)
    raise RunRefused(f"nothing was exposed: the mask still moves after {_PATIENCE} seconds")


def _close(steps: int | None, fibre: int, instrument: Instrument) -> bool:
    return steps is not None and abs(fibre - steps) <= instrument.tolerances.fibre_steps
