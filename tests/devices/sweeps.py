"""Judgement of runs in which something has gone wrong on the way, by what the hardware has done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.io import fits

from safelight.engine import RunResult
from tests.devices.lamp_log import Turn

__all__ = ["EXPOSURE_S", "QUICK_RETRIES", "SEQUENCE", "WARMUP_S", "Taken", "wrong"]

WARMUP_S, EXPOSURE_S = 0.1, 0.25
SEQUENCE: dict[str, Any] = {
    "name": "arc",
    "biases": {"count": 1},
    "lamps": [{"lamps": ["Argon"], "warmup": WARMUP_S, "exposure_time": [EXPOSURE_S], "flavour": "arc"}],
}
"""The small run: a bias and an arc."""
QUICK_RETRIES = {"attempts": 2, "first_wait_s": 0.01, "factor": 1.0, "longest_wait_s": 0.01}


@dataclass(frozen=True)
class Taken:
    """An exposure that a camera has begun. The first pixel of its image is its number.

    Attributes:
        began_s: on the clock of the log of lamps, s.
        seconds: how long it was to integrate, s.
        light: whether the shutter opened.
    """

    began_s: float
    seconds: float
    light: bool


def wrong(
    result: RunResult,
    frames: Path,
    *,
    lit: Iterable[str],
    taken: Sequence[Taken],
    turns: Sequence[Turn],
    bias_s: float = 0.0,
) -> list[str]:
    """Return what is wrong with a small run: nothing, whatever has gone wrong on the way.

    Args:
        result: as the run has ended.
        frames: folder of its frames.
        lit: the lamps that are on now, at the hardware.
        taken: what the camera has taken.
        turns: what the lamps have done.
        bias_s: exposure of a bias, s.
    """
    found = []
    if result.outcome != "unsafe" and set(lit):
        found.append(f"{result.outcome}, and {set(lit)} is on")
    good = [path for path in frames.rglob("*.fits") if "bad" not in path.parts]
    if result.outcome == "done" and len(good) != 2:
        found.append(f"done, with {len(good)} frames of 2")
    numbers = []
    for path in good:
        with fits.open(path) as hdus:
            numbers.append(int(hdus[0].data[0, 0]))
        one = taken[numbers[-1] - 1]
        of_lamp = "Argon" in path.name
        if (one.light, one.seconds) != ((True, EXPOSURE_S) if of_lamp else (False, bias_s)):
            found.append(f"{path.name} is of {one}")
        lit_s = [turn.at_s if turn.on else None for turn in turns if turn.at_s <= one.began_s]
        before = lit_s[-1] if lit_s else None
        meanwhile = [turn for turn in turns if 0 < turn.at_s - one.began_s < one.seconds]
        if of_lamp and (before is None or one.began_s - before < WARMUP_S or meanwhile):
            found.append(f"{path.name}: its lamp was not lit, warm and steady: {turns}, {one}")
        if not of_lamp and before is not None:
            found.append(f"{path.name} was taken under a lamp")
    if len(set(numbers)) != len(numbers):
        found.append(f"one exposure became two frames: {numbers}")
    return found
