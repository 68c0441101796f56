"""`safelight completion`: completion of commands, options and names in bash, zsh and fish."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import typer

__all__ = ["complete", "completion"]


class Shell(StrEnum):
    """A shell that can complete words."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


TheShell = Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell.")]
Words = Annotated[list[str] | None, typer.Argument(help="What is typed so far, the word at the cursor last.")]
Suggestion = tuple[str, str]
"""A word, and what it means."""

_NAMED_RUNS = 30

_SCRIPTS = {
    Shell.BASH: """\
# For bash. In ~/.bashrc:  source <(safelight completion bash)
_safelight() {
    local IFS=$'\\n' line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\\t'*}")
    done < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _safelight safelight""",
    Shell.ZSH: """\
#compdef safelight
# For zsh. In ~/.zshrc, after compinit:  source <(safelight completion zsh)
_safelight() {
    local -a words_found texts
    local line
    while IFS= read -r line; do
        [[ -n $line ]] || continue
        words_found+=("${line%%$'\\t'*}")
        texts+=("${line/$'\\t'/  }")
    done < <("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#words_found} )); then
        compadd -l -d texts -a words_found
    else
        _files
    fi
}
compdef _safelight safelight""",
    Shell.FISH: """\
# For fish. In ~/.config/fish/completions/safelight.fish, or:  safelight completion fish | source
function __safelight
    set -l typed (commandline -opc)
    set -l found ($typed[1] complete -- $typed[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c safelight -f -a '(__safelight)'""",
}


def completion(shell: TheShell) -> None:
    """Print the script that lets a shell complete commands, options, sequences and runs.

    In ~/.bashrc: source <(safelight completion bash). In zsh the same with zsh, after compinit. In fish:
    safelight completion fish | source.
    """
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses

    put(_SCRIPTS[shell])


def complete(context: typer.Context, words: Words = None) -> None:
    """Print what the last word may become: one suggestion a line, with its meaning after a tab."""
    from safelight.commands.output import put  # noqa: PLC0415 - a command pays for what it uses

    found = list(_suggestions(context.find_root().command, list(words or [""])))
    if found:
        put("\n".join(f"{word}\t{meaning}" if meaning else word for word, meaning in found))


def _suggestions(command: Any, words: Sequence[str]) -> Iterator[Suggestion]:
    """Follow the words that are there, then yield what fits at the last one."""
    *before, typed = words
    place, waiting = 0, None
    for word in before:
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            option = _option(command, word)
            waiting = option if option is not None and not option.is_flag and "=" not in word else None
        elif word in getattr(command, "commands", {}):
            command = command.commands[word]
        else:
            place += 1
    if waiting is not None:
        yield from _fitting(_values(waiting), typed)
    elif typed.startswith("-"):
        options = ((name, _first(param.help)) for param in _options(command) for name in param.opts)
        yield from _fitting(options, typed)
    elif hasattr(command, "commands"):
        commands = command.commands.items()
        yield from _fitting(((name, _first(one.help)) for name, one in commands if not one.hidden), typed)
    else:
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        if arguments and (place < len(arguments) or arguments[-1].nargs == -1):
            yield from _fitting(_values(arguments[min(place, len(arguments) - 1)]), typed)


def _options(command: Any) -> list[Any]:
    return [param for param in command.params if param.param_type_name == "option" and not param.hidden]


def _option(command: Any, word: str) -> Any:
    name = word.partition("=")[0]
    return next((param for param in _options(command) if name in param.opts), None)


def _first(text: str | None) -> str:
    from safelight.text import first_sentence  # noqa: PLC0415

    return first_sentence(text or "")


def _fitting(suggestions: Any, typed: str) -> Iterator[Suggestion]:
    return (one for one in suggestions if one[0].startswith(typed))


def _values(param: Any) -> Iterator[Suggestion]:
    """Yield the values that a parameter may have, or none where files fit, which the shell completes."""
    kind = getattr(getattr(param, "type_descriptor", None), "annotation", None) or getattr(param, "type", None)
    choices = [str(getattr(one, "value", one)) for one in getattr(kind, "choices", ())]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        choices = [one.value for one in kind]
    yield from ((choice, "") for choice in choices)
    source = _SOURCES.get(param.metavar or "")
    if source is not None:
        # Where nothing can be read, there is nothing to suggest.
        with suppress(Exception):
            yield from source()


def _sequences() -> Iterator[Suggestion]:
    from safelight.engine.default_observatory import choose_observatory  # noqa: PLC0415
    from safelight.engine.planning.offers import offer_names  # noqa: PLC0415

    for name, origin in offer_names(choose_observatory(None).source).items():
        yield name, f"sequence of the {origin}"


def _runs() -> Iterator[Suggestion]:
    from safelight.commands.open_journal import no_journal_yet, opened  # noqa: PLC0415
    from safelight.engine.records.run_list import run_entries  # noqa: PLC0415

    if no_journal_yet(None, None):
        return
    yield "last", "the newest run"
    with opened(None, None) as book:
        for entry in run_entries(book, _NAMED_RUNS):
            yield entry.run, f"{entry.sequence}, {entry.status}"


def _observatories() -> Iterator[Suggestion]:
    from safelight.devices import shipped_observatories  # noqa: PLC0415

    yield from ((name, "comes with safelight") for name in shipped_observatories())


def _of_the_observatory(names: Callable[[Any], Iterable[str]]) -> Callable[[], Iterator[Suggestion]]:
    """Return the source of names in the default observatory's document."""

    def source() -> Iterator[Suggestion]:
        from safelight.devices import load_observatory  # noqa: PLC0415
        from safelight.engine.default_observatory import choose_observatory  # noqa: PLC0415

        observatory = load_observatory(choose_observatory(None).source)
        yield from ((name, f"of {observatory.name}") for name in names(observatory))

    return source


def _flavours() -> Iterator[Suggestion]:
    from safelight.engine.manual.single_exposure import FLAVOURS  # noqa: PLC0415

    yield from ((flavour, "") for flavour in FLAVOURS)


def _boards() -> Iterator[Suggestion]:
    from safelight.devices.http.boards import shipped_board, shipped_boards  # noqa: PLC0415

    yield from ((name, shipped_board(name).description) for name in shipped_boards())


_SOURCES: dict[str, Callable[[], Iterator[Suggestion]]] = {
    "SEQUENCE": _sequences,
    "SEQUENCES": _sequences,
    "RUN": _runs,
    "FILE|NAME": _observatories,
    "LAMP": _of_the_observatory(lambda observatory: observatory.lamps.units),
    "POSITION": _of_the_observatory(lambda observatory: observatory.positions),
    "FIBRE": _of_the_observatory(lambda observatory: observatory.fibsel.fibres),
    "FLAVOUR": _flavours,
    "KIND": _boards,
}
"""Metavar of a parameter -> its values."""
