"""The document model: what a sequence document may say. Frozen; `schema.json` is generated from it."""

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
)

from safelight.sequences.errors import Refusal
from safelight.sequences.fields import (
    Cards,
    Count,
    Description,
    Exposures,
    FibreName,
    Fit,
    Flag,
    Flavour,
    Given,
    LampNames,
    Mode,
    Pattern,
    PositionName,
    Positions,
    Seconds,
    Title,
    Warmup,
)
from safelight.sequences.names import Vocabulary
from safelight.sequences.sweeps import dwell_s, route

__all__ = ["Biases", "Block", "Choice", "Darks", "Fibsel", "LampSettings", "SequenceSpec"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Biases(_Part):
    """Bias frames, taken first."""

    count: Count = Field(1, description="number of biases", examples=[7])


class Darks(_Part):
    """Dark frames, taken after the biases."""

    count: Count = Field(1, description="number of darks of each exposure time", examples=[3])
    exposure_time: Exposures = Field(description="seconds; one number or a list", examples=[900, [90, 900]])


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


class Fibsel(_Part):
    """The fibre selector lights one fibre after the other."""

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


class Choice(_Part):
    """One fibre, chosen when the run is made, and recorded."""

    choose: Pattern = Field(description="regular expression, matched at the start of a fibre's name", examples=["P1-"])


def _switch(value: object) -> object:
    """`fibsel: true` is a selector with nothing special; `false` is none."""
    if value is None:
        raise Refusal
    if isinstance(value, bool):
        return {} if value else None
    return value


def _fits(fibsel: Fibsel | None, info: ValidationInfo) -> Fibsel | None:
    """The sweep fits in every exposure of its block."""
    vocabulary: Vocabulary | None = info.context
    if fibsel is None or vocabulary is None:
        return fibsel
    fibres = route(fibsel.positions, fibsel.initial_position, vocabulary)
    if fibsel.mode == "each":
        return fibsel
    moves_s, strict = vocabulary.moves_s(fibres), fibsel.fit == "strict"
    if exposures := info.data.get("exposure_time"):
        # Where the shortest fits, the longer ones do too.
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


class LampSettings(_Part):
    """How one lamp, or several lit together, are exposed."""

    # The order matters: a later field is checked against earlier ones, so that all that is wrong is found at once.
    warmup: Annotated[Warmup | None, Given] = Field(
        None, description="seconds lit before the first exposure; default: each lamp's own", examples=[300]
    )
    exposure_time: Exposures = Field(description="seconds; one number or a list", examples=[270, [10, 50]])
    count: Count = Field(1, description="number of frames of each exposure time (and fibre)", examples=[3])
    flavour: Annotated[Flavour | None, Given] = Field(None, description="the frames' flavour; default: the lamps' own")
    fibsel: Annotated[
        Fibsel | None,
        AfterValidator(_fits),
        BeforeValidator(_switch, json_schema_input_type=bool | Fibsel),
    ] = Field(
        None,
        description="the fibre selector; true: the observatory's default fibres, sweeping",
        examples=[True, {"positions": "P1-", "initial_position": "P1-2"}],
    )
    fibre: Annotated[FibreOrChoice | None, AfterValidator(_alone), Given] = Field(
        None, description="the one fibre that is lit, or a choice", examples=["P1-3", {"choose": "P1-"}]
    )


class Block(LampSettings):
    """A block of a list of lamps: some lamps lit together."""

    lamps: LampNames = Field(description="the lamps, lit together", examples=[["HgNe", "Neon"]])

    def frame_count(self, fibres: int) -> int:
        """Number of frames, where the mask visits so many fibres."""
        each = fibres if self.fibsel and self.fibsel.mode == "each" else 1
        return len(self.exposure_time) * self.count * each


def _named(name: object, settings: object, seen: dict[str, object]) -> object:
    """The block that a lamp's name and its settings stand for."""
    if not isinstance(settings, Mapping):
        return settings
    first = seen.setdefault(str(name).casefold(), name)
    if first is not name:
        return {**settings, "lamps": Refusal(f"{name} is the same lamp as {first}", "each lamp once")}
    if "lamps" in settings:
        return {**settings, "lamps": Refusal("the lamp is named already, by the key", "a list of blocks")}
    return {**settings, "lamps": [name]}


def _blocks(value: object) -> object:
    """Blocks from either form: a mapping of lamp to settings, or a list of blocks."""
    if isinstance(value, Mapping) and value:
        seen: dict[str, object] = {}
        return tuple(_named(name, settings, seen) for name, settings in value.items())
    if isinstance(value, list | tuple) and value:
        return value
    raise Refusal(allowed="a mapping of at least one lamp to its settings, or a list of at least one block")


Lamps = Annotated[
    tuple[Block, ...],
    BeforeValidator(
        _blocks,
        json_schema_input_type=Annotated[dict[str, LampSettings], Field(min_length=1)]
        | Annotated[list[Block], Field(min_length=1)],
    ),
]


class SequenceSpec(_Part):
    """A calibration sequence: biases, darks, then lamps in the order in which they are written."""

    name: Annotated[Title | None, Given] = Field(
        None,
        description="printable ASCII, into the header of every frame; default: the name of the file",
        examples=["normal"],
    )
    description: Annotated[Description | None, Given] = Field(None, description="what it is for")
    position: Annotated[PositionName | None, Given] = Field(
        None,
        description="where the telescopes point while lamps are exposed; default: the observatory's own",
        examples=["calibration"],
    )
    park_after: Annotated[Flag | None, Given] = Field(
        None, description="park the telescopes at the end; default: false", examples=[True]
    )
    overlap: Annotated[Flag | None, Given] = Field(
        None, description="false: one thing after the other, nothing beside a readout; default: true", examples=[False]
    )
    header: Cards = Field((), description="FITS cards for every frame", examples=[{"OBSERVER": "N. N.", "NIGHT": 42}])
    biases: Annotated[Biases | None, Given] = Field(None, description="bias frames", examples=[{"count": 7}])
    darks: Annotated[Darks | None, Given] = Field(
        None, description="dark frames", examples=[{"exposure_time": [90, 900]}]
    )
    lamps: Lamps = Field(
        (),
        description="lamp -> settings, or a list of blocks",
        examples=[{"Neon": {"exposure_time": 30}}, [{"lamps": ["HgNe", "Neon"], "exposure_time": [10, 50]}]],
    )

    def frame_count(self, vocabulary: Vocabulary) -> int:
        """Number of frames that the sequence asks for; arithmetic only, however many they are."""
        total = self.biases.count if self.biases else 0
        if self.darks:
            total += self.darks.count * len(self.darks.exposure_time)
        for block in self.lamps:
            selected = block.fibsel and route(block.fibsel.positions, None, vocabulary)
            total += block.frame_count(len(selected or ()))
        return total
