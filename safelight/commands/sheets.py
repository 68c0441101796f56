"""How commands write what they have drawn: to a file, whole or not at all, or to standard output."""

from pathlib import Path

__all__ = ["write_sheet"]


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
