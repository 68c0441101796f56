"""Steps of a sequence: series of frames that need the same instrument state, waits, and moves of selectors."""

from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)

from safelight.sequences.errors import Refusal, shown
from safelight.sequences.fields import (
    Cards,
    Count,
    Exposures,
    Flavour,
    Given,
    Label,
    LampNamesOrNone,
    Percent,
    PositionName,
    Seconds,
)
from safelight.sequences.names import Vocabulary, agreed, listed, nearest
from safelight.sequences.parts import (
    Biases,
    Counts,
    Darks,
    FibreOrChoice,
    Fibsel,
    Part,
    SecondsOrSteady,
    Steady,
    switch,
    times_of,
)
from safelight.sequences.places import CameraTimes, LampTimes, Loops, Names, Rest, Setup
from safelight.sequences.sweeps import dwell_s, route

__all__ = [
    "BiasKeys",
    "BiasStep",
    "DarkKeys",
    "DarkStep",
    "IncludeStep",
    "LampStep",
    "SetStep",
    "Step",
    "StepKeys",
    "WaitStep",
]

_KINDS = ("biases", "darks", "lamps", "wait", "set", "include")


class StepKeys(Part):
    """Keys of every step that takes frames."""

    label: Annotated[Label | None, Given] = Field(
        None, description="prefix of the ids of its frames", examples=["morning"]
    )
    header: Cards = Field((), description="FITS cards of its frames", examples=[{"OBJECT": "autocal-thar"}])
    position: Annotated[PositionName | None, Given] = Field(
        None, description="where the telescopes point; default: the document's position", examples=["selfie"]
    )
    setup: Annotated[Setup, Given] = Field(
        (), description="selector -> position", examples=[{"slit": "narrow", "grating": "red"}]
    )
    spectrographs: Annotated[Names, Given] = Field(
        (), description="the spectrographs that expose; default: all", examples=[["sp2"]]
    )
    cameras: Annotated[Names, Given] = Field((), description="the cameras that expose; default: all", examples=[["r1"]])
    loops: Annotated[Loops, Given] = Field(
        (),
        alias="for",
        description="loops, the last name fastest, over selectors, fibre, position, exposure_time, level",
        examples=[{"grating": ["red", "blue"], "slit": ["narrow", "wide"]}],
    )
    repeat: Count = Field(1, description="number of times that the step is taken", examples=[2])

    @model_validator(mode="after")
    def _loops_alone(self) -> "StepKeys":
        given = {*dict(self.setup), *(key for key in ("position", "fibre", "level") if getattr(self, key, None))}
        if getattr(self, "fibsel", None) is not None:
            given.add("fibre")
        for name, _ in self.loops:
            if name in given:
                raise Refusal(f"{name} is given already, and the loop gives it too", "one of them", at=("for", name))
        return self

    @property
    def turns(self) -> int:
        """Number of times that its frames are taken, in all loops and repetitions."""
        return reduce(lambda product, loop: product * len(loop[1]), self.loops, self.repeat)


class BiasKeys(StepKeys, Biases):
    """Biases of a step."""


class DarkKeys(StepKeys, Darks):
    """Darks of a step."""

    exposure_time: Exposures | None = Field(  # type: ignore[assignment]
        None, description="seconds; one number or a list", examples=[900, [90, 900]]
    )


def _either(outer: StepKeys, inner: StepKeys, key: str) -> None:
    """Check that no key is given both next to `biases` or `darks` and inside it."""
    for name in inner.model_fields_set & outer.model_fields_set:
        written = StepKeys.model_fields[name].alias or name if name in StepKeys.model_fields else name
        raise Refusal(f"`{written}` is given twice", f"inside `{key}` or next to it", at=(key, written))


class _DarkerStep(StepKeys):
    """Step whose frames are taken with the shutter closed."""

    def demand_dark(self, inner: StepKeys, flavour: str, vocabulary: Vocabulary | None) -> None:
        """Refuse loops without an effect in the dark, and set-ups that contradict the flavour's requirements.

        Args:
            inner: the keys inside `biases` or `darks`.
            flavour: of its frames.
            vocabulary: of the site, if it is known.

        Raises:
            Refusal: there is one.
        """
        keys = _merged(self, inner)
        at = tuple(kind for kind in ("biases", "darks") if kind in type(self).model_fields)
        for name, _ in keys.loops:
            if name in ("fibre", "level"):
                said = f"{name} has no effect: the shutter stays closed and no lamp is lit"
                raise Refusal(said, at=(*(at if inner.loops else ()), "for", name))
        if vocabulary:
            _demand_agreement(keys, (), flavour, vocabulary, at if inner.setup or inner.loops else ())


