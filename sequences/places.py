"""Places that a step may name: positions of selectors, spectrographs, cameras, and loops over them."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from safelight.documents.errors import in_quotes, written
from safelight.sequences.errors import Refusal
from safelight.sequences.fields import LONGEST_S
from safelight.sequences.names import Vocabulary, listed, nearest

__all__ = ["CameraTimes", "LampTimes", "Loops", "Names", "Pairs", "Rest", "Setup"]

Pairs = tuple[tuple[str, str], ...]
"""(selector, position)."""

_ALL = "all"


def _mapping(value: object, allowed: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise Refusal(allowed=allowed)
    return value


def _setup(value: object, info: ValidationInfo) -> Pairs:
    """Return a set-up as pairs, each selector and position as the site spells it."""
    if value == ():
        return ()
    given = _mapping(value, "a mapping of selector to position, such as {slit: narrow}")
    vocabulary: Vocabulary | None = info.context
    found: dict[str, str] = {}
    for selector, position in given.items():
        name, place = selector, position
        known: tuple[str, ...] = ()
        if vocabulary:
            name = _known(lambda selector=selector: vocabulary.selector(selector), selector)
            known = vocabulary.site.selectors[name].positions
        if not isinstance(position, str):
            raise _no_name("the name of a position", position, known, (selector,))
        if vocabulary:
            place = _known(lambda name=name, place=place: vocabulary.place(name, place), selector)
        if name in found:
            raise Refusal(f"{name} is given twice", "each selector once", at=(selector,))
        found[name] = place
    return tuple(found.items())


def _no_name(what: str, value: object, known: tuple[str, ...], at: tuple[str | int, ...]) -> Refusal:
    """Return the refusal of a value that is no text: how to write it, and which names there are if it is none."""
    said, text = f"expected {what}, got {written(value)}{in_quotes(value)}", str(value)
    if not known or text.casefold() in map(str.casefold, known):
        return Refusal(said, at=at)
    return Refusal(said, listed(known), nearest(text, known), at=at)


def _known(find: Any, *at: str | int) -> str:
    """Return the name, or raise the refusal with its place in the mapping."""
    try:
        return str(find())
    except Refusal as refusal:
        refusal.at = at
        raise


_TO_POSITION = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}
Setup = Annotated[Pairs, BeforeValidator(_setup), WithJsonSchema(_TO_POSITION, mode="validation")]


def _loops(value: object, info: ValidationInfo) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Return the loops of a step, the last name fastest."""
    if value == ():
        return ()
    given = _mapping(value, "a mapping of name to list, such as {grating: [red, blue]}")
    return tuple(_loop(name, values, info.context) for name, values in given.items())


def _loop(name: str, values: object, vocabulary: Vocabulary | None) -> tuple[str, tuple[Any, ...]]:
    if name in ("exposure_time", "level"):
        return name, _numbers(name, values)
    if vocabulary is None:
        return name, tuple(values) if isinstance(values, list | tuple) else (values,)
    if name == "fibre":
        known: tuple[str, ...] = tuple(vocabulary.site.fibres)
        if isinstance(values, Mapping):
            return name, _matching(values, vocabulary)
        return name, _several(name, values, known, lambda one: vocabulary.canonical("fibre", one))
    if name == "position":
        known = vocabulary.site.positions
        return name, _several(name, values, known, lambda one: vocabulary.canonical("position", one))
    loops = [*vocabulary.site.selectors, "fibre", "position", "exposure_time", "level"]
    selector = next((one for one in vocabulary.site.selectors if one.casefold() == name.casefold()), None)
    if selector is None:
        raise Refusal(f"unknown loop {name!r}", listed(loops), nearest(name, loops), at=(name,))
    known = vocabulary.site.selectors[selector].positions
    return selector, _several(name, values, known, lambda one: vocabulary.place(selector, one))


