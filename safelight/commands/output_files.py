"""Writing of drawings and reports: to a file, whole or not at all, or to standard output."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

__all__ = ["as_it_ends", "write_sheet"]

T = TypeVar("T")


def as_it_ends(output: Path | None, known: Mapping[str, T], default: T) -> T:
    """Return the format of a file's suffix, or the default if there is no file or suffix.

    Raises:
        DrawingError: the suffix is not known.
    """
    from safelight.engine.errors import DrawingError  # noqa: PLC0415 - a command pays for what it uses

    if output is None or not output.suffix:
        return default
    if output.suffix not in known:
        raise DrawingError(f"{output}: known are {', '.join(known)}; or say --format")
    return known[output.suffix]


def write_sheet(content: str | bytes, output: Path | None) -> None:
    """Write a text or a picture.

    Raises:
        DrawingError: bytes for a terminal, or a file that can't be written.
    """
    import sys  # noqa: PLC0415 - a command pays for what it uses

    from safelight.commands.output import put  # noqa: PLC0415
    from safelight.engine.errors import DrawingError  # noqa: PLC0415

    if output is not None:
        _write(content.encode() if isinstance(content, str) else content, output)
    elif isinstance(content, str):
        put(content.rstrip("\n"))
    elif sys.stdout.isatty():
        raise DrawingError("a PNG is nothing for a terminal: say -o FILE.png")
    else:
        sys.stdout.buffer.write(content)


def _write(content: bytes, path: Path) -> None:
    """Write a file atomically, or into the pipe or device that has its name.

    Raises:
        DrawingError: it can't be written, and why.
    """
    from safelight.engine.errors import DrawingError  # noqa: PLC0415
    from safelight.files import write_atomically  # noqa: PLC0415

    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            write_atomically(path, content)
    except OSError as error:
        raise DrawingError(f"{path} can't be written: {error.strerror}") from None