class BiasStep(_DarkerStep):
    """Bias frames."""

    biases: BiasKeys = Field(description="bias frames: `count`, and any key of a step", examples=[{"count": 5}])

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> "BiasStep":
        _either(self, self.biases, "biases")
        self.demand_dark(self.biases, "bias", info.context)
        if any(name == "exposure_time" for name, _ in self.keys.loops):
            raise Refusal("a bias has no exposure time", at=("for", "exposure_time"))
        return self

    @property
    def keys(self) -> StepKeys:
        """Keys of the step, next to its kind or inside it."""
        return _merged(self, self.biases)

    def frame_count(self, vocabulary: Vocabulary) -> int:  # noqa: ARG002 - as every step
        """Return the number of frames."""
        return self.keys.turns * self.biases.count


class DarkStep(_DarkerStep):
    """Dark frames."""

    darks: DarkKeys = Field(
        description="dark frames: `exposure_time`, `count`, and any key of a step", examples=[{"exposure_time": 900}]
    )

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> "DarkStep":
        _either(self, self.darks, "darks")
        self.demand_dark(self.darks, "dark", info.context)
        _one_time(self.darks.exposure_time, self.keys.loops, ("darks",))
        return self

    @property
    def keys(self) -> StepKeys:
        """Keys of the step, next to its kind or inside it."""
        return _merged(self, self.darks)

    def frame_count(self, vocabulary: Vocabulary) -> int:  # noqa: ARG002 - as every step
        """Return the number of frames."""
        return self.keys.turns * self.darks.count * len(self.darks.exposure_time or (0,))


def _merged(outer: StepKeys, inner: StepKeys) -> StepKeys:
    given = {name: getattr(inner, name) for name in inner.model_fields_set if name in StepKeys.model_fields}
    own = {name: getattr(outer, name) for name in outer.model_fields_set if name in StepKeys.model_fields}
    return StepKeys.model_construct(**(own | given))


def _one_time(given: object, loops: tuple[tuple[str, Any], ...], at: tuple[str, ...] = ()) -> None:
    looped = any(name == "exposure_time" for name, _ in loops)
    if looped and given is not None:
        said = "exposure_time is given already, and the loop gives it too"
        raise Refusal(said, "one of them", at=(*at, "exposure_time"))
    if not looped and given is None:
        raise Refusal("`exposure_time` is missing", f"seconds, at most {86400}", at=at)


def _demand_agreement(
    keys: StepKeys,
    lamps: tuple[str, ...],
    flavour: str,
    vocabulary: Vocabulary,
    inside: tuple[str, ...] = (),
    shut: Mapping[str, tuple[str, str]] = {},
) -> None:
    """Check that a step's set-up agrees with the requirements of its lamps and its flavour."""
    required = vocabulary.required(lamps, flavour, shut)
    wishes: list[tuple[str, dict[str, str], tuple[str | int, ...]]]
    wishes = [("this step says so", {name: place}, ("setup", name)) for name, place in keys.setup]
    for name, values in keys.loops:
        if name in vocabulary.site.selectors:
            wishes += [("this loop says so", {name: place}, ("for", name, n)) for n, place in enumerate(values)]
    for who, setup, at in wishes:
        try:
            agreed(*required, (who, setup))
        except Refusal as refusal:
            refusal.at = (*inside, *at)
            raise


def _together(fibsel: Fibsel | None, info: ValidationInfo) -> Fibsel | None:
    if fibsel is not None and info.data.get("fibre") is not None:
        raise Refusal("`fibre` and `fibsel` exclude each other", "one of them")
    return fibsel


def _times_form(value: object) -> str:
    read = isinstance(value, tuple) and value[:1] and isinstance(value[0], tuple)
    if isinstance(value, Counts) or (isinstance(value, Mapping) and "counts" in value):
        return "(counts)"
    return "(cameras)" if read or isinstance(value, Mapping) else "(seconds)"


