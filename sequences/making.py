"""Construction of the frames of a sequence: ids, masks, set-ups, and the state in which each frame leaves them."""

from collections import Counter
from collections.abc import Iterator, Mapping

from safelight.sequences.frames import AS_FOUND, Aim, Frame, Sweep, Until
from safelight.sequences.model import Block, Choice, Fibsel, SequenceSpec
from safelight.sequences.names import Vocabulary, agreed
from safelight.sequences.parts import Counts, Steady, times_of
from safelight.sequences.sweeps import route, sweep

__all__ = ["Making", "aim_of", "seconds_in_words", "time_in_words", "until_of", "warmup_of"]


def seconds_in_words(exposure_s: float) -> str:
    """Format an exposure time, such as `90s` or `0.5s`."""
    return f"{exposure_s!r}".removesuffix(".0") + "s"


def time_in_words(exposure_s: float, aim: Aim | None) -> str:
    """Format an exposure time, or the counts from which it is found, such as `20000adu`."""
    return seconds_in_words(exposure_s) if aim is None else f"{aim.counts_adu!r}".removesuffix(".0") + "adu"


def aim_of(given: object) -> Aim | None:
    """Return the counts from which an exposure time is found, or None where it is given in seconds."""
    if not isinstance(given, Counts):
        return None
    return Aim(given.counts, given.first, given.least, given.tolerance, given.tries)


def until_of(given: object) -> Until | None:
    """Return what ends a warm-up, or None where it is given in seconds or not at all."""
    return Until(given.steady, given.window, given.longest) if isinstance(given, Steady) else None


def warmup_of(given: float | Steady | None, usual_s: float) -> float:
    """Return the shortest warm-up of a lamp, s, or its own, `usual_s`, where none is given."""
    if isinstance(given, Steady):
        return given.least
    return usual_s if given is None else given


