"""Proof: an exhaustive check that every run ends with lamps confirmed off, and that no frame sees a wrong lamp.

Every stable configuration that can be reached by any order of completions, retries and interruptions is checked,
together with the possible states of the lamps. A lamp is only known after a state has read it back: at the start each
lamp may be on, and a command that has not been confirmed leaves it in doubt. `ready` does not count for lamps, so the
set-up alone must be right.

These promises are checked:
- each path ends, if retries do (policies bound them), and each end is one of the five endings;
- safing lies on each path, switches every lamp, and nothing but safing leads to an ending;
- abort, fault and pause are possible everywhere in the run, and lead to safing;
- while a frame integrates its own lamps are lit and as warm as requested, and no other is on or in doubt;
- a lamp is only lit after all shutters have been read back as closed, or its source shutter as blocking: at the
  start, and after a failure, each may be open;
- a lamp that warms up behind a source shutter while a frame integrates counts as dark only while the selector is read
  back where it blocks the light, and the frame demands this position;
- no selector moves while a frame integrates, and each frame's own are read back where it needs them before it begins;
- the only exception is the source shutter of a lamp that is seen for a part of an exposure: it is closed when the
  exposure begins, opens and closes in a lane of this exposure, and blocks no other lamp's light meanwhile;
- two lamps that exclude each other are never lit together, and no lamp is lit while a sequence waits in the dark;
- a lamp that can be dimmed is at the level of its frame;
- a lamp that is on for a part of an exposure is lit and switched off in a lane of this exposure;
- a frame that is taken again begins with its own lamps lit anew, and all others confirmed off;
- a frame is read out after its integration and before the next one, once;
- no state is unreachable, none is a trap.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from safelight.devices.observatory.source_shutters import Shields
from safelight.engine.errors import ProofError
from safelight.engine.gc_tuning import no_garbage_collection
from safelight.engine.planning.proof_structure import check_structure
from safelight.engine.planning.statechart_rules import INTERRUPTIONS, Configuration, Configurations
from safelight.states import (
    AS_FOUND,
    Adopt,
    Configure,
    Event,
    Expose,
    Exposure,
    LampOff,
    LampWarmup,
    Opening,
    Readout,
    Ready,
    Restore,
    Shape,
    Shield,
    StateGraph,
    TimedLamp,
    TimedShutter,
    WaitDark,
    Work,
)
from safelight.states.graph import SAFING
from safelight.states.work import BLOCKED, LAMPS, SHUTTERS

__all__ = ["Proof", "prove"]

OFF = -2.0
"""Read back as off."""
DOUBT = -1.0
"""On or off."""
# 0 and above: read back as on, and lit for at least this many seconds.
PASSING = -1.0
"""Place of a source shutter that lets a lamp through in its frame, or was left so by a failure: not known as closed."""

Lamps = tuple[float, ...]


Places = tuple[str | float | None, ...]
"""Position of each selector and level of each lamp that can be dimmed: read back, AS_FOUND, or None in between."""


@dataclass(frozen=True, slots=True)
class _Node:
    """Configuration, lamps, the frame whose charge waits in the spectrographs, and whether the shutters are closed."""

    leaves: Configuration
    lamps: Lamps
    charge: str | None
    shut: bool = False
    places: Places = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """Result of the check: the number of configurations and moves, and the promises that hold."""

    graph_hash: str
    configurations: int
    moves: int
    promises: tuple[str, ...]


_PROMISES = (
    "every path ends in done, aborted, faulted, paused or unsafe",
    "safing is on every path and switches every lamp off",
    "abort, fault and pause lead to safing from every state of the run",
    "no lamp is lit before every shutter is read back as closed, or its source shutter as blocking",
    "no frame integrates with a wrong lamp whose light is not read back as blocked, or with one that is not warm",
    "no selector but its own source shutter moves while a frame integrates, and none has a wrong selector or level",
    "lamps that exclude each other are never lit together, and all are off while a sequence waits",
    "every frame is read out once, before the next one integrates",
    "every state can be reached, and none is a trap",
)


def prove(
    graph: StateGraph,
    lamps: tuple[str, ...],
    exclusive: tuple[tuple[str, ...], ...] = (),
    shields: Mapping[str, Mapping[str, tuple[str, ...]]] = {},
) -> Proof:
    """Check everything that can happen in a graph.

    Args:
        graph: as compiled.
        lamps: every lamp of the observatory.
        exclusive: groups of lamps of which one may be lit at a time.
        shields: lamp that may warm up behind a source shutter -> selector -> the positions that block its light.

    Raises:
        ProofError: a promise is broken; with the shortest path to the violation.
    """
    with no_garbage_collection():
        return _Explorer(graph, lamps, exclusive, shields).explore()


class _Explorer:
    def __init__(
        self, graph: StateGraph, lamps: tuple[str, ...], exclusive: tuple[tuple[str, ...], ...], shields: Shields
    ) -> None:
        self.graph = graph
        self._shields = shields
        self._rivals = {
            lamp: tuple(other for group in exclusive if lamp in group for other in group if other != lamp)
            for lamp in lamps
        }
        self._slot = _slots(graph)
        self.walk = Configurations(graph)
        self._number = {lamp: number for number, lamp in enumerate(lamps)}
        self._from: dict[_Node, tuple[_Node, str, str] | None] = {}
        self._interrupted: dict[tuple[str, str, Lamps], _Node] = {}

    def explore(self) -> Proof:
        check_structure(self.graph)
        self._look_at_lamps()
        found = (AS_FOUND,) * len(self._slot)
        start = self._enter(_Node((), (DOUBT,) * len(self._number), None, places=found), self.walk.start)
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
        """Check that every named lamp is one of the observatory's."""
        for state in self.graph.states:
            work = state.work
            named = work.lamps if isinstance(work, LampOff) else _lit_by(work)
            named = work.exposure.lamps if isinstance(work, Expose) else named
            named = (*work.off, *work.need.lamps) if isinstance(work, Restore) else named
            for lamp in named:
                if lamp not in self._number:
                    raise ProofError(f"{state.id} names {lamp}, which is not a lamp of this observatory")

    # ---- effect of an event on lamps and charge

    def _coming(self, node: _Node, source: str, event: str, leaves: Configuration) -> _Node:
        """Return the node after an event. An interruption keeps only the lamps, so its result is cached for them."""
        if event not in INTERRUPTIONS:
            return self._enter(self._leave(node, source, event), leaves)
        key = (source, event, node.lamps)
        coming = self._interrupted.get(key)
        if coming is None:
            coming = self._interrupted[key] = self._enter(self._leave(node, source, event), leaves)
        return coming

    def _leave(self, node: _Node, source: str, event: str) -> _Node:
        """Return the lamps and the charge after the event was sent, with the old leaves."""
        if event == Event.RETRY:
            again = self.graph.by_id[source].shape is Shape.COMPOUND
            kept = tuple(leaf for leaf in node.leaves if not self._below(leaf, source))
            return _Node(kept, node.lamps, None if again else node.charge, node.shut and not again, node.places)
        if event in INTERRUPTIONS:
            return _Node((), node.lamps, None)
        if event == Event.RETAKE:
            # Only a readout can be left so: its charge is on the disk.
            return _Node(node.leaves, node.lamps, None, node.shut, node.places)
        work = self.graph.by_id[source].work
        return node if event == "unsafe" else self._done(node, work)

    def _done(self, node: _Node, work: Work | None) -> _Node:
        """Return the node after a state has done its work, with the old leaves."""
        lamps, places = node.lamps, node.places
        if isinstance(work, LampOff | TimedLamp):
            dark = (work.lamp,) if isinstance(work, TimedLamp) else work.lamps
            lamps = self._set(lamps, dict.fromkeys(dark, OFF))
        elif isinstance(work, LampWarmup):
            lamps = self._set(lamps, dict(zip(work.lamps, work.warmup_s, strict=True)), at_least=True)
            places = self._put(places, dict(work.levels)) if work.levels else places
        elif isinstance(work, Configure):
            places = self._put(places, dict(work.setup))
        elif isinstance(work, TimedShutter):
            places = self._put(places, {work.opening.selector: work.opening.closed})
        elif isinstance(work, Ready):
            # A failure has left it open. Everything else has to be right without `ready`.
            left = ((name, at) for name, at in work.need.places if places[self._slot[name]] == PASSING)
            places = self._put(places, dict(left))
        elif isinstance(work, Restore):
            own = dict(zip(work.need.lamps, work.need.warmup_s, strict=True))
            lamps = self._set(lamps, dict.fromkeys(work.off, OFF) | own)
            places = self._put(places, dict((*work.need.places, *work.need.levels)))
        elif isinstance(work, Expose | Adopt):
            return _Node(node.leaves, lamps, work.exposure.frame, shut=True, places=places)
        elif isinstance(work, Readout):
            return _Node(node.leaves, lamps, None, node.shut, places)
        return _Node(node.leaves, lamps, node.charge, node.shut, places)

    def _enter(self, left: _Node, leaves: Configuration) -> _Node:
        """Apply the effects of the states that are entered. Raise ProofError where they break a promise."""
        lamps, shut, places = left.lamps, left.shut, left.places
        for leaf in leaves:
            work = self.graph.by_id[leaf].work
            if leaf in left.leaves or work is None:
                continue
            shut = shut or _closes_first(work)
            if isinstance(work, LampOff):
                lamps = self._set(lamps, dict.fromkeys(work.lamps, DOUBT))
            elif isinstance(work, Restore):
                # A lamp that is off stays off when it is commanded off once more.
                burning = (lamp for lamp in work.off if lamps[self._number[lamp]] != OFF)
                lamps = self._set(lamps, dict.fromkeys((*burning, *work.need.lamps), DOUBT))
                places = self._put(places, dict.fromkeys(dict((*work.need.places, *work.need.levels))))
            elif isinstance(work, TimedLamp):
                lamps = self._set(lamps, {work.lamp: DOUBT})
            elif isinstance(work, LampWarmup):
                lamps = self._set(lamps, dict.fromkeys(work.lamps, DOUBT), at_least=True)
                places = self._put(places, dict.fromkeys(dict(work.levels))) if work.levels else places
            elif isinstance(work, Configure):
                places = self._put(places, dict.fromkeys(dict(work.setup)))
            elif isinstance(work, TimedShutter):
                places = self._opened(leaf, places, work.opening)
        works = (self.graph.by_id[leaf].work for leaf in leaves)
        opened = any(isinstance(work, Expose) and work.exposure.order.opens_shutter for work in works)
        return _Node(leaves, lamps, left.charge, shut and not opened, places)

    def _opened(self, leaf: str, places: Places, opening: Opening) -> Places:
        """Return the places with a source shutter that opens. Raise ProofError where it was not closed."""
        blocking = self._shields.get(opening.lamp, {}).get(opening.selector, ())
        place = places[self._slot[opening.selector]]
        if place != opening.closed or place not in blocking:
            raise ProofError(f"{leaf} opens {opening.selector}, which is not read back as blocking {opening.lamp}")
        if opening.opened in blocking:
            raise ProofError(f"{leaf} opens {opening.selector} to {opening.opened}, where it blocks {opening.lamp}")
        return self._put(places, {opening.selector: PASSING})

    def _put(self, places: Places, values: Mapping[str, str | float | None]) -> Places:
        """Return the places with other positions or levels. After an interruption they are unknown."""
        if not places:
            return places
        changed = list(places)
        for name, value in values.items():
            changed[self._slot[name]] = value
        return tuple(changed)

    def _set(self, lamps: Lamps, values: Mapping[str, float], *, at_least: bool = False) -> Lamps:
        """Return new values for some lamps. With `at_least`, a lit lamp stays as warm as it is."""
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
            self._look_at_lighting(node, leaf, state.work)
            self._look_at_rivals(node, leaf, _lit_by(state.work))
            if isinstance(state.work, TimedShutter):
                self._look_at_opening(node, leaf, state.work)
            if isinstance(state.work, Restore):
                self._look_at_restore(node, leaf, state.work)
            if isinstance(state.work, WaitDark):
                self._look_at_darkness(node, leaf)
            if isinstance(state.work, Expose):
                self._look_at_light(node, state.work.exposure)
                self._look_at_places(node, state.work.exposure)
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
        works = (self.graph.by_id[leaf].work for leaf in node.leaves)
        timed = {work.lamp for work in works if isinstance(work, TimedLamp) and work.frame == exposure.frame}
        for lamp, number in self._number.items():
            value = node.lamps[number]
            if lamp in timed and value == DOUBT:
                continue
            if lamp in asked and value < asked[lamp]:
                how = "not confirmed lit" if value < 0 else f"lit for {value:g} s"
                raise self._broken(f"{exposure.frame} integrates with {lamp} {how}, not {asked[lamp]:g} s", node)
            if lamp not in asked and value != OFF and lamp not in need.tolerated:
                how = "lit" if value >= 0 else "not confirmed off"
                shields = tuple(shield for shield in need.shields if shield[0] == lamp)
                if not shields:
                    raise self._broken(f"{exposure.frame} integrates with {lamp} {how}", node)
                if not self._blocked(node, lamp, shields):
                    said = "and nothing is read back as blocking its light"
                    raise self._broken(f"{exposure.frame} integrates with {lamp} {how}, {said}", node)

    def _look_at_places(self, node: _Node, exposure: Exposure) -> None:
        moving = next((leaf for leaf in node.leaves if isinstance(self.graph.by_id[leaf].work, Configure)), None)
        if moving is not None:
            raise self._broken(f"{moving} moves selectors while {exposure.frame} integrates", node)
        works = (self.graph.by_id[leaf].work for leaf in node.leaves)
        passing = {work.opening.selector for work in works if isinstance(work, TimedShutter)}
        for name, wanted in (*exposure.need.places, *exposure.need.levels):
            value = node.places[self._slot[name]]
            if value != wanted and not (name in passing and value == PASSING):
                what = "in doubt" if value is None else value
                raise self._broken(f"{exposure.frame} integrates with {name} {what}, not {wanted}", node)

    def _look_at_opening(self, node: _Node, leaf: str, work: TimedShutter) -> None:
        """Check that a source shutter opens for its own exposure alone, which says so."""
        works = (self.graph.by_id[other].work for other in node.leaves)
        exposures = [other.exposure for other in works if isinstance(other, Expose)]
        own = next((each for each in self.graph.exposures if each.frame == work.frame), None)
        if own is None or work.opening not in own.openings or any(each.frame != work.frame for each in exposures):
            raise self._broken(f"{leaf} opens {work.opening.selector} for a frame that does not ask for it", node)

    def _blocked(self, node: _Node, lamp: str, shields: tuple[Shield, ...]) -> bool:
        """Return whether one of these selectors is read back where it blocks the lamp."""
        return any(
            node.places[self._slot[selector]] in self._shields.get(lamp, {}).get(selector, ())
            for _, selector, _ in shields
        )

    def _look_at_lighting(self, node: _Node, leaf: str, work: Work | None) -> None:
        """Check that a state lights lamps behind closed shutters, or each behind a source shutter that blocks it."""
        if not isinstance(work, LampWarmup) or BLOCKED not in work.order:
            if isinstance(work, LampWarmup | Ready | Restore) and not node.shut:
                raise self._broken(f"{leaf} may light a lamp before every shutter is read back as closed", node)
            return
        for lamp in work.lamps:
            if not self._blocked(node, lamp, tuple(shield for shield in work.shields if shield[0] == lamp)):
                raise self._broken(f"{leaf} lights {lamp} while nothing is read back as blocking its light", node)

    def _look_at_rivals(self, node: _Node, leaf: str, lamps: tuple[str, ...]) -> None:
        for lamp in lamps:
            for rival in self._rivals[lamp]:
                if node.lamps[self._number[rival]] != OFF:
                    raise self._broken(f"{leaf} lights {lamp} while {rival} is not confirmed off", node)

    def _look_at_restore(self, node: _Node, leaf: str, work: Restore) -> None:
        """Check that it lights no lamp that its frame does not need at first, nor one together with a rival."""
        own = next((e.need.lamps for e in self.graph.exposures if e.frame == work.frame), ())
        for lamp in work.need.lamps:
            if lamp not in own:
                raise self._broken(f"{leaf} lights {lamp}, without which {work.frame} begins", node)
            for rival in self._rivals[lamp]:
                if rival not in work.off and node.lamps[self._number[rival]] != OFF:
                    raise self._broken(f"{leaf} lights {lamp} and has not switched {rival} off", node)

    def _look_at_darkness(self, node: _Node, leaf: str) -> None:
        for lamp, number in self._number.items():
            if node.lamps[number] != OFF:
                raise self._broken(f"{leaf} waits while {lamp} is not confirmed off", node)

    def _look_for_unreached(self) -> None:
        reached = {leaf for node in self._from for leaf in node.leaves}
        for state in self.graph.states:
            inner = state.shape in (Shape.COMPOUND, Shape.PARALLEL)
            # The last lane's final state is passed within a join.
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


