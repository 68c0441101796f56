"""One frame by hand, with the instrument in its present state, read back before and after the exposure."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from safelight.engine.errors import RunRefused
from safelight.engine.manual.bench import ManualBench
from safelight.engine.planning.durations import Durations
from safelight.engine.planning.frame_cards import require_distinct_cards
from safelight.engine.records.manifest import manifest_of, write_manifest
from safelight.engine.records.run_folders import RunNames, claim_folder
from safelight.states import Expose, Exposure, Instrument, Need, Readout, TakenFrame
from safelight.states.read_back import read_instrument
from safelight.states.shutters import release

__all__ = ["FLAVOURS", "SingleExposure", "take_single_exposure"]

FLAVOURS = ("bias", "dark", "arc", "flat", "object")
LONGEST_S = 86_400.0
"""One day, s. Anything longer is probably a mistake."""
_PATIENCE = 120
"""Time limit for a moving mask to come to rest, s."""


@dataclass(frozen=True, slots=True)
class SingleExposure:
    """Frame taken by hand: its folder, and each lamp that was lit."""

    taken: TakenFrame
    lamps: tuple[str, ...]
    folder: Path


async def take_single_exposure(
    bench: ManualBench, exposure_s: float, flavour: str, run: str, *, take_over: bool = False
) -> SingleExposure:
    """Expose once and read out, with the lamps that are lit now.

    Args:
        bench: the instrument.
        exposure_s: integration time, s; 0 for a bias.
        flavour: bias, dark, arc, flat or object.
        run: the frame's RUNID. Its files are in a folder named as for a run.
        take_over: abort any exposure in the spectrographs, even one of another program.

    Raises:
        ObservatoryError: two cards of the frame would have one keyword.
        RunRefused: before the shutter opens: a lamp is on for a bias or dark, or something can't be read back.
        DeviceError, StateError: during the exposure or readout.
    """
    _reasonable(exposure_s, flavour)
    require_distinct_cards(bench.observatory)
    instrument = bench.instrument
    instrument.cards += (("RUNID", run), ("SEQNAME", "expose"), ("SEQHASH", ""))
    need = await _as_it_stands(bench, flavour)
    frame = f"{flavour}-{exposure_s:g}s-001"
    exposure = Exposure(frame, flavour, exposure_s, need, object="+".join(need.lamps) or flavour)
    instrument.take_over = take_over
    seen = await read_instrument(need, instrument)
    if seen.busy and take_over:
        await release(instrument)
        seen = await read_instrument(need, instrument)
    if seen.problems:
        hint = "" if seen.busy is None else "; wait for it, or abort it with --take-over"
        raise RunRefused(f"nothing was exposed: {'; '.join(seen.problems)}{hint}")
    names = RunNames(run, "expose", bench.observatory.name, instrument.clock.utc())
    folder = claim_folder(instrument.folder, bench.observatory.frames, names)
    if folder is None:
        raise RunRefused(f"nothing was exposed: {instrument.folder / run} exists already")
    instrument.folder, instrument.seen[frame] = folder, seen
    durations = Durations(bench.observatory)
    await bench.bounded(Expose(exposure), durations.integrate_s(exposure) + durations.look_again_s)
    taken = await bench.bounded(Readout(exposure), bench.observatory.spectrographs.readout_s)
    assert taken is not None  # noqa: S101 - a readout brings a frame, or raises
    content = manifest_of(run, "expose", "", [exposure], [taken], instrument.folder)
    await instrument.clock.in_thread(partial(write_manifest, content, instrument.folder))
    return SingleExposure(taken, need.lamps, instrument.folder)


def _reasonable(exposure_s: float, flavour: str) -> None:
    if flavour not in FLAVOURS:
        raise RunRefused(f"flavour: expected one of {', '.join(FLAVOURS)}, got {flavour!r}")
    if flavour == "bias" and exposure_s != 0:
        raise RunRefused("a bias takes 0 seconds: `expose 0 --flavour bias`")
    if flavour != "bias" and not 0 < exposure_s <= LONGEST_S:
        raise RunRefused(f"{exposure_s:g} seconds can't be exposed: more than 0, at most {LONGEST_S:g}")


async def _as_it_stands(bench: ManualBench, flavour: str) -> Need:
    """Return the present state of the instrument as the frame's need."""
    lamps = await bench.lamps()
    unknown = [lamp for lamp, state in lamps.items() if state == "unknown"]
    lit = tuple(lamp for lamp, state in lamps.items() if state == "on")
    if unknown:
        raise RunRefused(f"nothing was exposed: {', '.join(unknown)} can't be read back")
    if lit and flavour in ("bias", "dark"):
        raise RunRefused(f"no {flavour} while a lamp is on: {', '.join(lit)} is on; run `safelight lamps off` first")
    return Need(lit, (0.0,) * len(lit), fibre=await _fibre_lit(bench.instrument))


async def _fibre_lit(instrument: Instrument) -> str | None:
    """Return the fibre at which the mask is, or None.

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
