"""Folding of a graph into blocks: one box for the biases, the darks, each lamp, for any number of frames. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from safelight.engine.planning.graph_tree import Item, items, leaves
from safelight.states import (
    ENDINGS,
    Adopt,
    Configure,
    Event,
    Expose,
    Exposure,
    FibselStep,
    LampWarmup,
    Point,
    Shape,
    State,
    StateGraph,
    Transition,
    Wait,
    WaitDark,
)
from safelight.states.titles import is_ahead, title
from safelight.text import brief, counted, in_sentence

__all__ = ["Folded", "fold_graph", "unfolded"]

_SOME = 3
"""Largest number of exposure times that are named. More are given as a range."""


@dataclass(frozen=True, slots=True)
class Folded:
    """Graph, whole or folded.

    Attributes:
        graph: the drawn graph.
        parts: drawn state -> its steps.
        notes: drawn state -> its other contents, in words.
    """

    graph: StateGraph
    parts: Mapping[str, tuple[str, ...]]
    notes: Mapping[str, str]


def unfolded(graph: StateGraph) -> Folded:
    """Return the graph with every state."""
    return Folded(graph, {state.id: (state.id,) for state in graph.states if state.shape is Shape.ATOMIC}, {})


def fold_graph(graph: StateGraph) -> Folded:
    """Return the graph with one box for each block."""
    return _Folding(graph, _blocks(graph)).whole()


def _blocks(graph: StateGraph) -> dict[str, int]:
    """Return frame -> the number of its block: consecutive frames with the same lamps and flavour."""
    groups = groupby(graph.exposures, key=lambda exposure: (exposure.lamps, exposure.flavour))
    return {exposure.frame: number for number, (_, group) in enumerate(groups) for exposure in group}


@dataclass(slots=True)
class _Folding:
    graph: StateGraph
    blocks: Mapping[str, int]
    states: list[State] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def whole(self) -> Folded:
        graph = self.graph
        run, safing = graph.by_id[graph.initial], graph.by_id["safing"]
        self.taken.update((run.id, safing.id, *ENDINGS))
        self.states.append(run)
        initial = self._series(items(graph, run.id), run.id, safing.id)
        self.states[0] = replace(run, initial=initial)
        self.states += [state for state in graph.states if state.parent is None and state.id != run.id]
        self.parts[safing.id] = (safing.id,)
        tops = {state.id for state in self.states if state.parent is None}
        self.transitions += [edge for edge in graph.transitions if {edge.source, edge.target} <= tops]
        folded = replace(graph, states=tuple(self.states), transitions=tuple(self.transitions))
        return Folded(folded, self.parts, self.notes)

    def _series(self, series: Sequence[Item], parent: str, follow: str) -> str:
        """Write a series of parts, each leading to the next. Return the first."""
        groups = [list(group) for _, group in groupby(series, key=self._key)]
        names: list[str] = []
        ends: list[tuple[str, Event]] = []
        for group in groups:
            lanes = group[0].lanes
            if len(lanes) > 1 and self._block(group[0]) is None:
                names.append(self._beside(group[0], parent))
                ends.append((names[-1], Event.JOINED))
            else:
                names.append(self._card([state for item in group for state in leaves(item)], parent))
                ends.append((names[-1], Event.NEXT))
        for (name, event), target in zip(ends, [*names[1:], follow], strict=True):
            self.transitions.append(Transition(name, event, target))
        return names[0] if names else follow

    def _key(self, item: Item) -> object:
        block = self._block(item)
        return block if block is not None else item.state.id

    def _block(self, item: Item) -> int | None:
        """Return the block of a whole item, or None."""
        found = {self._block_of(state) for state in leaves(item) if not is_ahead(state)}
        return next(iter(found)) if len(found) == 1 else None

    def _block_of(self, state: State) -> int | None:
        frame = state.frame or state.id.partition("/")[2]
        return self.blocks.get(frame)

    def _beside(self, item: Item, parent: str) -> str:
        name = self._unique(item.state.id)
        self.states.append(State(name, item.state.kind, Shape.PARALLEL, parent))
        for number, lane in enumerate(item.lanes, start=1):
            region, end = f"{name}/{number}", f"{name}/{number}/end"
            place = len(self.states)
            self.states.append(State(region, "region", Shape.COMPOUND, name))
            first = self._series(lane, region, end)
            self.states[place] = replace(self.states[place], initial=first)
            self.states.append(State(end, "end", Shape.FINAL, region))
        return name

    def _card(self, steps: Sequence[State], parent: str) -> str:
        """Make one box for these steps. The words on it are its name."""
        exposures = [step.work.exposure for step in steps if isinstance(step.work, Expose | Adopt)]
        alone = _without_waits(steps)[0]
        name = self._unique(_frames_in_words(exposures) if exposures else _steps_in_words(steps))
        self.states.append(
            State(
                id=name,
                kind="expose" if exposures else alone.kind,
                parent=parent,
                expected_s=sum(step.expected_s for step in steps),
                frame=None if len(steps) > 1 else alone.frame,
            )
        )
        self.parts[name] = tuple(step.id for step in steps)
        self.notes[name] = ", ".join(_contents(steps, exposures)) if exposures else ""
        return name

    def _unique(self, words: str) -> str:
        name, number = words, 2
        while name in self.taken:
            name, number = f"{words} ({number})", number + 1
        self.taken.add(name)
        return name


def _steps_in_words(steps: Sequence[State]) -> str:
    steps = _without_waits(steps)
    return title(steps[0]) if len(steps) == 1 else f"{title(steps[0])} and {counted(len(steps) - 1, 'step')} more"


def _without_waits(steps: Sequence[State]) -> Sequence[State]:
    """Return the steps that do something, or all if none does."""
    return [step for step in steps if not isinstance(step.work, Wait)] or steps


def _frames_in_words(exposures: Sequence[Exposure]) -> str:
    """Return words such as `5 biases` or `LDLS: 2 flats, 90 s and 150 s`."""
    first = exposures[0]
    lamps = "+".join(first.lamps)
    kind = f"{len(exposures)} {first.flavour}{_plural(first.flavour) if len(exposures) > 1 else ''}"
    times = _times(sorted({exposure.exposure_s for exposure in exposures}))
    return (f"{lamps}: " if lamps else "") + kind + (f", {times}" if times else "")


def _plural(flavour: str) -> str:
    return "es" if flavour.endswith("s") else "s"


def _times(seconds: Sequence[float]) -> str:
    if seconds == [0.0]:
        return ""
    if len(seconds) <= _SOME:
        return in_sentence(f"{one:g} s" for one in seconds)
    return f"{seconds[0]:g} to {seconds[-1]:g} s"


def _contents(steps: Sequence[State], exposures: Sequence[Exposure]) -> Iterator[str]:
    """Yield the other contents of a block in addition to its frames."""
    works = [step.work for step in steps]
    if any(isinstance(work, Point) for work in works):
        yield "pointing"
    warm = [step.expected_s for step in steps if isinstance(step.work, LampWarmup) and not is_ahead(step)]
    if warm:
        yield f"warm-up {brief(sum(warm))}"
    sweep = max((len(exposure.sweep) for exposure in exposures), default=0)
    if sweep:
        yield f"{counted(sweep, 'fibre')} in turn"
    ahead = [lamp for step in steps if is_ahead(step) and isinstance(step.work, LampWarmup) for lamp in step.work.lamps]
    if ahead:
        yield f"{in_sentence(ahead)} lit ahead"
    moves = sum(isinstance(work, FibselStep) and work.frame is None for work in works)
    if moves:
        yield counted(moves, "mask move")
    setups = sum(isinstance(work, Configure) for work in works)
    if setups:
        yield counted(setups, "set-up")
    waits = sum(work.seconds for work in works if isinstance(work, WaitDark))
    if waits:
        yield f"wait {brief(waits)}"
    read = sum(step.kind == "readout" for step in steps)
    if read:
        yield counted(read, "readout")