class LampStep(StepKeys):
    """Frames with the shutter open: some lamps lit together, or none."""

    lamps: LampNamesOrNone = Field(
        description="the lamps, lit together; `[]` is no lamp, shutter open", examples=[["HgNe", "Neon"], []]
    )
    warmup: Annotated[SecondsOrSteady | None, Given] = Field(
        None,
        description="seconds lit before the first exposure, or until the light is steady; default: each lamp's own",
        examples=[300, {"steady": 0.01, "longest": 600}],
    )
    exposure_time: Annotated[
        Annotated[
            Annotated[Exposures, Tag("(seconds)")]
            | Annotated[CameraTimes, Tag("(cameras)")]
            | Annotated[Counts, Tag("(counts)")],
            Discriminator(_times_form),
        ]
        | None,
        Given,
    ] = Field(
        None,
        description="seconds; one number, a list, or camera -> seconds within one exposure; or found from counts",
        examples=[270, [10, 50], {"b": 30, "r": 12, "z": 8}, {"counts": 20000, "first": 20, "longest": 120}],
    )
    count: Count = Field(1, description="number of frames of each exposure time (and fibre)", examples=[3])
    flavour: Annotated[Flavour | None, Given] = Field(None, description="the frames' flavour; default: the lamps' own")
    level: Annotated[Percent | None, Given] = Field(
        None, description="percent, if the lamps can be dimmed; default: the highest level", examples=[60]
    )
    lit_for: Annotated[LampTimes, Given] = Field(
        (),
        description="lamp -> seconds, for lamps that are seen for a part of the exposure only: lamps without a warm-up "
        "are lit for it, those with `warm_behind_shutter` stay on and their source shutter opens; the seconds of the "
        "exposure itself are the whole of it, for any lamp",
        examples=[{"Argon": 20, "Neon": 3}],
    )
    rest: Annotated[Rest | None, Given] = Field(
        None,
        description="duty cycle of the lamps: seconds on, then seconds off; it counts in addition to each lamp's own",
        examples=[{"after": 1800, "for": 300}],
    )
    fibre: Annotated[FibreOrChoice | None, Given] = Field(
        None, description="the one fibre that is lit, or a choice", examples=["P1-3", {"choose": "P1-"}]
    )
    fibsel: Annotated[
        Fibsel | None, AfterValidator(_together), BeforeValidator(switch, json_schema_input_type=bool | Fibsel)
    ] = Field(None, description="the fibre selector, as in the first form", examples=[{"positions": "P1-"}])

    @property
    def keys(self) -> StepKeys:
        """Keys of the step."""
        return self

    @property
    def times(self) -> tuple[float, ...]:
        """Exposure times, s. If cameras have times of their own, or counts give it, the longest."""
        if isinstance(self.exposure_time, Counts):
            return times_of(self.exposure_time)
        given: tuple[Any, ...] = self.exposure_time or ()
        if given and isinstance(given[0], tuple):
            return (max(seconds for _, seconds in given),)
        return given or next((values for name, values in self.loops if name == "exposure_time"), ())

    @property
    def camera_times(self) -> tuple[tuple[str, float], ...]:
        """Camera -> its own seconds. It is empty if all integrate for the same time."""
        if isinstance(self.exposure_time, Counts):
            return ()
        given: tuple[Any, ...] = self.exposure_time or ()
        return given if given and isinstance(given[0], tuple) else ()

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> "LampStep":
        _one_time(self.exposure_time, self.loops)
        if not self.lamps:
            self._demand_without_lamp()
        vocabulary: Vocabulary | None = info.context
        self._demand_timed(vocabulary)
        self._demand_counts()
        if vocabulary:
            self._demand_site(vocabulary)
        return self

    def _demand_without_lamp(self) -> None:
        looped = [name for name, _ in self.loops if name == "level"]
        for key in ("warmup", "level", "rest"):
            if getattr(self, key) is not None or key in looped:
                raise Refusal(f"`{key}` has no effect: no lamp is lit", "leave it out, or name a lamp", at=(key,))
        if self.flavour is None:
            raise Refusal("`flavour` is missing: no lamp gives a default", "arc, flat or object", at=("flavour",))

    @property
    def _partly(self) -> set[str]:
        """Lamps that are on for a part of each exposure. The seconds of an exposure are the whole of it."""
        return {lamp for lamp, seconds in self.lit_for if seconds not in self.times}

    def _switched(self, vocabulary: Vocabulary | None) -> set[str]:
        """Lamps that are lit for a part of each exposure. Others stay on behind a source shutter, which is opened."""
        return {lamp for lamp in self._partly if vocabulary is None or not vocabulary.is_shuttered(lamp)}

    def _demand_timed(self, vocabulary: Vocabulary | None) -> None:
        if self.lit_for and not self.lamps:
            raise Refusal("`lit_for` has no effect: no lamp is lit", "leave it out, or name a lamp", at=("lit_for",))
        for lamp, _ in self.lit_for:
            if lamp not in self.lamps:
                raise Refusal(f"{lamp} is not a lamp of this step", listed(self.lamps), at=("lit_for", lamp))
        if self.lit_for and self.fibsel is not None and self.fibsel.mode == "sweep":
            raise Refusal("`lit_for` and a sweep exclude each other", "two steps, or `mode: each`", at=("lit_for",))
        if self.lit_for and isinstance(self.warmup, Steady):
            raise Refusal("`steady` and `lit_for` exclude each other", "seconds", at=("warmup",))
        if self.lit_for and self.warmup is not None and len(self._switched(vocabulary)) == len(self.lamps):
            raise Refusal("`warmup` has no effect: every lamp is on for a part of the exposure", at=("warmup",))

    def _demand_counts(self) -> None:
        if not isinstance(self.exposure_time, Counts):
            return
        at = ("exposure_time",)
        if not self.lamps:
            raise Refusal("no lamp gives these counts", "seconds, or a lamp", at=at)
        if self.lit_for:
            raise Refusal("`counts` and `lit_for` exclude each other", "seconds", at=at)
        if self.fibsel is not None and self.fibsel.mode == "sweep":
            raise Refusal("`counts` and a sweep exclude each other", "seconds, or `mode: each`", at=at)

    def _demand_site(self, vocabulary: Vocabulary) -> None:
        flavours = {vocabulary.lamps[name].flavour: name for name in self.lamps}
        if len(flavours) > 1 and self.flavour is None:
            differing = ", ".join(f"{name} {flavour}" for flavour, name in flavours.items())
            said = f"these lamps have different flavours ({differing})"
            raise Refusal(said, "a `flavour` for the step", at=("lamps",))
        flavour: str = self.flavour or next(iter(flavours))
        sometimes = [lamp for lamp, seconds in self.lit_for if any(seconds != each for each in self.times)]
        shut = vocabulary.source_shutters(sometimes, self.lamps, flavour)
        self._demand_left_alone(shut)
        _demand_agreement(self, self.lamps, flavour, vocabulary, shut=shut)
        if self.level is not None:
            vocabulary.demand_level(self.lamps, self.level, ("level",))
        for number, level in enumerate(next((values for name, values in self.loops if name == "level"), ())):
            vocabulary.demand_level(self.lamps, level, ("for", "level", number))
        own_s = [seconds for _, seconds in self.camera_times]
        exposures_s = [(max(own_s), min(own_s))] if own_s else [(each, each) for each in self.times]
        for lamp, seconds in self.lit_for:
            for exposure_s, shortest_s in exposures_s:
                if lamp in shut and seconds != exposure_s:
                    vocabulary.demand_opened(lamp, shut[lamp][0], seconds, exposure_s, shortest_s)
                else:
                    vocabulary.demand_timed(lamp, seconds, exposure_s, shortest_s)
        self._demand_rest(vocabulary)
        if self.camera_times:
            vocabulary.camera_seconds(self.camera_times, self.spectrographs, self.cameras)
        else:
            vocabulary.chosen(self.spectrographs, self.cameras)
        self._demand_sweep(vocabulary)

    def _demand_left_alone(self, shut: Mapping[str, tuple[str, str]]) -> None:
        """Check that the step itself does not place the source shutters that `lit_for` moves."""
        for lamp, (selector, _) in shut.items():
            for at in (("setup", selector), ("for", selector)):
                if selector in dict(self.setup if at[0] == "setup" else self.loops):
                    raise Refusal(f"`lit_for` moves {selector} itself, to let {lamp} through", "leave it out", at=at)

    def _demand_rest(self, vocabulary: Vocabulary) -> None:
        """Check that a warm-up and one exposure fit between two rests."""
        if self.rest is None:
            return
        switched = self._switched(vocabulary)
        lamps = [vocabulary.lamps[name] for name in self.lamps if name not in switched]
        if not lamps:
            raise Refusal("`rest` has no effect: every lamp is on for a part of the exposure", at=("rest",))
        warmups_s = [lamp.warmup_s for lamp in lamps] if self.warmup is None else [self.warmup]
        needed_s = max(each.longest if isinstance(each, Steady) else each for each in warmups_s) + max(self.times)
        if self.rest[0] <= needed_s:
            said = f"one warm-up and one exposure take {needed_s:g} s"
            raise Refusal(said, f"more than {needed_s:g}", at=("rest", "after"))

    def _demand_sweep(self, vocabulary: Vocabulary) -> None:
        if self.fibsel is None:
            return
        fibres = route(self.fibsel.positions, self.fibsel.initial_position, vocabulary)
        if self.fibsel.mode == "sweep" and self.times:
            strict = self.fibsel.fit == "strict"
            moves_s = vocabulary.moves_s(fibres)
            try:
                dwell_s(len(fibres), moves_s, min(self.times), self.fibsel.time_per_position, strict=strict)
            except Refusal as refusal:
                refusal.at = ("fibsel",)
                raise

    def frame_count(self, vocabulary: Vocabulary) -> int:
        """Return the number of frames."""
        each = 1
        if self.fibsel and self.fibsel.mode == "each":
            each = len(route(self.fibsel.positions, None, vocabulary))
        times = 1 if self.exposure_time is None else len(self.times)
        return self.turns * times * self.count * each


