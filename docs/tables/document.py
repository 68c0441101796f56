"""The sequence document, from the published schema."""

import json
from collections.abc import Mapping
from typing import Any

from safelight.sequences.fields import LONGEST_S
from safelight.sequences.json_schema import schema
from tables.cells import code, table

__all__ = ["document_table"]

_SCHEMA = schema()
_LINKS = {
    "Biases": "[biases](#biases)",
    "Darks": "[darks](#darks)",
    "Fibsel": "[a mapping](#fibsel)",
    "Choice": "[a choice](#a-choice)",
    "Counts": "[counts](#counts)",
    "Steady": "[until steady](#until-steady)",
    "LampSettings": "[settings](#settings-of-lamps)",
    "Block": "[blocks](#blocks)",
    "BiasKeys": "[keys](#keys-of-every-step)",
    "DarkKeys": "[keys](#keys-of-every-step)",
}
_STEP_KEYS = ("label", "header", "position", "setup", "spectrographs", "cameras", "for", "repeat")


def document_table(part: str) -> str:
    """The keys of one part of the document; of the document itself where no part is named."""
    node = _SCHEMA["$defs"]["LampStep" if part == "StepKeys" else part] if part else _SCHEMA
    inherited = _SCHEMA["$defs"]["LampSettings"]["properties"] if part == "Block" else {}
    if part == "StepKeys":
        inherited = [key for key in node["properties"] if key not in _STEP_KEYS]
    elif part.endswith("Step"):
        inherited = _STEP_KEYS
    rows = (
        (code(key), _value(one), *_meaning(one, required=key in node.get("required", ())))
        for key, one in node["properties"].items()
        if key not in inherited
    )
    return table(("key", "value", "default", "meaning"), rows)


def _meaning(node: Mapping[str, Any], *, required: bool) -> tuple[str, str]:
    """Default and meaning; a default that is no constant stands at the end of the description."""
    words, _, told = node["description"].partition("; default: ")
    examples = ", ".join(code(_flow(example)) for example in node.get("examples", ()))
    words += f"; example: {examples}" if examples else ""
    if required:
        return "required", words
    return (code(node["default"]) if "default" in node else told or "none"), words


def _flow(value: Any) -> str:
    """As YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _value(node: Mapping[str, Any]) -> str:
    """What may stand there."""
    if "$ref" in node:
        return _LINKS[node["$ref"].rpartition("/")[2]]
    either = node.get("anyOf") or node.get("oneOf")
    if either:
        *first, last = map(_value, either)
        return f"{', '.join(first)}{',' if ',' in first[-1] else ''} or {last}"
    if "const" in node:
        return code(node["const"])
    if "enum" in node:
        return ", ".join(map(code, node["enum"]))
    return _KINDS[node["type"]](node)


def _number(node: Mapping[str, Any]) -> str:
    if node["maximum"] == 100:  # noqa: PLR2004 - percent
        return "percent above 0, at most 100"
    low = "above 0" if "exclusiveMinimum" in node else f"at least {node['minimum']}"
    what = "seconds" if node["maximum"] == LONGEST_S else "number"
    return f"{what} {low}, at most {node['maximum']:,.9g}"


def _whole(node: Mapping[str, Any]) -> str:
    return f"whole number, {node['minimum']} to {node['maximum']:,}"


def _text(node: Mapping[str, Any]) -> str:
    return f"text of at most {node['maxLength']:,} characters" if "maxLength" in node else "name"


def _list(node: Mapping[str, Any]) -> str:
    of = node.get("items", {"type": "string"})
    if "oneOf" in of:
        return "list of [steps](#steps)"
    return _LINKS["Block"].join(("list of ", "")) if "$ref" in of else f"list of {_many(of)}"


def _many(node: Mapping[str, Any]) -> str:
    return {"number": "such", "string": "names"}[node["type"]]


def _mapping(node: Mapping[str, Any]) -> str:
    inside = node.get("additionalProperties", {})
    if node.get("required") == ["match"]:
        return "`{match: PATTERN}`"
    if inside is False:
        return f"mapping with {' and '.join(map(code, node['properties']))} in seconds"
    if inside.get("type") == "string":
        return "mapping of selector to position"
    if inside.get("type") == "number":
        return f"mapping of {node.get('propertyNames', {}).get('title', 'camera')} to seconds"
    if "anyOf" in inside:
        return "mapping of name to list"
    return f"mapping of lamp to {_value(inside)}" if "$ref" in inside else "mapping of keyword to text, number or flag"


_KINDS = {
    "number": _number,
    "integer": _whole,
    "boolean": lambda _: "true, false",
    "string": _text,
    "array": _list,
    "object": _mapping,
}
