"""The observatory document, from its model."""

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from safelight.devices import observatory, parts
from safelight.devices.simulated.layout import Optics
from tables.cells import code, table

__all__ = ["observatory_table", "optics_table"]

_UNITS = {"_deg_per_s": "deg/s", "_steps_per_s": "steps/s", "_s": "s", "_deg": "deg", "_steps": "steps"}
_UNITS |= {"_adu": "ADU", "_adu_per_s": "ADU/s", "_rows": "rows", "_columns": "columns"}
_LINKS = {
    "TelescopesModel": "[telescopes](#telescopes)",
    "Direction": "[direction](#positions)",
    "LampsModel": "[lamps](#lamps)",
    "LampModel": "[a lamp](#one-lamp)",
    "SecondPath": "[second path](#second-path)",
    "SpectrographsModel": "[spectrographs](#spectrographs)",
    "FibselModel": "[fibsel](#fibsel)",
    "Deadlines": "[deadlines](#deadlines)",
    "Deadline": "[rule](#deadlines)",
    "Retries": "[retries](#retries)",
    "Retry": "[policy](#retries)",
    "Guard": "[guard](#guard)",
}


def observatory_table(part: str) -> str:
    """The keys of one part of the document."""
    return _table(getattr(observatory if part == "Observatory" else parts, part))


def optics_table() -> str:
    """The options of simulated spectrographs."""
    return _table(Optics)


def _table(model: type[BaseModel]) -> str:
    rows = (
        (code(name), _kind(field), _unit(name), _default(field), field.description or "")
        for name, field in model.model_fields.items()
    )
    if any(_unit(name) for name in model.model_fields):
        return table(("key", "value", "unit", "default", "meaning"), rows)
    return table(("key", "value", "default", "meaning"), ((*row[:2], *row[3:]) for row in rows))


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "its defaults"
    if value is None or value in ("", {}, ()):
        return "none"
    return code(str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else value)


def _unit(name: str) -> str:
    if name == "steps_per_s":
        return "steps/s"
    fitting = [suffix for suffix in _UNITS if name.endswith(suffix)]
    return _UNITS[max(fitting, key=len)] if fitting else ""


def _kind(field: FieldInfo) -> str:
    words = _words(field.annotation)
    bounds = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("gt", "ge", "le")
        if getattr(rule, name, None) is not None
    }
    if bounds.keys() == {"ge", "le"}:
        return f"{words}, {bounds['ge']:g} to {bounds['le']:g}"
    signs = {"gt": "above", "ge": "at least", "le": "at most"}
    return ", ".join([words, *(f"{signs[name]} {bound:g}" for name, bound in bounds.items())])


def _words(annotation: Any) -> str:
    """What may stand there."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _words(inner[0])
    if inner:
        return _compound(origin, inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _LINKS[annotation.__name__]
    return _PLAIN[annotation]


def _compound(origin: Any, inner: tuple[Any, ...]) -> str:
    if origin is Literal:
        return ", ".join(map(code, inner))
    if origin is dict:
        return f"mapping of name to {_words(inner[1])}"
    if origin is tuple:
        return f"list of {_words(inner[0])}s" if inner[-1] is Ellipsis else f"{len(inner)} numbers"
    return " or ".join(_words(one) for one in inner if one is not type(None))


_PLAIN = {str: "text", float: "number", int: "whole number", bool: "true or false", Any: "anything"}