def _lit_by(work: Work | None) -> tuple[str, ...]:
    """Return the lamps that a state lights."""
    if isinstance(work, TimedLamp):
        return (work.lamp,)
    return work.lamps if isinstance(work, LampWarmup) else ()


def _closes_first(work: Work) -> bool:
    """Return whether a state reads every shutter back as closed before it lights anything."""
    order = work.order if isinstance(work, LampWarmup | Ready | Restore) else ()
    return SHUTTERS in order[: order.index(LAMPS) if LAMPS in order else None]


def _slots(graph: StateGraph) -> dict[str, int]:
    """Return a slot for each selector that is moved or needed, and for each lamp with a level."""
    names: dict[str, None] = {}
    for exposure in graph.exposures:
        names |= dict.fromkeys(dict((*exposure.need.places, *exposure.need.levels)))
    for state in graph.states:
        if isinstance(state.work, Configure):
            names |= dict.fromkeys(dict(state.work.setup))
        elif isinstance(state.work, LampWarmup):
            names |= dict.fromkeys(dict(state.work.levels))
            names |= dict.fromkeys(selector for _, selector, _ in state.work.shields)
        elif isinstance(state.work, TimedShutter):
            names[state.work.opening.selector] = None
    return {name: number for number, name in enumerate(names)}
