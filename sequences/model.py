"""Model of a sequence document. It is frozen, and `schema.json` is generated from it."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from safelight.sequences.errors import Refusal
from safelight.sequences.fields import Cards, Count, Description, Flag, Given, PositionName, Title
from safelight.sequences.names import Vocabulary
from safelight.sequences.parts import Biases, Block, Choice, Darks, FibreOrChoice, Fibsel, LampSettings, Part
from safelight.sequences.places import Setup
from safelight.sequences.steps import Step
from safelight.sequences.sweeps import route

__all__ = ["Biases", "Block", "Choice", "Darks", "Fibsel", "LampSettings", "SequenceSpec"]


def _named(name: object, settings: object, seen: dict[str, object]) -> object:
    """Return the block for a lamp's name and its settings."""
    if not isinstance(settings, Mapping):
        return settings
    first = seen.setdefault(str(name).casefold(), name)
    if first is not name:
        return {**settings, "lamps": Refusal(f"{name} is the same lamp as {first}", "each lamp once")}
    if "lamps" in settings:
        return {**settings, "lamps": Refusal("the lamp is named already, by the key", "a list of blocks")}
    return {**settings, "lamps": [name]}


def _blocks(value: object) -> object:
    """Return blocks from either form: a mapping of lamp to settings, or a list of blocks."""
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


def _order(value: object) -> object:
    if value not in ("written", "free"):
        raise Refusal
    return value


class SequenceSpec(Part):
    """Calibration sequence: biases, darks, then lamps in the order of the document, or steps in any order."""

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
        None, description="false: one step after the other, nothing during a readout; default: true", examples=[False]
    )
    header: Cards = Field((), description="FITS cards for every frame", examples=[{"OBSERVER": "N. N.", "NIGHT": 42}])
    fibre: Annotated[FibreOrChoice | None, Given] = Field(
        None,
        description="with `steps`: the fibre of frames whose step names none; a choice is drawn once for the run",
        examples=["P1-3", {"choose": "P1-"}],
    )
    setup: Annotated[Setup, Given] = Field(
        (),
        description="with `steps`: selector -> position, for frames whose step names no other",
        examples=[{"slit": "narrow"}],
    )
    steps: Annotated[
        tuple[Step, ...],
        Given,
        Field(min_length=1, description="instead of biases, darks and lamps: steps in any order"),
    ] = Field((), examples=[[{"biases": {"count": 5}}, {"lamps": ["Neon"], "exposure_time": 30}]])
    order: Annotated[
        Literal["written", "free"] | None,
        BeforeValidator(_order, json_schema_input_type=Literal["written", "free"]),
    ] = Field(
        None,
        description="with `steps`: free: biases and darks may be taken during any warm-up, but never across a wait, "
        "where the observatory has a `light_tight_shutter` or lamps with `warm_behind_shutter`; default: as written",
        examples=["free"],
    )
    repeat: Count = Field(1, description="with `steps`: number of times that the whole list is taken", examples=[2])
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
        """Return the number of frames by arithmetic, without expanding them."""
        if self.steps:
            return self.repeat * sum(step.frame_count(vocabulary) for step in self.steps)
        total = self.biases.count if self.biases else 0
        if self.darks:
            total += self.darks.count * len(self.darks.exposure_time)
        for block in self.lamps:
            selected = block.fibsel and route(block.fibsel.positions, None, vocabulary)
            total += block.frame_count(len(selected or ()))
        return total
