"""Translation of pydantic's errors into messages for observers: file, line, path, value, expected value."""

from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from safelight.documents import model_errors
from safelight.documents.errors import Problem
from safelight.documents.model_errors import Guide
from safelight.documents.names import LONGEST_NAME, nearest
from safelight.documents.parsed import Parsed, Path
from safelight.documents.places import dotted, line_of
from safelight.sequences.fields import LONGEST_S, MOST_FRAMES
from safelight.sequences.model import Biases, Block, Choice, Darks, Fibsel, LampSettings, SequenceSpec
from safelight.sequences.names import LONGEST_PATTERN
from safelight.sequences.parts import Counts, Steady
from safelight.sequences.steps import (
    BiasKeys,
    BiasStep,
    DarkKeys,
    DarkStep,
    IncludeStep,
    LampStep,
    SetStep,
    WaitStep,
)

__all__ = ["dotted", "line_of", "problems_of"]

_SECONDS = f"a number of seconds above 0, at most {LONGEST_S}"
_ALLOWED = {
    "": "a mapping with biases, darks or lamps, or with steps",
    "name": "a text of 1 to 68 printable ASCII characters",
    "description": "a text of at most 2000 characters",
    "position": "the name of a position",
    "park_after": "true or false",
    "overlap": "true or false",
    "header": "a mapping of FITS keyword to value",
    "biases": "a mapping with `count`",
    "darks": "a mapping with `exposure_time` and `count`",
    "block": "a mapping with at least `exposure_time`",
    "lamps": "the names of one or more lamps, in a list",
    "warmup": f"a number of seconds, 0 to {LONGEST_S}",
    "exposure_time": f"{_SECONDS}, or a list of such numbers",
    "count": f"a whole number from 1 to {MOST_FRAMES}",
    "flavour": "arc, flat or object",
    "fibsel": "true, false or a mapping",
    "positions": f"a regular expression of at most {LONGEST_PATTERN} characters, or a list of fibres",
    "initial_position": "the name of a fibre",
    "time_per_position": _SECONDS,
    "mode": "sweep or each",
    "fit": "shorten or strict",
    "fibre": "the name of a fibre, or {choose: PATTERN}",
    "steps": "a list of steps, each with one of biases, darks, lamps, wait, set, include",
    "lit_for": "a mapping of lamp to seconds, such as {Argon: 20, Neon: 3}",
    "rest": "a mapping with `after` and `for` in seconds, such as {after: 1800, for: 300}",
    "order": "free or written",
    "label": "1 to 40 letters, digits, `_`, `.`, `+` and `-`, of which the first is a letter or a digit",
    "setup": "a mapping of selector to position, such as {slit: narrow}",
    "set": "a mapping of selector to position, such as {mirror: out}",
    "for": "a mapping of name to list, such as {grating: [red, blue]}",
    "spectrographs": "a list of spectrographs",
    "cameras": "a list of cameras",
    "level": "a number of percent above 0, at most 100",
    "repeat": f"a whole number from 1 to {MOST_FRAMES}",
    "wait": f"{_SECONDS}",
    "include": "the file of another document with `steps`",
    "counts": "a number of ADU above 0",
    "first": _SECONDS,
    "least": _SECONDS,
    "longest": _SECONDS,
    "tolerance": "a number from 0.02 to 0.9",
    "tries": "a whole number from 1 to 10",
    "steady": "a number from 0.0005 to 0.2",
    "window": "a number of seconds, 5 to 3600",
    "choose": f"a regular expression of at most {LONGEST_PATTERN} characters",
}
_OTHER_WORDS = {
    **dict.fromkeys(("arc", "arcs", "flat", "flats", "lamp"), "lamps"),
    **dict.fromkeys(("bias", "zero", "zeros"), "biases"),
    "dark": "darks",
    **dict.fromkeys(("exptime", "exp_time", "exposure", "exposures", "exposure_times", "seconds"), "exposure_time"),
    **dict.fromkeys(("n", "number", "repeats", "counts", "frames"), "count"),
    **dict.fromkeys(("intensity", "brightness", "percent", "dim"), "level"),
    **dict.fromkeys(("lit", "on_for", "lamp_times", "timed"), "lit_for"),
    **dict.fromkeys(("loop", "loops", "each", "over", "foreach"), "for"),
    **dict.fromkeys(("config", "configuration", "selectors", "setups", "positions"), "setup"),
    **dict.fromkeys(("headers", "cards", "fits"), "header"),
    **dict.fromkeys(("sleep", "pause", "delay"), "wait"),
    **dict.fromkeys(("specs", "spectrograph", "units"), "spectrographs"),
    **dict.fromkeys(("camera", "ccd", "ccds", "detectors"), "cameras"),
    **dict.fromkeys(("sequence", "frames", "blocks"), "steps"),
    **dict.fromkeys(("flavor", "type", "imagetyp"), "flavour"),
    **dict.fromkeys(("warm_up", "warmup_s", "warmup_time"), "warmup"),
    **dict.fromkeys(("fiber", "mask_position"), "fibre"),
    "park": "park_after",
}
"""Names of our keys in other programs and in common speech."""
_PARTS: dict[object, type[BaseModel]] = {
    "biases": Biases,
    "darks": Darks,
    "fibsel": Fibsel,
    "fibre": Choice,
    "exposure_time": Counts,
    "warmup": Steady,
}


