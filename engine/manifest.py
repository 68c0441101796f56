"""The manifest of a run: which frames exist, where, and whether they are good. Written whole or not at all."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safelight.engine.logbook import JournaledFiles
from safelight.states import Exposure, TakenFrame

__all__ = ["manifest", "write_manifest"]

NAME = "manifest.json"


def manifest(
    run: str, sequence: str, sequence_hash: str, exposures: Iterable[Exposure], frames: Iterable[TakenFrame],
    folder: Path,
) -> dict[str, Any]:  # fmt: skip
    """The manifest as plain values; paths are relative to the run's folder where they lie in it."""
    known = {exposure.frame: exposure for exposure in exposures}
    return {
        "run": run,
        "sequence": sequence,
        "sequence_hash": sequence_hash,
        "frames": [_entry(taken, known[taken.frame], folder) for taken in frames if taken.frame in known],
    }


def _entry(taken: TakenFrame, exposure: Exposure, folder: Path) -> dict[str, Any]:
    return {
        "frame": taken.frame,
        "attempt": taken.attempt,
        "exposure_no": taken.exposure_no,
        "flavour": exposure.flavour,
        "exposure_s": exposure.exposure_s,
        "lamps": list(exposure.need.lamps),
        "files": [{"path": path, "bytes": size, "sha256": digest} for path, size, digest in _files(taken, folder)],
        "verdict": taken.verdict,
        "reason": taken.reason,
    }


def _files(taken: TakenFrame, folder: Path) -> Iterable[tuple[str, int, str]]:
    if isinstance(taken.files, JournaledFiles) and taken.files.folder == folder:
        return taken.files.entries
    return ((_relative(file.path, folder), file.bytes, file.sha256) for file in taken.files)


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def write_manifest(content: dict[str, Any], folder: Path) -> Path:
    """Write `manifest.json` into the folder: temporary name, fsync, rename, fsync of the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    draft = folder / f".{NAME}.{os.getpid()}"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path
