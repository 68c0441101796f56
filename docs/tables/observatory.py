"""The observatory document, from its model."""

from typing import Any, Literal, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from safelight.devices.observatory import device_conditions, observatory, parts, selectors, site_habits
from safelight.devices.simulated.layout import Optics
from safelight.devices.simulated.light_path import Effect
from tables.cells import code, table

__all__ = ["effect_table", "observatory_table", "optics_table"]

_UNITS = {"_deg_per_s": "deg/s", "_steps_per_s": "steps/s", "_s": "s", "_deg": "deg", "_steps": "steps", "_c": "deg C"}
_UNITS |= {"_adu": "ADU", "_adu_per_s": "ADU/s", "_rows": "rows", "_columns": "columns"}
_LINKS = {
    "TelescopesModel": "[telescopes](#telescopes)",
    "Direction": "[direction](#positions)",
    "LampsModel": "[lamps](#lamps)",
    "LampModel": "[a lamp](#one-lamp)",
    "LampMonitorModel": "[a lamp monitor](#lamp-monitor)",
    "SecondPath": "[second path](#second-path)",
    "SpectrographModel": "[a spectrograph](#one-spectrograph)",
    "SpectrographsModel": "[spectrographs](#spectrographs)",
    "QualityModel": "[quality](#quality)",
    "FibselModel": "[fibsel](#fibsel)",
    "SelectorsModel": "[selectors](#selectors)",
    "SelectorModel": "[a selector](#one-selector)",
    "FlavourModel": "[a flavour](#flavours)",
    "RestModel": "[a duty cycle](#duty-cycle)",
    "TemperatureModel": "[temperature](#temperature)",
    "Deadlines": "[deadlines](#deadlines)",
    "Deadline": "[rule](#deadlines)",
    "Retries": "[retries](#retries)",
    "RetryPolicy": "[policy](#retries)",
    "GuardPolicy": "[guard](#guard)",
    "FramesModel": "[frames](#frames)",
    "ConditionModel": "[a condition](#conditions)",
    "AlpacaConditionModel": "[a device](#conditions-from-alpaca)",
    "IndiConditionModel": "[an element](#conditions-from-indi)",
    "SiteModel": "[site](#site)",
    "NotifyTarget": "[receiver](#notify)",
}


def observatory_table(part: str) -> str:
    """The keys of one part of the document."""
    rooms = (observatory, parts, selectors, site_habits, device_conditions)
    return _table(next(found for room in rooms if (found := getattr(room, part, None)) is not None))


def optics_table() -> str:
    """The options of simulated spectrographs."""
    return _table(Optics)


def effect_table() -> str:
    """Return the table of the keys of a simulated selector's position."""
    return _table(Effect)


def _table(model: type[BaseModel]) -> str:
    rows = (
        (code(_key(name, field)), _kind(field), _unit(name), _default(field), field.description or "")
        for name, field in model.model_fields.items()
    )
    if any(_unit(name) for name in model.model_fields):
        return table(("key", "value", "unit", "default", "meaning"), rows)
    return table(("key", "value", "default", "meaning"), ((*row[:2], *row[3:]) for row in rows))


def _key(name: str, field: FieldInfo) -> str:
    """Return the key as it is written: `for` can't be the name of a field in Python."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else name


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
        return f"list of {_words(inner[0]).removesuffix('s')}s" if inner[-1] is Ellipsis else f"{len(inner)} numbers"
    return " or ".join(_words(one) for one in inner if one is not type(None))


_PLAIN = {str: "text", float: "number", int: "whole number", bool: "true or false", Any: "anything"}
