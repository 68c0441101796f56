"""From frames to the graph: each frame declares what it needs, the compiler emits the difference.

Resuming is nothing special: it is compiling the frames that are not safely on disk yet, from an instrument of which
nothing is believed and every lamp is off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from safelight.devices.observatory import Observatory
from safelight.devices.protocols import AltAz
from safelight.engine.blocks import Beside, Block, Chain, Step, to_graph
from safelight.engine.durations import Durations, Start
from safelight.engine.errors import EngineError
from safelight.sequences import Frame
from safelight.states import (
    Adopt,
    Expose,
    Exposure,
    FibselStep,
    LampOff,
    LampWarmup,
    Need,
    Park,
    Point,
    Readout,
    Ready,
    StateGraph,
    Work,
)

__all__ = ["Options", "compile_graph", "exposure_of"]

Lane = tuple[str, tuple[Block, ...]]


@dataclass(frozen=True, slots=True)
class Options:
    """How the same frames may be run.

    Attributes:
        overlap: run the next set-up beside the read-out; False compiles the cautious serial chain.
        park_after: send the telescopes to their park position at the end.
        start: where the instrument stands, for estimates.
        pending: an exposure that is still in the spectrographs, to be read out before anything else.
    """

    overlap: bool = True
    park_after: bool = False
    start: Start = Start()
    pending: Adopt | None = None


def exposure_of(frame: Frame) -> Exposure:
    """A frame of the sequence, as the states need it."""
    fibre = frame.sweep.fibres[0] if frame.sweep else frame.fibre
    return Exposure(
        frame=frame.id,
        flavour=frame.flavour,
        exposure_s=frame.exposure_s,
        need=Need(frame.lamps, frame.warmup_s, frame.position, fibre),
        object=frame.object,
        sweep=frame.sweep.fibres if frame.sweep else (),
        dwell_s=frame.sweep.dwell_s if frame.sweep else (),
        asked_dwell_s=frame.sweep.asked_s if frame.sweep else None,
        header=frame.header,
    )


def compile_graph(
    name: str, frames: Sequence[Frame], observatory: Observatory, options: Options = Options()
) -> StateGraph:
    """Compile frames into the graph of one run.

    Args:
        name: of the sequence.
        frames: those still to take, in order.
        observatory: its numbers give durations and deadlines.
        options: overlap, parking, where the instrument stands.

    Raises:
        EngineError: if a lamp would have to burn for longer than the observatory allows.
    """
    compiler = _Compiler(observatory, options)
    exposures = tuple(exposure_of(frame) for frame in frames)
    if options.pending is not None:
        exposures = tuple(item for item in exposures if item.frame != options.pending.exposure.frame)
    blocks = (compiler.all_off(), *compiler.pending(), *compiler.frames(exposures))
    safing = compiler.step("safing", LampOff(tuple(observatory.lamps.units)), compiler.durations.lamp_off_s)
    return to_graph(name, blocks, compiler.compiled, safing)


class _Compiler:
    """Walks through the frames once and keeps what the instrument will be like at that point."""

    def __init__(self, observatory: Observatory, options: Options) -> None:
        self.observatory = observatory
        self.options = options
        self.durations = Durations(observatory)
        self._pointing: Mapping[str, AltAz] = options.start.where(observatory)
        self._position: str | None = None
        self._fibre: str | None = None
        self._steps = options.start.fibre_steps or 0
        self._burnt_s: dict[str, float] = {}
        self._warmed_s: dict[str, float] = {}
        self._compiled: list[Exposure] = []

    @property
    def compiled(self) -> tuple[Exposure, ...]:
        """The exposures, as they went into the graph."""
        return tuple(self._compiled)

    def step(
        self, state_id: str, work: Work, expected_s: float, frame: str | None = None, longest_s: float = 0.0
    ) -> Step:
        """A step with the deadline of its kind; `longest_s` is what it may rightly take from anywhere, s."""
        kind = "safing" if state_id == "safing" else work.kind
        deadline_s = self.observatory.deadlines.deadline_s(kind, max(expected_s, longest_s))
        return Step(state_id, work, expected_s, deadline_s, frame)

    def all_off(self) -> Step:
        """Every run starts by switching all lamps off and reading back that they are."""
        return self.step("lamp-off/all", LampOff(tuple(self.observatory.lamps.units)), self.durations.lamp_off_s)

    def pending(self) -> tuple[Block, ...]:
        """Wait for the exposure that is in the spectrographs, and read it out."""
        adopt = self.options.pending
        if adopt is None:
            return ()
        exposure = adopt.exposure
        self._compiled.append(exposure)
        # It may be read out already.
        longest_s = max(exposure.exposure_s, self.observatory.spectrographs.readout_s)
        waiting = self.step(f"adopt/{exposure.frame}", adopt, exposure.exposure_s, exposure.frame, longest_s)
        return (waiting, *self._readout(exposure)[1])

    def frames(self, exposures: tuple[Exposure, ...]) -> tuple[Block, ...]:
        """The whole way from the first set-up to the last read-out."""
        if not exposures:
            return self._parking()
        lit = next((i for i, exposure in enumerate(exposures) if exposure.need != Need()), len(exposures))
        if not self.options.overlap or lit == len(exposures):
            return (*self._serial_set_up(exposures[0]), *self._run(exposures, last=True))
        if lit:
            opening = self._dark_block(exposures[:lit], exposures[lit])
        else:
            lanes = [*self._warm_up(exposures[0]), *self._aim(exposures[0])]
            opening = self._beside(f"overlap/{exposures[0].frame}", "overlap", lanes)
        return (*opening, *self._run(exposures[lit:], last=True))

    # ---- the dark block: biases and darks beside the slew and the mask's first move

    def _dark_block(self, darks: tuple[Exposure, ...], first: Exposure) -> tuple[Block, ...]:
        aside = self._aim(first)
        if self.observatory.spectrographs.light_tight_shutter:
            chain = self._behind_shutter(darks, first)
        else:
            chain = self._run(darks, last=False, following=first)
        # The frames in the chain have let their own time go by.
        return _joined(f"overlap/{darks[0].frame}", "overlap", [("darks", chain), *aside])

    def _behind_shutter(self, darks: tuple[Exposure, ...], first: Exposure) -> tuple[Block, ...]:
        """Begin the warm-up so late that it ends with the last dark, where the darks last long enough."""
        warm_s = self.durations.warmup_s(first.need, {})
        split, left_s = len(darks), 0.0
        while split == len(darks) or (split and left_s < warm_s):
            split -= 1
            left_s += self.durations.integrate_s(darks[split]) + self.observatory.spectrographs.readout_s
        early, late = darks[:split], darks[split:]
        late = tuple(replace(dark, need=replace(dark.need, tolerated=first.need.lamps)) for dark in late)
        before = self._run(early, last=False) if early else ()
        chain = self._run(late, last=False)
        lanes = [("light-tight", chain), *self._warm_up(first)]
        return (*before, *_joined(f"overlap/{late[0].frame}/light-tight", "overlap", lanes))

    # ---- frames one after the other

    def _run(
        self, exposures: tuple[Exposure, ...], *, last: bool, following: Exposure | None = None
    ) -> tuple[Block, ...]:
        """Frames with their handovers; `following` is warmed up for beside the last read-out."""
        blocks: list[Block] = []
        for place, exposure in enumerate(exposures):
            blocks.append(self._frame(exposure))
            if place + 1 < len(exposures):
                blocks += self._handover(exposure, exposures[place + 1])
            elif last:
                blocks += self._ending(exposure)
            elif following is not None:
                lanes = [self._readout(exposure), *self._warm_up(following)]
                blocks += self._beside(f"handover/{exposure.frame}", "handover", lanes)
            else:
                blocks += self._beside("", "", [self._readout(exposure)])
        return tuple(blocks)

    def _frame(self, exposure: Exposure) -> Chain:
        frame = exposure.frame
        self._compiled.append(exposure)
        longest_s = self.durations.ready_again_s(exposure.need)
        ready = self.step(f"ready/{frame}", Ready(frame, exposure.need), self.durations.look_s, frame, longest_s)
        expected_s = self.durations.integrate_s(exposure) + self.durations.look_again_s
        integrate = self.step(f"expose/{frame}", Expose(exposure), expected_s, frame)
        self._burn(expected_s + ready.expected_s)
        if not exposure.sweep:
            return Chain(f"frame/{frame}", (ready, integrate), frame)
        lanes = (("integrate", (integrate,)), ("mask", self._sweep(exposure)))
        return Chain(f"frame/{frame}", (ready, Beside(f"sweep/{frame}", "sweep", lanes, frame)), frame)

    def _sweep(self, exposure: Exposure) -> tuple[Block, ...]:
        steps: list[Block] = []
        for number, (fibre, dwell_s) in enumerate(zip(exposure.sweep, exposure.dwell_s, strict=True), start=1):
            lead_s = self.observatory.spectrographs.lead_s if number == 1 else 0.0
            move_s = self._move_to(fibre)
            work = FibselStep(fibre, exposure.frame, dwell_s, lead_s, None if number == 1 else move_s)
            expected_s = move_s + max(lead_s + dwell_s, self._mask_arrival_s)
            steps.append(
                self.step(f"fibsel-step/{exposure.frame}/{number:02d}-{fibre}", work, expected_s, exposure.frame)
            )
        return tuple(steps)

    def _handover(self, done: Exposure, coming: Exposure) -> tuple[Block, ...]:
        """Between two frames: lamps off at once, then the read-out beside the next set-up."""
        off = self._lamps_off(done, keep=coming.need.lamps)
        if not self.options.overlap:
            return (*off, *self._beside("", "", [self._readout(done)]), *self._serial_set_up(coming))
        lanes = [self._readout(done), *self._warm_up(coming), *self._aim(coming)]
        return (*off, *self._beside(f"handover/{done.frame}", "handover", lanes))

    def _ending(self, done: Exposure) -> tuple[Block, ...]:
        """After the last frame: lamps off, read out, and park beside it where that was asked for."""
        off = self._lamps_off(done, keep=())
        parking = self._parking()
        if not self.options.overlap:
            return (*off, *self._beside("", "", [self._readout(done)]), *parking)
        lanes = [self._readout(done), *([("park", parking)] if parking else [])]
        return (*off, *self._beside(f"handover/{done.frame}", "handover", lanes))

    # ---- the difference between what is and what a frame needs

    def _serial_set_up(self, coming: Exposure) -> tuple[Block, ...]:
        """One thing after the other; the lamp last, so that it burns no longer than it must."""
        blocks: list[Block] = []
        for lane in self._aim(coming):
            blocks += self._beside("", "", [lane])
        return (*blocks, *self._beside("", "", self._warm_up(coming)))

    def _aim(self, coming: Exposure) -> list[Lane]:
        """Slew and turn the mask, as far as the frame needs it."""
        lanes: list[Lane] = []
        position, fibre = coming.need.position, coming.need.fibre
        if position is not None and position != self._position:
            target = self.observatory.targets(position)
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

    def _warm_up(self, coming: Exposure) -> list[Lane]:
        """Light what is dark and wait for what is cold, as far as the frame needs it."""
        need = coming.need
        asked = dict(zip(need.lamps, need.warmup_s, strict=True))
        # Time spent in exposures warms too, but only a warm-up reads back that the lamp is lit: no step is left out.
        if all(self._warmed_s.get(lamp, -1.0) >= warmup_s for lamp, warmup_s in asked.items()):
            return []
        expected_s = self.durations.warmup_s(need, self._burnt_s)
        for lamp, warmup_s in asked.items():
            self._warmed_s[lamp] = max(warmup_s, self._warmed_s.get(lamp, 0.0))
            # As burnt when the lane begins; the time that the lane takes is added with all other lamps'.
            self._burnt_s.setdefault(lamp, -self.observatory.lamps.on_s)
        work = LampWarmup(need.lamps, need.warmup_s)
        # A retry begins with cold lamps, whatever they were before.
        cold_s = self.durations.warmup_s(need, {})
        return [("warm-up", (self.step(f"lamp-warmup/{coming.frame}", work, expected_s, longest_s=cold_s),))]

    def _lamps_off(self, done: Exposure, keep: tuple[str, ...]) -> tuple[Block, ...]:
        lamps = tuple(lamp for lamp in self._burnt_s if lamp not in keep)
        if not lamps:
            return ()
        for lamp in lamps:
            del self._burnt_s[lamp], self._warmed_s[lamp]
        self._burn(self.durations.lamp_off_s)
        return (self.step(f"lamp-off/{done.frame}", LampOff(lamps), self.durations.lamp_off_s),)

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
        target = self.observatory.fibsel.fibres[fibre] if self.observatory.fibsel else 0
        move_s = self.durations.move_s(self._steps, target)
        self._fibre, self._steps = fibre, target
        return move_s

    @property
    def _mask_arrival_s(self) -> float:
        return self.observatory.fibsel.arrival_s if self.observatory.fibsel else 0.0

    def _burn(self, seconds: float) -> None:
        """Time goes by for every lamp that is lit."""
        for lamp in self._burnt_s:
            self._burnt_s[lamp] += seconds
            longest_s = self.observatory.lamps.units[lamp].longest_on_s
            if self._burnt_s[lamp] > longest_s:
                raise EngineError(
                    f"{lamp} would burn for more than {longest_s:g} s without a break, its longest_on_s: "
                    "split its block, or shorten its exposures"
                )

    # ---- shapes

    def _beside(self, block_id: str, kind: str, lanes: list[Lane]) -> tuple[Block, ...]:
        """Set-up and read-out lanes beside each other, and their time goes by."""
        self._burn(max((_lasts_s(blocks) for _, blocks in lanes), default=0.0))
        return _joined(block_id, kind, lanes)


def _joined(block_id: str, kind: str, lanes: list[Lane]) -> tuple[Block, ...]:
    """Lanes beside each other; a single lane needs no parallel state."""
    if len(lanes) < 2:  # noqa: PLR2004 - beside takes two
        return tuple(block for _, blocks in lanes for block in blocks)
    return (Beside(block_id, kind, tuple(lanes)),)


def _lasts_s(blocks: tuple[Block, ...]) -> float:
    return sum(block.expected_s for block in blocks if isinstance(block, Step))
