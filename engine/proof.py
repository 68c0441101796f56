"""The proof: whatever happens in a graph, each way out ends with lamps confirmed off, and no frame sees a wrong lamp.

Every stable configuration that can be reached by any order of completions, retries and interruptions is looked at,
together with what the lamps can be like there. Nothing is believed of a lamp unless a state before has read it back:
at the start each lamp may burn; a command that has not been confirmed leaves it in doubt. `ready` is given no credit,
so the set-up alone must be right.

What is shown:
- each path ends, if retries do (policies bound them), and each end is one of the five endings;
- safing lies on each path, switches every lamp, and nothing but safing leads to an ending;
- abort, fault and pause are possible everywhere in the run, and lead to safing;
- while a frame integrates its own lamps are lit and as warm as asked, and no other burns or is in doubt;
- a frame is read out after its integration and before the next one, once;
- no state is unreachable, none is a trap.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from safelight.engine.collector import no_garbage_collection
from safelight.engine.errors import ProofError
from safelight.engine.shape import SAFING, look_at_shape
from safelight.engine.walk import INTERRUPTIONS, Configuration, Walk
from safelight.states import (
    Adopt,
    Event,
    Expose,
    Exposure,
    LampOff,
    LampWarmup,
    Readout,
    Shape,
    StateGraph,
)

__all__ = ["Proof", "prove"]

OFF = -2.0
"""Read back as off."""
DOUBT = -1.0
"""May burn, or not."""
# 0 and above: read back as on, and lit for at least so many seconds.

Lamps = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Node:
    """A configuration, the lamps, and the frame whose charge waits in the spectrographs."""

    leaves: Configuration
    lamps: Lamps
    charge: str | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at: the number of configurations and moves, and the promises that were shown to hold."""

    graph_hash: str
    configurations: int
    moves: int
    promises: tuple[str, ...]


_PROMISES = (
    "every path ends in done, aborted, faulted, paused or unsafe",
    "safing lies on every path and switches every lamp off",
    "abort, fault and pause lead to safing from every state of the run",
    "no frame integrates with a lamp that is not its own, or colder than asked",
    "every frame is read out once, before the next one integrates",
    "every state can be reached, and none is a trap",
)


def prove(graph: StateGraph, lamps: tuple[str, ...]) -> Proof:
    """Look at everything that can happen in a graph.

    Args:
        graph: as compiled.
        lamps: every lamp of the observatory.

    Raises:
        ProofError: with the broken promise and the shortest path to where it breaks.
    """
    with no_garbage_collection():
        return _Explorer(graph, lamps).explore()


