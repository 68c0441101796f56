"""Parts of the document model in both forms of a sequence: biases, darks, fibre selector, settings of lamps."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)

from safelight.sequences.errors import Refusal
from safelight.sequences.fields import (
    Count,
    Exposures,
    FibreName,
    Fit,
    Flavour,
    Given,
    LampNames,
    Mode,
    Pattern,
    Positions,
    Seconds,
    Warmup,
)
from safelight.sequences.names import Vocabulary
from safelight.sequences.sweeps import dwell_s, route

__all__ = [
    "Biases",
    "Block",
    "Choice",
    "Counts",
    "Darks",
    "FibreOrChoice",
    "Fibsel",
    "LampSettings",
    "Part",
    "SecondsOrCounts",
    "SecondsOrSteady",
    "Steady",
    "switch",
    "times_of",
]


class Part(BaseModel):
    """Part of a document. It is frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Biases(Part):
    """Bias frames, taken first."""

    count: Count = Field(1, description="number of biases", examples=[7])


class Darks(Part):
    """Dark frames, taken after the biases."""

    count: Count = Field(1, description="number of darks of each exposure time", examples=[3])
    exposure_time: Exposures = Field(description="seconds; one number or a list", examples=[900, [90, 900]])


class Counts(Part):
    """Exposure time that is found from the light in the frames themselves."""

    counts: Annotated[float, Field(strict=True, gt=0, le=1e9, allow_inf_nan=False)] = Field(
        description="ADU above the bias that the brightest thousandth of the pixels of the brightest camera exceeds",
        examples=[20000],
    )
    first: Seconds = Field(description="seconds of the very first try, as long as no frame is known", examples=[20])
    least: Seconds = Field(1.0, description="the shortest exposure, s; below 1 s shutters make it uneven")
    longest: Seconds = Field(description="the longest exposure, s; the plan is made with it", examples=[120])
    tolerance: Annotated[float, Field(strict=True, ge=0.02, le=0.9)] = Field(
        0.25, description="how far the counts may be off, as a fraction"
    )
    tries: Annotated[int, Field(strict=True, ge=1, le=10)] = Field(
        3, description="exposures of one frame at the most; the last one is kept with a remark"
    )

    @model_validator(mode="before")
    @classmethod
    def _not_of_each_lamp(cls, given: object) -> object:
        if isinstance(given, Mapping) and not set(given) & set(cls.model_fields):
            raise Refusal(
                allowed="a number of seconds, a list of such numbers, or a mapping with `counts`, `first` and "
                "`longest` (seconds for single lamps are `lit_for`, in a step)"
            )
        return given

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> "Counts":
        if not self.least <= self.first <= self.longest:
            said = f"`first` is {self.first:g} s"
            raise Refusal(said, f"from `least` ({self.least:g} s) to `longest` ({self.longest:g} s)", at=("first",))
        vocabulary: Vocabulary | None = info.context
        if vocabulary:
            vocabulary.demand_counts()
        return self


def _kind_of_time(value: object) -> str:
    return "(counts)" if isinstance(value, Mapping | Counts) else "(seconds)"


SecondsOrCounts = Annotated[
    Annotated[Exposures, Tag("(seconds)")] | Annotated[Counts, Tag("(counts)")], Discriminator(_kind_of_time)
]


def times_of(given: tuple[float, ...] | Counts) -> tuple[float, ...]:
    """Return exposure times, s, or the longest one where it is found from counts."""
    return (given.longest,) if isinstance(given, Counts) else given


class Steady(Part):
    """Warm-up that ends when the light is steady."""

    steady: Annotated[float, Field(strict=True, ge=0.0005, le=0.2)] = Field(
        description="largest change of the light over the window, as a fraction", examples=[0.01]
    )
    window: Annotated[float, Field(strict=True, ge=5, le=3600)] = Field(
        60.0, description="seconds over which the change is measured"
    )
    least: Warmup = Field(60.0, description="the shortest warm-up, s; the proof counts with it")
    longest: Seconds = Field(description="the longest warm-up, s; the plan is made with it", examples=[600])

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> "Steady":
        shortest_s = max(self.least, 1.25 * self.window)
        if self.longest < shortest_s:
            said = f"`longest` is {self.longest:g} s, and the light is steady after {shortest_s:g} s at the earliest"
            raise Refusal(said, f"seconds, at least {shortest_s:g}", at=("longest",))
        vocabulary: Vocabulary | None = info.context
        if vocabulary:
            vocabulary.demand_monitor()
        return self


def _kind_of_warmup(value: object) -> str:
    return "(steady)" if isinstance(value, Mapping | Steady) else "(seconds)"


SecondsOrSteady = Annotated[
    Annotated[Warmup, Tag("(seconds)")] | Annotated[Steady, Tag("(steady)")], Discriminator(_kind_of_warmup)
]


def _starts_inside(initial: str | None, info: ValidationInfo) -> str | None:
    vocabulary: Vocabulary | None = info.context
    if vocabulary and "positions" in info.data:
        route(info.data["positions"], initial, vocabulary)
    return initial