class WaitStep(Part):
    """Wait with all lamps off, before the next frame."""

    wait: Seconds = Field(description="seconds, with all lamps off", examples=[600])

    def frame_count(self, vocabulary: Vocabulary) -> int:  # noqa: ARG002 - as every step
        """Return 0: this takes no frame."""
        return 0


class SetStep(Part):
    """New positions of selectors from here on, until another step sets them again."""

    set: Annotated[Setup, Given] = Field(description="selector -> position", examples=[{"mirror": "out"}])

    def frame_count(self, vocabulary: Vocabulary) -> int:  # noqa: ARG002 - as every step
        """Return 0: this takes no frame."""
        return 0


class IncludeStep(Part):
    """Steps of another document, which is read when this one is loaded."""

    include: Annotated[str, Field(strict=True, min_length=1, max_length=1000)] = Field(
        description="the file of another document with `steps`, relative to this one", examples=["afternoon.yaml"]
    )

    def frame_count(self, vocabulary: Vocabulary) -> int:  # noqa: ARG002 - as every step
        """Refuse to count: the included steps are unknown.

        Raises:
            Refusal: always. The loader replaces this step by the included ones.
        """
        raise Refusal("an `include` is read with a document, not with a bare specification")


def _one_kind(value: object, info: ValidationInfo) -> object:
    """Check that a step is of one kind, and that selectors are in its `setup`."""
    if not isinstance(value, Mapping):
        raise Refusal(allowed=f"a mapping with one of {', '.join(_KINDS)}")
    kinds = [key for key in _KINDS if key in value]
    if "wait" in kinds and len(kinds) > 1:
        said = "a wait is a step of its own, with all lamps off"
        raise Refusal(said, f"`- wait: {value['wait']}` before this step", at=("wait",))
    if len(kinds) > 1:
        raise Refusal(f"expected one kind of step, got {' and '.join(kinds)}", "two steps", at=(kinds[1],))
    if not kinds:
        known = f"a step with one of {', '.join(_KINDS)}"
        other = (nearest(str(key), _KINDS) for key in value if key not in LampStep.model_fields)
        raise Refusal("a step without a kind", known, next(filter(None, other), None))
    if info.context:
        _demand_no_selector(value, info.context)
    return value


