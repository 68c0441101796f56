"""Messages for errors in a command line, in our own words, because the parser's differ between versions."""

import re
from collections.abc import Callable, Iterable
from enum import EnumType
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from safelight.documents.errors import quoted, shown
from safelight.documents.names import listed, nearest
from safelight.text import first_sentence

__all__ = ["CommandLine", "Commands", "Listed", "NewestRun"]

_EXPECTED = {
    "integer": "a whole number",
    "int": "a whole number",
    "float": "a number",
    "boolean": "true or false",
    "bool": "true or false",
    "path": "a path",
    "text": "a text",
}


_Command = TypeVar("_Command", bound=Callable[..., Any])
_TYPE = re.compile(r" <\w+>$")
_BETWEEN = re.compile(r"(\S+)<=x<=(\S+)\]$")
_LEAST = re.compile(r"x>=(\d+)(?:\.0)?\]$")


class Listed(TyperGroup):
    """Group whose help has the whole first sentence of each command."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, first_sentence(command.help or "")))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class OneCommand(TyperCommand):
    """Command whose help names arguments without the types of a programming language."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            params = [param for param in self.get_params(ctx) if param.param_type_name == kind]
            rows = [row for param in params if (row := param.get_help_record(ctx)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl([(_TYPE.sub("", name), _limits(words)) for name, words in rows])


def _limits(words: str) -> str:
    """Return a help text whose limits of a number are words."""
    return _LEAST.sub(r"\1 or more]", _BETWEEN.sub(r"\1 to \2]", words))


class CommandLine(typer.Typer):
    """Commands that are all of our own kind."""

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = None, **settings: Any
    ) -> Callable[[_Command], _Command]:
        """Add a command."""
        return super().command(name, cls=cls or OneCommand, **settings)


class NewestRun(OneCommand):
    """Command whose `--run` without a value means the newest run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words after the command."""
        words: list[str] = []
        for place, word in enumerate(args):
            words.append(word)
            following = args[place + 1] if place + 1 < len(args) else "-"
            if word == "--run" and following.startswith("-"):
                words.append("last")
        return super().parse_args(ctx, words)


class Commands(Listed):
    """Commands with plain messages for errors in the command line. The exit code is 2."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Read the options before the command."""
        try:
            return super().make_context(*args, **extra)
        except Exception as error:
            _give_up(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            _give_up(error)
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the named command."""
        name = str(args[0]) if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            _tell(ctx, f"there is no command {shown(name)}{_meant(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def _give_up(error: Exception) -> None:
    """Print an error in the command line and exit. Return if it is another error.

    The parser's classes are in other modules in other versions, so they are recognised by name.
    """
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if "UsageError" in kinds and "NoArgsIsHelpError" not in kinds:
        _tell(getattr(error, "ctx", None), _words(kinds[0], error))


def _tell(ctx: Any, words: str) -> None:
    from safelight.commands.output import tell  # noqa: PLC0415 - a command pays for what it uses

    command = ctx.command_path if ctx is not None else "safelight"
    tell(f"{command}: {words}; `{command} -h` lists what is expected")
    raise typer.Exit(2)


def _words(kind: str, error: Any) -> str:
    param = getattr(error, "param", None)
    if kind == "MissingParameter" and param is not None:
        return f"the {param.param_type_name} {_name(param)} is missing"
    if kind == "NoSuchOption":
        return f"there is no option {shown(error.option_name)}{_meant(error.option_name, error.possibilities or ())}"
    said = str(error.message)
    if kind == "BadParameter" and param is not None:
        value = re.search(r"'[^']*'", said)
        got = f", got {shown(value[0][1:-1])}" if value is not None else ""
        return f"{_name(param)}: expected {_expected(param)}{got}"
    if kind == "BadOptionUsage":
        expected = "no value after it" if "does not take" in said else "a value after it"
        return f"{error.option_name}: expected {expected}"
    return _of_the_command(error, said)


def _of_the_command(error: Any, said: str) -> str:
    """Return the words for an error that is not one of a single parameter."""
    if (extra := re.search(r"extra arguments?(?:\(s\))? \((.*)\)", said)) is not None:
        return f"expected no more arguments, got {shown(extra[1])} as well"
    if (unknown := re.match(r"No such command '([^']*)'", said)) is not None:
        known = error.ctx.command.list_commands(error.ctx) if error.ctx is not None else ()
        return f"there is no command {shown(unknown[1])}{_meant(unknown[1], known)}"
    return f"it can't be read; {quoted('the parser', said)}"


def _expected(param: Any) -> str:
    """Return what a parameter expects, from what the parser's versions know of its type."""
    told = getattr(param, "type_descriptor", None)
    kind = getattr(told, "annotation", None) or getattr(param, "type", None)
    choices: list[Any] = list(kind) if isinstance(kind, EnumType) else list(getattr(kind, "choices", ()))
    if choices:
        return listed(str(getattr(choice, "value", choice)) for choice in choices)
    name = str(getattr(kind, "name", "") or getattr(kind, "__name__", ""))
    return _EXPECTED.get(name.lower(), "another value") + _span(getattr(told, "parameter_info", None) or param.type)


def _span(limits: Any) -> str:
    """Return the words for the limits of a number."""
    least, most = getattr(limits, "min", None), getattr(limits, "max", None)
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}"
    return f", {least:g} or more" if least is not None else "" if most is None else f", at most {most:g}"


def _name(param: Any) -> str:
    return str((getattr(param, "opts", None) or [param.name])[0])


def _meant(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else ""
