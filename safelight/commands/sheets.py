"""How commands write what they have drawn: to a file, whole or not at all, or to standard output."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

__all__ = ["as_it_ends", "write_sheet"]

T = TypeVar("T")


def as_it_ends(output: Path | None, known: Mapping[str, T], default: T) -> T:
    """The format that a file's name tells; the default where there is no file, or its name tells none.

    Raises:
        DrawingError: it tells one that is not known.
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
        DrawingError: bytes for a terminal; a file that can't be written.
    """
    import sys  # noqa: PLC0415 - a command pays for what it uses

    from safelight.engine.errors import DrawingError  # noqa: PLC0415
    from safelight.speech import put  # noqa: PLC0415

    if output is not None:
        _write(content.encode() if isinstance(content, str) else content, output)
    elif isinstance(content, str):
        put(content.rstrip("\n"))
    elif sys.stdout.isatty():
        raise DrawingError("a PNG is nothing for a terminal: say -o FILE.png")
    else:
        sys.stdout.buffer.write(content)


def _write(content: bytes, path: Path) -> None:
    """Write a file whole or not at all.

    Raises:
        DrawingError: it can't be written, and why.
    """
    from safelight.engine.errors import DrawingError  # noqa: PLC0415

    try:
        _replace(content, path)
    except OSError as error:
        raise DrawingError(f"{path} can't be written: {error.strerror}") from None


def _replace(content: bytes, path: Path) -> None:
    import os  # noqa: PLC0415

    if path.exists() and not path.is_file():
        path.write_bytes(content)  # a pipe or a device has no whole
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