def _demand_no_selector(step: Mapping[Any, Any], vocabulary: Vocabulary) -> None:
    selectors = {name.casefold(): name for name in vocabulary.site.selectors}
    inner = [(kind, step[kind]) for kind in ("biases", "darks") if isinstance(step.get(kind), Mapping)]
    for at, keys in [((), step), *(((kind,), keys) for kind, keys in inner)]:
        for key, position in keys.items():
            name = selectors.get(str(key).casefold())
            if name is not None and key not in LampStep.model_fields and key not in _KINDS:
                said = f"{name} is a selector, and selectors have a key of their own"
                raise Refusal(said, f"setup: {{{name}: {shown(position)}}}", at=(*at, key))


def _kind(value: object) -> str:
    found = value if isinstance(value, Mapping) else type(value).model_fields if isinstance(value, Part) else {}
    return next((f"({key})" for key in _KINDS if key in found), "(lamps)")


Step = Annotated[
    Annotated[
        Annotated[BiasStep, Tag("(biases)")]
        | Annotated[DarkStep, Tag("(darks)")]
        | Annotated[LampStep, Tag("(lamps)")]
        | Annotated[WaitStep, Tag("(wait)")]
        | Annotated[SetStep, Tag("(set)")]
        | Annotated[IncludeStep, Tag("(include)")],
        Discriminator(_kind),
    ],
    BeforeValidator(_one_kind),
]
