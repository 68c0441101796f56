"""Plan of a run: everything that is known before anything moves. Pure, except for reading the documents."""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from safelight.devices import Observatory, ObservatoryError
from safelight.documents.errors import Problem, Unreadable, written
from safelight.documents.places import dotted, line_of
from safelight.documents.source import parse, read_text
from safelight.engine.errors import EngineError, LampOnTooLong
from safelight.engine.gc_tuning import no_garbage_collection
from safelight.engine.leases import lease_words
from safelight.engine.planning.compiler import Options, compile_graph
from safelight.engine.planning.durations import Durations
from safelight.engine.planning.frame_cards import observatory_cards
from safelight.engine.planning.lower_bound import bound_s, excess_of
from safelight.engine.planning.proof import Proof, prove
from safelight.engine.planning.schedule import Schedule, critical_path, schedule_of
from safelight.representable import Representable
from safelight.sequences import Document, Expansion, LampDefaults, SelectorDefaults, Site, expand
from safelight.states import State, StateGraph
from safelight.states.titles import title

__all__ = ["Plan", "make_plan", "site_of"]

_NEAR = 0.005
"""Part by which a plan may be longer than the shortest possible without a reason."""


def site_of(observatory: Observatory, *, point: bool = True) -> Site:
    """Return the part of an observatory that sequences may know.

    Args:
        observatory: its document.
        point: whether frames need a pointing.

    Raises:
        ObservatoryError: if a policy can't be read.
    """
    lamps = (
        LampDefaults(
            name,
            lamp.warmup_s,
            lamp.flavour,
            lamp.requires,
            lamp.level,
            lamp.min_on_s,
            observatory.lamps.label(name),
            observatory.shields.get(name, {}),
        )
        for name, lamp in observatory.lamps.units.items()
    )
    fibsel, spectrographs, durations = observatory.fibsel, observatory.spectrographs, Durations(observatory)
    selectors = observatory.selectors.units if observatory.selectors else {}
    cameras = {unit: spectrographs.cameras_of(unit) for unit in spectrographs.names}
    return Site(
        lamps=tuple(lamps),
        fibres=dict(fibsel.fibres) if fibsel else {},
        default_fibres=fibsel.default_fibres if fibsel else "",
        positions=tuple(observatory.positions),
        default_position=observatory.default_position if observatory.telescopes and point else None,
        steps_per_s=fibsel.steps_per_s if fibsel else 1.0,
        settle_s=fibsel.settle_s if fibsel else 0.0,
        telescopes=observatory.telescopes is not None,
        default_fibre=fibsel.default_fibre if fibsel else None,
        still=observatory.telescopes is not None and not point,
        policies={path.stem: _schema(path) for path in observatory.policy_paths},
        cards={keyword: says for keyword, _, says in observatory_cards(observatory)},
        sequences=observatory.sequences_folder,
        selectors={
            name: SelectorDefaults(unit.names, unit.default, unit.safe, durations.configure_s((name,)))
            for name, unit in selectors.items()
        },
        flavours={flavour: model.requires for flavour, model in observatory.flavours.items()},
        dark_at=spectrographs.dark_at,
        exclusive=observatory.lamps.exclusive,
        cameras=cameras,
        camera_kinds=spectrographs.camera_kinds,
        alone=spectrographs.chosen_by,
        own_times=spectrographs.times_differ,
        light_tight=spectrographs.light_tight_shutter,
        source_shutters=bool(observatory.shields),
        counts=spectrographs.judging.acts,
        monitor=observatory.lamps.monitor is not None,
        switching_s=observatory.lamps.on_s + observatory.lamps.off_s,
        reading_s=max(observatory.lamps.status_s, durations.selectors_read_s),
    )


def _schema(path: Path) -> Mapping[str, Any]:
    try:
        schema = parse(read_text(path), only_json=True).raw
    except Unreadable as error:
        place = path if error.line is None else f"{path}:{error.line}"
        raise ObservatoryError(f"the policy {place} can't be read: {error.message}") from None
    if not isinstance(schema, dict):
        raise ObservatoryError(f"the policy {path} is not a JSON Schema: expected a mapping, got {written(schema)}")
    return schema


