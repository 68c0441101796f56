"""Types of the values in a document, each as strict as it must be.

Names and patterns are checked against the site when its `Vocabulary` is the validation context. Without one, only
their form is checked.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)

from safelight.sequences.errors import Refusal, shown
from safelight.sequences.keywords import KEYWORD, header_keyword, header_value
from safelight.sequences.names import LONGEST_PATTERN, Kind, Vocabulary, agreed, listed, nearest

__all__ = [
    "Cards",
    "Count",
    "Description",
    "Exposures",
    "FibreName",
    "Fit",
    "Flag",
    "Flavour",
    "Given",
    "Label",
    "LampNames",
    "LampNamesOrNone",
    "Mode",
    "Pattern",
    "Percent",
    "PositionName",
    "Positions",
    "Seconds",
    "Title",
    "Warmup",
]

LONGEST_S = 86_400
MOST_FRAMES = 10_000
"""Limit for a whole sequence. So many frames are planned and checked in a few seconds, and take days to expose."""


def _given(value: object) -> object:
    """Refuse a key without a value: an empty `darks:` is a mistake."""
    if value is None:
        raise Refusal
    return value


Given = BeforeValidator(_given)


def _several(value: object) -> object:
    """Return a single value as a list of one.

    The minimum length is checked here, because pydantic's own minimum counts valid items only.
    """
    if not isinstance(value, list | tuple):
        return (value,)
    if not value:
        raise Refusal
    return value


def _not_empty(value: object) -> object:
    if not isinstance(value, list | tuple) or not value:
        raise Refusal
    return value


Seconds = Annotated[float, Field(strict=True, gt=0, le=LONGEST_S, allow_inf_nan=False)]
Warmup = Annotated[float, Field(strict=True, ge=0, le=LONGEST_S, allow_inf_nan=False)]
Exposures = Annotated[
    tuple[Seconds, ...],
    BeforeValidator(_several, json_schema_input_type=Seconds | Annotated[list[Seconds], Field(min_length=1)]),
]
Percent = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=MOST_FRAMES)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=68)]
Label = Annotated[str, Field(strict=True, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
"""Part of a frame's id, and so of file names."""
Description = Annotated[str, Field(strict=True, max_length=2000)]


def _title(text: str) -> str:
    return str(header_value(text))


# The name is written into the FITS header of every frame.
Title = Annotated[Text, AfterValidator(_title)]


_OWN_KEYS = {"bias": "biases", "dark": "darks"}
"""Flavours of frames that no lamp has."""


def _one_of(kind: str, names: tuple[str, ...]) -> BeforeValidator:
    """Return a validator that finds one of these names, ignoring case."""
    folded = {name.casefold(): name for name in names}

    def find(value: object) -> str:
        if not isinstance(value, str):
            raise Refusal(allowed=listed(names))
        if value.casefold() not in folded:
            own = _OWN_KEYS.get(value.casefold())
            known = f"{listed(names)}; such frames have a key of their own, `{own}`" if own else listed(names)
            raise Refusal(f"unknown {kind} {shown(value)}", known, nearest(value, names))
        return folded[value.casefold()]

    return BeforeValidator(find)


Flavour = Annotated[Literal["arc", "flat", "object"], _one_of("flavour of a lamp frame", ("arc", "flat", "object"))]
Mode = Annotated[Literal["sweep", "each"], _one_of("mode", ("sweep", "each"))]
Fit = Annotated[Literal["shorten", "strict"], _one_of("fit", ("shorten", "strict"))]


def _named(kind: Kind) -> AfterValidator:
    """Return a validator that turns a name into the site's spelling."""

    def find(name: str, info: ValidationInfo) -> str:
        vocabulary: Vocabulary | None = info.context
        return vocabulary.canonical(kind, name) if vocabulary else name

    return AfterValidator(find)


def _matching(pattern: str, info: ValidationInfo) -> str:
    vocabulary: Vocabulary | None = info.context
    if vocabulary:
        vocabulary.fibres_like(pattern)
    return pattern


FibreName = Annotated[str, Field(strict=True, min_length=1), _named("fibre")]
PositionName = Annotated[str, Field(strict=True, min_length=1), _named("position")]
LampName = Annotated[str, Field(strict=True, min_length=1), _named("lamp")]
Pattern = Annotated[str, Field(strict=True, min_length=1), Field(max_length=LONGEST_PATTERN), AfterValidator(_matching)]


def _shape(value: object) -> str:
    return "(list)" if isinstance(value, list | tuple) else "(pattern)"


Positions = Annotated[
    Annotated[Pattern, Tag("(pattern)")]
    | Annotated[
        tuple[FibreName, ...],
        BeforeValidator(_not_empty, json_schema_input_type=Annotated[list[FibreName], Field(min_length=1)]),
        Tag("(list)"),
    ],
    Discriminator(_shape),
]


def _lamp_list(value: object) -> object:
    if isinstance(value, Refusal):  # Put here by the code that made the block, see model.py.
        raise value
    return _not_empty(value)


def _lit_together(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """Return the lamps in the site's order, each once. Without a flavour in the block, all must have the same one."""
    if len(set(names)) < len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        raise Refusal(f"{', '.join(twice)} given twice", "each lamp once")
    vocabulary: Vocabulary | None = info.context
    if not vocabulary:
        return names
    _demand_compatible(names, vocabulary, info.data.get("flavour"))
    if len(names) == 1:
        return names
    flavours = {vocabulary.lamps[name].flavour: name for name in names}
    if len(flavours) > 1 and info.data.get("flavour", "wrong") is None:
        differing = ", ".join(f"{name} {flavour}" for flavour, name in flavours.items())
        raise Refusal(f"these lamps have different flavours ({differing})", "a `flavour` for the block")
    return tuple(sorted(names, key=vocabulary.rank.__getitem__))


def _demand_compatible(names: tuple[str, ...], vocabulary: Vocabulary, flavour: str | None) -> None:
    """Check that the hardware can light these lamps together, and that their requirements agree."""
    for group in vocabulary.site.exclusive:
        together = [name for name in names if name in group]
        if len(together) > 1:
            said = f"{' and '.join(together)} can't be lit together: the hardware lights one of {', '.join(group)}"
            raise Refusal(said, "a step or block for each")
    if names:
        agreed(*vocabulary.required(names, flavour or vocabulary.lamps[names[0]].flavour))


def _lamp_list_or_none(value: object) -> object:
    if isinstance(value, str):
        raise Refusal(f"expected the names of one or more lamps, in a list, got {shown(value)} (write [{value}])")
    if not isinstance(value, list | tuple):
        raise Refusal
    return value


LampNamesOrNone = Annotated[
    tuple[LampName, ...],
    BeforeValidator(_lamp_list_or_none, json_schema_input_type=list[LampName]),
    AfterValidator(_lit_together),
]
LampNames = Annotated[
    tuple[LampName, ...],
    BeforeValidator(_lamp_list, json_schema_input_type=Annotated[list[LampName], Field(min_length=1)]),
    AfterValidator(_lit_together),
]


def _keyword(keyword: str, info: ValidationInfo) -> str:
    return header_keyword(keyword, info.context)


def _pairs(value: object) -> object:
    if not isinstance(value, Mapping):
        raise Refusal(allowed="a mapping of FITS keyword to value")
    return tuple(value.items())


Cards = Annotated[
    tuple[tuple[Annotated[str, AfterValidator(_keyword)], Annotated[Any, PlainValidator(header_value)]], ...],
    BeforeValidator(_pairs),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": KEYWORD},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        mode="validation",
    ),
]
