"""Graph as a Promela model, so that SPIN, which shares no code with our own proof, can check the same promises.

There is one byte for each lamp: off (read back), doubt (may be on), lit (read back, as warm as the last command
requested). There is one program counter for each lane, one byte for the position of each selector and for the level
of each lamp that can be dimmed, and one bit for the shutters: all read back as closed, or not. A source shutter that
lets a lamp through during its exposure has a position of its own, 255. The next move is any of these: an active state
is done, a retry happens, the run is interrupted. Every integration asserts its light and its set-up. Every change of
a lamp or a selector asserts that it disturbs no integration. Every lighting asserts that the shutters are closed, or
that a source shutter blocks its light, and that lamps of its exclusive groups are off. Every ending except `unsafe`
asserts that all lamps are off. SPIN itself looks for states without a next move (invalid end states) and for lines
that are never reached.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from safelight.devices.observatory.source_shutters import Shields
from safelight.engine.planning.statechart_rules import INTERRUPTIONS
from safelight.states import (
    AS_FOUND,
    ENDINGS,
    Adopt,
    Configure,
    Event,
    Expose,
    Exposure,
    LampOff,
    LampWarmup,
    Readout,
    Ready,
    Restore,
    Shape,
    State,
    StateGraph,
    TimedLamp,
    TimedShutter,
    WaitDark,
)
from safelight.states.graph import SAFING
from safelight.states.work import LAMPS, SHUTTERS, Order

__all__ = ["to_promela"]

_PASSING = 255
"""Place of a source shutter that lets a lamp through, or was left so by a failure. `ready` closes it then."""
_IDLE = 0
"""Program counter of a lane that does not run."""


def to_promela(
    graph: StateGraph,
    lamps: tuple[str, ...],
    exclusive: tuple[tuple[str, ...], ...] = (),
    shields: Mapping[str, Mapping[str, tuple[str, ...]]] = {},
) -> str:
    """Return the graph as the text of a Promela model.

    Args:
        graph: as compiled.
        lamps: every lamp of the observatory.
        exclusive: groups of lamps of which one may be lit at a time.
        shields: lamp that may warm up behind a source shutter -> selector -> the positions that block its light.
    """
    return "\n".join(_Model(graph, lamps, exclusive, shields).lines()) + "\n"


@dataclass
class _Model:
    graph: StateGraph
    lamps: tuple[str, ...]
    exclusive: tuple[tuple[str, ...], ...] = ()
    shields: Shields = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        yield f"/* {_clean(self.graph.name)}, graph {self.graph.hash} */"
        yield "#define OFF 0"
        yield "#define DOUBT 1"
        yield "/* 2 and above: lit and read back; the rank of the warm-up that it has had */"
        for lamp in self.lamps:
            yield f"byte {self._lamp(lamp)} = DOUBT; /* {_clean(lamp)} */"
        yield "short charge = 0; /* the frame that waits to be read out */"
        yield "short light = 0; /* the frame that integrates */"
        yield "bool shut = 0; /* every shutter has been read back as closed */"
        for name, number in self._slots.items():
            yield f"byte place_{number} = 1; /* where {_clean(name)} is, or its level: 0 in between, 1 as found */"
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
            elif edge.event == Event.RETAKE:
                left = self._done(state) + self._idle(self._left_by(state.id, edge.target))
                yield self._line(here, left + self._enter(edge.target), f"{state.id} was bad, and is taken again")
            elif edge.event == Event.RETRY:
                inside = [s for s in self.graph.states if s.id == state.id or self._within(s.id, state.id)]
                own = [
                    s for s in inside if self._lane_of(s.id) == self._lane_of(state.id) and s.shape != Shape.COMPOUND
                ]
                there = " || ".join(f"{self._pc_of(s.id)} == {self._places[s.id]}" for s in own)
                again = "charge = 0; light = 0; shut = 0; " if state.shape is Shape.COMPOUND else ""
                yield self._line(
                    f"({there})", again + self._idle(state.id) + self._enter(state.id), f"{state.id} again"
                )

    def _interruption(self) -> Iterator[str]:
        for event in INTERRUPTIONS:
            target = self.graph.edges[self.graph.initial, event]
            idle = "charge = 0; light = 0; shut = 0; " + self._idle(self.graph.initial)
            # An ending has no next move. SPIN reports one that is reached without safing as an invalid end state.
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

    # ---- effects of states

    def _enter(self, state_id: str) -> str:
        """Statements that enter a state, with its beginning."""
        state = self.graph.by_id[state_id]
        if state.shape is Shape.COMPOUND:
            return self._enter(str(state.initial))
        here = f"{self._pc_of(state_id)} = {self._places[state_id]}; "
        if state.shape is Shape.PARALLEL:
            return here + "".join(self._enter(str(lane.initial)) for lane in self.graph.children[state_id])
        return here + self._begun(state)

    def _begun(self, state: State) -> str:  # noqa: PLR0911 - one for each kind
        work = state.work
        if isinstance(work, LampWarmup):
            doubt = (f"if :: {lamp} < 2 -> {lamp} = DOUBT :: else fi; " for lamp in map(self._lamp, work.lamps))
            rivals = "".join(f"assert({self._lamp(rival)} == OFF); " for rival in self._rivals(work.lamps))
            return (
                rivals
                + self._nobody_minds(work)
                + (self._all_blocked(work) if work.shields else _in_order(work.order))
                + "".join(doubt)
                + self._put(work.levels)
            )
        if isinstance(work, TimedLamp | TimedShutter):
            return self._lit(work) if isinstance(work, TimedLamp) else self._opened(work)
        if isinstance(work, Configure):
            return "assert(light == 0); " + self._put(work.setup)
        if isinstance(work, WaitDark):
            return "".join(f"assert({self._lamp(lamp)} == OFF); " for lamp in self.lamps)
        if isinstance(work, Restore):
            return "assert(light == 0); " + self._relit(work) + _in_order(work.order)
        if isinstance(work, Ready):
            return _in_order(work.order)
        if isinstance(work, LampOff):
            end = "assert(charge == 0); " if state.id == SAFING else ""
            return end + "assert(light == 0); " + "".join(f"{self._lamp(lamp)} = DOUBT; " for lamp in work.lamps)
        if isinstance(work, Expose):
            opened = "shut = 0; " if work.exposure.order.opens_shutter else ""
            begun = f"assert(charge == 0); light = {self._frame(work.exposure)}; {opened}"
            return begun + self._its_light(work.exposure)
        if isinstance(work, Adopt | Readout):
            return f"assert(charge == {self._frame(work.exposure) if isinstance(work, Readout) else 0}); "
        return ""

    def _lit(self, work: TimedLamp) -> str:
        """Statements that light a lamp while its own frame integrates."""
        dark = "".join(f"assert({self._lamp(rival)} == OFF); " for rival in self._rivals((work.lamp,)))
        lamp = self._lamp(work.lamp)
        return f"assert(light == {self._numbers[work.frame]}); assert({lamp} <= DOUBT); {dark}{lamp} = DOUBT; "

    def _opened(self, work: TimedShutter) -> str:
        """Statements that open a source shutter: closed before, for its own frame, and nothing else is behind it."""
        opening, slot = work.opening, self._slots[work.opening.selector]
        need = next((e.need for e in self.graph.exposures if e.frame == work.frame and opening in e.openings), None)
        blocking = self.shields.get(opening.lamp, {}).get(opening.selector, ())
        minded = need is None or any(selector == opening.selector for _, selector, _ in need.shields)
        number = self._values[opening.selector].index(opening.closed) + 1
        asserted = f"assert(light == {self._numbers.get(work.frame, -1)}); assert(place_{slot} == {number}); "
        if minded or opening.closed not in blocking or opening.opened in blocking:
            asserted += "assert(false); "
        return f"{asserted}place_{slot} = {_PASSING}; "

    def _closed(self, name: str, at: object) -> str:
        slot, number = self._slots[name], self._values[name].index(at) + 1
        return f"if :: place_{slot} == {_PASSING} -> place_{slot} = {number} :: else fi; "

    @cached_property
    def _opening(self) -> frozenset[str]:
        """Selectors that are opened during an exposure."""
        works = (state.work for state in self.graph.states)
        return frozenset(work.opening.selector for work in works if isinstance(work, TimedShutter))

    def _relit(self, work: Restore) -> str:
        """Statements for a restore: rivals are off or switched off first, and what it touches is in doubt."""
        rivals = (rival for rival in self._rivals(work.need.lamps) if rival not in work.off)
        dark = "".join(f"assert({self._lamp(rival)} == OFF); " for rival in rivals)
        # A lamp that is off stays off when it is commanded off once more.
        others = (self._lamp(lamp) for lamp in work.off if lamp not in work.need.lamps)
        burning = "".join(f"if :: {lamp} > OFF -> {lamp} = DOUBT :: else fi; " for lamp in others)
        own = "".join(f"{self._lamp(lamp)} = DOUBT; " for lamp in work.need.lamps)
        return dark + burning + own + self._put((*work.need.places, *work.need.levels))

    def _done(self, state: State) -> str:  # noqa: PLR0911 - one for each kind
        work = state.work
        if isinstance(work, LampWarmup):
            levels = self._put(work.levels, done=True)
            ranks = ((self._lamp(lamp), self._rank(lamp, s)) for lamp, s in zip(work.lamps, work.warmup_s, strict=True))
            return levels + "".join(f"if :: {lamp} < {rank} -> {lamp} = {rank} :: else fi; " for lamp, rank in ranks)
        if isinstance(work, Configure):
            return self._put(work.setup, done=True)
        if isinstance(work, TimedShutter):
            return self._put(((work.opening.selector, work.opening.closed),), done=True)
        if isinstance(work, Ready):
            return "".join(self._closed(name, at) for name, at in work.need.places if name in self._opening)
        if isinstance(work, LampOff | TimedLamp):
            dark = (work.lamp,) if isinstance(work, TimedLamp) else work.lamps
            return "".join(f"{self._lamp(lamp)} = OFF; " for lamp in dark)
        if isinstance(work, Restore):
            own = dict(zip(work.need.lamps, work.need.warmup_s, strict=True))
            off = "".join(f"{self._lamp(lamp)} = OFF; " for lamp in work.off if lamp not in own)
            lit = "".join(f"{self._lamp(lamp)} = {self._rank(lamp, s)}; " for lamp, s in own.items())
            return off + lit + self._put((*work.need.places, *work.need.levels), done=True)
        if isinstance(work, Expose | Adopt):
            return f"light = 0; shut = 1; charge = {self._frame(work.exposure)}; "
        return "charge = 0; " if isinstance(work, Readout) else ""

    def _its_light(self, exposure: Exposure) -> str:
        need = exposure.need
        asked = dict(zip(need.lamps, need.warmup_s, strict=True))
        lit = (f"assert({self._lamp(lamp)} >= {self._rank(lamp, warmup_s)}); " for lamp, warmup_s in asked.items())
        timed = dict(exposure.timed)
        others = [lamp for lamp in self.lamps if lamp not in asked and lamp not in need.bearable]
        places = (
            f"assert(place_{self._slots[name]} == {self._values[name].index(value) + 1}); "
            for name, value in (*need.places, *need.levels)
        )
        shields = {lamp: selector for lamp, selector, _ in need.shields if lamp not in need.tolerated}
        blocked = (
            f"assert({self._lamp(lamp)} == OFF || {self._is_blocked(lamp, selector)}); "
            for lamp, selector in shields.items()
        )
        # After a failure a timed lamp is in doubt until `ready` reads it back.
        dark = (f"assert({self._lamp(lamp)} {'<= DOUBT' if lamp in timed else '== OFF'}); " for lamp in others)
        return "".join(lit) + "".join(dark) + "".join(places) + "".join(blocked)

    def _is_blocked(self, lamp: str, selector: str) -> str:
        """Return the condition that a selector is read back where it blocks a lamp."""
        blocking = self.shields.get(lamp, {}).get(selector, ())
        values = self._values.get(selector, [])
        numbers = [number for number, value in enumerate(values, start=1) if value in blocking]
        return " || ".join(f"place_{self._slots[selector]} == {number}" for number in numbers) or "false"

    def _all_blocked(self, work: LampWarmup) -> str:
        """Return assertions that each lamp is behind a source shutter that is read back as blocking."""
        selectors = {lamp: selector for lamp, selector, _ in work.shields}
        return "".join(f"assert({self._is_blocked(lamp, selectors.get(lamp, ''))}); " for lamp in work.lamps)

    def _put(self, places: Iterable[tuple[str, object]], *, done: bool = False) -> str:
        """Move selectors and levels: unknown at the start of the move, known at its end."""
        return "".join(
            f"place_{self._slots[name]} = {self._values[name].index(value) + 1 if done else 0}; "
            for name, value in places
        )

    def _rivals(self, lamps: tuple[str, ...]) -> list[str]:
        groups = [group for group in self.exclusive if set(group) & set(lamps)]
        return list(dict.fromkeys(lamp for group in groups for lamp in group if lamp not in lamps))

    @cached_property
    def _values(self) -> dict[str, list[object]]:
        """Selector, or lamp with a level -> the values in the graph, AS_FOUND first."""
        found: dict[str, list[object]] = {}
        spoken: list[tuple[str, object]] = []
        for exposure in self.graph.exposures:
            spoken += [*exposure.need.places, *exposure.need.levels]
        for state in self.graph.states:
            if isinstance(state.work, Configure):
                spoken += state.work.setup
            elif isinstance(state.work, LampWarmup):
                spoken += (*state.work.levels, *(shield[1:] for shield in state.work.shields))
            elif isinstance(state.work, TimedShutter):
                spoken.append((state.work.opening.selector, state.work.opening.closed))
            elif isinstance(state.work, Restore):
                spoken += (*state.work.need.places, *state.work.need.levels)
        for name, value in spoken:
            values = found.setdefault(name, [AS_FOUND])
            if value not in values:
                values.append(value)
        return found

    @cached_property
    def _slots(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._values)}

    def _nobody_minds(self, work: LampWarmup) -> str:
        """Return an assertion that no integration is running that does not tolerate these lamps.

        Lamps that are not lit behind a source shutter are lit while every shutter is closed.
        """
        borne = (e for e in self.graph.exposures if e.need.bearable and set(work.lamps) <= set(e.need.bearable))
        bearing = [e for e in borne if work.shields or not e.order.opens_shutter]
        return f"assert({' || '.join(['light == 0', *(f'light == {self._frame(e)}' for e in bearing)])}); "

    def _idle(self, state_id: str) -> str:
        """Statements that leave every lane below a state."""
        lanes = [lane for lane in self._lanes if lane is not None and self._within(lane, state_id)]
        return "".join(f"{self._pc(lane)} = {_IDLE}; " for lane in lanes)

    def _left_by(self, source: str, target: str) -> str:
        """The outermost state that a move from `source` to `target` leaves."""
        above = [source, *(state.id for state in self.graph.ancestors(source))]
        return next(
            state_id for state_id in above if self.graph.by_id[state_id].parent == self.graph.by_id[target].parent
        )

    # ---- names and numbers

    @cached_property
    def _lanes(self) -> tuple[str | None, ...]:
        """Return every child of a parallel state, and None for the top: these are the lanes."""
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
        """Return 2 for the shortest warm-up of this lamp in the graph, 3 for the next, ..."""
        return 2 + sorted(self._warmups[lamp]).index(warmup_s)

    @cached_property
    def _warmups(self) -> dict[str, set[float]]:
        found: dict[str, set[float]] = {lamp: set() for lamp in self.lamps}
        spoken = [(e.need.lamps, e.need.warmup_s) for e in self.graph.exposures]
        works = (state.work for state in self.graph.states)
        for work in works:
            if isinstance(work, LampWarmup):
                spoken.append((work.lamps, work.warmup_s))
            elif isinstance(work, Restore):
                spoken.append((work.need.lamps, work.need.warmup_s))
        for lamps, warmups in spoken:
            for lamp, warmup_s in zip(lamps, warmups, strict=True):
                found[lamp].add(warmup_s)
        return found


_DEEDS = {SHUTTERS: "shut = 1; ", LAMPS: "assert(shut); "}
"""Effect of a state on the shutters, and its assumption when it lights."""


def _in_order(order: Order) -> str:
    """Return statements for the deeds of a state, in order."""
    return "".join(_DEEDS[deed] for deed in order)


def _clean(text: str) -> str:
    """Return words that are safe in a comment."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("*/", "* /")
