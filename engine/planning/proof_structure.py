"""Structural checks of a graph before the exhaustive ones: required edges, and their targets."""

from collections import Counter

from safelight.engine.errors import ProofError
from safelight.engine.planning.statechart_rules import INTERRUPTIONS
from safelight.states import ENDINGS, Adopt, Event, Expose, Readout, Ready, Restore, Shape, StateGraph, TimedShutter
from safelight.states.graph import SAFING

__all__ = ["check_structure"]


def check_structure(graph: StateGraph) -> None:
    """Check identifiers, edges and endings.

    Raises:
        ProofError: a promise is broken; with the edge that breaks it.
    """
    _look_at_names(graph)
    _look_at_ways_out(graph)
    _look_at_steps(graph)
    _look_at_frames(graph)
    _look_at_retakes(graph)
    _look_at_read_backs(graph)
    _look_at_openings(graph)


def _look_at_names(graph: StateGraph) -> None:
    twice = [state_id for state_id, count in Counter(state.id for state in graph.states).items() if count > 1]
    if twice:
        raise ProofError(f"two states are called {twice[0]}")
    if SAFING not in graph.by_id:
        raise ProofError("there is no safing")
    for state in graph.states:
        if state.parent is None and state.shape is Shape.FINAL and state.id not in ENDINGS:
            raise ProofError(f"{state.id} is not one of the endings {', '.join(ENDINGS)}")
        first = graph.by_id.get(state.initial or "")
        if state.shape is Shape.COMPOUND and (first is None or first.parent != state.id):
            raise ProofError(f"{state.id} does not begin anywhere: {state.initial!r} is not a state within it")


def _look_at_ways_out(graph: StateGraph) -> None:
    """Check that only safing leads to an ending, and that only safing has no interruption."""
    for edge in graph.transitions:
        walk = (f"{edge.source} --{edge.event}--> {edge.target}",)
        if edge.target in ENDINGS and edge.source != SAFING:
            raise ProofError("an ending is reached without safing", walk)
        if edge.event in INTERRUPTIONS and edge.target != SAFING:
            raise ProofError(f"{edge.event} does not lead to safing", walk)
        if edge.source == SAFING and edge.event not in ENDINGS:
            raise ProofError(f"safing can be left by {edge.event}", walk)
    _look_at_missing_ways(graph)


def _look_at_missing_ways(graph: StateGraph) -> None:
    for event in INTERRUPTIONS:
        if graph.edges.get((graph.initial, event)) != SAFING:
            raise ProofError(f"{graph.initial} has no {event} that leads to safing")
    for ending in ENDINGS:
        if graph.edges.get((SAFING, ending)) != ending:
            raise ProofError(f"safing has no {ending} that ends the run so")
    for state in graph.states:
        if state.parent is None and state.id not in (graph.initial, SAFING, *ENDINGS):
            raise ProofError(f"{state.id} is outside the run, where no abort reaches it")


def _look_at_steps(graph: StateGraph) -> None:
    """Check that every step has one next state, which comes later, so that each path ends without retries."""
    place = {state.id: number for number, state in enumerate(graph.states)}
    ways = Counter((edge.source, edge.event) for edge in graph.transitions)
    for (source, event), count in ways.items():
        if count > 1:
            raise ProofError(f"{source} has {count} transitions for {event}")
    for edge in graph.transitions:
        if edge.event in (Event.NEXT, Event.JOINED) and place.get(edge.target, -1) <= place.get(edge.source, -1):
            raise ProofError("a step leads back", (f"{edge.source} --{edge.event}--> {edge.target}",))
        if edge.event in (Event.NEXT, Event.JOINED) and _lane(graph, edge.source) != _lane(graph, edge.target):
            raise ProofError("a step leaves its lane", (f"{edge.source} --{edge.event}--> {edge.target}",))
        if edge.event == Event.RETRY and edge.target != edge.source:
            raise ProofError("a retry leads elsewhere", (f"{edge.source} --{edge.event}--> {edge.target}",))
    for state in graph.states:
        if state.shape is Shape.ATOMIC and state.id != SAFING and (state.id, Event.NEXT) not in graph.edges:
            raise ProofError(f"{state.id} is a trap: nothing leads on from it")
        if state.shape is Shape.PARALLEL and (state.id, Event.JOINED) not in graph.edges:
            raise ProofError(f"{state.id} is a trap: nothing leads on when its lanes have ended")


