"""Compiler from frames to the graph: each frame declares its needs, and the compiler emits the difference.

A resume is an ordinary compilation of the frames that are not safely on disk yet, for an instrument in an unknown state
with every lamp off.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from safelight.devices.observatory.labels import plain_label
from safelight.devices.observatory.observatory import Observatory
from safelight.devices.protocols import AltAz
from safelight.engine.errors import LampOnTooLong
from safelight.engine.leases import Leases, lease_words
from safelight.engine.planning.ahead import Ahead, Lit
from safelight.engine.planning.durations import Durations
from safelight.engine.planning.free_order import arranged
from safelight.engine.planning.graph_builder import Block, Chain, Lane, Parallel, Step, ends_of, lasts_s, to_graph
from safelight.engine.planning.setups import Setups
from safelight.engine.planning.start_position import StartPosition
from safelight.sequences import AS_FOUND as FOUND
from safelight.sequences import Aim, Frame, Until
from safelight.states import (
    AS_FOUND,
    Adopt,
    Configure,
    CountsWanted,
    Expose,
    Exposure,
    FibselStep,
    LampOff,
    LampWarmup,
    Need,
    Opening,
    Park,
    Point,
    Readout,
    Ready,
    Restore,
    StateGraph,
    SteadyLight,
    TimedLamp,
    TimedShutter,
    Wait,
    WaitDark,
    Work,
)

__all__ = ["Options", "compile_graph", "exposure_of"]

_WORTH_S = 1.0
"""Shortest delay of a warm-up that is worth a wait, s."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options for running the same frames.

    Attributes:
        overlap: run the next set-up during the readout; False compiles a serial chain.
        park_after: send the telescopes to their park position at the end.
        start: the present state of the instrument, for estimates.
        pending: an exposure that is still in the spectrographs, to be read out before anything else.
        closing: (selector, position) to be set after the last frame, where the observatory says nothing else.
    """

    overlap: bool = True
    park_after: bool = False
    start: StartPosition = StartPosition()
    pending: Adopt | None = None
    closing: tuple[tuple[str, str], ...] = ()
    free: bool = False


def exposure_of(frame: Frame) -> Exposure:
    """Return a frame of the sequence in the form of the states."""
    fibre = frame.sweep.fibres[0] if frame.sweep else frame.fibre
    timed = dict(frame.lit_for)
    steady = {lamp: s for lamp, s in zip(frame.lamps, frame.warmup_s, strict=True) if lamp not in timed}
    return Exposure(
        frame=frame.id,
        flavour=frame.flavour,
        exposure_s=frame.exposure_s,
        need=Need(
            tuple(steady),
            tuple(steady.values()),
            _place(frame.position),
            _place(fibre),
            setup=tuple((name, _place(at) or AS_FOUND) for name, at in frame.setup),
            levels=frame.levels,
            steady=_steady(frame.until),
        ),
        object=frame.object,
        sweep=frame.sweep.fibres if frame.sweep else (),
        dwell_s=frame.sweep.dwell_s if frame.sweep else (),
        asked_dwell_s=frame.sweep.asked_s if frame.sweep else None,
        header=frame.header,
        cameras=frame.cameras,
        camera_s=frame.camera_s,
        wait_s=frame.wait_s,
        timed=frame.lit_for,
        counts=_counts(frame.aim),
        rest=frame.rest,
        openings=tuple(
            Opening(lamp, seconds, selector, opened, dict(frame.setup)[selector])
            for lamp, seconds, selector, opened in frame.opened_for
        ),
    )


def _steady(until: Until | None) -> SteadyLight | None:
    return None if until is None else SteadyLight(until.fraction, until.window_s, until.longest_s)


def _counts(aim: Aim | None) -> CountsWanted | None:
    return None if aim is None else CountsWanted(aim.counts_adu, aim.first_s, aim.least_s, aim.tolerance, aim.tries)


def _place(name: str | None) -> str | None:
    """Return a fibre or a position with the states' own AS_FOUND."""
    return AS_FOUND if name == FOUND else name


