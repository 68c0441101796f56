"""JSON Schema of an observatory document, with the options of every installed driver."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from safelight.devices.drivers import DeviceKind, driver_of, installed_drivers
from safelight.devices.errors import ObservatoryError
from safelight.devices.observatory.observatory import Observatory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

__all__ = ["observatory_schema", "options_model"]

_SECTIONS: dict[DeviceKind, str] = {
    "telescopes": "TelescopesModel",
    "lamps": "LampsModel",
    "second_lamps": "SecondPath",
    "spectrographs": "SpectrographsModel",
    "fibsel": "FibselModel",
    "selectors": "SelectorsModel",
    "lamp_monitor": "LampMonitorModel",
}
"""Definition in the schema of each kind of device's section."""
_USUAL = "simulated"
"""Driver of a section that names none."""


def options_model(driver: str, kind: DeviceKind) -> type[BaseModel] | None:
    """Return the model of a driver's `options` for a kind of device, or None if it has none.

    A driver gives it by a function `driver_options(kind)` in the same module as the driver's own function.

    Raises:
        ObservatoryError: there is no such driver, or it can't be loaded.
    """
    function = driver_of(driver)
    module = sys.modules.get(function.__module__) or import_module(function.__module__)
    saying = getattr(module, "driver_options", None)
    found: type[BaseModel] | None = saying(kind) if saying else None
    return found


def observatory_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an observatory document."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:safelight:observatory:1",
        **Observatory.model_json_schema(),
        "title": "safelight observatory document",
    }
    definitions = schema["$defs"]
    for kind, section in _SECTIONS.items():
        rules = []
        for driver in installed_drivers():
            if options := _options(driver, kind):
                name = f"{driver}.{kind}"
                definitions |= {f"{name}.{inner}": part for inner, part in options.pop("$defs", {}).items()}
                definitions[name] = options
                rules.append(_rule(driver, name))
        if rules:
            definitions[section]["allOf"] = rules
    for node in _nodes(schema):
        _name_keys(node)
    return schema


def _options(driver: str, kind: DeviceKind) -> dict[str, Any] | None:
    """Return the schema of a driver's options, or None for a driver without one or one that can't be loaded here."""
    try:
        model = options_model(driver, kind)
    except (ObservatoryError, ImportError):
        return None
    return None if model is None else model.model_json_schema(ref_template=f"#/$defs/{driver}.{kind}.{{model}}")


def _rule(driver: str, name: str) -> dict[str, Any]:
    condition: dict[str, Any] = {"properties": {"driver": {"const": driver}}}
    if driver != _USUAL or name.endswith(("second_lamps", "lamp_monitor")):
        condition["required"] = ["driver"]
    return {"if": condition, "then": {"properties": {"options": {"$ref": f"#/$defs/{name}"}}}}


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(inner)


def _name_keys(node: dict[str, Any]) -> None:
    """Refuse keys that no pattern allows. A schema alone would accept them."""
    if isinstance(node.get("patternProperties"), dict) and "propertyNames" in node:
        (pattern,) = node["patternProperties"]
        node["propertyNames"]["pattern"] = pattern
