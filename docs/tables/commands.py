"""The command line, from its own declarations."""

import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, get_args, get_origin

from typer.models import ArgumentInfo, OptionInfo

from safelight.cli import app
from tables.cells import code, table

__all__ = ["command_sections", "common_options", "main_options"]

_DEFAULT = re.compile(r"(.*?)(?: ?\[?[dD]efault: ([^]]*?)\.?\]?)?$", re.DOTALL)
_OFTEN = 4
"""An option that so many commands have is described once."""


@dataclass(frozen=True)
class Parameter:
    """One option or argument, as typed and as explained."""

    typed: str
    default: str
    help: str
    argument: bool = False


def command_sections() -> str:
    """A section for each command, in the order of the help."""
    return "\n".join(_section(name, function) for name, function in _commands())


def common_options() -> str:
    """The options that many commands have."""
    return _table(_common())


def main_options() -> str:
    """The options of `safelight` itself."""
    return _table(_parameters(app.registered_callback.callback))


def _section(name: str, function: Callable[..., Any]) -> str:
    first, *rest = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    common, mine = _common(), _parameters(function)
    usage = " ".join([name, *(one.typed for one in mine if one.argument)])
    own = [one for one in mine if one not in common]
    shared = ", ".join(code(one.typed.split()[0].strip("`")) for one in mine if one in common)
    lines = [f"### {name}", f"`safelight {usage}`", _flowing(first), *map(_flowing, rest)]
    if own:
        lines.append(_table(own).rstrip())
    if shared:
        lines.append(f"And {shared}.")
    return "\n\n".join(lines) + "\n"


def _flowing(text: str) -> str:
    return textwrap.fill(_typeset(text), 118, break_on_hyphens=False)


def _typeset(text: str) -> str:
    """Options within sentences, as they are typed."""
    return re.sub(r"(?<![`\w-])(--[a-z-]+)", r"`\1`", " ".join(text.split()))


def _table(parameters: list[Parameter]) -> str:
    rows = ((one.typed if "`" in one.typed else code(one.typed), one.default, one.help) for one in parameters)
    return table(("option", "default", "meaning"), rows)


def _common() -> list[Parameter]:
    found = Counter(one for _, function in _commands() for one in _parameters(function))
    return [one for one, times in found.items() if times >= _OFTEN and not one.argument]


def _commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    for command in (one for one in app.registered_commands if not one.hidden):
        yield _named(command), command.callback
    for name, group in groups.items():
        if group.registered_callback and group.registered_callback.invoke_without_command is True:
            yield str(name), group.registered_callback.callback
        for command in group.registered_commands:
            yield f"{name} {_named(command)}", command.callback


def _named(command: Any) -> str:
    return str(command.name or command.callback.__name__)


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    signature = inspect.signature(function, eval_str=True)
    found = signature.parameters.values()
    options = (one for one in found if get_args(one.annotation))  # the context is none
    return [_parameter(one) for one in options if not get_args(one.annotation)[1].hidden]


def _parameter(one: inspect.Parameter) -> Parameter:
    kind, info = get_args(one.annotation)
    found = _DEFAULT.match(_typeset(info.help or ""))
    words, told = found.groups() if found else ("", None)
    default = told or _default(one.default)
    if isinstance(info, ArgumentInfo):
        name = (info.metavar or one.name.upper()) + ("..." if get_origin(kind) is list else "")
        required = one.default is inspect.Parameter.empty
        return Parameter(name if required else f"[{name}]", default, words.strip(), argument=True)
    return Parameter(_typed(one.name, kind, info), default, words.strip())


def _typed(name: str, kind: Any, info: OptionInfo) -> str:
    # Within Annotated the first spelling stands where the default would.
    spellings = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
    spellings = spellings or [f"--{name.replace('_', '-')}"]
    value = "" if kind is bool else f" {info.metavar or _placeholder(kind)}"
    return ", ".join(code(f"{spelling}{value}") for spelling in sorted(spellings, key=len, reverse=True))


def _placeholder(kind: Any) -> str:
    choices = next(
        (part for part in (kind, *get_args(kind)) if isinstance(part, type) and issubclass(part, Enum)), None
    )
    return "|".join(choice.value for choice in choices) if choices else "N" if kind in (int, float) else "TEXT"


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    if value is None or isinstance(value, bool):
        return ""
    return code(value.value if isinstance(value, Enum) else value)
