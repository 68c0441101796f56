"""Manifest of a run: its frames, their paths, and whether they are good. It is written whole or not at all."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safelight.engine.records.stored_run import file_entries, light_of
from safelight.files import write_atomically
from safelight.states import Exposure, TakenFrame

__all__ = ["manifest_of", "write_manifest"]

NAME = "manifest.json"


def manifest_of(
    run: str, sequence: str, sequence_hash: str, exposures: Iterable[Exposure], frames: Iterable[TakenFrame],
    folder: Path,
) -> dict[str, Any]:  # fmt: skip
    """Return the manifest as plain values. Paths are relative to the run's folder if they are in it."""
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
        "exposure_s": _exposure_s(taken, exposure),
        "lamps": list(exposure.lamps),
        "files": [
            {"path": path, "bytes": size, "sha256": digest} for path, size, digest in file_entries(taken, folder)
        ],
        "verdict": taken.verdict,
        "reason": taken.reason,
        **({} if taken.light is None else {"light": light_of(taken.light)}),
    }


def _exposure_s(taken: TakenFrame, exposure: Exposure) -> float:
    """Return the integration time, s: that of this frame, where it was found from counts."""
    found = None if taken.light is None else taken.light.detail.get("exposure_s")
    return exposure.exposure_s if found is None else float(found)


def write_manifest(content: dict[str, Any], folder: Path) -> Path:
    """Write `manifest.json` into the folder, atomically and durably."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    write_atomically(path, f"{json.dumps(content, indent=1)}\n".encode(), durable=True)
    return path
