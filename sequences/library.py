"""The library of ready sequences: the YAML files beside this one."""

import os
from pathlib import Path

from safelight.sequences.errors import Problem, SequenceError, shown
from safelight.sequences.names import listed, nearest

__all__ = ["library_file", "library_names", "locate"]

_FOLDER = Path(__file__).parent


def library_names() -> tuple[str, ...]:
    """The names of the ready sequences, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml")))


def library_file(name: str) -> Path:
    """The file of a ready sequence; its name matches without regard to case.

    Raises:
        SequenceError: there is no such sequence; names the nearest one.
    """
    names = library_names()
    for known in names:
        if known.casefold() == name.casefold():
            return _FOLDER / f"{known}.yaml"
    raise SequenceError(
        Problem(
            name[:200],
            None,
            "",
            shown(name),
            "no such file, and no such sequence in the library",
            listed(names),
            nearest(name, names),
        )
    )


def locate(source: Path | str) -> tuple[Path, str]:
    """The file that is meant, and how to call it in messages.

    A bare word is a sequence of the library first, then a file; what has a suffix or a folder is a file.

    Raises:
        SequenceError: a bare word that is neither.
    """
    path = Path(source)
    if isinstance(source, Path) or path.suffix or os.sep in source:
        return path, str(source)
    if source.casefold() not in {name.casefold() for name in library_names()} and path.is_file():
        return path, source
    found = library_file(source)
    return found, found.name
