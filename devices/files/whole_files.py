"""Writing of several files at once: one that has its name is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safelight.files import sync

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["write_whole"]


def write_whole(contents: Mapping[Path, Callable[[], bytes]], token: str = "") -> None:
    """Write files under temporary names, sync and rename them, and sync their folders.

    Args:
        contents: path -> what makes its content, one after the other. Folders are made where they are missing.
        token: part of the temporary names; one of its own where an earlier try may still be writing.

    Raises:
        OSError: the disk is full, or a folder can't be written. No temporary file is left then.
    """
    parts = {path: path.with_name(f".{path.name}{token}.part") for path in contents}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            parts[path].write_bytes(content())
        for part in parts.values():
            sync(part)
        for path, part in parts.items():
            part.replace(path)
        for folder in {path.parent for path in contents}:
            sync(folder)
    except OSError:
        for part in parts.values():
            part.unlink(missing_ok=True)
        raise
