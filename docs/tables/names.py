"""The public names of a room, from their docstrings and signatures."""

import dataclasses
import enum
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tables.docstrings import markdown

__all__ = ["names_of"]

_WIDE = 100
_PAGES = {
    "safelight.sequences.parts": "Its keys are in [the sequence document](document.md).",
    "safelight.sequences.model": "Its keys are in [the sequence document](document.md).",
    "safelight.devices.observatory.observatory": "Its keys are in [the observatory document](configuration.md).",
}


def names_of(room: str) -> str:
    """Make a section for each public name of a package; without a name, of `safelight` itself."""
    module = import_module(f"safelight.{room}" if room else "safelight")
    return "\n\n".join(_section(module, name) for name in module.__all__)


def _section(module: Any, name: str) -> str:
    found = getattr(module, name)
    heading = f"### {name}"
    if inspect.isclass(found):
        return "\n\n".join([heading, *_of_class(found)])
    if inspect.isfunction(found):
        return "\n\n".join([heading, _code(_signed(found)), markdown(found.__doc__)])
    return "\n\n".join([heading, _code(f"{name} = {_plain(repr(found))}"), _told(module, name)])


def _of_class(found: type) -> Iterator[str]:
    """What a class is made of."""
    bases = [base.__name__ for base in found.__bases__ if base.__name__ not in ("object", "_Part", "Part", "Grown")]
    yield _code(f"class {found.__name__}" + (f"({', '.join(bases)})" if bases else ""))
    fields = () if not dataclasses.is_dataclass(found) else dataclasses.fields(found)
    types = {field.name: _typed(field.type) for field in fields if not field.name.startswith("_")}
    yield markdown(inspect.cleandoc(found.__doc__ or ""), types)
    if issubclass(found, enum.Enum):
        yield "\n".join(f"- `{member.name}` = `{member.value}`" for member in found)
    elif issubclass(found, BaseModel):
        yield _PAGES[found.__module__]
    members = [f"- `{words}`: {first}" for words, first in _members(found)]
    if members:
        yield "\n".join(members)


def _members(found: type) -> Iterator[tuple[str, str]]:
    """Public methods and properties that the class itself defines, with the first sentence of each."""
    for name, member in vars(found).items():
        inner = getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)
        mine = inspect.isfunction(inner) and inner.__module__ == found.__module__
        if name.startswith("_") or not mine or not inner.__doc__:
            continue
        words = _signed(member).removeprefix("def ") if member is inner else name
        yield words, " ".join(inner.__doc__.split("\n\n")[0].split())


def _signed(function: Any) -> str:
    """Name, parameters, result; one parameter a line where they are many."""
    signature = inspect.signature(function)
    parameters = [
        one.replace(default=_Shown(one.default)) if one.default is not one.empty else one
        for one in signature.parameters.values()
        if one.name not in ("self", "cls")
    ]
    signature = signature.replace(parameters=parameters)
    prefix = "async def" if inspect.iscoroutinefunction(function) else "def"
    line = f"{prefix} {function.__name__}{_plain(str(signature))}"
    if len(line) <= _WIDE:
        return line
    inside, _, result = _plain(str(signature)).removeprefix("(").rpartition(")")
    return f"{prefix} {function.__name__}(\n    " + ",\n    ".join(_split(inside)) + f",\n){result}"


def _split(parameters: str) -> list[str]:
    """At the commas that separate parameters."""
    parts, depth = [""], 0
    for letter in parameters:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


class _Shown:
    """A default as people write it."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        if inspect.isfunction(self._value):
            return "..."
        plain = dataclasses.is_dataclass(self._value)
        return f"{type(self._value).__name__}()" if plain else _plain(repr(self._value))


def _typed(kind: Any) -> str:
    return _plain(kind if isinstance(kind, str) else inspect.formatannotation(kind))


def _plain(words: str) -> str:
    """Without the modules in front of names, and without the quotes of types that are named before they are known."""
    words = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", words).replace("~T", "T").replace("PosixPath", "Path")
    return re.sub(r'(: |-> )"([^"]*)"', r"\1\2", words.replace("'", '"'))


def _code(words: str) -> str:
    # Indented, not fenced: a fenced block of Python is one that a reader may execute.
    return textwrap.indent(words, "    ")


def _told(module: Any, name: str) -> str:
    """The sentence that stands below a value, in whichever file of the room defines it."""
    for file in sorted(Path(module.__file__).parent.rglob("*.py")):
        found = re.search(
            rf'^{name}(?:: [^=\n]+)? = .*?\n"""(.*?)"""$', file.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        if found:
            return " ".join(found[1].split())
    raise LookupError(f"{name} has no docstring")
