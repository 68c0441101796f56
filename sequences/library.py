"""Library of ready sequences (the YAML files next to this one), and the folder of a site's own ones."""

import os
from pathlib import Path

from safelight.sequences.errors import Problem, SequenceError, shown
from safelight.sequences.names import listed, nearest

__all__ = ["library_file", "library_names", "locate", "site_sequences"]

_FOLDER = Path(__file__).parent
_SUFFIXES = (".yaml", ".yml", ".json")


def library_names() -> tuple[str, ...]:
    """Return the names of the ready sequences, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml")))


def library_file(name: str) -> Path:
    """Return the file of a ready sequence. Its name matches in any case.

    Raises:
        SequenceError: there is no such sequence; the message names the nearest one.
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


def site_sequences(folder: Path | None) -> dict[str, Path]:
    """Return the sequences of a site's own folder, by name, sorted, or none where there is no such folder.

    Of two files that differ only in their suffix, the first of `.yaml`, `.yml`, `.json` counts.
    """
    if folder is None:
        return {}
    try:
        files = [path for path in folder.iterdir() if path.suffix in _SUFFIXES and _is_name(path.stem)]
    except OSError:
        return {}
    files.sort(key=lambda path: _SUFFIXES.index(path.suffix), reverse=True)
    return dict(sorted((path.stem, path) for path in files))


def _is_name(stem: str) -> bool:
    """Whether a file can be asked for by its stem: a word with a dot would be taken for a file."""
    return not stem.startswith(".") and not Path(stem).suffix


def locate(source: Path | str, folder: Path | None = None) -> tuple[Path, str]:
    """Return the file of a sequence, and its name for messages.

    A bare word is a sequence of the site first, then of the library, then a file. What has a suffix or a folder is a
    file.

    Args:
        source: what was asked for.
        folder: the site's own sequences; None: it has none.

    Raises:
        SequenceError: a bare word that is none of these.
    """
    path = Path(source)
    if isinstance(source, Path) or path.suffix or os.sep in source:
        return path, str(source)
    own = {name.casefold(): file for name, file in site_sequences(folder).items()}
    if (file := own.get(source.casefold())) is not None:
        return file, str(file)
    if source.casefold() not in {name.casefold() for name in library_names()} and path.is_file():
        return path, source
    if folder is None:
        found = library_file(source)
        return found, found.name
    try:
        found = library_file(source)
    except SequenceError:
        names = (*own, *library_names())
        message = f"no such file, and no such sequence in {folder} or in the library"
        raise SequenceError(
            Problem(source[:200], None, "", shown(source), message, listed(names), nearest(source, names))
        ) from None
    return found, found.name
