"""Values that describe one frame to the states: its needs, and what was read back while it was taken."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from safelight.devices.protocols import AltAz, ExposureOrder, LampState

__all__ = [
    "AS_FOUND",
    "LATER",
    "Card",
    "CountsWanted",
    "Exposure",
    "FrameFile",
    "Look",
    "Need",
    "Opening",
    "Places",
    "ReadBack",
    "SeenLight",
    "Shield",
    "SteadyLight",
    "Taken",
    "TakenFrame",
]

Card = tuple[str, str | int | float | bool]
"""A FITS card: keyword and value."""

AS_FOUND = "as found"
"""Stands for a fibre or position: the place of mask or telescopes when the first such frame was taken."""


LATER = "later"
"""Mark of a later field. At its default it is left out of the hash, so that old graphs keep theirs."""

_LATER = {LATER: True}

Places = tuple[tuple[str, str], ...]
"""(selector, position)."""


Shield = tuple[str, str, str]
"""(lamp, selector, position that blocks its light)."""


@dataclass(frozen=True, slots=True)
class SteadyLight:
    """Warm-up that ends when the light is steady.

    Attributes:
        fraction: largest change over the window, as a fraction of the light.
        window_s: in which the change is measured, s.
        longest_s: after which the warm-up ends in any case, with a remark, s.
    """

    fraction: float
    window_s: float
    longest_s: float

    def looked_s(self, every_s: float) -> float:
        """Return how long light has to be looked at before it counts as steady, s. It is read every `every_s`."""
        return 1.25 * self.window_s + 2.0 * every_s


@dataclass(frozen=True, slots=True)
class Need:
    """Instrument state that a frame requires before it integrates.

    Attributes:
        lamps: exactly these are lit.
        warmup_s: for each of `lamps`, the time for which it must have been on, s.
        position: the telescopes' named position, or AS_FOUND; None: anywhere.
        fibre: the fibre that the mask lights at first, or AS_FOUND; None: any.
        tolerated: lamps that may already warm up, behind a shutter that is declared light-tight.
        setup: selector -> position, or AS_FOUND.
        levels: (lamp, percent) for lamps that can be dimmed.
        steady: what ends the warm-up, after `warmup_s` at the earliest; None: `warmup_s` alone.
        shields: lamps that may warm up meanwhile, each with a selector that has to be read back as blocking its light.
    """

    lamps: tuple[str, ...] = ()
    warmup_s: tuple[float, ...] = ()
    position: str | None = None
    fibre: str | None = None
    tolerated: tuple[str, ...] = ()
    setup: Places = field(default=(), metadata=_LATER)
    levels: tuple[tuple[str, float], ...] = field(default=(), metadata=_LATER)
    steady: SteadyLight | None = field(default=None, metadata=_LATER)
    shields: tuple[Shield, ...] = field(default=(), metadata=_LATER)

    @property
    def places(self) -> Places:
        """Position of each selector that matters: those of the set-up, and those that block lamps."""
        blocking = ((selector, position) for _, selector, position in self.shields)
        return tuple(dict.fromkeys((*self.setup, *blocking))) if self.shields else self.setup

    @property
    def bearable(self) -> tuple[str, ...]:
        """Lamps that may be on although the frame does not need them."""
        return (*self.tolerated, *dict.fromkeys(lamp for lamp, _, _ in self.shields))

    @property
    def undemanding(self) -> bool:
        """True if no lamp is lit and any pointing and any fibre will do."""
        return not self.lamps and self.position is None and self.fibre is None


@dataclass(frozen=True, slots=True)
class CountsWanted:
    """Counts from which an exposure time is found.

    Attributes:
        adu: above the bias, what the brightest thousandth of the brightest camera's pixels exceeds.
        first_s: the first try, as long as no frame is known, s.
        least_s: the shortest exposure, s.
        tolerance: how far the counts may be off, as a fraction.
        tries: exposures of one frame at the most.
    """

    adu: float
    first_s: float
    least_s: float
    tolerance: float
    tries: int


@dataclass(frozen=True, slots=True)
class Opening:
    """Source shutter that lets a lamp through for a part of an exposure.

    Attributes:
        lamp: it is on all the time, behind this selector.
        seconds: for which the selector is open, s.
        selector: the source shutter.
        opened: its position that lets the light through.
        closed: its position before and after, which blocks the light.
    """

    lamp: str
    seconds: float
    selector: str
    opened: str
    closed: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """Facts of a frame that `expose` and `readout` need.

    Attributes:
        frame: the frame's id.
        object: the FITS keyword OBJECT.
        sweep: the fibres that the mask lights during the exposure, in order; empty where it does not move.
        dwell_s: seconds on target for each of them.
        asked_dwell_s: the document's time per fibre, s; None where it gives none.
        header: extra FITS cards of the document.
        cameras: those that expose. Empty: all.
        camera_s: (camera, seconds) for each camera whose integration time differs from `exposure_s`.
        wait_s: time with all lamps off before it, s.
        timed: (lamp, seconds) for lamps that are switched on for a part of it only.
        counts: what the seconds are found from; `exposure_s` is the longest then. None: the seconds are given.
        rest: (on, off) of its lamps: how long they may be on, and how long they are off then, s; None: as long as they
            may by the observatory document.
        openings: source shutters that let lamps of the need through for a part of it only.
    """

    frame: str
    flavour: str
    exposure_s: float
    need: Need
    object: str
    sweep: tuple[str, ...] = ()
    dwell_s: tuple[float, ...] = ()
    asked_dwell_s: float | None = None
    header: tuple[Card, ...] = ()
    cameras: tuple[str, ...] = field(default=(), metadata=_LATER)
    camera_s: tuple[tuple[str, float], ...] = field(default=(), metadata=_LATER)
    wait_s: float = field(default=0.0, metadata=_LATER)
    timed: tuple[tuple[str, float], ...] = field(default=(), metadata=_LATER)
    counts: CountsWanted | None = field(default=None, metadata=_LATER)
    rest: tuple[float, float] | None = field(default=None, metadata=_LATER)
    openings: tuple[Opening, ...] = field(default=(), metadata=_LATER)

    @property
    def partly(self) -> tuple[tuple[str, float], ...]:
        """(lamp, seconds) for each lamp whose light is there for a part of it only, s."""
        return (*self.timed, *((each.lamp, each.seconds) for each in self.openings))

    @property
    def lamps(self) -> tuple[str, ...]:
        """Lamps that are on during all of it, then those that are switched on for a part."""
        return (*self.need.lamps, *dict(self.timed))

    @property
    def order(self) -> ExposureOrder:
        """Return the order for the spectrographs."""
        return ExposureOrder(self.flavour, self.exposure_s, self.frame, self.cameras, self.camera_s)

    def files(self, cameras: Sequence[str]) -> int:
        """Return the number of files of the frame, where the spectrographs have these cameras."""
        return len(self.cameras) or len(cameras)


@dataclass(frozen=True, slots=True)
class Taken:
    """Facts of an integration that has ended and whose charge waits to be read out.

    Attributes:
        exposure_no: the spectrographs' number for it.
        attempt: 1 for the first try of this frame.
        started: when the integration was requested, UTC.
        lamps: every lamp as read back: off unless read on.
        warm_s: seconds for which each lit lamp had been on when the integration was requested.
        pointing: each telescope as read back before the integration.
        fibre_steps: the mask as read back before the integration, motor steps.
        setup: every selector as read back before the integration. One without a known position is missing.
        levels: every lamp that can be dimmed, in percent, as read back.
        detector_c: the warmest detector as read back, degrees Celsius; None if it is not checked.
    """

    exposure_no: int
    attempt: int
    started: datetime
    lamps: tuple[tuple[str, LampState], ...]
    warm_s: tuple[tuple[str, float], ...]
    pointing: tuple[tuple[str, AltAz], ...]
    fibre_steps: int | None
    setup: Places = ()
    levels: tuple[tuple[str, float], ...] = ()
    detector_c: float | None = None


@dataclass(frozen=True, slots=True)
class FrameFile:
    """File on disk, as it was read back: its size in bytes and its sha256."""

    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SeenLight:
    """What was seen in the pixels of a frame, and what follows.

    Attributes:
        quality: good, suspect, bad, none (not judged) or trial (a try that has found a better exposure time).
        words: what was found, in words; empty where all is well.
        detail: findings, and the numbers of each image.
        again: the frame is bad or a trial, and is taken again.
        fault: the frame is bad, and the run ends with these words.
    """

    quality: str
    words: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False
    fault: str | None = None

    @property
    def keeps(self) -> bool:
        """The frame stays where it is."""
        return not self.again and self.fault is None

    @property
    def verdict(self) -> str:
        """What a frame is that does not stay where it is: bad, or a trial."""
        return "trial" if self.quality == "trial" else "bad"


@dataclass(frozen=True, slots=True)
class TakenFrame:
    """Frame on disk: its last record in the journal.

    Attributes:
        verdict: `good`, or `bad` or `trial` with its reason. Both are kept aside and taken again.
        light: what was seen in its pixels; None where it was not judged.
    """

    frame: str
    attempt: int
    exposure_no: int
    files: Sequence[FrameFile]
    verdict: str = "good"
    reason: str | None = None
    light: SeenLight | None = None


Look = Callable[[Exposure, int, Sequence[Path]], SeenLight]
"""Judges the files of an exposure, given its number. Blocking, and raises nothing."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read-back of the instrument compared with a need. Each difference is in words, or None.

    Attributes:
        lamps: every lamp as read.
        warm_s: for each lamp of the need, seconds for which it has been on.
        foreign: lamps that are not read as off and should be.
        dark: lamps that are not read as on, or not warm enough, and should be.
        pointing: each telescope's direction, where it is known.
        fibre_steps: the mask, motor steps.
        exposure_no: the number of the last exposure.
        theirs: the exposure of another program.
        closed: every shutter is read as closed, or there is none.
        setup: every selector as read. One that does not report its position is missing.
        misplaced: a selector that is not where it should be.
        levels: every lamp that can be dimmed, in percent.
        dimmed: a lamp that is not at its level.
        detector_c: the warmest detector, degrees Celsius.
        warm: a detector that is not at its temperature.
    """

    lamps: tuple[tuple[str, LampState], ...]
    warm_s: tuple[tuple[str, float], ...]
    foreign: tuple[str, ...]
    dark: tuple[str, ...]
    astray: str | None
    mask: str | None
    busy: str | None
    pointing: tuple[tuple[str, AltAz], ...]
    fibre_steps: int | None
    exposure_no: int
    theirs: str | None = None
    closed: bool = True
    setup: Places = field(default=(), metadata=_LATER)
    misplaced: str | None = field(default=None, metadata=_LATER)
    levels: tuple[tuple[str, float], ...] = field(default=(), metadata=_LATER)
    dimmed: str | None = field(default=None, metadata=_LATER)
    detector_c: float | None = field(default=None, metadata=_LATER)
    warm: str | None = field(default=None, metadata=_LATER)

    @property
    def problems(self) -> tuple[str, ...]:
        """Return, in words, every difference between the need and the read-back state."""
        lamps = [f"lamp {lamp} is not read as off" for lamp in self.foreign]
        lamps += [f"lamp {lamp} is not lit, or not warm" for lamp in self.dark]
        others = (self.misplaced, self.dimmed, self.warm, self.astray, self.mask, self.busy)
        return (*lamps, *(words for words in others if words))
