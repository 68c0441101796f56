"""Expected values of a model in words, from its JSON Schema, so that no wording of a library is passed on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from safelight.documents.model_errors import Guide
from safelight.documents.names import listed
from safelight.documents.parsed import Path

__all__ = ["EXPECTED", "expectation", "guide_of"]

EXPECTED = "$comment"
"""Key of a JSON Schema under which a field gives its own words for the expected value."""

_UNITS = (
    ("_deg_per_s", " of degrees per second"),
    ("_per_s", ""),
    ("_s", " of seconds"),
    ("_deg", " of degrees"),
    ("_steps", " of motor steps"),
)
_KINDS = {"boolean": "true or false", "null": "nothing"}


@cache
def guide_of(model: type[BaseModel]) -> Guide:
    """Return what a model expects, for the errors of a document that it reads."""
    schema = _Schema(model.model_json_schema())
    return Guide(keys=schema.keys, expected=lambda loc, path, _: schema.expected(path, is_key="[key]" in loc[-1:]))


def expectation(node: Mapping[str, Any], name: str = "") -> str:
    """Return the words for what a part of a JSON Schema expects.

    Args:
        node: the part, with its references resolved.
        name: its key, whose ending gives the unit.
    """
    if EXPECTED in node:
        return str(node[EXPECTED])
    if "enum" in node or "const" in node:
        return listed(str(value) for value in node.get("enum", [node.get("const")]))
    saying = {"integer": _number, "number": _number, "array": _list, "object": _mapping, "string": _text}
    kind = str(node.get("type"))
    return saying[kind](node, name) if kind in saying else _KINDS.get(kind, "another value")


def _mapping(node: Mapping[str, Any], _: str) -> str:
    needed = node.get("required") or list(node.get("properties", ()))
    if needed:
        return f"a mapping with {', '.join(needed)}"
    return "a mapping of at least one name" if node.get("minProperties") else "a mapping"


def _text(node: Mapping[str, Any], _: str) -> str:
    if "pattern" in node:
        return f"a text of the form {node['pattern']}"
    return "a text that is not empty" if node.get("minLength") else "a text"


def _number(node: Mapping[str, Any], name: str) -> str:
    unit = next((words for ending, words in _UNITS if name.endswith(ending)), "")
    words = "a whole number" if node["type"] == "integer" else f"a number{unit}"
    above, least, most = (node.get(key) for key in ("exclusiveMinimum", "minimum", "maximum"))
    if least is not None and most is not None:
        return f"{words} from {least:.15g} to {most:.15g}"
    if above is not None:
        return f"{words} above {above:.15g}" + ("" if most is None else f", at most {most:.15g}")
    if least is not None:
        return f"{words}, {least:.15g} or more"
    return words if most is None else f"{words}, at most {most:.15g}"


def _list(node: Mapping[str, Any], name: str) -> str:
    each = node.get("prefixItems")
    if each:
        return f"a list of {len(each)} values, each {expectation(each[0], name)}"
    inner = expectation(node.get("items", {}), name)
    least = "at least one, each " if node.get("minItems") else "which each are "
    return f"a list ({least}{inner})" if inner != "another value" else "a list"


@dataclass(frozen=True)
class _Schema:
    """JSON Schema of a model."""

    whole: Mapping[str, Any]

    def keys(self, path: Path) -> tuple[str, ...]:
        """Return the keys of the section at a path."""
        sections = (node["properties"] for node in self.at(path) if "properties" in node)
        return tuple(key for section in sections for key in section)

    def expected(self, path: Path, *, is_key: bool) -> str | None:
        """Return the words for what is expected at a path, or of its last key."""
        if is_key:
            names = [node["propertyNames"] for node in self.at(path[:-1]) if "propertyNames" in node]
            return expectation(self.resolved(names[0])) if names else "a name"
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        words = [expectation(node, name) for node in self.at(path) if node.get("type") != "null"]
        return ", or ".join(dict.fromkeys(words)) or None

    def at(self, path: Path) -> list[Mapping[str, Any]]:
        """Return the forms that a document may have at a path."""
        nodes = list(self.forms(self.whole))
        for part in path:
            nodes = [form for node in nodes for inner in _inner(node, part) for form in self.forms(inner)]
        return nodes

    def forms(self, node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Yield a node, or its alternatives."""
        found = self.resolved(node)
        # `oneOf` if the model itself decides on the form.
        alternatives = found.get("anyOf", found.get("oneOf"))
        if EXPECTED not in found and alternatives:
            for form in alternatives:
                yield from self.forms(form)
        else:
            yield found

    def resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a node with its reference resolved, and that of its list items as well."""
        found = dict(node)
        while "$ref" in found:
            found |= self.whole["$defs"][str(found.pop("$ref")).rpartition("/")[2]]
        if isinstance(found.get("items"), Mapping):
            found["items"] = self.resolved(found["items"])
        return found


def _inner(node: Mapping[str, Any], part: str | int) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, int):
        each = node.get("prefixItems", ())
        if part < len(each):
            yield each[part]
        elif isinstance(node.get("items"), Mapping):
            yield node["items"]
    elif part in node.get("properties", {}):
        yield node["properties"][part]
    else:
        yield from node.get("patternProperties", {}).values()
        if isinstance(node.get("additionalProperties"), Mapping):
            yield node["additionalProperties"]