def _matching(values: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[str, ...]:
    if list(values) != ["match"] or not isinstance(values["match"], str):
        raise Refusal("expected a list of fibres, `all`, or {match: PATTERN}", at=("fibre",))
    return tuple(_each(lambda: vocabulary.fibres_like(values["match"]), "fibre", "match"))


def _each(find: Any, *at: str | int) -> Iterable[str]:
    try:
        found: Iterable[str] = find()
    except Refusal as refusal:
        refusal.at = at
        raise
    return found


def _several(name: str, values: object, known: tuple[str, ...], find: Any) -> tuple[str, ...]:
    if values == _ALL and known and _ALL not in known:
        return known
    if not isinstance(values, list | tuple) or not values:
        raise Refusal(f"expected a list of names, or `{_ALL}`, got {written(values)}", at=(name,))
    found: list[str] = []
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise _no_name("a name", value, known, (name, number))
        found.append(_known(lambda value=value: find(value), name, number))
    return tuple(found)


def _numbers(name: str, values: object) -> tuple[float, ...]:
    most, what = (LONGEST_S, "seconds") if name == "exposure_time" else (100, "percent")
    if not isinstance(values, list | tuple) or not values:
        raise Refusal(f"expected a list of numbers ({what}), got {written(values)}", at=(name,))
    for number, value in enumerate(values):
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not 0 < value <= most:
            said = f"expected a number ({what}) above 0, at most {most}, got {written(value)}"
            raise Refusal(said, at=(name, number))
    return tuple(float(value) for value in values)


_LOOPING = {"anyOf": [{"type": "array", "minItems": 1}, {"const": _ALL}, {"type": "object", "required": ["match"]}]}
Loops = Annotated[
    tuple[tuple[str, tuple[Any, ...]], ...],
    BeforeValidator(_loops),
    WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": _LOOPING}, mode="validation"),
]


def _names(value: object, info: ValidationInfo) -> tuple[str, ...]:
    """Return spectrographs or cameras, as the site spells them."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, list | tuple) or not value or not all(isinstance(one, str) for one in value):
        raise Refusal(allowed=f"a list of {info.field_name}")
    vocabulary: Vocabulary | None = info.context
    if vocabulary is None:
        return tuple(value)
    find = vocabulary.spectrograph if info.field_name == "spectrographs" else vocabulary.cameras_called
    for number, name in enumerate(value):
        _each(lambda name=name: find(name), number)
    chosen = "spectrographs" if info.field_name == "spectrographs" else "cameras"
    vocabulary.demand_choice(chosen)
    return tuple(dict.fromkeys(value))


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema(
        {"anyOf": [{"type": "array", "minItems": 1, "items": {"type": "string"}}, {"type": "string"}]},
        mode="validation",
    ),
]


def _times(value: object, info: ValidationInfo) -> tuple[tuple[str, float], ...]:
    """Return the seconds of each camera."""
    given = _mapping(value, "a mapping of camera to seconds, such as {b: 30, r: 12}")
    vocabulary: Vocabulary | None = info.context
    for camera, seconds in given.items():
        if vocabulary:
            _each(lambda camera=camera: vocabulary.cameras_called(camera), camera)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_S:
            said = f"expected seconds as a number above 0, at most {LONGEST_S}, got {written(seconds)}"
            raise Refusal(said, at=(camera,))
    if vocabulary and not vocabulary.site.own_times:
        said = "here all cameras integrate for the same time (`spectrographs.own_times` of the observatory)"
        raise Refusal(said, "one number of seconds, or one step for each camera")
    return tuple((camera, float(seconds)) for camera, seconds in given.items())


def _lamp_times(value: object, info: ValidationInfo) -> tuple[tuple[str, float], ...]:
    """Return the seconds of each timed lamp."""
    if value == ():
        return ()
    given = _mapping(value, "a mapping of lamp to seconds, such as {Argon: 20, Neon: 3}")
    vocabulary: Vocabulary | None = info.context
    found: dict[str, float] = {}
    for lamp, seconds in given.items():
        name = _known(lambda lamp=lamp: vocabulary.canonical("lamp", lamp), lamp) if vocabulary else str(lamp)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_S:
            said = f"expected seconds as a number above 0, at most {LONGEST_S}, got {written(seconds)}"
            raise Refusal(said, at=(lamp,))
        if name in found:
            raise Refusal(f"{name} is given twice", "each lamp once", at=(lamp,))
        found[name] = float(seconds)
    return tuple(found.items())


def _rest(value: object) -> tuple[float, float]:
    """Return the time on and the time off of a duty cycle, s."""
    given = _mapping(value, _DUTY)
    for key in given:
        if key not in ("after", "for"):
            raise Refusal(f"unknown key {key!r}", listed(("after", "for")), nearest(key, ("after", "for")), at=(key,))
    for key in ("after", "for"):
        seconds = given.get(key)
        if key not in given:
            raise Refusal(f"`{key}` is missing", _DUTY)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_S:
            said = f"expected seconds as a number above 0, at most {LONGEST_S}, got {written(seconds)}"
            raise Refusal(said, at=(key,))
    return float(given["after"]), float(given["for"])


_DUTY = "a mapping with `after` and `for` in seconds, such as {after: 1800, for: 300}"
_SECONDS_SCHEMA = {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_S}
Rest = Annotated[
    tuple[float, float],
    BeforeValidator(_rest),
    WithJsonSchema(
        {
            "type": "object",
            "required": ["after", "for"],
            "additionalProperties": False,
            "properties": {"after": _SECONDS_SCHEMA, "for": _SECONDS_SCHEMA},
        },
        mode="validation",
    ),
]
"""Duty cycle: seconds on, seconds off."""
LampTimes = Annotated[
    tuple[tuple[str, float], ...],
    BeforeValidator(_lamp_times),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"title": "lamp"},
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_S},
        },
        mode="validation",
    ),
]
CameraTimes = Annotated[
    tuple[tuple[str, float], ...],
    BeforeValidator(_times),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"not": {"const": "counts"}},
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_S},
        },
        mode="validation",
    ),
]
