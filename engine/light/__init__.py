"""The light of a run's frames: references in the state folder, and what a verdict means."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from safelight.devices.observatory.observatory import Observatory
from safelight.engine.errors import in_words
from safelight.engine.light.meter import Meter
from safelight.states.exposure import Exposure, SeenLight

if TYPE_CHECKING:
    from safelight.engine.light.frame_judge import FrameJudge

__all__ = ["Looking", "light_folder", "look_of"]


def light_folder(home: Path, observatory: str) -> Path:
    """Return where the references of an observatory lie."""
    return home / "light" / "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in observatory)


def look_of(observatory: Observatory, home: Path) -> "Looking | None":
    """Return what judges the frames of an observatory, or None where its document says that nothing does."""
    return Looking(observatory, home) if observatory.spectrographs.judging.judges else None


class Looking:
    """Judge that is loaded with its first frame, in that frame's thread: numpy takes a moment."""

    def __init__(self, observatory: Observatory, home: Path) -> None:
        self._observatory = observatory
        self._meter = Meter(light_folder(home, observatory.name) / "rates.json")

    def choose_s(self, exposure: Exposure) -> float:
        """Return the seconds of the next try of a frame whose exposure time is found from counts."""
        return self._meter.choose_s(exposure)

    @cached_property
    def _judge(self) -> "FrameJudge":
        from safelight.engine.light.frame_judge import FrameJudge  # noqa: PLC0415 - numpy

        return FrameJudge.of(self._observatory, self._meter)

    def __call__(self, exposure: Exposure, exposure_no: int, files: Sequence[Path]) -> SeenLight:
        """Judge one exposure, given its number and its files. Blocking, and raises nothing."""
        try:
            return self._judge(exposure, exposure_no, files)
        except Exception as error:  # noqa: BLE001 - a frame is never lost because its judge can't be loaded
            return SeenLight("none", f"not judged: {in_words(error)}")