class Making:
    """State of one expansion. It counts the frames of each kind, to give them their ids."""

    def __init__(self, spec: SequenceSpec, vocabulary: Vocabulary, chosen: Mapping[str, str]) -> None:
        self.spec = spec
        self.vocabulary = vocabulary
        self.chosen = chosen
        self.place: tuple[str | int, ...] = ()
        self.blocks: list[int] = []
        self.places: list[tuple[str | int, ...]] = []
        self.warnings: list[str] = []
        self.taken: Counter[str] = Counter()
        self.position = AS_FOUND if vocabulary.site.still else vocabulary.site.default_position
        self.left_at: str | None = None
        self.left: dict[str, str] = {}
        self.set_now: dict[str, str] = {}
        self.closing: dict[str, str] = {}

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in order: biases, darks, lamps."""
        self.demand_parking()
        self.demand_position()
        if self.spec.biases:
            for _ in range(self.spec.biases.count):
                yield self.dark_frame("bias", 0.0, "bias")
        if self.spec.darks:
            for exposure_s in self.spec.darks.exposure_time:
                for _ in range(self.spec.darks.count):
                    yield self.dark_frame("dark", exposure_s, f"dark-{seconds_in_words(exposure_s)}")
        for number, block in enumerate(self.spec.lamps):
            self.begin("lamps", number)
            yield from self.lamp_frames(block)

    def demand_parking(self) -> None:
        """Warn if there is nothing to park."""
        if self.spec.park_after and not self.vocabulary.site.telescopes:
            self.warnings.append("park_after: this observatory has no telescopes, so nothing is parked")

    def demand_position(self) -> None:
        """Use the document's own position, if it has one."""
        if self.spec.position is not None:
            self.place = ("position",)
            named = self.vocabulary.canonical("position", self.spec.position)
            self.position = self.position if self.vocabulary.site.still else named

    def begin(self, *place: str | int) -> None:
        """Begin a block or step of the document."""
        self.place = place
        self.blocks.append(self.taken.total())
        self.places.append(place)

    @property
    def path(self) -> str:
        """Name of the block or step in choices: `lamps.0`."""
        return ".".join(map(str, self.place))

    def id(self, kind: str) -> str:
        """Return the next id of a kind. It depends on the document alone, never on a choice."""
        self.taken[kind] += 1
        return f"{kind}-{self.taken[kind]:03d}"

    def dark_frame(self, flavour: str, exposure_s: float, kind: str) -> Frame:
        """Return a bias or a dark: no lamp, and any pointing."""
        setup = self.setup((), flavour, {})
        return Frame(self.id(kind), flavour, exposure_s, object=flavour, header=self.spec.header, setup=setup)

    def setup(
        self,
        lamps: tuple[str, ...],
        flavour: str,
        own: Mapping[str, str],
        shut: Mapping[str, tuple[str, str]] = {},
    ) -> tuple[tuple[str, str], ...]:
        """Return the position of each selector for a frame.

        The first of these applies: the step, a `set` before it, what lamps and flavour require, the document, the
        observatory, the frame before. Without a lamp, the frame before comes first of the last three.

        Args:
            lamps: of the frame.
            flavour: of the frame.
            own: selector -> position, in its step.
            shut: lamp -> its source shutter, and where it is closed, for those that are opened during the exposure.

        Raises:
            Refusal: two of them contradict each other.
        """
        required = self.vocabulary.required(lamps, flavour, shut)
        found = agreed(*required, ("this step says so", own), ("a `set` before it says so", self.set_now))
        if flavour not in ("bias", "dark"):
            document = dict(self.spec.setup)
            for name, selector in self.vocabulary.site.selectors.items():
                said, left = document.get(name) or selector.default, self.left.get(name)
                found.setdefault(name, (said or left if lamps else left or said) or AS_FOUND)
        self.left |= found
        return tuple((name, found[name]) for name in self.vocabulary.site.selectors if name in found)

    def lamp_frames(self, block: Block) -> Iterator[Frame]:
        """Yield the `count` frames of a block for each exposure time (and fibre)."""
        names = [self.vocabulary.canonical("lamp", name) for name in block.lamps]
        lamps = [self.vocabulary.lamps[name] for name in sorted(names, key=self.vocabulary.rank.__getitem__)]
        label = "+".join(lamp.short for lamp in lamps)
        warmup_s = tuple(warmup_of(block.warmup, lamp.warmup_s) for lamp in lamps)
        flavour = block.flavour or lamps[0].flavour
        setup = self.setup(tuple(lamp.name for lamp in lamps), flavour, {})
        levels = tuple((lamp.name, lamp.level[1]) for lamp in lamps if lamp.level)
        aim = aim_of(block.exposure_time)
        for exposure_s in times_of(block.exposure_time):
            kind = f"{label}-{time_in_words(exposure_s, aim)}"
            for fibre, path in self.masks(block, exposure_s, kind):
                self.left_at = path.fibres[-1] if path else fibre
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
                        setup=setup,
                        levels=levels,
                        aim=aim,
                        until=until_of(block.warmup),
                    )

    def masks(self, block: Block, exposure_s: float, kind: str) -> Iterator[tuple[str | None, Sweep | None]]:
        """Yield (fibre, sweep) once for each group of frames with the same exposure time."""
        if isinstance(block.fibre, Choice):
            yield self.chosen[self.path], None
        elif block.fibre is not None:
            yield self.vocabulary.canonical("fibre", block.fibre), None
        elif block.fibsel is None:
            yield self.undeclared(), None
        else:
            yield from self.several(block.fibsel, exposure_s, kind)

    def several(self, fibsel: Fibsel, exposure_s: float, kind: str) -> Iterator[tuple[str | None, Sweep | None]]:
        """Yield each of several fibres, or the one sweep over them."""
        fibres = self.route(fibsel)
        if fibsel.mode == "each":
            for fibre in fibres:
                yield fibre, None
        else:
            strict = fibsel.fit == "strict"
            path, told = sweep(fibres, exposure_s, fibsel.time_per_position, self.vocabulary, strict=strict)
            self.warnings += (f"{kind}: {sentence}" for sentence in told)
            yield None, path

    def undeclared(self) -> str | None:
        """Return the fibre of frames for which the document names none.

        The observatory's default comes first, then the fibre on which the frame before has left the mask.
        """
        site = self.vocabulary.site
        return (site.default_fibre or self.left_at or AS_FOUND) if site.fibres else None

    def route(self, fibsel: Fibsel) -> tuple[str, ...]:
        """Return the fibres of a block, spelled as this site spells them."""
        find = self.vocabulary.canonical
        positions, initial = fibsel.positions, fibsel.initial_position
        if isinstance(positions, tuple):
            positions = tuple(find("fibre", name) for name in positions)
        return route(positions, None if initial is None else find("fibre", initial), self.vocabulary)
