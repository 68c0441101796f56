"""The shape of a run before it is a graph: steps, chains of them, and chains beside each other."""

from dataclasses import dataclass

from safelight.engine.compiled import CompiledGraph
from safelight.states.exposure import Exposure
from safelight.states.graph import ENDINGS, Event, Shape, State, StateGraph, Transition
from safelight.states.work import Work

__all__ = ["Beside", "Block", "Chain", "Step", "to_graph"]


@dataclass(frozen=True, slots=True)
class Step:
    """One state with its action; fails alone, and is tried again alone."""

    id: str
    work: Work
    expected_s: float
    deadline_s: float
    frame: str | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Blocks one after the other, begun again as a whole when one of them fails."""

    id: str
    blocks: "tuple[Block, ...]"
    frame: str | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """Lanes that run at the same time; it ends when every lane has ended."""

    id: str
    kind: str
    lanes: "tuple[tuple[str, tuple[Block, ...]], ...]"
    frame: str | None = None


Block = Step | Chain | Beside


@dataclass(slots=True)
class _Draft:
    """The states and transitions written so far."""

    states: list[State]
    transitions: list[Transition]

    def edge(self, source: str, event: str, target: str) -> None:
        self.transitions.append(Transition(source, event, target))

    def sequence(self, blocks: tuple[Block, ...], parent: str, follow: str, *, whole: bool) -> None:
        """Write blocks one after the other; the last leads to `follow`."""
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
        self.states.append(State(chain.id, "frame", Shape.COMPOUND, parent, chain.blocks[0].id, frame=chain.frame))
        if not whole:
            self.edge(chain.id, Event.RETRY, chain.id)
        self.sequence(chain.blocks, chain.id, follow, whole=True)

    def beside(self, beside: Beside, parent: str, follow: str, *, whole: bool) -> None:
        self.states.append(State(beside.id, beside.kind, Shape.PARALLEL, parent, frame=beside.frame))
        self.edge(beside.id, Event.JOINED, follow)
        for name, blocks in beside.lanes:
            lane, end = f"{beside.id}/{name}", f"{beside.id}/{name}/end"
            self.states.append(State(lane, "region", Shape.COMPOUND, beside.id, blocks[0].id))
            self.sequence(blocks, lane, end, whole=whole)
            self.states.append(State(end, "end", Shape.FINAL, lane))


def to_graph(name: str, blocks: tuple[Block, ...], exposures: tuple[Exposure, ...], safing: Step) -> StateGraph:
    """Write the run, safing as the only way out of it, and the five endings."""
    draft = _Draft([State("run", "run", Shape.COMPOUND, initial=blocks[0].id)], [])
    draft.sequence(blocks, "run", safing.id, whole=False)
    for event in (Event.ABORT, Event.FAULT, Event.PAUSE):
        draft.edge("run", event, safing.id)
    draft.states.append(
        State(safing.id, "safing", expected_s=safing.expected_s, deadline_s=safing.deadline_s, work=safing.work)
    )
    for ending in ENDINGS:
        draft.states.append(State(ending, "ending", Shape.FINAL))
        draft.edge(safing.id, ending, ending)
    return CompiledGraph(name, tuple(draft.states), tuple(draft.transitions), exposures)
