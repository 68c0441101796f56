"""From what is wanted to the frames: biases, darks, then lamps in the order in which they are written."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from safelight.sequences.errors import Problem, Refusal, SequenceError, shown
from safelight.sequences.frames import Frame, Sweep
from safelight.sequences.loader import Document
from safelight.sequences.model import Block, Choice, Fibsel, SequenceSpec
from safelight.sequences.names import Vocabulary, listed, nearest
from safelight.sequences.site import Site
from safelight.sequences.sweeps import route, sweep

__all__ = ["Expansion", "expand", "open_choices"]


@dataclass(frozen=True, slots=True)
class Expansion:
    """The frames of a sequence at a site.

    Attributes:
        frames: in the order in which they are taken.
        warnings: what will be done differently from what the document says, and why; one sentence each.
        choices: the fibre of each choice, `lamps.0` -> `P1-3`; given to `expand` again, they give the same
            frames.
    """

    frames: tuple[Frame, ...]
    warnings: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def open_choices(document: Document | SequenceSpec, site: Site) -> Mapping[str, tuple[str, ...]]:
    """What is to be chosen when a run is made: `lamps.0` -> the fibres to choose from.

    The fibres are in order of motor steps, so that the first is the choice of who does not choose.

    Raises:
        SequenceError: a choice that has no fibre at this site.
    """
    spec, origin = _spec(document)
    vocabulary = Vocabulary(site)
    try:
        return {
            _key(number): vocabulary.fibres_like(block.fibre.choose)
            for number, block in enumerate(spec.lamps)
            if isinstance(block.fibre, Choice)
        }
    except Refusal as refusal:
        raise _error(refusal, origin, "lamps") from refusal


def expand(document: Document | SequenceSpec, site: Site, choices: Mapping[str, str] | None = None) -> Expansion:
    """All frames of a sequence; a pure function.

    Args:
        document: what is wanted.
        site: where; names that a spec of another site has and this one has not are an error.
        choices: the fibre for each of `open_choices`; those not given are the first by motor steps.

    Raises:
        SequenceError: a choice that is none, or a spec that does not fit this site.
    """
    spec, origin = _spec(document)
    candidates = open_choices(document, site)
    chosen = _chosen(candidates, choices or {}, origin)
    making = _Making(spec, Vocabulary(site), chosen)
    try:
        frames = tuple(making.frames())
    except Refusal as refusal:
        raise _error(refusal, origin, making.path) from refusal
    return Expansion(frames, tuple(dict.fromkeys(making.warnings)), MappingProxyType(chosen))


def _spec(document: Document | SequenceSpec) -> tuple[SequenceSpec, str]:
    if isinstance(document, Document):
        return document.spec, document.origin
    return document, document.name or "<spec>"


def _key(number: int) -> str:
    return f"lamps.{number}"


def _error(refusal: Refusal, origin: str, path: str) -> SequenceError:
    return SequenceError(Problem(origin, None, path, "", refusal.message, refusal.allowed, refusal.nearest))


def _chosen(candidates: Mapping[str, tuple[str, ...]], choices: Mapping[str, str], origin: str) -> dict[str, str]:
    """The fibre of each choice, with everything wrong about `choices` reported."""
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


def _seconds(exposure_s: float) -> str:
    """`90s` or `0.5s`."""
    return f"{exposure_s!r}".removesuffix(".0") + "s"


class _Making:
    """One expansion under way: it counts the frames of each kind, for their ids."""

    def __init__(self, spec: SequenceSpec, vocabulary: Vocabulary, chosen: Mapping[str, str]) -> None:
        self.spec = spec
        self.vocabulary = vocabulary
        self.chosen = chosen
        self.path = ""
        self.warnings: list[str] = []
        self.taken: Counter[str] = Counter()
        self.position = vocabulary.site.default_position

    def frames(self) -> Iterator[Frame]:
        """Biases, darks, lamps."""
        if self.spec.position is not None:
            self.path = "position"
            self.position = self.vocabulary.canonical("position", self.spec.position)
        if self.spec.biases:
            for _ in range(self.spec.biases.count):
                yield self.dark_frame("bias", 0.0, "bias")
        if self.spec.darks:
            for exposure_s in self.spec.darks.exposure_time:
                for _ in range(self.spec.darks.count):
                    yield self.dark_frame("dark", exposure_s, f"dark-{_seconds(exposure_s)}")
        for number, block in enumerate(self.spec.lamps):
            self.path = _key(number)
            yield from self.lamp_frames(block)

    def id(self, kind: str) -> str:
        """The next id of a kind; it depends on the document alone, never on a choice."""
        self.taken[kind] += 1
        return f"{kind}-{self.taken[kind]:03d}"

    def dark_frame(self, flavour: str, exposure_s: float, kind: str) -> Frame:
        """A bias or a dark: no lamp, and no matter where the telescopes point."""
        return Frame(self.id(kind), flavour, exposure_s, object=flavour, header=self.spec.header)

    def lamp_frames(self, block: Block) -> Iterator[Frame]:
        """A block: for each exposure time (and fibre) so many frames."""
        names = [self.vocabulary.canonical("lamp", name) for name in block.lamps]
        lamps = [self.vocabulary.lamps[name] for name in sorted(names, key=self.vocabulary.rank.__getitem__)]
        label = "+".join(lamp.name for lamp in lamps)
        warmup_s = tuple(lamp.warmup_s if block.warmup is None else block.warmup for lamp in lamps)
        flavour = block.flavour or lamps[0].flavour
        for exposure_s in block.exposure_time:
            kind = f"{label}-{_seconds(exposure_s)}"
            for fibre, path in self.masks(block, exposure_s, kind):
                for _ in range(block.count):
                    yield Frame(
                        id=self.id(kind),
                        flavour=flavour,
                        exposure_s=exposure_s,
                        lamps=tuple(lamp.name for lamp in lamps),
                        warmup_s=warmup_s,
                        position=self.position,
                        fibre=fibre,
                        sweep=path,
                        object=label,
                        header=self.spec.header,
                    )

    def masks(self, block: Block, exposure_s: float, kind: str) -> Iterator[tuple[str | None, Sweep | None]]:
        """What the mask does, as (fibre, sweep), once for each group of frames of one exposure time."""
        if isinstance(block.fibre, Choice):
            yield self.chosen[self.path], None
        elif block.fibre is not None:
            yield self.vocabulary.canonical("fibre", block.fibre), None
        elif block.fibsel is None:
            yield None, None
        elif block.fibsel.mode == "each":
            for fibre in self.route(block.fibsel):
                yield fibre, None
        else:
            strict, asked_s = block.fibsel.fit == "strict", block.fibsel.time_per_position
            fibres = self.route(block.fibsel)
            path, told = sweep(fibres, exposure_s, asked_s, self.vocabulary, strict=strict)
            self.warnings += (f"{kind}: {sentence}" for sentence in told)
            yield None, path

    def route(self, fibsel: Fibsel) -> tuple[str, ...]:
        """The fibres of a block, as this site names them."""
        find = self.vocabulary.canonical
        positions, initial = fibsel.positions, fibsel.initial_position
        if isinstance(positions, tuple):
            positions = tuple(find("fibre", name) for name in positions)
        return route(positions, None if initial is None else find("fibre", initial), self.vocabulary)
