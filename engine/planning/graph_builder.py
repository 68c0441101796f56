"""Structure of a run before it becomes a graph: steps, chains of them, and chains in parallel."""

from collections.abc import Iterable
from dataclasses import dataclass

from safelight.states.exposure import Exposure
from safelight.states.graph import ENDINGS, Event, Shape, State, StateGraph, Transition
from safelight.states.readout import Readout
from safelight.states.ready import Restore
from safelight.states.work import Work

__all__ = ["Block", "Chain", "Lane", "Parallel", "Step", "ends_of", "lasts_s", "to_graph"]


@dataclass(frozen=True, slots=True)
class Step:
    """One state with its action. It fails alone, and is retried alone."""

    id: str
    work: Work
    expected_s: float
    deadline_s: float
    frame: str | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Blocks one after the other, repeated as a whole when one of them fails.

    Attributes:
        restore: leads into it when its frame is taken again, because its readout found bad light.
    """

    id: str
    blocks: "tuple[Block, ...]"
    frame: str | None = None
    restore: Step | None = None


@dataclass(frozen=True, slots=True)
class Parallel:
    """Lanes that run at the same time. It ends when every lane has ended."""

    id: str
    kind: str
    lanes: "tuple[tuple[str, tuple[Block, ...]], ...]"
    frame: str | None = None


Block = Step | Chain | Parallel
Lane = tuple[str, tuple[Block, ...]]


def lasts_s(blocks: Iterable[Block]) -> float:
    """Return the expected duration of blocks one after the other, s."""
    return sum(_length_s(block) for block in blocks)


def _length_s(block: Block) -> float:
    if isinstance(block, Step):
        return block.expected_s
    if isinstance(block, Chain):
        return lasts_s(block.blocks)
    return max(lasts_s(blocks) for _, blocks in block.lanes)


def ends_of(lanes: Iterable[Lane]) -> tuple[str, ...]:
    """Return the states with which these lanes end."""
    return tuple(end for _, blocks in lanes for end in _last(blocks[-1]))


def _last(block: Block) -> tuple[str, ...]:
    if isinstance(block, Step):
        return (block.id,)
    return _last(block.blocks[-1]) if isinstance(block, Chain) else ends_of(block.lanes)


@dataclass(slots=True)
class _Draft:
    """States and transitions written so far."""

    states: list[State]
    transitions: list[Transition]

    def edge(self, source: str, event: str, target: str) -> None:
        self.transitions.append(Transition(source, event, target))

    def sequence(self, blocks: tuple[Block, ...], parent: str, follow: str, *, whole: bool) -> None:
        """Write blocks one after the other. The last one leads to `follow`."""
        for place, block in enumerate(blocks):
            after = blocks[place + 1].id if place + 1 < len(blocks) else follow
            if isinstance(block, Step):
                self.step(block, parent, after, whole=whole)
            elif isinstance(block, Chain):
                self.chain(block, parent, after, whole=whole)
            else:
                self.beside(block, parent, after, whole=whole)

    def step(self, step: Step, parent: str, follow: str, *, whole: bool) -> None:
        self.states.append(
            State(
                id=step.id,
                kind=step.work.kind,
                parent=parent,
                work=step.work,
                expected_s=step.expected_s,
                deadline_s=step.deadline_s,
                frame=step.frame,
            )
        )
        self.edge(step.id, Event.NEXT, follow)
        if not whole:
            self.edge(step.id, Event.RETRY, step.id)

    def chain(self, chain: Chain, parent: str, follow: str, *, whole: bool) -> None:
        if chain.restore is not None:
            self.step(chain.restore, parent, chain.id, whole=whole)
        self.states.append(State(chain.id, "frame", Shape.COMPOUND, parent, chain.blocks[0].id, frame=chain.frame))
        if not whole:
            self.edge(chain.id, Event.RETRY, chain.id)
        self.sequence(chain.blocks, chain.id, follow, whole=True)

    def retakes(self) -> None:
        """Lead each readout of a frame that can be restored back to its restore."""
        restores = {state.frame: state.id for state in self.states if isinstance(state.work, Restore)}
        for state in self.states:
            if isinstance(state.work, Readout) and state.frame in restores:
                self.edge(state.id, Event.RETAKE, restores[state.frame])

    def beside(self, beside: Parallel, parent: str, follow: str, *, whole: bool) -> None:
        self.states.append(State(beside.id, beside.kind, Shape.PARALLEL, parent, frame=beside.frame))
        self.edge(beside.id, Event.JOINED, follow)
        for name, blocks in beside.lanes:
            lane, end = f"{beside.id}/{name}", f"{beside.id}/{name}/end"
            self.states.append(State(lane, "region", Shape.COMPOUND, beside.id, blocks[0].id))
            self.sequence(blocks, lane, end, whole=whole)
            self.states.append(State(end, "end", Shape.FINAL, lane))


def to_graph(name: str, blocks: tuple[Block, ...], exposures: tuple[Exposure, ...], safing: Step) -> StateGraph:
    """Write the run, safing as its only way out, and the five endings."""
    draft = _Draft([State("run", "run", Shape.COMPOUND, initial=blocks[0].id)], [])
    draft.sequence(blocks, "run", safing.id, whole=False)
    draft.retakes()
    for event in (Event.ABORT, Event.FAULT, Event.PAUSE):
        draft.edge("run", event, safing.id)
    draft.states.append(
        State(safing.id, "safing", expected_s=safing.expected_s, deadline_s=safing.deadline_s, work=safing.work)
    )
    for ending in ENDINGS:
        draft.states.append(State(ending, "ending", Shape.FINAL))
        draft.edge(safing.id, ending, ending)
    return StateGraph(name, tuple(draft.states), tuple(draft.transitions), exposures)