def compile_graph(
    name: str, frames: Sequence[Frame], observatory: Observatory, options: Options = Options()
) -> StateGraph:
    """Compile frames into the graph of one run.

    Args:
        name: the sequence's name.
        frames: those still to take, in order.
        observatory: its numbers give durations and deadlines.
        options: overlap, parking, present state of the instrument.

    Raises:
        LampOnTooLong: if a lamp would be on for longer than the observatory allows.
    """
    compiler = _Compiler(observatory, options)
    exposures = tuple(exposure_of(frame) for frame in frames)
    if options.pending is not None:
        exposures = tuple(item for item in exposures if item.frame != options.pending.exposure.frame)
    blocks = (compiler.all_off(), *compiler.pending(), *compiler.frames(exposures))
    if compiler.leases.broken:
        broken = compiler.leases.broken
        raise LampOnTooLong(broken, [lease_words(each) for each in broken])
    safing = compiler.step("safing", LampOff(tuple(observatory.lamps.units)), compiler.durations.lamp_off_s)
    return to_graph(name, blocks, compiler.compiled, safing)


class _Compiler:
    """Single pass over the frames that tracks the state of the instrument at each point."""

    def __init__(self, observatory: Observatory, options: Options) -> None:
        self.observatory = observatory
        self.options = options
        self.durations = Durations(observatory)
        self._pointing: Mapping[str, AltAz] = options.start.where(observatory)
        self._position = options.start.position
        self._fibre = options.start.fibre
        self._steps = options.start.fibre_steps or 0
        self._setup = Setups(observatory, options.start)
        units = observatory.lamps.units.items()
        rests_s = {lamp: unit.rest.after for lamp, unit in units if unit.rest}
        self.leases = Leases({lamp: unit.longest_on_s for lamp, unit in units}, rests_s)
        self._on_time_s: dict[str, float] = {}
        self._warmed_s: dict[str, float] = {}
        self._levels: dict[str, float] = {}
        self._steadied: dict[str, SteadyLight] = {}
        self._dark_s: dict[str, float] = {}
        self._compiled: dict[str, Exposure] = {}
        self._fills: Mapping[str, tuple[Exposure, ...]] = {}
        self._ahead = Ahead(observatory, self.step)
        self._coming: tuple[Exposure, ...] = ()
        self._numbers: Mapping[str, int] = {}

    @property
    def compiled(self) -> tuple[Exposure, ...]:
        """Return the exposures in the graph."""
        return tuple(self._compiled.values())

    def step(
        self, state_id: str, work: Work, expected_s: float, frame: str | None = None, longest_s: float = 0.0
    ) -> Step:
        """Return a step with the deadline of its kind.

        `longest_s` is its longest correct duration from any state, s.
        """
        kind = "safing" if state_id == "safing" else work.kind
        deadline_s = self.observatory.deadlines.deadline_s(kind, max(expected_s, longest_s))
        return Step(state_id, work, expected_s, deadline_s, frame)

    def all_off(self) -> Step:
        """Return the first step of every run: switch all lamps off and read them back."""
        return self.step("lamp-off/all", LampOff(tuple(self.observatory.lamps.units)), self.durations.lamp_off_s)

    def pending(self) -> tuple[Block, ...]:
        """Wait for the exposure that is in the spectrographs, and read it out."""
        adopt = self.options.pending
        if adopt is None:
            return ()
        exposure = adopt.exposure
        self._compiled[exposure.frame] = exposure
        # It may already have been read out.
        longest_s = max(exposure.exposure_s, self.observatory.spectrographs.readout_s)
        waiting = self.step(f"adopt/{exposure.frame}", adopt, exposure.exposure_s, exposure.frame, longest_s)
        return (waiting, *self._readout(exposure)[1])

    def frames(self, exposures: tuple[Exposure, ...]) -> tuple[Block, ...]:
        """Return all blocks from the first set-up to the last readout."""
        if not exposures:
            return (*self._parking(), *self._closing())
        if self._free:
            found = arranged(exposures, self.durations)
            exposures, self._fills = found.exposures, found.fills
        self._coming = exposures
        self._numbers = {exposure.frame: number for number, exposure in enumerate(exposures)}
        lit = next((i for i, each in enumerate(exposures) if not _in_passing(each)), len(exposures))
        if self._shutterless and self.options.overlap:
            return (*self._set_up(exposures[0]), *self._run(exposures, last=True))
        if not self.options.overlap or lit == len(exposures):
            return (*self._serial_set_up(exposures[0]), *self._run(exposures, last=True))
        if lit:
            before = self._serially([*self._configure(exposures[0]), *self._warm_up(exposures[0])])
            opening = self._dark_block(before, exposures[:lit], exposures[lit])
        else:
            opening = self._set_up(exposures[0])
        return self._run(exposures[lit:], last=True, before=opening)

    @property
    def _free(self) -> bool:
        """True if frames in the dark may be taken during any warm-up."""
        blocked = self.observatory.spectrographs.light_tight_shutter or bool(self.observatory.shields)
        return self.options.free and self.options.overlap and blocked and not self._shutterless

    # ---- the dark block: biases and darks in parallel with the slew and the mask's first move

    def _dark_block(self, before: tuple[Block, ...], darks: tuple[Exposure, ...], first: Exposure) -> tuple[Block, ...]:
        """Return the set-up of the first dark, `before`, and the darks with everything in parallel to them."""
        aside = self._aim(first)
        waits = first.wait_s or any(dark.wait_s for dark in darks)
        if self._ahead.blocks(first.need.lamps):
            # Lamps behind source shutters may warm up from the beginning.
            chain, before = self._run(darks, last=False, following=first, aside=aside, before=before), ()
        elif self.observatory.spectrographs.light_tight_shutter and not waits:
            chain = self._behind_shutter(darks, first, aside)
        else:
            chain = self._run(darks, last=False, following=first, aside=aside)
        # The frames in the chain have already counted their own time.
        return (*before, *_joined(f"overlap/{darks[0].frame}", "overlap", [("darks", chain), *aside]))

    def _behind_shutter(self, darks: tuple[Exposure, ...], first: Exposure, aside: list[Lane]) -> tuple[Block, ...]:
        """Warm up in parallel with as few darks as are long enough, so late that it ends with the last of them."""
        warm_s = self.durations.warmup_s(first.need, {})
        split, left_s = len(darks), 0.0
        while split == len(darks) or (split and left_s < warm_s):
            split -= 1
            left_s += self.durations.integrate_s(darks[split]) + self.observatory.spectrographs.readout_s
        early, late = darks[:split], darks[split:]
        late = tuple(replace(dark, need=replace(dark.need, tolerated=first.need.lamps)) for dark in late)
        before = self._run(early, last=False) if early else ()
        chain = self._run(late, last=False, moving=first)
        lane = ("light-tight", chain)
        lanes = [lane, *self._warm_up(first, [lane, *_later(aside, lasts_s(before))])]
        return (*before, *self._beside(f"overlap/{late[0].frame}/light-tight", "overlap", lanes))

    # ---- frames one after the other

    def _run(
        self,
        exposures: tuple[Exposure, ...],
        *,
        last: bool,
        following: Exposure | None = None,
        aside: Sequence[Lane] = (),
        before: tuple[Block, ...] = (),
        moving: Exposure | None = None,
    ) -> tuple[Block, ...]:
        """Return the blocks `before`, and frames with their overlaps.

        `following` is warmed up for during the last readout, parallel to `aside`. For `moving` only the selectors move.
        """
        blocks: list[Block] = list(before)
        for place, exposure in enumerate(exposures):
            blocks.append(self._frame(exposure))
            exposure = self._compiled[exposure.frame]  # noqa: PLW2901 - with the lamps that it bears
            if place + 1 < len(exposures):
                self._handover(blocks, exposure, exposures[place + 1])
            elif last:
                blocks += self._ending(exposure)
            elif following is not None:
                readout, selectors = self._readout(exposure), self._configure(following)
                beside = [readout, *selectors, *_later(aside, lasts_s(blocks))]
                self._light_ahead(blocks, following, beside)
                readout = self._readout(self._compiled[exposure.frame])
                lanes = [readout, *self._warm_up(following, beside), *selectors]
                blocks += self._beside(f"handover/{exposure.frame}", "handover", lanes)
            else:
                selectors = self._configure(moving) if moving else []
                blocks += self._beside(f"handover/{exposure.frame}", "handover", [self._readout(exposure), *selectors])
        return tuple(blocks)

    def _staying(self, coming: Exposure) -> tuple[str, ...]:
        """Return the lamps that stay on behind their source shutters, because they are needed again soon."""
        if self._fills or self._pause(coming):
            return ()
        warm_s = self.durations.warmup_s(coming.need, self._on_time_s) if coming.need.lamps else 0.0
        return tuple(
            lamp
            for lamp, on_s in self._on_time_s.items()
            if lamp not in coming.need.lamps
            and self._ahead.stays(lamp, self._from(coming), self._setup.sure, Lit(on_s, warm_s), self.durations)
        )

    def _from(self, exposure: Exposure) -> Iterator[Exposure]:
        """Yield a frame, and those that come after it."""
        yield exposure
        for number in range(self._numbers[exposure.frame] + 1, len(self._coming)):
            yield self._coming[number]

    def _frame(self, exposure: Exposure) -> Chain:
        frame = exposure.frame
        self._ahead.note(frame, self._setup.sure)
        exposure = self._ahead.bearing(exposure, tuple(self._on_time_s))
        self._compiled[frame] = exposure
        longest_s = self.durations.ready_again_s(exposure.need)
        ready = self.step(f"ready/{frame}", Ready(frame, exposure.need), self.durations.look_s, frame, longest_s)
        restore = self._restore(exposure)
        expected_s = self.durations.integrate_s(exposure) + self.durations.look_again_s
        integrate = self.step(f"expose/{frame}", Expose(exposure), expected_s, frame)
        self._burn(expected_s + ready.expected_s)
        self.leases.take(frame, exposure.need.lamps, self._on_time_s)
        if exposure.partly:
            timed = (("integrate", (integrate,)), *self._timed(exposure), *self._opened(exposure))
            return Chain(f"frame/{frame}", (ready, Parallel(f"timed/{frame}", "timed", timed, frame)), frame, restore)
        if not exposure.sweep:
            return Chain(f"frame/{frame}", (ready, integrate), frame, restore)
        lanes = (("integrate", (integrate,)), ("mask", self._sweep(exposure)))
        return Chain(f"frame/{frame}", (ready, Parallel(f"sweep/{frame}", "sweep", lanes, frame)), frame, restore)

    def _restore(self, exposure: Exposure) -> Step | None:
        """Put the instrument back for a frame whose light is bad. Nothing is done where light is only remarked on."""
        if not self.observatory.spectrographs.judging.acts:
            return None
        need = exposure.need
        # Later frames count on what has been warmed up before.
        warm_s = tuple(
            max(warmup_s, self._warmed_s.get(lamp, 0.0))
            for lamp, warmup_s in zip(need.lamps, need.warmup_s, strict=True)
        )
        need = replace(need, warmup_s=warm_s)
        off = tuple(lamp for lamp in self.observatory.lamps.units if lamp not in need.bearable)
        units = self.observatory.lamps.units
        least_s = tuple((lamp, units[lamp].min_on_s) for lamp in off if units[lamp].min_on_s)
        rests = (rest.for_s for lamp in exposure.lamps if (rest := units[lamp].rest))
        own_s = exposure.rest[1] if exposure.rest else 0.0
        dark_s = max([exposure.wait_s, own_s, *rests, self.durations.restrike_s(exposure.lamps)])
        off_s = self.durations.lamp_off_s + max((seconds for _, seconds in least_s), default=0.0) + dark_s
        longest_s = off_s + self.durations.ready_again_s(need)
        warming_s = self.durations.warmup_s(need, {}) if need.lamps else 0.0
        expected_s = self.durations.lamp_off_s + dark_s + warming_s + 2 * self.durations.look_s
        work = Restore(exposure.frame, need, off, least_s, dark_s)
        return self.step(f"restore/{exposure.frame}", work, expected_s, exposure.frame, longest_s)

    def _timed(self, exposure: Exposure) -> Iterator[Lane]:
        """Yield a lane for each lamp that is on for a part of the exposure."""
        lamps, lead_s = self.observatory.lamps, self.observatory.spectrographs.lead_s
        ends_s = self.durations.integrate_s(exposure) + self.durations.look_again_s
        for lamp, lit_s in exposure.timed:
            work = TimedLamp(lamp, exposure.frame, lit_s, lead_s)
            expected_s = lead_s + lamps.on_s + lit_s + self.durations.lamp_off_s
            self.leases.take(exposure.frame, (lamp,), {lamp: lit_s})
            self.leases.end(lamp, lit_s)
            # It is off again before the exposure ends.
            self._dark_s[lamp] = max(0.0, ends_s - expected_s)
            label = lamps.label(lamp)
            step = self.step(f"lamp-timed/{exposure.frame}/{label}", work, expected_s, exposure.frame)
            yield f"lamp-{label}", (step,)

    def _opened(self, exposure: Exposure) -> Iterator[Lane]:
        """Yield a lane for each source shutter that is opened for a part of the exposure."""
        lead_s = self.observatory.spectrographs.lead_s
        for opening in exposure.openings:
            label = self.observatory.lamps.label(opening.lamp)
            work = TimedShutter(exposure.frame, opening, lead_s, self.durations.move_of_s(opening.selector))
            expected_s = self.durations.open_s(opening)
            yield (
                f"shutter-{label}",
                (self.step(f"shutter-timed/{exposure.frame}/{label}", work, expected_s, exposure.frame),),
            )

    def _sweep(self, exposure: Exposure) -> tuple[Block, ...]:
        steps: list[Block] = []
        for number, (fibre, dwell_s) in enumerate(zip(exposure.sweep, exposure.dwell_s, strict=True), start=1):
            lead_s = self.observatory.spectrographs.lead_s if number == 1 else 0.0
            move_s = self._move_to(fibre)
            work = FibselStep(fibre, exposure.frame, dwell_s, lead_s, None if number == 1 else move_s)
            expected_s = move_s + max(lead_s + dwell_s, self._mask_arrival_s)
            steps.append(
                self.step(
                    f"fibsel-step/{exposure.frame}/{number:02d}-{plain_label(fibre)}", work, expected_s, exposure.frame
                )
            )
        return tuple(steps)

    def _handover(self, blocks: list[Block], done: Exposure, coming: Exposure) -> None:
        """Add the blocks between two frames: lamps off first, then the readout in parallel with the next set-up."""
        coming = self._rested(coming)
        filled = bool(self._fills.get(coming.frame))
        if self._shutterless or not self.options.overlap or filled:
            blocks += self._lamps_off(done, keep=self._kept(coming))
            blocks += self._filled(done, coming) if filled else self._one_after_the_other(done, coming)
            return
        readout, aim = self._readout(done), [*self._aim(coming), *self._configure(coming)]
        self._light_ahead(blocks, coming, [readout, *aim])
        blocks += self._lamps_off(done, keep=(*self._kept(coming), *self._staying(coming)))
        readout = self._readout(self._compiled[done.frame])
        lanes = [readout, *self._warm_up(coming, [readout, *aim]), *aim]
        blocks += self._beside(f"handover/{done.frame}", "handover", lanes)

    def _one_after_the_other(self, done: Exposure, coming: Exposure) -> tuple[Block, ...]:
        """Return the readout of a frame, then the set-up of the next one."""
        setting_up = self._set_up if self.options.overlap else self._serial_set_up
        return (*self._beside("", "", [self._readout(done)]), *setting_up(coming))

    def _light_ahead(self, blocks: list[Block], coming: Exposure, beside: Sequence[Lane]) -> None:
        """Light cold lamps of a frame in the blocks before it, if their source shutters block them there.

        Their warm-up is then over when the parallel lanes end, or as early as possible.
        """
        need = coming.need
        if need.steady is not None or self._shutterless or not self.options.overlap or self._pause(coming):
            return
        cold = {lamp: s for lamp, s in zip(need.lamps, need.warmup_s, strict=True) if lamp not in self._on_time_s}
        on_s, off_s = self.observatory.lamps.on_s, self.durations.lamp_off_s
        waits = (on_s + warmup_s for lamp, warmup_s in cold.items() if not self._ahead.blocks((lamp,)))
        free_s = max([0.0, *waits, *(lasts_s(lane) for _, lane in beside)])
        for lamp, warmup_s in cold.items():
            rested_s = self._dark_s.get(lamp, inf) - self.observatory.lamps.units[lamp].restrike_s
            early_s = min(on_s + warmup_s - free_s - off_s, rested_s)
            lit = None
            if self._ahead.blocks((lamp,)):
                lit = self._ahead.light(blocks, self._from(coming), lamp, early_s, self.durations)
            if lit is None:
                continue
            blocks[:] = lit.blocks
            self._compiled |= lit.exposures
            self._on_time_s[lamp] = lit.passed_s - on_s
            self._levels |= {name: percent for name, percent in need.levels if name == lamp}

    def _filled(self, done: Exposure, coming: Exposure) -> tuple[Block, ...]:
        """Return the blocks between two frames of which the second one's warm-up is filled with frames in the dark."""
        dark_s = dict(self._dark_s)
        lanes = [self._readout(done), *self._configure(coming)]
        fill = self._fills[coming.frame]
        fill = tuple(replace(each, need=replace(each.need, tolerated=coming.need.lamps)) for each in fill)
        chain = (*_joined(f"handover/{done.frame}", "handover", lanes), *self._run(fill, last=False))
        # The frames in the chain have counted their own time, and the lanes count it again.
        self._dark_s = dark_s
        aim = self._aim(coming)
        lane = ("light-tight", chain)
        lanes = [lane, *self._warm_up(coming, [lane, *aim]), *aim]
        return self._beside(f"overlap/{fill[0].frame}/light-tight", "overlap", lanes)

    def _ending(self, done: Exposure) -> tuple[Block, ...]:
        """Return the blocks after the last frame: lamps off, readout, and parking in parallel if requested."""
        off = self._lamps_off(done, keep=())
        parking = (*self._parking(), *self._closing())
        if not self.options.overlap or self._shutterless:
            return (*off, *self._beside("", "", [self._readout(done)]), *parking)
        lanes = [self._readout(done), *([("park", parking)] if parking else [])]
        return (*off, *self._beside(f"handover/{done.frame}", "handover", lanes))

    # ---- the difference between the present state and the needs of a frame

    def _set_up(self, coming: Exposure) -> tuple[Block, ...]:
        """Set up everything that a frame needs, in parallel."""
        aim = [*self._aim(coming), *self._configure(coming)]
        lanes = [*self._warm_up(coming, aim), *aim]
        return self._beside(f"overlap/{coming.frame}", "overlap", lanes)

    def _serial_set_up(self, coming: Exposure) -> tuple[Block, ...]:
        """Set up one thing after the other, the lamp last, so that its on-time is short."""
        aim = self._serially([*self._aim(coming), *self._configure(coming)])
        return (*aim, *self._serially(self._warm_up(coming)))

    def _serially(self, lanes: Sequence[Lane]) -> tuple[Block, ...]:
        """Return lanes one after the other."""
        blocks: list[Block] = []
        for lane in lanes:
            blocks += self._beside("", "", [lane])
        return tuple(blocks)

    @property
    def _shutterless(self) -> bool:
        """True if there is no shutter: a lamp is lit after a readout, and off before the next one."""
        return self.observatory.spectrographs.shutter == "none"

    def _kept(self, coming: Exposure) -> tuple[str, ...]:
        """Return the lamps that stay lit until the next frame."""
        waits = coming.wait_s > 0.0 or self._restrike_s(coming) > 0.0
        return () if self._shutterless or waits else coming.need.lamps

    def _configure(self, coming: Exposure) -> list[Lane]:
        """Return the lane that moves the selectors that are not where the frame needs them."""
        moving = self._setup.change(coming.need.setup)
        if not moving:
            return []
        expected_s = self.durations.configure_s(self._setup.distant)
        longest_s = self.durations.configure_s(name for name, _ in moving)
        step = self.step(f"configure/{coming.frame}", Configure(moving), expected_s, longest_s=longest_s)
        return [("selectors", (step,))]

    def _closing(self) -> tuple[Block, ...]:
        """Return the lane that moves selectors to where the sequence leaves them, or to their safe position."""
        moving = self._setup.change(self._setup.at_the_end(self.options.closing))
        if not moving:
            return ()
        expected_s = self.durations.configure_s(self._setup.distant)
        longest_s = self.durations.configure_s(name for name, _ in moving)
        return (self.step("configure/end", Configure(moving), expected_s, longest_s=longest_s),)

    def _aim(self, coming: Exposure) -> list[Lane]:
        """Slew and move the mask, as far as the frame needs it."""
        lanes: list[Lane] = []
        position, fibre = coming.need.position, coming.need.fibre
        if position is not None and position != self._position:
            target = self.options.start.targets(position, self.observatory)
            expected_s = self.durations.point_s(self._pointing, target)
            self._position, self._pointing = position, {**self._pointing, **target}
            step = self.step(
                f"point/{coming.frame}", Point(position), expected_s, longest_s=self.durations.longest_slew_s
            )
            lanes.append(("point", (step,)))
        if fibre is not None and fibre != self._fibre:
            expected_s = self._move_to(fibre) + self._mask_arrival_s
            step = self.step(
                f"fibsel-step/{coming.frame}", FibselStep(fibre), expected_s, longest_s=self.durations.longest_move_s
            )
            lanes.append(("mask", (step,)))
        return lanes

    def _warm_up(self, coming: Exposure, beside: Sequence[Lane] = ()) -> list[Lane]:
        """Light dark lamps and wait for cold ones, as far as the frame needs it.

        A lamp that would be warm before the parallel lanes end is lit later. The run takes as long, with less on-time.
        """
        need = coming.need
        asked = dict(zip(need.lamps, need.warmup_s, strict=True))
        # Time in exposures warms a lamp as well, but only a warm-up reads it back as on, so no step is left out.
        pause = self._pause(coming)
        if self._is_warm(need):
            return [("warm-up", pause)] if pause else []
        # All lamps are off while a sequence waits, so that nothing is lit earlier.
        wait_s = 0.0 if pause else self._wait_s(coming, beside)
        dark_s = wait_s + lasts_s(pause)
        relit = any(lamp not in self._on_time_s for lamp in need.lamps)
        expected_s = self.durations.warmup_s(need, {lamp: on_s + dark_s for lamp, on_s in self._on_time_s.items()})
        settle_s = 0.0 if relit else self._level_s(need)
        for lamp, warmup_s in asked.items():
            self._warmed_s[lamp] = max(warmup_s, self._warmed_s.get(lamp, 0.0))
            # The on-time when the lane begins. The duration of the lane is added later, for all lamps.
            self._on_time_s.setdefault(lamp, -self.observatory.lamps.on_s - dark_s)
        self._levels.update(need.levels)
        if need.steady is not None:
            self._steadied |= dict.fromkeys(need.lamps, need.steady)
        work = LampWarmup(need.lamps, need.warmup_s, need.levels, settle_s, need.steady)
        # A retry begins with cold lamps.
        cold_s = self.durations.restrike_s(need.lamps) + self.durations.warmup_s(need, {}) + settle_s
        expected_s = max(expected_s, settle_s + self.observatory.lamps.status_s) + self._dimming_s(need)
        warm_up = self.step(f"lamp-warmup/{coming.frame}", work, expected_s, longest_s=cold_s)
        if not wait_s:
            return [("warm-up", (*pause, warm_up))]
        wait = self.step(f"wait/{coming.frame}", Wait(wait_s, ends_of(beside)), wait_s)
        return [("warm-up", (wait, warm_up))]

    def _rested(self, coming: Exposure) -> Exposure:
        """Return the frame, after a dark wait if one of its lamps has been on for as long as its duty cycle allows.

        How long it will have been lit when the frame ends is counted generously.
        """
        units = self.observatory.lamps.units
        longest_s = self.observatory.spectrographs.readout_s + self.durations.look_s + self.durations.look_again_s
        longest_s += self.durations.configure_s(name for name, _ in coming.need.setup)
        longest_s += self.durations.integrate_s(coming)
        rests = [
            rest.for_s
            for lamp in coming.need.lamps
            if (rest := units[lamp].rest) and self._on_time_s.get(lamp, 0.0) + longest_s > rest.after
        ]
        after_s, for_s = coming.rest or (inf, 0.0)
        if any(self._on_time_s.get(lamp, 0.0) + longest_s > after_s for lamp in coming.need.lamps):
            rests.append(for_s)
        return replace(coming, wait_s=max([coming.wait_s, *rests])) if any(rests) else coming

    def _restrike_s(self, coming: Exposure) -> float:
        """Return the time for which a lamp of the frame still has to be off before it may be lit again, s.

        A lamp that is on for a part of the exposure is lit after the readout of the frame before, which may be enough.
        """
        units, timed = self.observatory.lamps.units, dict(coming.timed)
        read_s = self.observatory.spectrographs.readout_s
        rests = {
            lamp: units[lamp].restrike_s - self._dark_s[lamp]
            for lamp in coming.lamps
            if lamp not in self._on_time_s and lamp in self._dark_s
        }
        return max((left_s for lamp, left_s in rests.items() if lamp not in timed or left_s > read_s), default=0.0)

    def _pause(self, coming: Exposure) -> tuple[Step, ...]:
        """Return the dark wait before a frame that the sequence or one of its lamps requires."""
        wait_s = max(coming.wait_s, self._restrike_s(coming))
        if wait_s <= 0.0:
            return ()
        return (self.step(f"wait-dark/{coming.frame}", WaitDark(wait_s), wait_s),)

    def _is_warm(self, need: Need) -> bool:
        """Return whether every lamp is as warm and as bright as the frame needs it."""
        warm = all(self._warmed_s.get(lamp, -1.0) >= s for lamp, s in zip(need.lamps, need.warmup_s, strict=True))
        warm = warm and (need.steady is None or all(self._steadied.get(lamp) == need.steady for lamp in need.lamps))
        return warm and all(self._levels.get(lamp) == percent for lamp, percent in need.levels)

    def _level_s(self, need: Need) -> float:
        """Return the time until the new levels of lamps that are on are steady, s."""
        units = self.observatory.lamps.units
        changed = (lamp for lamp, percent in need.levels if self._levels.get(lamp) != percent)
        return max((units[lamp].level_s for lamp in changed), default=0.0)

    def _dimming_s(self, need: Need) -> float:
        """Return the duration of setting levels, s."""
        return self.observatory.lamps.status_s if need.levels else 0.0

    def _missing_s(self, coming: Exposure) -> float:
        """Return the time that dark lamps of a frame would lack to their minimum on-time after it, s."""
        units, taken_s = self.observatory.lamps.units, self.durations.integrate_s(coming)
        asked = zip(coming.need.lamps, coming.need.warmup_s, strict=True)
        lacks = (units[lamp].min_on_s - warmup_s - taken_s for lamp, warmup_s in asked if lamp not in self._on_time_s)
        return max([0.0, *lacks])

    def _wait_s(self, coming: Exposure, beside: Sequence[Lane]) -> float:
        """Return how much later than the parallel lanes a warm-up may begin without ending later, s."""
        need = coming.need
        cold = {lamp: s for lamp, s in zip(need.lamps, need.warmup_s, strict=True) if lamp not in self._on_time_s}
        if not cold:
            return 0.0
        free_s = max([self.durations.warmup_s(need, self._on_time_s), *(lasts_s(blocks) for _, blocks in beside)])
        # The shutters are read back before a lamp is lit.
        wait_s = free_s - self.durations.warmup_s(Need(tuple(cold), tuple(cold.values()), steady=need.steady), {})
        wait_s -= self.observatory.spectrographs.status_s + self._missing_s(coming)
        return wait_s if wait_s >= _WORTH_S else 0.0

    def _lamps_off(self, done: Exposure, keep: tuple[str, ...]) -> tuple[Block, ...]:
        lamps = tuple(lamp for lamp in self._on_time_s if lamp not in keep)
        if not lamps:
            return ()
        units = self.observatory.lamps.units
        least_s = tuple((lamp, units[lamp].min_on_s) for lamp in lamps if units[lamp].min_on_s)
        wait_s = max([0.0, *(seconds - self._on_time_s[lamp] for lamp, seconds in least_s)])
        self._burn(wait_s)
        for lamp in lamps:
            self.leases.end(lamp, self._on_time_s[lamp])
            del self._on_time_s[lamp], self._warmed_s[lamp]
            self._dark_s[lamp] = 0.0
            self._levels.pop(lamp, None)
            self._steadied.pop(lamp, None)
        self._burn(self.durations.lamp_off_s)
        off_s = self.durations.lamp_off_s
        longest_s = off_s + max((seconds for _, seconds in least_s), default=0.0)
        work = LampOff(lamps, least_s)
        return (self.step(f"lamp-off/{done.frame}", work, wait_s + off_s, longest_s=longest_s),)

    def _readout(self, done: Exposure) -> Lane:
        expected_s = self.observatory.spectrographs.readout_s
        return ("readout", (self.step(f"readout/{done.frame}", Readout(done), expected_s, done.frame),))

    def _parking(self) -> tuple[Block, ...]:
        park = self.observatory.park_position
        if not self.options.park_after or self.observatory.telescopes is None:
            return ()
        expected_s = self.durations.point_s(self._pointing, self.observatory.targets(park))
        return (self.step("park", Park(park), expected_s, longest_s=self.durations.longest_slew_s),)

    def _move_to(self, fibre: str) -> float:
        target = self.options.start.steps_of(fibre, self.observatory)
        move_s = self.durations.move_s(self._steps, target)
        self._fibre, self._steps = fibre, target
        return move_s

    @property
    def _mask_arrival_s(self) -> float:
        return self.observatory.fibsel.arrival_s if self.observatory.fibsel else 0.0

    def _burn(self, seconds: float) -> None:
        """Add to the on-time of every lamp that is lit."""
        for lamp in self._on_time_s:
            self._on_time_s[lamp] += seconds
        for lamp in self._dark_s:
            self._dark_s[lamp] += seconds

    # ---- shapes

    def _beside(self, block_id: str, kind: str, lanes: list[Lane]) -> tuple[Block, ...]:
        """Return set-up and readout lanes in parallel, and count their time."""
        self._burn(max((lasts_s(blocks) for _, blocks in lanes), default=0.0))
        return _joined(block_id, kind, lanes)


def _in_passing(exposure: Exposure) -> bool:
    """Return whether a frame can be taken while telescopes and mask still move."""
    return exposure.need.undemanding and not exposure.order.opens_shutter


def _joined(block_id: str, kind: str, lanes: list[Lane]) -> tuple[Block, ...]:
    """Return lanes in parallel. A single lane needs no parallel state."""
    if len(lanes) < 2:  # noqa: PLR2004 - beside takes two
        return tuple(block for _, blocks in lanes for block in blocks)
    return (Parallel(block_id, kind, tuple(lanes)),)


def _later(lanes: Sequence[Lane], passed_s: float) -> list[Lane]:
    """Return the rest of these lanes after `passed_s` seconds, as one wait for each."""
    steps = [(name, blocks[-1], lasts_s(blocks) - passed_s) for name, blocks in lanes]
    return [
        (name, (replace(step, expected_s=left_s),))
        for name, step, left_s in steps
        if isinstance(step, Step) and left_s > 0.0
    ]
