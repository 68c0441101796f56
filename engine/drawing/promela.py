"""A graph as a Promela model, so that SPIN, which shares no line with our own proof, can check the same promises.

One byte for each lamp: off (read back), doubt (may burn), lit (read back, as warm as the last command asked). One
program counter for each lane. What moves is chosen freely among: every active state may be done, every retry may
happen, the run may be interrupted at any time. Every integration asserts its light; whatever changes a lamp asserts
that no integration minds; every ending but `unsafe` asserts that all lamps are off. SPIN itself looks for places from
which nothing leads on (invalid end states) and for lines that are never reached.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from safelight.engine.shape import SAFING
from safelight.engine.walk import INTERRUPTIONS
from safelight.states import (
    ENDINGS,
    Adopt,
    Event,
    Expose,
    Exposure,
    LampOff,
    LampWarmup,
    Readout,
    Shape,
    State,
    StateGraph,
)

__all__ = ["promela"]

_IDLE = 0
"""The program counter of a lane that does not run."""


def promela(graph: StateGraph, lamps: tuple[str, ...]) -> str:
    """The graph as the text of a Promela model.

    Args:
        graph: as compiled.
        lamps: every lamp of the observatory.
    """
    return "\n".join(_Model(graph, lamps).lines()) + "\n"


@dataclass
class _Model:
    graph: StateGraph
    lamps: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        yield f"/* {_clean(self.graph.name)}, graph {self.graph.hash} */"
        yield "#define OFF 0"
        yield "#define DOUBT 1"
        yield "/* 2 and above: lit and read back; the rank of the warm-up that it has had */"
        for lamp in self.lamps:
            yield f"byte {self._lamp(lamp)} = DOUBT; /* {_clean(lamp)} */"
        yield "short charge = 0; /* the frame that waits to be read out */"
        yield "short light = 0; /* the frame that integrates */"
        for lane in self._lanes:
            yield f"short {self._pc(lane)} = {_IDLE};"
        yield "active proctype sequence() {"
        yield f"  atomic {{ {self._enter(self.graph.initial)} }};"
        yield "  do"
        for state in self.graph.states:
            yield from self._moves(state)
        yield from self._interruption()
        yield from self._safing()
        yield "  od;"
        yield "  over: skip"
        yield "}"

    # ---- what can happen

    def _moves(self, state: State) -> Iterator[str]:
        if state.id == SAFING or state.shape is Shape.FINAL:
            return
        here = f"{self._pc_of(state.id)} == {self._places[state.id]}"
        for edge in self.graph.outgoing.get(state.id, ()):
            if edge.event == Event.NEXT:
                yield self._line(here, self._done(state) + self._enter(edge.target), f"{state.id} is done")
            elif edge.event == Event.JOINED:
                ended = [f"{self._pc(lane.id)} == {self._end_of(lane)}" for lane in self.graph.children[state.id]]
                left = self._idle(state.id)
                yield self._line(" && ".join([here, *ended]), left + self._enter(edge.target), f"{state.id} joins")
            elif edge.event == Event.RETRY:
                inside = [s for s in self.graph.states if s.id == state.id or self._within(s.id, state.id)]
                own = [
                    s for s in inside if self._lane_of(s.id) == self._lane_of(state.id) and s.shape != Shape.COMPOUND
                ]
                there = " || ".join(f"{self._pc_of(s.id)} == {self._places[s.id]}" for s in own)
                again = "charge = 0; light = 0; " if state.shape is Shape.COMPOUND else ""
                yield self._line(
                    f"({there})", again + self._idle(state.id) + self._enter(state.id), f"{state.id} again"
                )

    def _interruption(self) -> Iterator[str]:
        for event in INTERRUPTIONS:
            target = self.graph.edges[self.graph.initial, event]
            idle = "charge = 0; light = 0; " + self._idle(self.graph.initial)
            # Nothing leads on from an ending: one that is reached without safing is a place where SPIN gets stuck.
            outside = [s for s in self.graph.states if s.parent is None and s.id != self.graph.initial]
            running = " && ".join(f"at_run != {place}" for place in (_IDLE, *(self._places[s.id] for s in outside)))
            yield self._line(running, idle + self._enter(target), str(event))

    def _safing(self) -> Iterator[str]:
        here = f"at_run == {self._places[SAFING]}"
        for ending in ENDINGS:
            confirmed = "" if ending == "unsafe" else self._done(self.graph.by_id[SAFING])
            off = "".join(f"assert({self._lamp(lamp)} == OFF); " for lamp in self.lamps) if confirmed else ""
            yield self._line(here, f"{confirmed}{off}goto over; ", ending)

    @staticmethod
    def _line(guard: str, statements: str, words: str) -> str:
        return f"  :: {guard} -> atomic {{ {statements.rstrip('; ')} }} /* {_clean(words)} */"

    # ---- what it does

    def _enter(self, state_id: str) -> str:
        """Statements that enter a state, with its beginning."""
        state = self.graph.by_id[state_id]
        if state.shape is Shape.COMPOUND:
            return self._enter(str(state.initial))
        here = f"{self._pc_of(state_id)} = {self._places[state_id]}; "
        if state.shape is Shape.PARALLEL:
            return here + "".join(self._enter(str(lane.initial)) for lane in self.graph.children[state_id])
        return here + self._begun(state)

    def _begun(self, state: State) -> str:
        work = state.work
        if isinstance(work, LampWarmup):
            doubt = (f"if :: {lamp} < 2 -> {lamp} = DOUBT :: else fi; " for lamp in map(self._lamp, work.lamps))
            return self._nobody_minds(work.lamps) + "".join(doubt)
        if isinstance(work, LampOff):
            end = "assert(charge == 0); " if state.id == SAFING else ""
            return end + "assert(light == 0); " + "".join(f"{self._lamp(lamp)} = DOUBT; " for lamp in work.lamps)
        if isinstance(work, Expose):
            return f"assert(charge == 0); light = {self._frame(work.exposure)}; " + self._its_light(work.exposure)
        if isinstance(work, Adopt):
            return "assert(charge == 0); "
        if isinstance(work, Readout):
            return f"assert(charge == {self._frame(work.exposure)}); "
        return ""

    def _done(self, state: State) -> str:
        work = state.work
        if isinstance(work, LampWarmup):
            ranks = ((self._lamp(lamp), self._rank(lamp, s)) for lamp, s in zip(work.lamps, work.warmup_s, strict=True))
            return "".join(f"if :: {lamp} < {rank} -> {lamp} = {rank} :: else fi; " for lamp, rank in ranks)
        if isinstance(work, LampOff):
            return "".join(f"{self._lamp(lamp)} = OFF; " for lamp in work.lamps)
        if isinstance(work, Expose | Adopt):
            return f"light = 0; charge = {self._frame(work.exposure)}; "
        return "charge = 0; " if isinstance(work, Readout) else ""

    def _its_light(self, exposure: Exposure) -> str:
        need = exposure.need
        asked = dict(zip(need.lamps, need.warmup_s, strict=True))
        lit = (f"assert({self._lamp(lamp)} >= {self._rank(lamp, warmup_s)}); " for lamp, warmup_s in asked.items())
        others = [lamp for lamp in self.lamps if lamp not in asked and lamp not in need.tolerated]
        return "".join(lit) + "".join(f"assert({self._lamp(lamp)} == OFF); " for lamp in others)

    def _nobody_minds(self, lamps: tuple[str, ...]) -> str:
        """Whatever lights a lamp does so while nothing integrates that does not bear it."""
        bearing = [e for e in self.graph.exposures if e.need.tolerated and set(lamps) <= set(e.need.tolerated)]
        return f"assert({' || '.join(['light == 0', *(f'light == {self._frame(e)}' for e in bearing)])}); "

    def _idle(self, state_id: str) -> str:
        """Statements that leave every lane below a state."""
        lanes = [lane for lane in self._lanes if lane is not None and self._within(lane, state_id)]
        return "".join(f"{self._pc(lane)} = {_IDLE}; " for lane in lanes)

    # ---- names and numbers

    @cached_property
    def _lanes(self) -> tuple[str | None, ...]:
        """Every child of a parallel state is a lane; the top is None."""
        inner = (state.id for state in self.graph.states if self._is_lane(state))
        return (None, *inner)

    def _is_lane(self, state: State) -> bool:
        return state.parent is not None and self.graph.by_id[state.parent].shape is Shape.PARALLEL

    @cached_property
    def _places(self) -> dict[str, int]:
        return {state.id: place for place, state in enumerate(self.graph.states, start=1)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {exposure.frame: number for number, exposure in enumerate(self.graph.exposures, start=1)}

    def _frame(self, exposure: Exposure) -> int:
        return self._numbers[exposure.frame]

    def _lane_of(self, state_id: str) -> str | None:
        return next((state.id for state in self.graph.ancestors(state_id) if self._is_lane(state)), None)

    def _within(self, state_id: str, outer: str) -> bool:
        return any(state.id == outer for state in self.graph.ancestors(state_id))

    def _pc(self, lane: str | None) -> str:
        return "at_run" if lane is None else f"at_{self._places[lane]}"

    def _pc_of(self, state_id: str) -> str:
        return self._pc(self._lane_of(state_id))

    def _end_of(self, lane: State) -> int:
        return next(self._places[s.id] for s in self.graph.children[lane.id] if s.shape is Shape.FINAL)

    def _lamp(self, lamp: str) -> str:
        return f"lamp_{self.lamps.index(lamp)}"

    def _rank(self, lamp: str, warmup_s: float) -> int:
        """2 for the shortest warm-up that is spoken of for this lamp, 3 for the next, ..."""
        return 2 + sorted(self._warmups[lamp]).index(warmup_s)

    @cached_property
    def _warmups(self) -> dict[str, set[float]]:
        found: dict[str, set[float]] = {lamp: set() for lamp in self.lamps}
        spoken = [(e.need.lamps, e.need.warmup_s) for e in self.graph.exposures]
        works = (state.work for state in self.graph.states)
        spoken += [(work.lamps, work.warmup_s) for work in works if isinstance(work, LampWarmup)]
        for lamps, warmups in spoken:
            for lamp, warmup_s in zip(lamps, warmups, strict=True):
                found[lamp].add(warmup_s)
        return found


def _clean(text: str) -> str:
    """Words for a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("*/", "* /")