def _lane(graph: StateGraph, state_id: str) -> str | None:
    """Return the nearest enclosing lane of a parallel. A step out of it would leave the parallel lanes unfinished."""
    for state in graph.ancestors(state_id):
        if state.parent is not None and graph.by_id[state.parent].shape is Shape.PARALLEL:
            return state.id
    return None


def _look_at_read_backs(graph: StateGraph) -> None:
    """Check that every retry of an exposure begins with its read-back."""
    for state in graph.states:
        if isinstance(state.work, Expose):
            frame = state.work.exposure.frame
            first = graph.by_id.get(graph.by_id[graph.retry_scope(state.id) or state.id].initial or "")
            work = first.work if first else None
            if not isinstance(work, Ready) or work.frame != frame or work.need != state.work.exposure.need:
                raise ProofError(f"{state.id} can begin without a read-back of what {frame} needs")


def _look_at_openings(graph: StateGraph) -> None:
    """Check that each source shutter is opened once, in a lane parallel to the exposure that asks for it."""
    found: Counter[tuple[str, str]] = Counter()
    for state in graph.states:
        if isinstance(state.work, TimedShutter):
            frame = state.work.frame
            lane = graph.by_id[str(state.parent)]
            beside = (inner.work for other in graph.children[lane.parent] for inner in graph.children.get(other.id, ()))
            if not any(isinstance(work, Expose) and work.exposure.frame == frame for work in beside):
                raise ProofError(f"{state.id} is not parallel to the exposure of {frame}")
            found[frame, state.work.opening.lamp] += 1
    wanted = Counter((exposure.frame, each.lamp) for exposure in graph.exposures for each in exposure.openings)
    for frame, lamp in found | wanted:
        if found[frame, lamp] != wanted[frame, lamp]:
            said = f"{found[frame, lamp]} states let {lamp} through in {frame}"
            raise ProofError(f"{said}, not {wanted[frame, lamp]}")


def _look_at_retakes(graph: StateGraph) -> None:
    """A retake leads from the readout of a frame to its restore, and from there into that frame, nowhere else."""
    for edge in graph.transitions:
        source, target = graph.by_id[edge.source], graph.by_id[edge.target]
        walk = (f"{edge.source} --{edge.event}--> {edge.target}",)
        if edge.event == Event.RETAKE:
            known = isinstance(source.work, Readout) and isinstance(target.work, Restore)
            if not known or source.frame != target.frame:
                raise ProofError("a retake leads elsewhere than from a readout to the restore of its frame", walk)
            if target.parent not in {above.id for above in graph.ancestors(source.id)}:
                raise ProofError("a retake leaves its lane", walk)
        elif isinstance(source.work, Restore) and edge.event == Event.NEXT and target.frame != source.frame:
            raise ProofError("a restore leads into another frame", walk)


def _look_at_frames(graph: StateGraph) -> None:
    """Check that each frame is exposed (or adopted) in one state and read out in one."""
    for name, kinds in (("expose", (Expose, Adopt)), ("readout", (Readout,))):
        works = (state.work for state in graph.states)
        counted = Counter(work.exposure.frame for work in works if isinstance(work, kinds))
        wanted = {exposure.frame for exposure in graph.exposures}
        for frame in wanted.symmetric_difference(counted) | {frame for frame, n in counted.items() if n > 1}:
            raise ProofError(f"frame {frame} has {counted[frame]} states of kind {name}, not one")