def problems_of(error: ValidationError, parsed: Parsed, file: str) -> Iterator[Problem]:
    """Yield each error of the model as a Problem."""
    guide = Guide(
        keys=lambda path: _keys(path, parsed.raw),
        expected=lambda loc, _, value: _allowed(loc, value),
        numbered=_Numbered(),
        words=_meant,
        elsewhere=lambda path: _elsewhere(path, parsed.raw),
    )
    yield from model_errors.problems_of(error, parsed, file, guide)


class _Numbered:
    """Mappings whose entries the model numbers: lamps of the first form, and all cards."""

    def __contains__(self, path: object) -> bool:
        return path == ("lamps",) or (isinstance(path, tuple) and path[-1:] == ("header",))


def _meant(key: str, known: tuple[str, ...]) -> str | None:
    """Return the key that was probably meant."""
    word = _OTHER_WORDS.get(key.casefold().replace("-", "_"))
    return word if word in known else nearest(key, known)


_STEPS: dict[str, type[BaseModel]] = {
    "biases": BiasStep,
    "darks": DarkStep,
    "lamps": LampStep,
    "wait": WaitStep,
    "set": SetStep,
    "include": IncludeStep,
}


def _elsewhere(path: Path, raw: object) -> str | None:
    """Return that a key of the first form belongs into a step, if it does."""
    if path[0] == "steps" or path[-2:-1] in {("exposure_time",), ("warmup",), ("fibsel",), ("fibre",)}:
        return None
    word = _OTHER_WORDS.get(str(path[-1]).casefold().replace("-", "_"), str(path[-1]))
    known = set(_keys(path[:-1], raw))
    steps = {field.alias or name for model in (LampStep, WaitStep) for name, field in model.model_fields.items()}
    return f"`{word}` goes into a step, under `steps`" if word in steps - known else None


def _step_keys(path: Path, raw: object) -> tuple[str, ...]:
    """Return the known keys of a part of a step."""
    model = (_PARTS | {"biases": BiasKeys, "darks": DarkKeys}).get(path[-1])
    if model is None:
        steps = raw.get("steps") if isinstance(raw, dict) else None
        step = steps[path[1]] if isinstance(steps, list) and isinstance(path[1], int) else {}
        model = next((model for key, model in _STEPS.items() if key in step), LampStep)
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _allowed(loc: Path, value: object) -> str | None:
    names = [part for part in loc if isinstance(part, str) and part in _ALLOWED]
    if loc[-2:-1] == ("steps",):
        return _ALLOWED["steps"]
    if names == ["lamps"]:
        lamp = value if isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_NAME else None
        return f"a mapping such as {{lamps: [{lamp}], exposure_time: 30}}" if lamp else _ALLOWED["block"]
    without = "; frames without a lamp go into a step, under `steps`" if value == [] and names == ["lamps"] * 2 else ""
    return _ALLOWED[names[-1] if names else ""] + without


def _keys(path: Path, raw: object) -> tuple[str, ...]:
    """Return the keys that are known in the section at a path."""
    if not path:
        return tuple(SequenceSpec.model_fields)
    if path[0] == "steps":
        return _step_keys(path, raw)
    named = isinstance(raw, dict) and isinstance(raw.get("lamps"), dict)
    model = _PARTS.get(path[-1]) or (LampSettings if named else Block)
    return tuple(model.model_fields)
