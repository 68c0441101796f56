"""Folders of runs: named as the observatory document says, one for each run, and found again when they were moved."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Any

from safelight.devices.observatory.site_habits import FramesModel
from safelight.engine.errors import RunRefused
from safelight.engine.records.stored_run import RunPage

__all__ = ["RunNames", "claim_folder", "moved_folder"]

_MOST = 10_000
"""Runs of one night and sequence; more is a mistake."""


@dataclass(frozen=True, slots=True)
class RunNames:
    """What a folder's name is made of."""

    run: str
    sequence: str
    observatory: str
    utc: datetime


def claim_folder(frames: Path, model: FramesModel, names: RunNames) -> Path | None:
    """Return the absolute path of a run's own folder, or None where the run's id is taken.

    A name without the run's id is made unique by a number, and the folder is made at once: no two runs share one.

    Args:
        frames: the folder that all runs' folders are in.
        model: the observatory's names.
        names: of this run.

    Raises:
        RunRefused: the folder can't be made.
    """
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in names.sequence)[:40]
    name = model.folder.format(
        run=names.run, sequence=safe, observatory=names.observatory, night=model.night(names.utc)
    )
    wanted = (frames / name).absolute()
    if "run" in {field for _, field, _, _ in Formatter().parse(model.folder)}:
        return None if wanted.exists() else wanted
    return _first_free(wanted)


def _first_free(wanted: Path) -> Path:
    for number in range(1, _MOST):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise RunRefused(f"frames can't be written to {folder}: {error.strerror or error}") from error
        return folder
    raise RunRefused(f"frames can't be written to {wanted}: it exists, and {_MOST} more with a number after it")


def moved_folder(frames: Path, page: RunPage) -> Path:
    """Return where a run's folder is after all folders were moved to another place.

    Args:
        frames: what was the frames folder, at its new place.
        page: the run.
    """
    document: Mapping[str, Any] = json.loads(page.observatory_text)
    template = str(document.get("frames", {}).get("folder", FramesModel().folder))
    depth = template.count("/") + 1
    return frames.joinpath(*page.folder.parts[-depth:]).absolute()