class _Explorer:
    def __init__(self, graph: StateGraph, lamps: tuple[str, ...]) -> None:
        self.graph = graph
        self.walk = Walk(graph)
        self._number = {lamp: number for number, lamp in enumerate(lamps)}
        self._from: dict[_Node, tuple[_Node, str, str] | None] = {}
        self._interrupted: dict[tuple[str, str, Lamps], _Node] = {}

    def explore(self) -> Proof:
        look_at_shape(self.graph)
        self._look_at_lamps()
        start = self._enter(_Node((), (DOUBT,) * len(self._number), None), self.walk.start)
        self._from[start] = None
        waiting = deque([start])
        moves = 0
        while waiting:
            node = waiting.popleft()
            self._look_at(node)
            for source, event, leaves in self.walk.steps(node.leaves):
                moves += 1
                coming = self._coming(node, source, event, leaves)
                if coming not in self._from:
                    self._from[coming] = (node, source, event)
                    waiting.append(coming)
        self._look_for_unreached()
        return Proof(self.graph.hash, len(self._from), moves, _PROMISES)

    def _look_at_lamps(self) -> None:
        """Every lamp that is named is one of the observatory's, or nobody would look at it."""
        for state in self.graph.states:
            work = state.work
            named = work.lamps if isinstance(work, LampOff | LampWarmup) else ()
            named = work.exposure.need.lamps if isinstance(work, Expose) else named
            for lamp in named:
                if lamp not in self._number:
                    raise ProofError(f"{state.id} names {lamp}, which is no lamp of this observatory")

    # ---- what an event does to lamps and charge

    def _coming(self, node: _Node, source: str, event: str, leaves: Configuration) -> _Node:
        """The node after an event; interruptions forget all but the lamps, so they are worked out once for each."""
        if event not in INTERRUPTIONS:
            return self._enter(self._leave(node, source, event), leaves)
        key = (source, event, node.lamps)
        coming = self._interrupted.get(key)
        if coming is None:
            coming = self._interrupted[key] = self._enter(self._leave(node, source, event), leaves)
        return coming

    def _leave(self, node: _Node, source: str, event: str) -> _Node:
        """The lamps and the charge once the event has been sent; the leaves are still the old ones."""
        if event == Event.RETRY:
            again = self.graph.by_id[source].shape is Shape.COMPOUND
            kept = tuple(leaf for leaf in node.leaves if not self._below(leaf, source))
            return _Node(kept, node.lamps, None if again else node.charge)
        if event in INTERRUPTIONS:
            return _Node((), node.lamps, None)
        work = self.graph.by_id[source].work
        lamps = node.lamps
        if isinstance(work, LampOff) and event != "unsafe":
            lamps = self._set(lamps, dict.fromkeys(work.lamps, OFF))
        elif isinstance(work, LampWarmup):
            lamps = self._set(lamps, dict(zip(work.lamps, work.warmup_s, strict=True)), at_least=True)
        elif isinstance(work, Expose | Adopt):
            return _Node(node.leaves, lamps, work.exposure.frame)
        elif isinstance(work, Readout):
            return _Node(node.leaves, lamps, None)
        return _Node(node.leaves, lamps, node.charge)

    def _enter(self, left: _Node, leaves: Configuration) -> _Node:
        """What the states that are entered do at once; breaks the proof where they may not."""
        lamps = left.lamps
        for leaf in leaves:
            work = self.graph.by_id[leaf].work
            if leaf in left.leaves or work is None:
                continue
            if isinstance(work, LampOff):
                lamps = self._set(lamps, dict.fromkeys(work.lamps, DOUBT))
            elif isinstance(work, LampWarmup):
                lamps = self._set(lamps, dict.fromkeys(work.lamps, DOUBT), at_least=True)
        return _Node(leaves, lamps, left.charge)

    def _set(self, lamps: Lamps, values: Mapping[str, float], *, at_least: bool = False) -> Lamps:
        """Other values for some lamps; with `at_least`, a lamp that is lit stays as warm as it is."""
        changed = list(lamps)
        for lamp, value in values.items():
            number = self._number[lamp]
            changed[number] = max(value, changed[number]) if at_least and changed[number] >= 0 else value
        return tuple(changed)

    def _below(self, leaf: str, state_id: str) -> bool:
        return leaf == state_id or any(state.id == state_id for state in self.graph.ancestors(leaf))

    # ---- what must hold in every configuration

    def _look_at(self, node: _Node) -> None:
        if self.walk.ends(node.leaves):
            self._look_at_ending(node)
            return
        for leaf in node.leaves:
            state = self.graph.by_id[leaf]
            if isinstance(state.work, Expose):
                self._look_at_light(node, state.work.exposure)
                if node.charge is not None:
                    raise self._broken(f"{leaf} begins before frame {node.charge} has been read out", node)
            elif isinstance(state.work, Readout) and node.charge != state.work.exposure.frame:
                raise self._broken(f"{leaf} finds {node.charge or 'no frame'} in the spectrographs", node)
            elif leaf == SAFING and node.charge is not None:
                raise self._broken(f"the run ends before frame {node.charge} has been read out", node)

    def _look_at_ending(self, node: _Node) -> None:
        burning = [lamp for lamp, number in self._number.items() if node.lamps[number] != OFF]
        ending = node.leaves[0]
        if burning and ending != "unsafe":
            raise self._broken(f"{ending} is reached although {burning[0]} is not confirmed off", node)

    def _look_at_light(self, node: _Node, exposure: Exposure) -> None:
        need = exposure.need
        asked = dict(zip(need.lamps, need.warmup_s, strict=True))
        for lamp, number in self._number.items():
            value = node.lamps[number]
            if lamp in asked and value < asked[lamp]:
                how = "not confirmed lit" if value < 0 else f"lit for {value:g} s"
                raise self._broken(f"{exposure.frame} integrates with {lamp} {how}, not {asked[lamp]:g} s", node)
            if lamp not in asked and value != OFF and lamp not in need.tolerated:
                how = "lit" if value >= 0 else "not confirmed off"
                raise self._broken(f"{exposure.frame} integrates with {lamp} {how}", node)

    def _look_for_unreached(self) -> None:
        reached = {leaf for node in self._from for leaf in node.leaves}
        for state in self.graph.states:
            inner = state.shape in (Shape.COMPOUND, Shape.PARALLEL)
            # The last lane's final state is passed through within a join.
            passed = state.shape is Shape.FINAL and state.parent is not None
            if not inner and not passed and state.id not in reached:
                raise ProofError(f"{state.id} can never be reached")

    def _broken(self, promise: str, node: _Node) -> ProofError:
        path: list[str] = []
        step = self._from[node]
        while step is not None:
            before, source, event = step
            path.append(f"{source} --{event}--> {' | '.join(node.leaves)}")
            node, step = before, self._from[before]
        return ProofError(promise, (f"start: {' | '.join(node.leaves)}", *reversed(path)))
