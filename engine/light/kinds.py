"""Kinds of frames whose light can be compared: the same lamps, exposure, fibre, position and set-up."""

import hashlib
import re
from dataclasses import dataclass

from safelight.states.exposure import Exposure

__all__ = ["LightKind", "kind_of"]


@dataclass(frozen=True, slots=True)
class LightKind:
    """What two images of one camera must have in common.

    Attributes:
        lamps: those that are on during all or a part of the exposure.
        exposure_s: the camera's own integration time, s.
        swept: the fibres that the mask lights in turn.
        setup: (selector, position).
        levels: (lamp, percent) for lamps that can be dimmed.
        timed: (lamp, seconds) for lamps that are seen for a part of the exposure.
        varies: whether the exposure time is found from counts, so that frames are not compared.
    """

    flavour: str
    lamps: tuple[str, ...] = ()
    exposure_s: float = 0.0
    fibre: str | None = None
    position: str | None = None
    swept: tuple[str, ...] = ()
    setup: tuple[tuple[str, str], ...] = ()
    levels: tuple[tuple[str, float], ...] = ()
    timed: tuple[tuple[str, float], ...] = ()
    varies: bool = False

    @property
    def folder(self) -> str:
        """The name of its folder: readable, and unique by a checksum."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return f"{re.sub(r'[^A-Za-z0-9.+-]+', '_', self.words)[:60]}-{digest}"

    @property
    def words(self) -> str:
        """The kind for people: `arc Argon 10 s P1-2`."""
        fibre = f"sweep of {len(self.swept)}" if self.swept else self.fibre
        seconds = f"{self.exposure_s:g} s" if self.exposure_s else ""
        places = [position for _, position in self.setup]
        levels = [f"{lamp} {percent:g} %" for lamp, percent in self.levels]
        lit = [f"{lamp} {lit_s:g} s" for lamp, lit_s in self.timed]
        return " ".join(filter(None, [self.flavour, "+".join(self.lamps), seconds, fibre, *places, *levels, *lit]))

    def lit_s(self, lamp: str) -> float:
        """Return for how long the image sees a lamp, s."""
        return dict(self.timed).get(lamp, self.exposure_s)

    def alone(self, lamp: str) -> tuple[object, ...]:
        """Return what a frame of one lamp must have in common with one of several, whatever its exposure."""
        return self.flavour, lamp, self.fibre, self.position, self.setup, dict(self.levels).get(lamp)


def kind_of(exposure: Exposure, camera: str | None = None) -> LightKind:
    """Return the kind of a frame. Biases and darks are compared wherever mask, telescopes and selectors are.

    Args:
        exposure: the frame.
        camera: the camera, whose own integration time counts; None: the frame's.
    """
    exposure_s = dict(exposure.camera_s).get(camera or "", exposure.exposure_s)
    if exposure.flavour in ("bias", "dark"):
        return LightKind(exposure.flavour, (), exposure_s)
    need = exposure.need
    lit = (tuple(sorted(need.setup)), tuple(sorted(need.levels)), tuple(sorted(exposure.partly)))
    lamps = tuple(sorted(exposure.lamps))
    varies = exposure.counts is not None
    return LightKind(exposure.flavour, lamps, exposure_s, need.fibre, need.position, exposure.sweep, *lit, varies)
