"""Course of one exposure, from what an INDI camera says of it. It reads no clock and sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from safelight.devices.indi.properties import Blob, Vector

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EXPOSURE", "SECONDS_LEFT", "Course"]

EXPOSURE, SECONDS_LEFT = "CCD_EXPOSURE", "CCD_EXPOSURE_VALUE"
_SURE, _SURE_S = 0.999, 0.05
"""An exposure that has ended before this part of its time, less `_SURE_S`, is another one."""
_RISE_S = 0.05
"""The seconds that are left never rise by more: a new exposure has replaced ours."""
_AHEAD_S = 1.1
"""No camera counts down faster than the clock. Some count in whole seconds."""


@dataclass(slots=True)
class Course:
    """What was heard of an exposure since it was ordered.

    Attributes:
        seconds: how long it was ordered to be.
        blob: the element that brings the image.
        elapsed: returns the seconds since just before the order.
        begun: whether the camera has said that it exposes.
        end: how it ended; None before.
        image: what was sent of it.
        wrong: why what is exposed is not what was ordered, in words; empty if it is.
    """

    seconds: float
    blob: str
    elapsed: Callable[[], float]
    begun: bool = False
    end: Literal["done", "aborted", "failed", "gone"] | None = None
    image: Blob | None = None
    wrong: str = ""
    _left_s: float = field(default=float("inf"))

    def hear(self, news: Vector | Blob | None, *, exists: bool) -> None:
        """Note what the camera says.

        Args:
            news: a vector of the device, bytes, or None when vectors have vanished.
            exists: whether the device still has a vector for exposures.
        """
        if self.end is None and not exists:
            self.end = "gone"
        elif news is None:
            return
        elif isinstance(news, Blob):
            if news.name == self.blob:
                self.image = news
        elif news.name == EXPOSURE and self.end is None:
            self._count(news.state, news.number(SECONDS_LEFT))

    def _count(self, state: str, left_s: float | None) -> None:
        if state == "Busy":
            self.begun = True
            self._check(0.0 if left_s is None else left_s)
        elif state == "Ok" and (self.begun or self.image is not None):
            # One that is heard before may be the answer to somebody's question of before.
            self.end = "done"
            if self.elapsed() < _SURE * self.seconds - _SURE_S:
                self._suspect(f"it ended after {self.elapsed():.2f} s of {self.seconds:g} s")
        elif state == "Alert":
            self.end = "failed"
        elif self.begun:
            self.end = "aborted"

    def _check(self, left_s: float) -> None:
        """Compare what is left with what must be left."""
        most = min(self._left_s, self.seconds) + _RISE_S + 0.001 * self.seconds
        if left_s > most:
            self._suspect(f"{left_s:g} s are left, and {most:.2f} s can be")
        elif left_s < self.seconds - self.elapsed() - _AHEAD_S and left_s > 0:
            self._suspect(f"{left_s:g} s are left after {self.elapsed():.2f} s of {self.seconds:g} s")
        self._left_s = left_s

    def _suspect(self, why: str) -> None:
        self.wrong = self.wrong or f"the camera takes another exposure than ours: {why}"
