"""A plan: everything that can be known of a run before anything moves. Pure, but for reading the documents."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from safelight.devices import Observatory, ObservatoryError
from safelight.engine.bound import bound_s
from safelight.engine.collector import no_garbage_collection
from safelight.engine.compiler import Options, compile_graph
from safelight.engine.errors import EngineError
from safelight.engine.proof import Proof, prove
from safelight.engine.schedule import Schedule, schedule
from safelight.sequences import Document, Expansion, LampDefaults, Site, expand
from safelight.sequences.keywords import is_reserved
from safelight.states import StateGraph

__all__ = ["Plan", "make_plan", "site_of"]


def site_of(observatory: Observatory, *, point: bool = True) -> Site:
    """What sequences may know of an observatory.

    Args:
        observatory: its document.
        point: False: frames do not ask for a pointing.

    Raises:
        ObservatoryError: if a policy can't be read, or a lamp's FITS keyword has another meaning.
    """
    for lamp in observatory.lamps.units:
        keyword = observatory.lamps.keyword(lamp)
        if is_reserved(keyword) or is_reserved(f"W{keyword}"[:8]):
            raise ObservatoryError(
                f"{observatory.name}: lamps.units.{lamp}: the FITS keyword {keyword} has another meaning in a frame's "
                "header; give the lamp a `keyword` of its own"
            )
    lamps = (LampDefaults(name, lamp.warmup_s, lamp.flavour) for name, lamp in observatory.lamps.units.items())
    fibsel = observatory.fibsel
    return Site(
        lamps=tuple(lamps),
        fibres=dict(fibsel.fibres) if fibsel else {},
        default_fibres=fibsel.default_fibres if fibsel else "",
        positions=tuple(observatory.positions),
        default_position=observatory.default_position if observatory.telescopes and point else None,
        steps_per_s=fibsel.steps_per_s if fibsel else 1.0,
        settle_s=fibsel.settle_s if fibsel else 0.0,
        policies={path.stem: _schema(path) for path in observatory.policy_paths},
    )


def _schema(path: Path) -> Mapping[str, Any]:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ObservatoryError(f"the policy {path} can't be read: {error}") from None
    if not isinstance(schema, dict):
        raise ObservatoryError(f"the policy {path} is no JSON Schema: it should be a mapping")
    return schema


@dataclass(frozen=True, repr=False)
class Plan:
    """One sequence on one observatory.

    Attributes:
        expansion: all frames of the sequence, with warnings and the choices that were made.
        graph: compiled and proved, for those frames that are still to be taken.
        bound_s: what no schedule could be shorter than, s.
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
        """When each state begins if nothing goes wrong."""
        return schedule(self.graph, self.observatory.lamps.on_s, self.observatory.lamps.off_s)

    @property
    def total_s(self) -> float:
        """How long the run takes if nothing goes wrong, s."""
        return self.schedule.total_s

    @cached_property
    def serial_s(self) -> float | None:
        """How long the same frames take one after the other, s; None where that is what is planned, or can't be."""
        if not self.options.overlap:
            return None
        known = {frame.id: frame for frame in self.expansion.frames}
        frames = [known[exposure.frame] for exposure in self.graph.exposures]
        with suppress(EngineError):  # a lamp would burn for too long
            serial = replace(self.options, overlap=False)
            return schedule(compile_graph(self.document.name, frames, self.observatory, serial)).total_s
        return None

    @cached_property
    def critical(self) -> frozenset[str]:
        """The states that decide how long the run takes: it would be shorter if one of them were."""
        from safelight.engine.drawing.lanes import critical_path  # noqa: PLC0415 - only who looks needs it

        return critical_path(self.graph, self.schedule.slots)

    def __repr__(self) -> str:
        """Short: a notebook keeps it beside the picture."""
        return f"<plan of {self.document.name!r} on {self.observatory.name}: {self.graph!r}, {self.total_s:.1f} s>"

    def _repr_html_(self) -> str:
        """In a notebook: the plan in time."""
        from safelight.engine.drawing import timeline_of  # noqa: PLC0415 - only who looks needs it

        return timeline_of(self).svg

    def as_json(self) -> dict[str, Any]:
        """What `plan --json` prints."""
        return {
            "sequence": self.document.name,
            "sequence_hash": self.document.hash,
            "observatory": self.observatory.name,
            "graph_hash": self.graph.hash,
            "frames": len(self.graph.exposures),
            "total_s": round(self.total_s, 3),
            "bound_s": round(self.bound_s, 3),
            "serial_s": None if self.serial_s is None else round(self.serial_s, 3),
            "lamp_on_s": {lamp: round(on_s, 3) for lamp, on_s in self.schedule.lamp_on_s.items()},
            "warnings": list(self.expansion.warnings),
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
    """Expand, compile and prove.

    Args:
        document: loaded for this observatory's site.
        observatory: whose numbers count.
        options: overlap, parking, where the instrument stands.
        point: False: the telescopes stay where they are.
        choices: fibres chosen for the run; the first candidates where they are missing.
        rest: the frames that are still to be taken; None: all of them.
        expansion: of this document with these choices, where it has been made already.

    Raises:
        SequenceError: if the frames can't be made.
        EngineError: if a lamp would burn too long, or the graph breaks a promise.
    """
    if expansion is None:
        expansion = expand(document, site_of(observatory, point=point), choices)
    left = [frame for frame in expansion.frames if rest is None or frame.id in rest]
    with no_garbage_collection():
        graph = compile_graph(document.name, left, observatory, options)
    proof = prove(graph, tuple(observatory.lamps.units))
    bound = bound_s(graph.exposures, observatory, options.start, park_after=options.park_after)
    return Plan(document, observatory, options, expansion, graph, proof, bound)
