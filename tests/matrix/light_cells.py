"""One fault of light: played in virtual time, and looked at afterwards with the eyes of the disk."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from safelight.engine import RunResult
from safelight.states.exposure import TakenFrame
from tests.matrix.bench import outlets
from tests.matrix.device_cells import Case

__all__ = ["LIGHT_ROWS", "LightRow", "Lit", "play_light"]

_DARK_ADU = 20.0
"""Above the noise of the simulated camera, and far below its lines."""


@dataclass(frozen=True)
class LightRow:
    """One thing that can go wrong with light.

    Attributes:
        name: as the page calls it.
        fault: on the fourth bias, or on the fourth frame of Neon, of which three earlier ones were good.
    """

    name: str
    fault: Mapping[str, Any] = field(compare=False)


def _neon(what: str, **more: Any) -> Mapping[str, Any]:
    return {"device": "light.Neon", "verb": "shine", "what": what, "nth": 4, **more}


def _handed_over(what: str, nth: int = 8) -> Mapping[str, Any]:
    return {"device": "light", "verb": "read", "what": what, "nth": nth}


LIGHT_ROWS = (
    LightRow("the lamp is on and does not shine", _neon("dead")),
    LightRow("the lamp has a fifth of its light", _neon("dim", factor=0.2)),
    LightRow("the lamp is 1000 times too bright", _neon("dim", factor=1000.0)),
    LightRow("another lamp is at its outlet", _neon("swapped", other="Argon")),
    LightRow(
        "the shutter is stuck open in a bias",
        {"device": "light", "verb": "shutter", "what": "open", "factor": 20.0, "nth": 4},
    ),
    LightRow("the buffer holds the last image", _handed_over("stale")),
    LightRow("half of the readout is missing", _handed_over("half")),
    LightRow("half of a bias is missing", _handed_over("half", 4)),
    LightRow("an amplifier is dead", _handed_over("amplifier")),
    LightRow("many cosmic rays", _handed_over("cosmics")),
)


@dataclass(frozen=True)
class Lit:
    """What came of it.

    Attributes:
        words: outcome, and what was done with the frame.
        rules: those that spoke on any frame.
        problem: why the promise is broken, or None if it is not.
    """

    words: str
    rules: tuple[str, ...]
    problem: str | None


def play_light(row: LightRow, times: int | None, folder: Path, observatory: Path) -> Lit:
    """Play a fault, once or for ever, then resume the run to its end without it, and look at the frames."""
    case = Case(folder, observatory, "lit")
    result, _ = case.play(({**row.fault, "times": times},))
    burning = sorted(lamp for lamp, state in outlets(case.home).items() if state != "off")
    dark = _lightless(result) if row.fault["what"] == "dead" else []
    disk = case.disk() if result.outcome == "done" else case.to_the_end()
    shutil.rmtree(folder)
    found = {
        f"{burning} burn": burning,
        f"{dark} are called good and have no light": dark,
        f"frames: {disk}": not disk.whole,
    }
    return Lit(_words(result), _rules(result), next((problem for problem, true in found.items() if true), None))


def _lightless(result: RunResult) -> list[str]:
    """Return the good frames of a lamp in whose pixels nothing rises above the noise."""
    lit = [(taken.frame, taken.files[0].path) for taken in result.frames if taken.frame.startswith("Neon")]
    pixels = {frame: fits.getdata(path).astype(float) for frame, path in lit}
    return [frame for frame, image in pixels.items() if np.percentile(image, 99.9) - np.median(image) < _DARK_ADU]


def _words(result: RunResult) -> str:
    frames = [bad.frame for bad in result.bad]
    if result.outcome == "faulted":
        named = "names the lamp" if "Neon is on and does not shine" in (result.reason or "") else "says what is wrong"
        return f"faulted after {len(frames)} frames, {named}"
    done = [result.outcome, *(["taken again"] if frames else [])]
    kept = ["kept with a remark"] if any(_rules_of(taken) for taken in result.frames) else []
    return ", ".join([*done, *kept])


def _rules(result: RunResult) -> tuple[str, ...]:
    return tuple(sorted({rule for taken in (*result.bad, *result.frames) for rule in _rules_of(taken)}))


def _rules_of(taken: TakenFrame) -> list[str]:
    findings = taken.light.detail["findings"] if taken.light is not None else []
    return [finding["rule"] for finding in findings]