@dataclass(frozen=True, repr=False)
class Plan(Representable):
    """Plan of one sequence on one observatory.

    Attributes:
        expansion: all frames of the sequence, with warnings and the choices that were made.
        graph: compiled and checked, for those frames that are still to be taken.
        bound_s: shortest possible duration of any schedule, s.
    """

    document: Document
    observatory: Observatory
    options: Options
    expansion: Expansion
    graph: StateGraph
    proof: Proof
    bound_s: float

    @cached_property
    def schedule(self) -> Schedule:
        """Times of each state if nothing goes wrong."""
        return schedule_of(self.graph, self.observatory.lamps.on_s, self.observatory.lamps.off_s)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings to print before the run."""
        lamps = self.observatory.lamps
        if lamps.read_back == "hardware" or lamps.second_path is not None:
            return self.expansion.warnings
        said = f"the driver {lamps.driver} repeats its last command when lamps are read back: off is believed, not seen"
        return (*self.expansion.warnings, said)

    @property
    def total_s(self) -> float:
        """Duration of the run if nothing goes wrong, s."""
        return self.schedule.total_s

    @cached_property
    def serial_s(self) -> float | None:
        """Duration of the same frames one after the other, s, or None if the plan is serial or cannot be."""
        if not self.options.overlap:
            return None
        known = {frame.id: frame for frame in self.expansion.frames}
        frames = [known[exposure.frame] for exposure in self.graph.exposures]
        with suppress(EngineError):  # a lamp would be on for too long
            serial = replace(self.options, overlap=False)
            return schedule_of(compile_graph(self.document.name, frames, self.observatory, serial)).total_s
        return None

    @cached_property
    def critical(self) -> frozenset[str]:
        """States that decide how long the run takes: it would be shorter if one of them were."""
        return critical_path(self.graph, self.schedule.slots)

    @cached_property
    def excess(self) -> tuple[tuple[str, float], ...]:
        """Why it is longer than the shortest possible by more than half a percent: reasons, each with its seconds."""
        over_s = self.total_s - self.bound_s
        if over_s <= _NEAR * self.bound_s:
            return ()
        return excess_of(self.schedule.slots, self.critical, self.observatory, over_s)

    def __repr__(self) -> str:
        """Return a short form, because a notebook keeps it together with the picture."""
        return f"<plan of {self.document.name!r} on {self.observatory.name}: {self.graph!r}, {self.total_s:.1f} s>"

    def as_json(self) -> dict[str, Any]:
        """Return the content of `plan --json`."""
        return {
            "sequence": self.document.name,
            "sequence_hash": self.document.hash,
            "observatory": self.observatory.name,
            "graph_hash": self.graph.hash,
            "frames": len(self.graph.exposures),
            "total_s": round(self.total_s, 3),
            "bound_s": round(self.bound_s, 3),
            "excess_s": {why: round(seconds, 3) for why, seconds in self.excess},
            "serial_s": None if self.serial_s is None else round(self.serial_s, 3),
            "lamp_on_s": {lamp: round(on_s, 3) for lamp, on_s in self.schedule.lamp_on_s.items()},
            "ignitions": dict(self.schedule.ignitions),
            "warnings": list(self.warnings),
            "choices": dict(self.expansion.choices),
            "states": [
                {
                    "id": slot.state.id,
                    "kind": slot.state.kind,
                    "frame": slot.state.frame,
                    "start_s": round(slot.start_s, 3),
                    "duration_s": round(slot.duration_s, 3),
                    "region": slot.lane,
                    "critical": slot.state.id in self.critical,
                }
                for slot in self.schedule.slots
            ],
        }


def make_plan(
    document: Document,
    observatory: Observatory,
    options: Options = Options(),
    *,
    point: bool = True,
    choices: Mapping[str, str] | None = None,
    rest: Collection[str] | None = None,
    expansion: Expansion | None = None,
) -> Plan:
    """Expand, compile and check.

    Args:
        document: loaded for this observatory's site.
        observatory: its numbers give the durations.
        options: overlap, parking, present state of the instrument.
        point: False: the telescopes do not move.
        choices: fibres chosen for the run; the first candidates where they are missing.
        rest: the frames that are still to be taken; None: all of them.
        expansion: expansion of this document with these choices, if it has already been made.

    Raises:
        SequenceError: if the frames can't be made.
        LampOnTooLong: if a lamp would be on for too long, with the line of the document.
        ObservatoryError: if a state would have less time than it takes.
        EngineError: if the graph breaks a promise.
    """
    if expansion is None:
        expansion = expand(document, site_of(observatory, point=point), choices)
    left = [frame for frame in expansion.frames if rest is None or frame.id in rest]
    options = replace(options, closing=expansion.closing, free=expansion.free)
    try:
        with no_garbage_collection():
            graph = compile_graph(document.name, left, observatory, options)
    except LampOnTooLong as error:
        raise _placed(error, document, expansion) from None
    _require_time(graph, observatory)
    proof = prove(graph, tuple(observatory.lamps.units), observatory.lamps.exclusive, observatory.shields)
    bound = bound_s(
        graph.exposures,
        observatory,
        options.start,
        park_after=options.park_after,
        closing=options.closing,
        free=expansion.free and (observatory.spectrographs.light_tight_shutter or bool(observatory.shields)),
    )
    return Plan(document, observatory, options, expansion, graph, proof, bound)


def _require_time(graph: StateGraph, observatory: Observatory) -> None:
    """Check that no state has a deadline within its expected duration: it would always fail.

    Raises:
        ObservatoryError: with each such kind of state, and where the document has its deadline.
    """
    short: dict[str, State] = {}
    for state in graph.states:
        if state.work is not None and state.deadline_s <= state.expected_s:
            worst = short.setdefault(state.kind, state)
            short[state.kind] = max(worst, state, key=lambda each: each.expected_s)
    if short:
        raise observatory.located(ObservatoryError(problems=[_too_short(short[kind], observatory) for kind in short]))


def _too_short(state: State, observatory: Observatory) -> Problem:
    own = state.kind in observatory.deadlines.kinds
    where = f"deadlines.kinds.{state.kind}" if own else "deadlines"
    said = f"expected more than {state.expected_s:g} s, which `{title(state)}` takes, got {state.deadline_s:g} s"
    return Problem("", None, where, "", said)


def _placed(error: LampOnTooLong, document: Document, expansion: Expansion) -> LampOnTooLong:
    """Return the same error with the block of the document in which the stretch begins that is too long."""
    numbers = {frame.id: number for number, frame in enumerate(expansion.frames)}
    named = [path for path in document.lines if len(path) == 2 and path[0] == "lamps"]  # noqa: PLR2004
    problems = []
    for broken in error.broken:
        where = expansion.places[bisect_right(expansion.blocks, numbers[broken.frames[0]]) - 1]
        # A mapping of lamps names its blocks; everything else numbers them.
        if where[0] == "lamps" and int(where[1]) < len(named):
            where = named[int(where[1])]
        line, value = line_of(where, document.lines), f"{broken.on_s:.0f} s"
        problems.append(Problem(document.origin, line, dotted(where), value, lease_words(broken)))
    return LampOnTooLong(error.broken, [], problems)