def _only_for_sweeps(value: object, info: ValidationInfo) -> object:
    if info.data.get("mode") == "each":
        raise Refusal(
            "goes with `mode: sweep` only", "leave it out: with `mode: each` every fibre has its own exposure"
        )
    return value


class Fibsel(Part):
    """Fibre selector that lights one fibre after the other."""

    mode: Mode = Field("sweep", description="sweep: during one exposure; each: one exposure per fibre")
    positions: Annotated[Positions | None, Given] = Field(
        None,
        description="regular expression, matched at the start of a fibre's name (order of motor steps), "
        "or list of fibres (order as written); default: the observatory's own",
        examples=["P1-", ["P1-2", "P1-7"]],
    )
    initial_position: Annotated[FibreName | None, AfterValidator(_starts_inside), Given] = Field(
        None, description="the fibre to begin with; default: the first", examples=["P1-2"]
    )
    time_per_position: Annotated[Seconds | None, AfterValidator(_only_for_sweeps), Given] = Field(
        None, description="seconds on each fibre; without it all fibres share the exposure", examples=[20]
    )
    fit: Annotated[Fit, AfterValidator(_only_for_sweeps)] = Field(
        "shorten", description="where times and moves don't fit: shorten the times, or refuse (strict)"
    )


class Choice(Part):
    """One fibre, chosen when the run is made, and recorded."""

    choose: Pattern = Field(description="regular expression, matched at the start of a fibre's name", examples=["P1-"])


def switch(value: object) -> object:
    """Return the settings of a selector: `fibsel: true` means the defaults, and `false` means none."""
    if value is None:
        raise Refusal
    if isinstance(value, bool):
        return {} if value else None
    return value


def _fits(fibsel: Fibsel | None, info: ValidationInfo) -> Fibsel | None:
    """Check that the sweep fits into every exposure of its block."""
    vocabulary: Vocabulary | None = info.context
    if fibsel is None or vocabulary is None:
        return fibsel
    fibres = route(fibsel.positions, fibsel.initial_position, vocabulary)
    if fibsel.mode == "each":
        return fibsel
    moves_s, strict = vocabulary.moves_s(fibres), fibsel.fit == "strict"
    if isinstance(info.data.get("exposure_time"), Counts):
        raise Refusal("`counts` and a sweep exclude each other", "seconds, or `mode: each`")
    if exposures := info.data.get("exposure_time"):
        # If it fits into the shortest exposure, it fits into the longer ones.
        dwell_s(len(fibres), moves_s, min(exposures), fibsel.time_per_position, strict=strict)
    return fibsel


def _alone(value: object, info: ValidationInfo) -> object:
    if info.data.get("fibsel") is not None:
        raise Refusal("`fibre` and `fibsel` exclude each other", "one of them")
    return value


def _form(value: object) -> str:
    return "(choice)" if isinstance(value, Mapping | Choice) else "(name)"


FibreOrChoice = Annotated[
    Annotated[FibreName, Tag("(name)")] | Annotated[Choice, Tag("(choice)")], Discriminator(_form)
]


class LampSettings(Part):
    """Exposure settings of one lamp, or of several that are lit together."""

    # The order matters: a later field is checked against earlier ones, so that all problems are found at once.
    warmup: Annotated[SecondsOrSteady | None, Given] = Field(
        None,
        description="seconds lit before the first exposure, or until the light is steady; default: each lamp's own",
        examples=[300, {"steady": 0.01, "longest": 600}],
    )
    exposure_time: SecondsOrCounts = Field(
        description="seconds; one number or a list; or found from counts",
        examples=[270, [10, 50], {"counts": 20000, "first": 20, "longest": 120}],
    )
    count: Count = Field(1, description="number of frames of each exposure time (and fibre)", examples=[3])
    flavour: Annotated[Flavour | None, Given] = Field(None, description="the frames' flavour; default: the lamps' own")
    fibsel: Annotated[
        Fibsel | None,
        AfterValidator(_fits),
        BeforeValidator(switch, json_schema_input_type=bool | Fibsel),
    ] = Field(
        None,
        description="the fibre selector; true: the observatory's default fibres, sweeping",
        examples=[True, {"positions": "P1-", "initial_position": "P1-2"}],
    )
    fibre: Annotated[FibreOrChoice | None, AfterValidator(_alone), Given] = Field(
        None, description="the one fibre that is lit, or a choice", examples=["P1-3", {"choose": "P1-"}]
    )


class Block(LampSettings):
    """Block in a list of lamps: some lamps lit together."""

    lamps: LampNames = Field(description="the lamps, lit together", examples=[["HgNe", "Neon"]])

    def frame_count(self, fibres: int) -> int:
        """Return the number of frames, where the mask visits `fibres` fibres."""
        each = fibres if self.fibsel and self.fibsel.mode == "each" else 1
        return len(times_of(self.exposure_time)) * self.count * each
