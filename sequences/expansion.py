"""Expansion of a document into frames: biases, darks, then lamps in the order of the document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from safelight.documents.parsed import Path
from safelight.documents.places import dotted, line_of
from safelight.sequences.errors import Problem, Refusal, SequenceError, shown
from safelight.sequences.frames import Frame
from safelight.sequences.loader import Document
from safelight.sequences.making import Making
from safelight.sequences.model import Choice, SequenceSpec
from safelight.sequences.names import Vocabulary, listed, nearest
from safelight.sequences.site import Site
from safelight.sequences.step_frames import StepMaking
from safelight.sequences.steps import LampStep

__all__ = ["Expansion", "expand", "open_choices"]


@dataclass(frozen=True, slots=True)
class Expansion:
    """Frames of a sequence at a site.

    Attributes:
        frames: in the order in which they are taken.
        warnings: where the run will differ from the document, and why; one sentence each.
        choices: the fibre of each choice, `lamps.0` -> `P1-3`. Passed to `expand` again, they give the same
            frames.
        blocks: for each block of lamps, or step, the place of its first frame in `frames`.
        places: the path of each of them in the document.
        closing: (selector, position) to be set after the last frame.
        free: whether biases and darks may be taken during any warm-up.
    """

    frames: tuple[Frame, ...]
    warnings: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    blocks: tuple[int, ...] = field(default=(), repr=False, compare=False)
    places: tuple[Path, ...] = field(default=(), repr=False, compare=False)
    closing: tuple[tuple[str, str], ...] = ()
    free: bool = False


def open_choices(document: Document | SequenceSpec, site: Site) -> Mapping[str, tuple[str, ...]]:
    """Return the fibres to choose from when a run is made: `lamps.0` -> fibre names.

    The fibres are in order of motor steps. The first one is the default.

    Raises:
        SequenceError: a choice that has no fibre at this site.
    """
    spec, _ = _spec(document)
    vocabulary = Vocabulary(site)
    try:
        named = {f"lamps.{number}": block.fibre for number, block in enumerate(spec.lamps)}
        named |= {f"steps.{n}": step.fibre for n, step in enumerate(spec.steps) if isinstance(step, LampStep)}
        named |= {"fibre": spec.fibre} if spec.fibre else {}
        return {key: vocabulary.fibres_like(one.choose) for key, one in named.items() if isinstance(one, Choice)}
    except Refusal as refusal:
        raise _error(refusal, document, ("lamps",)) from refusal


def expand(document: Document | SequenceSpec, site: Site, choices: Mapping[str, str] | None = None) -> Expansion:
    """Return all frames of a sequence. This is a pure function.

    Args:
        document: the sequence.
        site: the observatory. A name that this site does not have is an error.
        choices: the fibre for each of `open_choices`. The default is the first by motor steps.

    Raises:
        SequenceError: an unknown choice, or a spec that does not fit this site.
    """
    spec, origin = _spec(document)
    candidates = open_choices(document, site)
    chosen = _chosen(candidates, choices or {}, origin)
    making = (StepMaking if spec.steps else Making)(spec, Vocabulary(site), chosen)
    try:
        frames = tuple(making.frames())
    except Refusal as refusal:
        raise _error(refusal, document, (*making.place, *refusal.at)) from refusal
    return Expansion(
        frames,
        tuple(dict.fromkeys(making.warnings)),
        MappingProxyType(chosen),
        tuple(making.blocks),
        tuple(making.places),
        tuple(making.closing.items()),
        free=spec.order == "free",
    )


def _spec(document: Document | SequenceSpec) -> tuple[SequenceSpec, str]:
    if isinstance(document, Document):
        return document.spec, document.origin
    return document, document.name or "<spec>"


def _error(refusal: Refusal, document: Document | SequenceSpec, path: Path) -> SequenceError:
    """Return the error, with its line if the document has lines."""
    line = line_of(path, document.lines) if isinstance(document, Document) and document.lines else None
    origin = _spec(document)[1]
    return SequenceError(Problem(origin, line, dotted(path), "", refusal.message, refusal.allowed, refusal.nearest))


def _chosen(candidates: Mapping[str, tuple[str, ...]], choices: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return the fibre of each choice, or raise with everything that is wrong with `choices`."""
    problems = [
        Problem(origin, None, key, shown(fibre), "no such choice", listed(candidates), nearest(key, candidates))
        for key, fibre in choices.items()
        if key not in candidates
    ]
    problems += (
        Problem(origin, None, key, shown(choices[key]), "can't be chosen", listed(fibres))
        for key, fibres in candidates.items()
        if choices.get(key, fibres[0]) not in fibres
    )
    if problems:
        raise SequenceError(*problems)
    return {key: choices.get(key, fibres[0]) for key, fibres in candidates.items()}
